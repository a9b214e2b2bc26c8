from authproxy.model import AUTO, Ask, Choice, Factor, Identity, Passcode, Reason
from authproxy.policy import Exempt, Forbidden, Rules, decide, is_factor_missing

ALICE = Identity("alice")


def test_an_exempt_user_needs_no_second_factor_however_the_name_is_spelled() -> None:
    rules = Rules(exempt_usernames=frozenset({"alice"}))
    assert decide(rules, ALICE, "ALICE", None) == Exempt("exempt_username")
    assert decide(rules, Identity("Alice"), "alice@example.com", None) == Exempt("exempt_username")
    assert isinstance(decide(rules, Identity("alicia"), "alicia", None), Ask)


def test_a_typed_factor_outside_the_sections_factors_is_forbidden() -> None:
    rules = Rules(factors=(Factor.PUSH,))
    answer = decide(rules, ALICE, "alice", Choice(Factor.PHONE))
    assert isinstance(answer, Forbidden)
    assert answer.reason is Reason.FACTOR_NOT_ALLOWED


def test_auto_and_nothing_typed_leave_the_choice_to_the_second_factor() -> None:
    rules = Rules(factors=(Factor.PASSCODE,), can_prompt=True, prompt_format="short")
    for typed in (None, AUTO, Passcode("123456")):
        expected = Ask(typed, (Factor.PASSCODE, Factor.SMS), True, "short")
        assert decide(rules, ALICE, "alice", typed) == expected


def test_sms_may_be_asked_for_wherever_passcodes_are_allowed() -> None:
    assert isinstance(decide(Rules(), ALICE, "alice", Choice(Factor.SMS)), Ask)
    assert isinstance(decide(Rules(factors=(Factor.PUSH,)), ALICE, "alice", Choice(Factor.SMS)), Forbidden)


def test_concat_mode_misses_a_factor_only_when_none_was_typed() -> None:
    rules = Rules(must_type_factor=True)
    assert is_factor_missing(rules, None)
    assert not is_factor_missing(rules, AUTO)
    assert not is_factor_missing(Rules(), None)
