"""What others hashed joins as well: Gmail as it stands, phones without their +."""

from hashlib import sha256

import pytest

from convsync.extract.mapping import CellFormat
from convsync.extract.plain_hashes import PlainHashes
from convsync.model.identifiers import GOOGLES_FORMS, Form, HashForms, Identifiers
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
def test_an_address_that_google_s_rule_changes_also_has_a_plain_hash(
    text: str, plain: list[str]
) -> None:
    hashes = PlainHashes(CellFormat(joins_plain_hashes=True))
    assert [found for _, found in hashes.of_emails(text)] == [sha(one) for one in plain]


def test_a_phone_is_its_digits_too() -> None:
    hashes = PlainHashes(CellFormat(joins_plain_hashes=True))
    assert hashes.keys([], ["030 901820"], "DE") == [Key(KeyKind.PHONE, sha("4930901820"))]
    assert hashes.keys([], [sha("4930901820")], "DE") == []


GMAIL = ("ada@gmail.com", "a.da@gmail.com")
PHONE = ("+4930901820", "4930901820")
WHO = Identifiers(
    emails=(sha(GMAIL[0]), sha("bo@x.example")),
    phones=(sha(PHONE[0]), sha("+15551234567")),
    plain=((sha(GMAIL[0]), sha(GMAIL[1])), (sha(PHONE[0]), sha(PHONE[1]))),
)


def test_a_platform_gets_the_hashes_of_its_own_form() -> None:
    by_google = Identifiers(emails=WHO.emails, phones=WHO.phones)
    assert GOOGLES_FORMS.of(WHO) == by_google
    assert HashForms(emails=Form.PLAIN, phones=Form.PLAIN).of(WHO) == Identifiers(
        emails=(sha(GMAIL[1]), sha("bo@x.example")), phones=(sha(PHONE[1]),)
    )
    assert HashForms(emails=Form.PLAIN, phones=None).of(WHO).phones == ()


def test_who_is_taken_out_takes_the_plain_hash_along() -> None:
    shared = Identifiers(emails=(sha(GMAIL[0]),))
    left = WHO.without(shared)
    assert left.plain == ((sha(PHONE[0]), sha(PHONE[1])),)


def test_plain_hashes_are_kept_with_google_s_if_a_platform_needs_them() -> None:
    hashes = PlainHashes(CellFormat(keeps_plain_hashes=True))
    who = Identifiers(emails=(sha(GMAIL[0]),), phones=(sha(PHONE[0]),))
    found = hashes.beside(who, ["A.da@Gmail.com"], ["030 901820", "+1 555 1234567"], "DE")
    assert dict(found.plain) == {sha(GMAIL[0]): sha(GMAIL[1]), sha(PHONE[0]): sha(PHONE[1])}
