"""Attribute names and printable values; dictionary files of a site."""

from __future__ import annotations

from pathlib import Path

import pytest

from authproxy.errors import ConfigError
from authproxy.radius.attributes import Dictionary, key_of, split_vendor, value_of
from authproxy.radius.definitions import BUILT_IN
from authproxy.radius.packet import attribute, vendor_attribute

FREERADIUS = Path("/usr/share/freeradius")


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def test_built_in_dictionary_has_no_bad_line(dictionary: Dictionary) -> None:
    assert dictionary.warnings == ()
    assert len(dictionary) > 1000


def test_every_built_in_file_is_included() -> None:
    included = {line.split()[1] for line in BUILT_IN.read_text().splitlines() if line.startswith("$INCLUDE")}
    assert included == {path.name for path in BUILT_IN.parent.iterdir()} - {"dictionary"}


NAMES = [
    ("User-Name", (0, 1)),
    ("class", (0, 25)),
    (" Calling-Station-Id ", (0, 31)),
    ("CHAP-Challenge", (0, 60)),
    ("Tunnel-Private-Group-ID", (0, 81)),
    ("NAS-IPv6-Address", (0, 95)),
    ("Framed-IPv6-Address", (0, 168)),
    ("Operator-Name", (0, 126)),
    ("Chargeable-User-Identity", (0, 89)),
    ("Error-Cause", (0, 101)),
    ("Management-Privilege-Level", (0, 136)),
    ("Cisco-AVPair", (9, 1)),
    ("ASA-Group-Policy", (3076, 25)),
    ("PaloAlto-User-Group", (25461, 5)),
    ("PaloAlto-Client-Source-IP", (25461, 7)),
    ("Fortinet-Group-Name", (12356, 1)),
    ("Citrix-User-Groups", (66, 16)),
    ("F5-LTM-User-Role", (3375, 1)),
    ("CP-Gaia-User-Role", (2620, 229)),
    ("MS-CHAP2-Response", (311, 25)),
    ("Meraki-Network-Name", (29671, 2)),
    ("Mikrotik-Group", (14988, 3)),
    ("SonicWall-User-Group", (8741, 3)),
    ("Juniper-Local-User-Name", (2636, 1)),
    ("Aruba-User-Role", (14823, 1)),
    ("Vendor-Specific", (0, 26)),
    ("Attr-25", (0, 25)),
    ("Attr-26.9.1", (9, 1)),
]


def test_name_stands_for_its_key(dictionary: Dictionary) -> None:
    for name, key in NAMES:
        assert dictionary.keys_for(name) == {key}, name


UNKNOWN_NAME_STANDS_FOR = [
    "",
    "No-Such-Thing",
    "Attr-",
    "Attr-0",
    "Attr-256",
    "Attr-1.2",
    "Attr-26.9.256",
    "attr-²",
]


def test_unknown_name_stands_for_nothing(dictionary: Dictionary) -> None:
    for name in UNKNOWN_NAME_STANDS_FOR:
        assert dictionary.keys_for(name) == frozenset()


DESCRIBED = [
    (attribute(1, "jürgen".encode()), ("User-Name", "jürgen")),
    (attribute(4, bytes((192, 0, 2, 1))), ("NAS-IP-Address", "192.0.2.1")),
    (attribute(6, bytes((0, 0, 0, 1))), ("Service-Type", "Login-User")),
    (attribute(5, bytes((0, 0, 4, 1))), ("NAS-Port", "1025")),
    (attribute(95, bytes(15) + b"\x01"), ("NAS-IPv6-Address", "::1")),
    (attribute(25, b"OU=vpn;"), ("Class", "0x4f553d76706e3b")),
    (attribute(25, bytes(100)), ("Class", "0x" + "00" * 64 + "...")),
    (attribute(81, b"\x01vlan7"), ("Tunnel-Private-Group-Id:1", "vlan7")),
    (attribute(81, b"vlan7"), ("Tunnel-Private-Group-Id", "vlan7")),
    (attribute(64, bytes((2, 0, 0, 13))), ("Tunnel-Type:2", "VLAN")),
    (attribute(4, b"abc"), ("NAS-IP-Address", "0x616263")),
    (attribute(1, b"\xff\xfe"), ("User-Name", "0xfffe")),
    (vendor_attribute(25461, 5, b"admins"), ("PaloAlto-User-Group", "admins")),
    (vendor_attribute(9, 1, b"ip:source-ip=192.0.2.7"), ("Cisco-AVPair", "ip:source-ip=192.0.2.7")),
    (attribute(26, b"\0\0\0"), ("Vendor-Specific", "0x000000")),
    (attribute(1, b""), ("User-Name", "")),
]


