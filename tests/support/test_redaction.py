"""What is shown of a configuration and of logs: lengths instead of secrets."""

from __future__ import annotations

import base64

import pytest

from authproxy.config import ini
from authproxy.secret import Secret
from authproxy.support.pseudonyms import Pseudonyms
from authproxy.support.redaction import redacted, redacted_text, without_inline_secrets
from authproxy.support.scrubber import Scrubber, secrets_in, secrets_in_document


@pytest.mark.parametrize(
    ("section", "key", "value", "shown"),
    [
        ("radius_server_auto", "radius_secret_1", "hunter2", "*****[7]"),
        ("radius_server_auto", "radius_secret_file_1", "/etc/secret", "/etc/secret"),
        ("radius_server_auto", "radius_secret_protected_1", "gpg1:AAAA", "*****"),
        ("radius_server_auto", "radius_secrte_1", "hunter2", "*****[7]"),
        ("radius_server_auto", "unheard_of", "true", "true"),
        ("radius_server_auto", "unheard_of", "hunter2", "*****[7]"),
        ("unheard_of", "port", "hunter2", "*****[7]"),
        ("service", "database", "sqlite:////var/lib/a.db", "sqlite:////var/lib/a.db"),
        ("service", "database", "postgresql://u:hunter2@db/a", "*****[27]"),
        ("ad_client", "search_dn", "DC=corp,DC=example", "DC=corp,DC=example"),
        ("ad_client", "host", "", ""),
    ],
)
def test_a_value_is_shown_as_the_schema_allows(section: str, key: str, value: str, shown: str) -> None:
    assert redacted(section, key, value) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:hunter2@host/x", "https://user:*****[7]@host/x"),
        ("https://user:p@ss@host/x", "https://user:*****[4]@host/x"),
        ("https://host/?api_key=abc&to=1", "https://host/?api_key=*****[3]&to=1"),
        ("https://host/?AUTH=abc", "https://host/?AUTH=*****[3]"),
        ("cn=keyholder,dc=x", "cn=keyholder,dc=x"),
    ],
)
def test_secrets_inside_of_urls_are_masked(url: str, shown: str) -> None:
    assert without_inline_secrets(url) == shown


def test_lines_that_are_no_entries_and_comments_are_left_out_and_keep_their_places() -> None:
    text = "\ufeff; hunter2\r\n[main]\r\n;skey=hunter2\r\n;[cloud]\r\nhunter2 goes on\r\n; debug=true\r\n"
    assert redacted_text(text).split("\n") == [
        "; (a comment of 7 characters)",
        "[main]",
        ";skey=*****[7]",
        ";[cloud]",
        "(a line of 15 characters that is neither section nor entry)",
        ";debug=true",
        "",
    ]


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('User-Password = "a b"', 'User-Password = "*****[3]"'),
        ("password=x, next", "password=*****[1], next"),
        ('{"skey": "a\\"b", "n": 1}', '{"skey": "*****[4]", "n": 1}'),
        ("Authorization: Basic YWJj", "Authorization: *****[10]"),
        ("User-Password = *****", "User-Password = *****"),
        ("wrong passcode: token 7 is ahead", "wrong passcode: token 7 is ahead"),
        ("passcode: 123456", "passcode: *****[6]"),
        ("invalid credentials: result 49", "invalid credentials: result 49"),
        ("see https://a:b@h/?sig=1", "see https://a:*****[1]@h/?sig=*****[1]"),
    ],
)
def test_what_stands_behind_a_telling_word_is_masked(line: str, shown: str) -> None:
    assert Scrubber(())(line) == shown


def test_known_secrets_are_found_however_they_are_spelled() -> None:
    secret = 'pa"ss/wörd 1'
    scrub = Scrubber([secret])
    for spelled in (
        secret,
        "pa%22ss%2Fw%C3%B6rd%201",
        'pa\\"ss/wörd 1',
        base64.b64encode(secret.encode()).decode(),
    ):
        assert scrub(f"<{spelled}>") == f"<*****[{len(spelled)}]>"
    key = bytes(range(32))
    assert key.hex() not in Scrubber([base64.b64encode(key).decode()])(f"the key {key.hex()}")
    assert Scrubber(["abc"])("abc") == "abc"  # so short that it would be found in half of all words


def test_secrets_are_collected_from_wherever_they_hang() -> None:
    document = ini.parse("[service]\ndatabase=postgresql://u:dbpass@h/a\n[x]\nmy_password=other\n", "f")
    assert {"dbpass", "other"} <= set(secrets_in_document(document))
    assert list(secrets_in({"a": (Secret("one"), [Secret("two")])})) == ["one", "two"]


def test_pseudonyms_are_the_same_for_every_way_to_write_a_name() -> None:
    hide = Pseudonyms(b"k" * 32, ["Alice", "alice liddell", "ed"], hides_addresses=True)
    alias = hide.of("alice")
    assert hide.of("ALICE") == alias == hide.of("alice")
    assert hide("login of ALICE.") == f"login of {alias}."
    assert hide("CORP\\alice alice@corp.example") == f"CORP\\{alias} {alias}@corp.example"
    assert hide("malice, alicext, ed-1, ed") == f"malice, alicext, ed-1, {hide.of('ed')}"
    assert hide("CN=Alice Liddell,DC=x") == f"CN={hide.of('alice liddell')},DC=x"
    assert hide('"Alice Liddell" said') == f'"{hide.of("alice liddell")}" said'
    assert Pseudonyms(b"x" * 32).of("alice") != alias
    assert hide("127.0.0.1 ::1 0.0.0.0 12:30:45 1.2.3") == "127.0.0.1 ::1 0.0.0.0 12:30:45 1.2.3"
    told = hide("from 192.0.2.1 and 2001:db8::1 and 2001:DB8:0::1, 192.0.2.1:1812")
    first, second = told.split()[1], told.split()[3]
    assert told == f"from {first} and {second} and {second}, {first}:1812"
