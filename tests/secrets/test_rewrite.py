"""Plain secrets to protected twins, in place."""
# ruff: noqa: E501 (a row per case)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authproxy.config.rewrite import protect_config
from authproxy.errors import ConfigError


def _hidden(secret: str) -> str:
    return f"gpg1:<{len(secret)}>"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[radius_server_auto]\nskey=abc\n", "[radius_server_auto]\nskey_protected=gpg1:<3>\n"),
        ("[radius_server_auto]\nradius_secret_12 = a b", "[radius_server_auto]\nradius_secret_protected_12 = gpg1:<3>"),
        ("[radius_client]\r\n  secret\t:\tx \r\n", "[radius_client]\r\n  secret_protected\t:\tgpg1:<1> \r\n"),
        ("[mail]\npassword=a=b\n", "[mail]\npassword_protected=gpg1:<3>\n"),
        ("[service]\nseed_key=k\n", "[service]\nseed_key_protected=gpg1:<1>\n"),
        ("\ufeff[ad_client]\nservice_account_password=é", "\ufeff[ad_client]\nservice_account_password_protected=gpg1:<1>"),
        ("[radius_server_auto]\n;; # skey = old\n", "[radius_server_auto]\n;; # skey_protected = gpg1:<3>\n"),
        ("[ad_client]\n;[mail]\n#password=x\n", "[ad_client]\n;[mail]\n#password_protected=gpg1:<1>\n"),
    ],
)  # fmt: skip
def test_a_plain_secret_becomes_its_twin_and_the_rest_of_the_line_stays(before: str, after: str) -> None:
    assert protect_config(before.encode(), _hidden).data.decode() == after


@pytest.mark.parametrize(
    "text",
    [
        "[radius_server_auto]\nskey_protected=gpg1:abc\nskey=\n",
        "[radius_server_auto]\nradius_secret_file_1=/run/secret\nskey=gpg1:abc\n",
        "[service]\ndatabase=sqlite:////var/lib/a.db\n",
        "# The password is kept elsewhere.\n[main]\ndebug=true\n",
    ],
)
def test_protected_empty_and_other_values_are_left_without_a_word(text: str) -> None:
    result = protect_config(text.encode(), _hidden)
    assert (result.data, result.changes, result.remarks) == (text.encode(), (), ())


def test_secrets_of_unknown_sections_and_keys_are_reported_and_left() -> None:
    text = b"[foo]\nsecret=a\n[ad_client]\nmy_password=b\n;api_skey=c\n[radius_server_auto]\nskey=\xff\n"
    result = protect_config(text, _hidden)
    assert result.data == text
    assert [(remark.line, remark.key) for remark in result.remarks] == [
        (2, "secret"),
        (4, "my_password"),
        (5, "api_skey"),
        (7, "skey"),
    ]


def test_utf_16_is_refused() -> None:
    with pytest.raises(ConfigError, match="UTF-8"):
        protect_config("[main]\n".encode("utf-16"), _hidden)


_LINES = st.one_of(
    st.sampled_from([b"[radius_server_auto]", b";[mail]", b"skey = X", b"#password:Y", b"[foo]", b"secret=Z"]),
    st.binary(max_size=12),
)


@given(st.lists(st.tuples(_LINES, st.sampled_from([b"\n", b"\r\n", b"\r"]))))
def test_without_protection_only_keys_change_and_a_second_run_changes_nothing(
    lines: list[tuple[bytes, bytes]],
) -> None:
    data = b"".join(line + end for line, end in lines)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return
    once = protect_config(data, lambda secret: "gpg1:" + secret)
    assert protect_config(once.data, _hidden).data == once.data
    back = once.data.replace(b"_protected", b"").replace(b"gpg1:", b"")
    assert back == data
