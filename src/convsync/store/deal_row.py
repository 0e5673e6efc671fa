"""How a deal is written as a row, and read back. A new field of a deal has its three lines here."""

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from msgspec import Struct, msgpack
from msgspec import json as fast_json
from sqlalchemy import RowMapping

from convsync.model.click import Candidate, Click, ClickId, ClickIdKind, MatchBasis
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.customer import CustomerType
from convsync.model.deal import Deal, Gone, Milestone
from convsync.model.identifiers import Identifiers
from convsync.model.key import Key, KeyKind, digests


class DealRow(Struct, frozen=True, gc=False):
    """A deal as it is written: the columns of `deals`, its milestones and its keys."""

    number: int
    deal: Deal
    content: tuple[Any, ...]
    keys: tuple[bytes, ...]
    digest: bytes

    @classmethod
    def of(cls, number: int, deal: Deal) -> "DealRow":
        """Return the row of a deal, with the digest that tells whether anything changed."""
        keys = tuple(dict.fromkeys(digests(_keys_of(deal))))
        content = _content(deal)
        covered = _encoded((content, deal.milestones, keys))
        return cls(number, deal, content, keys, blake2b(covered, digest_size=16).digest())

    def as_deal(self) -> tuple[Any, ...]:
        """Return the values of `DEAL_COLUMNS`."""
        return (self.number, self.deal.source, self.deal.deal_id, self.digest, *self.content)

    def as_milestones(self) -> list[tuple[int, str, datetime, bool, bool]]:
        """Return the values of `MILESTONE_COLUMNS` for each milestone."""
        number = self.number
        return [
            (number, one.name, one.reached_at, one.is_whole_day, one.is_estimated)
            for one in self.deal.milestones
        ]


_encoded = msgpack.Encoder().encode
CONTENT = (
    "created_at",
    "modified_at",
    "amount",
    "currency",
    "ad_user_data",
    "ad_personalization",
    "consented_at",
    "customer_type",
    "emails",
    "phones",
    "plain_hashes",
    "clicks",
    "segments",
    "gone",
)
DEAL_COLUMNS = ("id", "source", "deal_id", "digest", *CONTENT)
MILESTONE_COLUMNS = ("deal", "name", "reached_at", "is_whole_day", "is_estimated")


def _keys_of(deal: Deal) -> Iterable[Key]:
    if not deal.clicks:
        return deal.keys
    return (*deal.keys, *[key_of(candidate.click.click_id) for candidate in deal.clicks])


def key_of(click_id: ClickId) -> Key:
    """Return the key that joins a deal's own click ID to the same ID in the click log."""
    return Key(KeyKind.CLICK, f"{click_id.kind}:{click_id.value}")


def _content(deal: Deal) -> tuple[Any, ...]:
    """Return the values of `CONTENT`."""
    who = deal.identifiers
    return (
        deal.created_at,
        deal.modified_at,
        None if deal.amount is None else str(deal.amount),
        deal.currency,
        deal.consent.ad_user_data,
        deal.consent.ad_personalization,
        deal.consented_at,
        deal.customer_type,
        ",".join(who.emails) or None,
        ",".join(who.phones) or None,
        ",".join([":".join(pair) for pair in who.plain]) or None,
        _dumped(deal.clicks and [_click_as_list(candidate) for candidate in deal.clicks]),
        _dumped(deal.segments),
        deal.gone,
    )


def _dumped(value: Any) -> str | None:
    return fast_json.encode(value).decode() if value else None


def _click_as_list(candidate: Candidate) -> list[Any]:
    click = candidate.click
    at = None if click.clicked_at is None else click.clicked_at.isoformat()
    return [click.click_id.kind, click.click_id.value, at, click.is_whole_day, candidate.basis]


def deal_of(row: RowMapping, reached: tuple[Milestone, ...]) -> Deal:
    """Return the deal of a row of `deals`, with the milestones that stand."""
    return Deal(
        source=row["source"],
        deal_id=row["deal_id"],
        created_at=row["created_at"],
        modified_at=row["modified_at"],
        milestones=reached,
        amount=None if row["amount"] is None else Decimal(row["amount"]),
        currency=row["currency"],
        clicks=tuple(_as_candidate(*click) for click in json.loads(row["clicks"] or "[]")),
        identifiers=Identifiers(
            emails=split(row["emails"]),
            phones=split(row["phones"]),
            plain=tuple(_pair(joined) for joined in split(row["plain_hashes"])),
        ),
        consent=Consent(
            ad_user_data=ConsentStatus(row["ad_user_data"]),
            ad_personalization=ConsentStatus(row["ad_personalization"]),
        ),
        consented_at=row["consented_at"],
        customer_type=_customer_type(row["customer_type"]),
        segments=json.loads(row["segments"] or "{}"),
        gone=None if row["gone"] is None else Gone(row["gone"]),
    )


def click_ids_of(written: str | None) -> frozenset[ClickId]:
    """Return the IDs in the column of a deal's clicks."""
    found = json.loads(written) if written else ()
    return frozenset(ClickId(ClickIdKind(kind), value) for kind, value, *_ in found)


def _customer_type(word: str | None) -> CustomerType | None:
    return None if word is None else CustomerType(word)


def _pair(joined: str) -> tuple[str, str]:
    by_google, _, plain = joined.partition(":")
    return by_google, plain


def split(joined: str | None) -> tuple[str, ...]:
    """Return the hashes that stand in a column of e-mails or phones."""
    return tuple(joined.split(",")) if joined else ()


def _as_candidate(
    kind: str,
    value: str,
    at: str | None,
    is_whole_day: bool,
    basis: int,
) -> Candidate:
    clicked_at = None if at is None else datetime.fromisoformat(at)
    click_id = ClickId(ClickIdKind(kind), value)
    click = Click(click_id=click_id, clicked_at=clicked_at, is_whole_day=is_whole_day)
    return Candidate(click, MatchBasis(basis))
