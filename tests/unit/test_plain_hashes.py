"""What others hashed joins as well: Gmail as it stands, phones without their +."""

from hashlib import sha256

import pytest

from convsync.extract.mapping import CellFormat
from convsync.extract.plain_hashes import PlainHashes
from convsync.model.key import Key, KeyKind


def sha(text: str) -> str:
    return sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        pytest.param("Ada.L+ads@GMail.com", ["ada.l+ads@gmail.com"], id="dots and a plus"),
        pytest.param("adal@gmail.com", [], id="as Google hashes it"),
        pytest.param("ada.l@x.example", [], id="elsewhere dots count"),
        pytest.param("<a.da@gmail.com>; b@x.example", ["a.da@gmail.com"], id="one of two"),
        pytest.param("no address", [], id="no address"),
        pytest.param(sha("ada@gmail.com"), [], id="hashed already"),
    ],
)
def test_an_address_that_googles_rule_changes_has_a_plain_hash_beside(
    text: str, plain: list[str]
) -> None:
    hashes = PlainHashes(CellFormat(joins_plain_hashes=True))
    assert [*hashes.of_emails(text)] == [sha(one) for one in plain]


def test_a_phone_is_its_digits_too() -> None:
    hashes = PlainHashes(CellFormat(joins_plain_hashes=True))
    assert hashes.keys([], ["030 901820"], "DE") == [Key(KeyKind.PHONE, sha("4930901820"))]
    assert hashes.keys([], [sha("4930901820")], "DE") == []
