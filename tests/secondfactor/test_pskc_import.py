"""Token files of makers: in clear, encrypted to a key or a passphrase, and hostile ones."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pskc import PSKC

from authproxy.secondfactor.pskc_import import Opening, read_pskc
from authproxy.secondfactor.refusals import BadValue

SEED = b"12345678901234567890"
KEY = bytes.fromhex("12345678901234567890123456789012")
NOTHING = Opening()
PLAIN = b"""\
<?xml version="1.0" encoding="UTF-8"?>
<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc">
  <KeyPackage>
    <DeviceInfo><Manufacturer>Maker</Manufacturer><SerialNo>987654321</SerialNo></DeviceInfo>
    <Key Id="1" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp">
      <AlgorithmParameters><ResponseFormat Length="8" Encoding="DECIMAL"/></AlgorithmParameters>
      <Data>
        <Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret>
        <Counter><PlainValue>42</PlainValue></Counter>
      </Data>
    </Key>
  </KeyPackage>
  <KeyPackage>
    <DeviceInfo><SerialNo>987654322</SerialNo></DeviceInfo>
    <Key Id="2" Algorithm="urn:ietf:params:xml:ns:keyprov:pskc:totp">
      <AlgorithmParameters>
        <Suite>HMAC-SHA256</Suite><ResponseFormat Length="6" Encoding="DECIMAL"/>
      </AlgorithmParameters>
      <Data>
        <Secret><PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</PlainValue></Secret>
        <TimeInterval><PlainValue>60</PlainValue></TimeInterval>
      </Data>
    </Key>
  </KeyPackage>
</KeyContainer>
"""


def written(set_up: str = "", keys: int = 2, drift: int | None = None, **values: Any) -> bytes:
    """A file by the library's own writer."""
    container = PSKC()
    for number in range(keys):
        container.add_key(
            serial=f"10{number}",
            algorithm="urn:ietf:params:xml:ns:keyprov:pskc:hotp",
            secret=SEED,
            counter=7,
            time_drift=drift,
            response_length=6,
            response_encoding="DECIMAL",
        )
    if set_up == "key":
        container.encryption.setup_preshared_key(**values)
    elif set_up == "passphrase":
        container.encryption.setup_pbkdf2("open sesame", iterations=2000, **values)
    buffer = io.BytesIO()
    container.write(buffer)
    return buffer.getvalue()


def test_a_file_in_clear_is_read() -> None:
    (first, second), bad = read_pskc(PLAIN, NOTHING)
    assert bad == []
    assert (first.line, first.serial, first.kind, first.digits, first.counter) == (5, "987654321", "hotp", 8, 42)
    assert (second.line, second.kind, second.digits, second.step, second.algorithm) == (
        15,
        "totp",
        6,
        60,
        "sha256",
    )
    assert first.seed == second.seed == SEED


@pytest.mark.parametrize("algorithm", ["aes128-cbc", "aes256-cbc", "kw-aes128", "kw-aes256"])
def test_an_encrypted_file_is_opened_by_its_key_and_by_no_other(algorithm: str) -> None:
    key = KEY if "128" in algorithm else KEY * 2
    data = written("key", key=key, algorithm=algorithm)
    good, bad = read_pskc(data, Opening(key=key))
    assert ([token.seed for token in good], bad) == ([SEED, SEED], [])
    for wrong in (bytes(len(key)), key[:-1], b""):
        with pytest.raises(BadValue, match="not the one that"):
            read_pskc(data, Opening(key=wrong))
    with pytest.raises(BadValue, match="its key or its passphrase is needed"):
        read_pskc(data, NOTHING)


def test_an_encrypted_file_is_opened_by_its_passphrase_and_by_no_other() -> None:
    data = written("passphrase")
    assert [token.seed for token in read_pskc(data, Opening(passphrase="open sesame"))[0]] == [SEED, SEED]
    with pytest.raises(BadValue, match="not the one that"):
        read_pskc(data, Opening(passphrase="open barley"))
    with pytest.raises(BadValue, match="its key or its passphrase is needed"):
        read_pskc(data, NOTHING)


def test_a_passphrase_for_a_file_that_takes_none_is_refused() -> None:
    with pytest.raises(BadValue, match="not encrypted to a passphrase"):
        read_pskc(written("key", key=KEY), Opening(passphrase="open sesame"))


