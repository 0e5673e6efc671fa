"""What is known of deals that their CRM does not know: the click, its campaign, what was answered.

The click is the one of the conversion whose milestone is the latest of those that have one.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from convsync.model.click import ClickIdKind
from convsync.model.ledger import State
from convsync.model.write_back import Fact
from convsync.store import ad_clicks, deals
from convsync.store.kin import kin_of
from convsync.store.schema import ledger

_SAID = {
    State.ACCEPTED: "accepted",
    State.CONFIRMED: "confirmed",
    State.REJECTED: "rejected",
    State.UNMATCHED: "unmatched",
    State.BLOCKED: "blocked",
}
"""The states that are a platform's word; while a correction is on its way, it has confirmed."""


@dataclass(slots=True)
class _Entries:
    """What the ledger has of a deal, the latest milestone last."""

    click: tuple[ClickIdKind, str] | None = None
    said: list[str] = field(default_factory=list)


def facts(
    connection: Connection, rows: Sequence[int], wanted: frozenset[Fact]
) -> Mapping[int, Mapping[Fact, str]]:
    """Return those facts of these deals that are known, by row."""
    entries = _entries(connection, rows)
    gclids = [
        one.click[1]
        for one in entries.values()
        if one.click is not None and one.click[0] is ClickIdKind.GCLID
    ]
    needs_campaigns = not wanted.isdisjoint({Fact.CAMPAIGN, Fact.KEYWORD})
    told = ad_clicks.of_gclids(connection, gclids) if gclids and needs_campaigns else {}
    firsts = _first_clicks(connection, rows) if Fact.FIRST_CLICK in wanted else {}
    found: dict[int, dict[Fact, str]] = {}
    for row in rows:
        one = entries.get(row, _Entries())
        click_id = one.click[1] if one.click else ""
        ad_click = told.get(click_id)
        of_deal = {
            Fact.CLICK_ID: click_id,
            Fact.CAMPAIGN: ad_click.campaign if ad_click else "",
            Fact.KEYWORD: ad_click.keyword if ad_click else "",
            Fact.FIRST_CLICK: _text(firsts.get(row)),
            Fact.PLATFORM: "; ".join(one.said),
        }
        found[row] = {
            fact: text.strip() for fact, text in of_deal.items() if fact in wanted and text.strip()
        }
    return found


def _entries(connection: Connection, rows: Sequence[int]) -> dict[int, _Entries]:
    columns = ("deal", "rule", "state", "code", "told_value", "click_kind", "click_id")
    asked = (
        select(*(ledger.c[name] for name in columns))
        .where(ledger.c.deal.in_(bindparam("rows", expanding=True)))
        .order_by(ledger.c.deal, ledger.c.milestone_at, ledger.c.rule)
    )
    found: dict[int, _Entries] = {}
    for row in connection.execute(asked, {"rows": list(rows)}).mappings():
        one = found.setdefault(row["deal"], _Entries())
        if row["click_id"]:
            one.click = ClickIdKind(row["click_kind"]), row["click_id"]
        one.said += _said(row)
    return found


def _said(row: Any) -> Iterator[str]:
    state = State(row["state"])
    word = _SAID.get(state) or ("confirmed" if row["told_value"] is not None else None)
    if word is not None:
        code = f" ({row['code']})" if row["code"] and word in ("rejected", "blocked") else ""
        yield f"{row['rule']}: {word}{code}"


def _first_clicks(connection: Connection, rows: Sequence[int]) -> dict[int, datetime]:
    """Return when each deal's customer was first seen to click, by whatever leads to them."""
    kin = kin_of(connection, rows)
    firsts = {}
    for stored in deals.numbered(connection, rows):
        known = (*stored.deal.clicks, *kin.candidates.get(stored.row, ()))
        times = [one.click.clicked_at for one in known if one.click.clicked_at is not None]
        if times:
            firsts[stored.row] = min(times)
    return firsts


def _text(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"
