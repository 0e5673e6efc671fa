"""Vendors' deadlines: announced when they should be, for what is used, and told again each time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from convsync.store.alert_states import KnownState
from convsync.upload.linkedin.versions import last_day_of
from convsync.watch.deadlines import DEADLINES, Used, due
from convsync.watch.digest import digest_of, remembered
from convsync.watch.facts import Facts
from convsync.watch.findings import Trouble, Watching, findings_of

LAST = date(2027, 1, 15)
LINKEDIN = Used(place="destinations.li", kind="linkedin", version="202601")


@pytest.mark.parametrize(
    ("days_before", "notices"), [(61, None), (60, 1), (15, 1), (14, 2), (3, 3), (0, 3), (-1, 4)]
)
def test_a_deadline_is_announced_60_14_and_3_days_before_and_once_it_is_past(
    days_before: int, notices: int | None
) -> None:
    found = [*due([LINKEDIN], LAST - timedelta(days=days_before))]
    assert [one.notices for one in found] == ([] if notices is None else [notices])


@pytest.mark.parametrize(
    "used",
    [
        Used(place="destinations.li", kind="linkedin", version="202607"),
        Used(place="destinations.g", kind="data_manager"),
        Used(place="deals.crm", kind="csv"),
    ],
)
def test_what_the_configuration_does_not_use_is_not_announced(used: Used) -> None:
    assert [*due([used], LAST)] == []


def test_each_notice_is_told_once_and_the_next_one_again() -> None:
    terms = Watching(zone=ZoneInfo("Europe/Berlin"), uses=[LINKEDIN])
    known: dict[str, KnownState] = {}
    told: list[int] = []
    for days in range(62, -3, -1):
        at = datetime.combine(LAST - timedelta(days=days), datetime.min.time(), UTC)
        findings = findings_of(Facts(at=at), terms)
        if digest_of(findings, known).new:
            told.append(days)
        known = remembered(findings, known, at, is_told=True)
    assert told == [60, 14, 3, -1]
    assert findings[0].trouble is Trouble.DEADLINE
    assert findings[0].text == (
        "202601 of LinkedIn's Marketing API ended on 15 January 2027, which destinations.li uses."
    )


def test_linkedins_versions_end_when_its_destination_says_so() -> None:
    days = {one.version: one.last_day for one in DEADLINES if one.kind == "linkedin"}
    assert days == {version: last_day_of(version) for version in days}


def test_every_deadline_has_a_source_and_a_fix() -> None:
    assert all(one.source.startswith("https://") and one.fix for one in DEADLINES)