def test_an_encrypted_seed_that_was_changed_is_found_out() -> None:
    data = written("key", key=KEY, keys=1)
    at = data.index(b"CipherValue>", data.index(b"<pskc:Secret>")) + 20
    changed = data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]
    with pytest.raises(BadValue, match="not the one"):
        read_pskc(changed, Opening(key=KEY))


def test_encryption_without_a_mac_is_refused_for_a_wrong_key_could_pass() -> None:
    data = written("key", key=KEY, keys=1)
    start, end = data.index(b"<pskc:ValueMAC>"), data.index(b"</pskc:ValueMAC>") + len(b"</pskc:ValueMAC>")
    good, (bad,) = read_pskc(data[:start] + data[end:], Opening(key=KEY))
    assert (good, "without a MAC" in bad.problem) == ([], True)


def test_the_mac_of_a_value_that_is_not_used_is_checked_as_well() -> None:
    data = written("key", key=KEY, keys=1, fields=["secret", "time_drift"], drift=3)
    assert [token.seed for token in read_pskc(data, Opening(key=KEY))[0]] == [SEED]
    at = data.index(b"<pskc:ValueMAC>", data.index(b"<pskc:TimeDrift>")) + len(b"<pskc:ValueMAC>")
    changed = data[:at] + (b"A" if data[at : at + 1] != b"A" else b"B") + data[at + 1 :]
    with pytest.raises(BadValue, match="a MAC does not match: the file was changed"):
        read_pskc(changed, Opening(key=KEY))


def test_a_secret_in_clear_among_encrypted_ones_is_refused() -> None:
    data = written("key", key=KEY, keys=2)
    start = data.rindex(b"<pskc:Secret>") + len(b"<pskc:Secret>")
    end = data.rindex(b"</pskc:Secret>")
    clear = data[:start] + b"<pskc:PlainValue>MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=</pskc:PlainValue>" + data[end:]
    (good,), (bad,) = read_pskc(clear, Opening(key=KEY))
    assert (good.serial, "in clear in a file that is encrypted" in bad.problem) == ("100", True)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"pskc:hotp", b"pskc:pin", "neither HOTP nor TOTP"),
        (b'Length="8"', b'Length="7"', "codes of 7 digits"),
        (b'"DECIMAL"', b'"HEXADECIMAL"', "not decimal"),
        (b"<SerialNo>987654321</SerialNo>", b"<SerialNo>  </SerialNo>", ""),
        (b"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=", b"MTIz", "a secret of 3 bytes"),
        (b"<PlainValue>60<", b"<PlainValue>1<", "a step of 1 seconds"),
        (b"<PlainValue>42<", b"<PlainValue>9999999999999<", "no number from 0"),
        (b"HMAC-SHA256", b"HMAC-MD5", "algorithm suite"),
    ],
)
def test_a_bad_key_is_told_by_its_line(old: bytes, new: bytes, told: str) -> None:
    assert old in PLAIN
    good, bad = read_pskc(PLAIN.replace(old, new), NOTHING)
    assert len(good) + len(bad) == 2
    assert all(told in row.problem and row.line in (5, 15) for row in bad)
    assert bool(bad) == bool(told)


HOSTILE = {
    "external entity": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "growing entities": b'<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><KeyContainer>&b;</KeyContainer>',
    "external document type": b'<!DOCTYPE KeyContainer SYSTEM "http://192.0.2.1/x.dtd"><KeyContainer/>',
    "in another encoding": '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode(
        "utf-16"
    ),
    "deep": b"<a>" * 10_000 + b"</a>" * 10_000,
    "no XML": b"\x00\x01\x02",
    "empty": b"",
    "cut off": PLAIN[:700],
    "other XML": b"<html/>",
    "unknown encoding": b'<?xml version="1.0" encoding="x-nothing"?><a/>',
    "no key": b'<KeyContainer Version="1.0" xmlns="urn:ietf:params:xml:ns:keyprov:pskc"/>',
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_sound_file_is_refused_as_a_whole(data: bytes) -> None:
    with pytest.raises(BadValue):
        read_pskc(data, NOTHING)


def test_a_passphrase_that_would_take_hours_to_try_is_refused() -> None:
    data = written("passphrase").replace(b">2000<", b">2000000000<")
    with pytest.raises(BadValue, match="too long"):
        read_pskc(data, Opening(passphrase="open sesame"))


def test_every_cut_of_a_file_is_refused_or_told() -> None:
    for end in range(0, len(PLAIN) - 2, 37):
        with pytest.raises(BadValue):
            read_pskc(PLAIN[:end], NOTHING)