def test_attribute_is_described(dictionary: Dictionary) -> None:
    for raw, shown in DESCRIBED:
        assert dictionary.describe(raw) == shown
        assert dictionary.name(raw) == shown[0].partition(":")[0]


CANARY = b"C4nary-!value"


SECRET_AND_UNKNOWN_VALUES = [
    *(attribute(type_, CANARY) for type_ in (2, 3, 24, 69, 70, 79, 80)),
    *(vendor_attribute(311, type_, CANARY) for type_ in (1, 2, 3, 4, 5, 6, 11, 12, 16, 17, 25, 26, 27)),
    vendor_attribute(9, 1, b"leap:session-key=" + CANARY),
    vendor_attribute(9, 1, b"vpdn:l2tp-tunnel-password=" + CANARY),
    vendor_attribute(14988, 16, CANARY),
    vendor_attribute(14988, 7, CANARY),
    vendor_attribute(64999, 1, CANARY),
    attribute(250, CANARY),
]


def test_secret_and_unknown_values_show_only_their_length(dictionary: Dictionary) -> None:
    for raw in SECRET_AND_UNKNOWN_VALUES:
        _, shown = dictionary.describe(raw)
        assert shown.endswith(f"<{len(CANARY)} octets>")
        assert CANARY.decode() not in shown
        assert CANARY.hex() not in shown


def test_attribute_is_encoded_by_name(dictionary: Dictionary) -> None:
    assert dictionary.encode("Service-Type", "login-user") == attribute(6, bytes((0, 0, 0, 1)))
    assert dictionary.encode("NAS-IP-Address", "192.0.2.1") == attribute(4, bytes((192, 0, 2, 1)))
    assert dictionary.encode("cisco-avpair", "shell:priv-lvl=15") == vendor_attribute(9, 1, b"shell:priv-lvl=15")
    for name, text in [
        ("NAS-IP-Address", "x"),
        ("Nobody-Knows", "1"),
        ("NAS-Port", "many"),
        ("User-Name", "x" * 254),
    ]:
        with pytest.raises(ValueError, match=r"."):
            dictionary.encode(name, text)


# ---------------------------------------------------------------- vendor attributes


def test_vendor_attribute_with_several_parts_is_split() -> None:
    whole = attribute(26, b"\0\0\0\x09" + b"\x01\x05abc" + b"\x02\x03d")
    assert split_vendor(whole) == (vendor_attribute(9, 1, b"abc"), vendor_attribute(9, 2, b"d"))


WHAT_CAN_NOT_BE = [
    attribute(1, b"alice"),
    attribute(26, b""),
    attribute(26, b"\0\0\0\x09"),
    attribute(26, b"\0\0\0\x09\x01"),
    attribute(26, b"\0\0\0\x09\x01\x00"),
    attribute(26, b"\0\0\0\x09\x01\x01"),
    attribute(26, b"\0\0\0\x09\x01\xff"),
    attribute(26, b"\0\0\0\x09\x01\x03a\x01"),
    attribute(26, b"\0\0\x01\xad\0\0\x98\x00abc"),
    vendor_attribute(9, 1, b"abc"),
]


