"""Known people who come back: what is new since the last look, for the owners of their deals.

- A click that was stored since then, later than the person was known, and joined to a deal by a key
  that is not too many deals'.
- A form that was sent since then on a site whose visitors are collected, by somebody known; or a
  visit without one, where the site reports it.
- A deal of somebody on the list of a nurtured audience that reached a milestone since then.

Of a person's deals it is told of the newest. Nobody is told of who refused that their data is used,
or was forgotten. The first look tells nothing: what was there before is no news.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from convsync.audiences.condition import stage_of
from convsync.model.ad_click import AdClick
from convsync.model.collected import Report
from convsync.model.comeback import Comeback, ComebackKind, TellTerms
from convsync.model.deal import LOST, Deal
from convsync.model.period import Period
from convsync.store import ad_clicks, click_news, collected, comebacks, deals, heard, runs
from convsync.store.database import Connection
from convsync.store.deals import StoredDeal
from convsync.store.session import Session

_CLICKS = "clicks looked at for sales"
_UNTIL = "looked for sales until"
_OVERLAP = timedelta(minutes=10)
"""A report is committed some time after it was received."""
_STEPS = 3


def look(session: Session, terms: TellTerms) -> int:
    """Keep who came back since the last look, to be told; return how many that are."""
    with session.transaction("look who came back") as connection:
        known_clicks, since = runs.recall(connection, _CLICKS), runs.recall(connection, _UNTIL)
        runs.remember(connection, _CLICKS, str(click_news.last(connection)))
        runs.remember(connection, _UNTIL, session.now.isoformat())
        if known_clicks is None or since is None:
            return 0
        window = Period(since=datetime.fromisoformat(since), until=session.now)
        found = [
            *_clicked(connection, terms, int(known_clicks)),
            *_visited(connection, terms, window),
            *_returned(connection, terms, window.since),
        ]
        return comebacks.add(connection, _told_of(connection, found, terms), run_id=session.run_id)


def _clicked(connection: Connection, terms: TellTerms, after: int) -> Iterator[Comeback]:
    if ComebackKind.CLICKED not in terms.kinds:
        return
    newest = {one.click: one for one in comebacks.clicks_of_known(connection, after)}
    values = [one.value for one in newest.values() if one.kind == "gclid"]
    campaigns: Mapping[str, AdClick] = ad_clicks.of_gclids(connection, values)
    for click, one in newest.items():
        told = campaigns.get(one.value)
        yield Comeback(
            kind=ComebackKind.CLICKED,
            deal=one.deal,
            at=one.clicked_at,
            sign=str(click),
            campaign=told.campaign if told else "",
        )


def _visited(connection: Connection, terms: TellTerms, window: Period) -> Iterator[Comeback]:
    if ComebackKind.VISITED not in terms.kinds:
        return
    wider = Period(since=window.since - _OVERLAP, until=window.until)
    for site in terms.sites:
        last: Report | None = None
        while page := collected.received(connection, site, wider, last):
            visits = [one for one in page if one.form is not None or one.landings]
            keys = {key.digest() for one in visits for key in one.keys}
            known = comebacks.deals_with(connection, keys)
            for report in visits:
                rows = {row for key in report.keys for row in known.get(key.digest(), ())}
                if rows:
                    yield _visit(report, max(rows))
            last = page[-1]


def _visit(report: Report, deal: int) -> Comeback:
    """Return the visit that a report tells of: one a day, however often one is reported."""
    landing = report.landings[-1] if report.landings else None
    return Comeback(
        kind=ComebackKind.VISITED,
        deal=deal,
        at=report.received_at,
        sign=f"{report.site} {report.received_at:%Y-%m-%d}",
        campaign=landing.campaign.get("utm_campaign", "") if landing else "",
    )


def _returned(connection: Connection, terms: TellTerms, since: datetime) -> Iterator[Comeback]:
    if ComebackKind.RETURNED not in terms.kinds or not terms.nurtured:
        return
    for deal, name, reached_at in comebacks.moved_on(connection, terms.nurtured, since, LOST):
        sign = f"{name} {reached_at.isoformat()}"
        yield Comeback(kind=ComebackKind.RETURNED, deal=deal, at=reached_at, sign=sign)


def _told_of(connection: Connection, found: Sequence[Comeback], terms: TellTerms) -> list[Comeback]:
    """Return those that may be told, with what is known of their deals."""
    rows = sorted({one.deal for one in found})
    stored = heard.with_consent(connection, deals.numbered(connection, rows))
    known = {one.row: one.deal for one in stored if _may_be_told_of(one)}
    return [
        _with_deal(one, known[one.deal], terms)
        for one in found
        if one.deal in known and _is_back(one, known[one.deal], terms)
    ]


def _may_be_told_of(stored: StoredDeal) -> bool:
    deal = stored.deal
    return not (deal.consent.is_denied or deal.consent.is_forgotten or deal.gone)


def _is_back(one: Comeback, deal: Deal, terms: TellTerms) -> bool:
    """True where the person was known before, and for long enough; who returned surely was."""
    if one.kind is ComebackKind.RETURNED:
        return True
    since = deal.created_at or min(_times(deal), default=None)
    return since is not None and one.at >= since + terms.again_after


def _times(deal: Deal) -> Iterable[datetime]:
    return (milestone.reached_at for milestone in deal.milestones)


def _with_deal(one: Comeback, deal: Deal, terms: TellTerms) -> Comeback:
    reached = sorted(deal.milestones, key=lambda milestone: milestone.reached_at)[-_STEPS:]
    return Comeback(
        kind=one.kind,
        deal=one.deal,
        at=one.at,
        sign=one.sign,
        stage=stage_of(deal, terms.funnel) or "",
        campaign=one.campaign,
        steps=[f"{milestone.name} {milestone.reached_at:%Y-%m-%d}" for milestone in reached],
    )
