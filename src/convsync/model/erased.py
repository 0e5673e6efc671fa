"""Who was forgotten: a list that names nobody, applied to whatever is read later.

It holds marks: HMACs, made with a secret, of what would lead to a person again: the name of a deal,
a hashed e-mail or phone, a click ID, a key of the site's. Without the secret nobody can tell who is
meant. A deal with a mark is read without the person behind it, and nothing more is sent of it.
"""

import hmac
from collections.abc import Iterable
from hashlib import blake2b

from msgspec import structs

from convsync.model.consent import FORGOTTEN
from convsync.model.deal import Deal
from convsync.model.identifiers import NO_IDENTIFIERS, Identifiers
from convsync.model.key import KeyKind, digests_of
from convsync.model.seen_clicks import SeenClicks, digests_of_ids


class Erased:
    """The list of marks. Without a secret it is empty, and marks nothing."""

    def __init__(self, secret: bytes = b"", marks: Iterable[bytes] = ()) -> None:
        self._secret = secret
        self.marks = frozenset(marks)

    def __bool__(self) -> bool:
        return bool(self.marks)

    def mark(self, digest: bytes) -> bytes:
        """Return the mark of a key's digest, or of a deal's."""
        return hmac.digest(self._secret, digest, "sha256")

    def with_digests(self, digests: Iterable[bytes]) -> "Erased":
        """Return the list with the marks of these as well."""
        return Erased(self._secret, self.marks | {self.mark(digest) for digest in digests})

    def knows(self, digests: Iterable[bytes]) -> bool:
        """True where one of these has a mark."""
        return any(self.mark(digest) in self.marks for digest in digests)

    def knows_deal(self, deal: Deal) -> bool:
        """True where the deal or the person behind it was forgotten."""
        return self.knows(digests_in(deal))

    def without_clicks(self, seen: SeenClicks) -> SeenClicks:
        """Return sightings without those of people who were forgotten."""
        left_out = {position for key, position in seen.keys if self.knows([key])}
        left_out |= {at for at, digest in enumerate(seen.digests) if self.knows([digest])}
        return seen.without(left_out) if left_out else seen


def without_person(deal: Deal) -> Deal:
    """Return a deal with nothing in it of the person behind it: what is left is bookkeeping."""
    return structs.replace(
        deal,
        clicks=(),
        keys=(),
        identifiers=NO_IDENTIFIERS,
        consent=FORGOTTEN,
        customer_type=None,
        row_digest=b"",
    )


def without_hashes(deal: Deal) -> Deal:
    """Return a deal without e-mails and phones: of who refused, no hashes are kept."""
    people = {KeyKind.EMAIL, KeyKind.PHONE}
    keys = tuple(key for key in deal.keys if key.kind not in people)
    return structs.replace(deal, identifiers=NO_IDENTIFIERS, keys=keys)


def deal_digest(source: str, deal_id: str) -> bytes:
    """Return 16 bytes that stand for a deal as a key does for what joins it to a click."""
    return blake2b(f"deal\0{source}\0{deal_id}".encode(), digest_size=16).digest()


def digests_in(deal: Deal) -> list[bytes]:
    """Return the digests of all that leads to the person behind a deal, the deal's own first."""
    click_ids = [candidate.click.click_id for candidate in deal.clicks]
    return [
        deal_digest(deal.source, deal.deal_id),
        *(key.digest() for key in deal.keys),
        *digests_of_people(deal.identifiers),
        *(digest for each in click_ids for digest in digests_of_ids(each.kind, [each.value])),
    ]


def digests_of_people(who: Identifiers) -> list[bytes]:
    """Return the digests of hashed e-mails and phones as keys."""
    return [*digests_of(KeyKind.EMAIL, who.emails), *digests_of(KeyKind.PHONE, who.phones)]