def test_what_can_not_be_split_stays_whole_and_can_be_read(dictionary: Dictionary) -> None:
    for raw in WHAT_CAN_NOT_BE:
        assert split_vendor(raw) == (raw,)
        assert key_of(raw)[1] in (1, 26)
        assert len(value_of(raw)) < len(raw)
        assert dictionary.describe(raw)[0]


# ---------------------------------------------------------------- a site's files


def test_sites_files_add_and_override(tmp_path: Path) -> None:
    (tmp_path / "dictionary.acme").write_text(
        "VENDOR Acme 64999\nBEGIN-VENDOR Acme\nATTRIBUTE Acme-Role 1 string\n"
        "ATTRIBUTE Acme-Level 2 integer\nVALUE Acme-Level High 9\nEND-VENDOR Acme\n"
    )
    (tmp_path / "dictionary.site").write_text("ATTRIBUTE Our-Class 25 string\n")
    (tmp_path / "dictionary.site~").write_text("nonsense\n")
    dictionary = Dictionary.load(tmp_path)
    assert dictionary.warnings == ()
    assert dictionary.describe(vendor_attribute(64999, 1, b"boss")) == ("Acme-Role", "boss")
    assert dictionary.describe(vendor_attribute(64999, 2, bytes((0, 0, 0, 9)))) == ("Acme-Level", "High")
    assert dictionary.describe(attribute(25, b"vpn")) == ("Our-Class", "vpn")
    assert dictionary.keys_for("Class") == dictionary.keys_for("Our-Class") == {(0, 25)}


def test_bad_lines_are_skipped_and_named_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "dictionary").write_text(
        "$INCLUDE dictionary.acme\n$INCLUDE dictionary.missing\n$INCLUDE- dictionary.maybe\n$INCLUDE dictionary\n"
    )
    (tmp_path / "dictionary.acme").write_text(
        "VENDOR Acme 64999\nBEGIN-VENDOR Acme\nATTRIBUTE Acme-A 1 string\nATTRIBUTE Acme-B two string\n"
        "ATTRIBUTE Acme-C 3 wonderful\nATTRIBUTE Acme-D 4 integer\nVALUE Acme-D High nine\nEND-VENDOR Acme\n"
    )
    dictionary = Dictionary.load(tmp_path)
    acme = str(tmp_path / "dictionary.acme")
    assert dictionary.keys_for("Acme-A") == {(64999, 1)}
    assert dictionary.keys_for("Acme-D") == {(64999, 4)}
    assert {warning.partition(": ")[0] for warning in dictionary.warnings} == {
        f"{acme}:4",
        f"{acme}:5",
        f"{acme}:7",
        f"{tmp_path}/dictionary:2",
        f"{tmp_path}/dictionary",
    }


def test_file_of_rubbish_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "dictionary.bad").write_text("ATTRIBUTE x\n" * 300)
    (tmp_path / "dictionary.binary").write_bytes(bytes(range(256)) * 20)
    dictionary = Dictionary.load(tmp_path)
    assert len(dictionary.warnings) == 101
    assert dictionary.keys_for("User-Name") == {(0, 1)}


def test_directory_without_dictionary_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"dictionary_dir.*neither"):
        Dictionary.load(tmp_path)
    with pytest.raises(ConfigError, match=r"dictionary_dir.*No such file"):
        Dictionary.load(tmp_path / "nowhere")


@pytest.mark.skipif(not FREERADIUS.is_dir(), reason="needs apt install freeradius-common")
def test_freeradius_own_directory_loads_and_agrees_with_ours(dictionary: Dictionary) -> None:
    theirs = Dictionary.load(FREERADIUS)
    assert len(theirs) > 5000
    for name in ("Cisco-AVPair", "ASA-Group-Policy", "Fortinet-Group-Name", "Class", "MS-MPPE-Send-Key"):
        assert theirs.keys_for(name) == dictionary.keys_for(name) != frozenset()
    assert any("dictionary.juniper:" in warning for warning in theirs.warnings) or theirs.warnings == ()
