"""What browsers reported: each report once, however often it arrives.

Reports are kept as they came for as long as their clicks can count, so that it can be shown when
and how a visitor consented; a night reads the clicks out of those received since the last one.
"""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, exists, or_, select, true

from convsync.model.click import ClickId, ClickIdKind
from convsync.model.collected import Landing, Report
from convsync.model.consent import Consent, ConsentStatus
from convsync.model.identifiers import Identifiers
from convsync.model.period import Period
from convsync.store import dialect
from convsync.store.schema import collected

PAGE = 1_000


def save(connection: Connection, reports: Sequence[Report]) -> None:
    """Keep reports; those that are kept already stay as they are."""
    rows = {report.id: _row_of(report) for report in reports}
    statement = dialect.upsert(collected, connection).on_conflict_do_nothing()
    connection.execute(statement, list(rows.values()))


def received(
    connection: Connection,
    site: str,
    window: Period,
    after: Report | None = None,
    *,
    with_refused: bool = False,
    size: int = PAGE,
) -> Sequence[Report]:
    """Return a page of a site's reports received within a window, in order; none after the last.

    Those of a visitor who refused in them or later, to `ad_storage` or to `ad_user_data`, are left
    out unless `with_refused`.
    """
    since = collected.c.received_at >= window.since
    if after is not None:
        at, number = collected.c.received_at, collected.c.id
        since = (at > after.received_at) | ((at == after.received_at) & (number > after.id))
    page = (
        select(collected)
        .where(collected.c.site == site, since, collected.c.received_at < window.until)
        .where(true() if with_refused else ~_is_refused())
        .order_by(collected.c.received_at, collected.c.id)
        .limit(size)
    )
    return [_report_of(row) for row in connection.execute(page)]


def of_visitors(connection: Connection, visitors: Collection[str]) -> list[Report]:
    """Return all that the browsers of these visitors have reported."""
    found = select(collected).where(collected.c.visitor.in_(sorted(visitors)))
    return [_report_of(row) for row in connection.execute(found)]


def forms_by_key(connection: Connection) -> dict[bytes, str]:
    """Return the form that each visitor, e-mail and phone was last seen to send, by key."""
    found = select(collected).where(collected.c.form.is_not(None)).order_by(collected.c.received_at)
    return {
        key.digest(): row.form
        for row in connection.execute(found.execution_options(yield_per=PAGE))
        for key in _report_of(row).keys
    }


def _is_refused() -> Any:
    later = collected.alias("later")
    denied = ConsentStatus.DENIED
    return exists().where(
        or_(later.c.ad_storage == denied, later.c.ad_user_data == denied),
        later.c.visitor == collected.c.visitor,
        later.c.received_at >= collected.c.received_at,
    )


def sweep(connection: Connection, before: datetime) -> None:
    """Erase reports received before then."""
    connection.execute(delete(collected).where(collected.c.received_at < before))


def erase(connection: Connection, digests: Collection[bytes]) -> None:
    """Erase the reports of people: those with a key or a click ID of theirs.

    All there are have to be looked at for this.
    """
    asked = frozenset(digests)
    found = [
        row.id
        for row in connection.execute(select(collected).execution_options(yield_per=PAGE))
        if not asked.isdisjoint(_report_of(row).digests)
    ]
    for first in range(0, len(found), PAGE):
        some = found[first : first + PAGE]
        connection.execute(delete(collected).where(collected.c.id.in_(some)))


def _row_of(report: Report) -> dict[str, Any]:
    return {
        "id": report.id,
        "site": report.site,
        "received_at": report.received_at,
        "visitor": report.visitor,
        "form": report.form,
        "landings": json.dumps([_written(landing) for landing in report.landings]),
        "emails": " ".join(report.identifiers.emails),
        "phones": " ".join(report.identifiers.phones),
        "ad_storage": report.ad_storage,
        "ad_user_data": report.consent.ad_user_data,
        "ad_personalization": report.consent.ad_personalization,
        "consented_at": report.consented_at,
        "consent_source": report.consent_source,
    }


def _report_of(row: Any) -> Report:
    return Report(
        id=bytes(row.id),
        site=row.site,
        received_at=row.received_at,
        visitor=row.visitor,
        form=row.form,
        landings=tuple(_read(landing) for landing in json.loads(row.landings)),
        identifiers=Identifiers(emails=tuple(row.emails.split()), phones=tuple(row.phones.split())),
        ad_storage=ConsentStatus(row.ad_storage),
        consent=Consent(
            ad_user_data=ConsentStatus(row.ad_user_data),
            ad_personalization=ConsentStatus(row.ad_personalization),
        ),
        consented_at=row.consented_at,
        consent_source=row.consent_source,
    )


def _written(landing: Landing) -> dict[str, Any]:
    ids = [[click_id.kind.value, click_id.value] for click_id in landing.click_ids]
    return {"at": landing.at.isoformat(), "ids": ids, "campaign": dict(landing.campaign)}


def _read(written: dict[str, Any]) -> Landing:
    return Landing(
        at=datetime.fromisoformat(written["at"]),
        click_ids=tuple(ClickId(ClickIdKind(kind), value) for kind, value in written["ids"]),
        campaign=written["campaign"],
    )
