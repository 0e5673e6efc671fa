"""What is wrong with the nights: facts against limits, each limit from both sides."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from convsync.model.rule import ConversionAction
from convsync.store.watching import Night
from convsync.watch.facts import Facts
from convsync.watch.findings import FIXES, Trouble, Watching, findings_of

NOW = datetime(2026, 3, 3, 1, tzinfo=UTC)
TERMS = Watching(zone=ZoneInfo("Europe/Berlin"), sources=["crm"])
ACTION = ConversionAction(destination="google", action_id="333")


def a_night(**changes: object) -> Night:
    values: dict[str, object] = {
        "run_id": 12,
        "as_of": NOW,
        "started_at": NOW,
        "finished_at": NOW + timedelta(minutes=5),
        "exit_code": 0,
        "uploads": 34,
        "message": "",
        "is_at_its_end": True,
    }
    return Night(**{**values, **changes})  # type: ignore[arg-type]


def troubles(facts: Facts, terms: Watching = TERMS) -> list[str]:
    return [finding.key for finding in findings_of(facts, terms)]


def sent_daily(*uploads: int) -> list[tuple[datetime, int]]:
    """The rows sent tonight, last night, and so on back."""
    return [(NOW - timedelta(days=ago), count) for ago, count in enumerate(uploads)]


CASES: list[tuple[str, Facts, list[str]]] = [
    ("nothing at all", Facts(at=NOW), []),
    ("a good night", Facts(at=NOW, night=a_night()), []),
    (
        "stopped",
        Facts(at=NOW, night=a_night(is_at_its_end=False, exit_code=3, message="unsafe")),
        ["failed"],
    ),
    ("not begun", Facts(at=NOW, night=a_night(), not_begun="no such database"), ["failed"]),
    ("left undone", Facts(at=NOW, night=a_night(exit_code=1, message="zzz")), ["left_undone"]),
    (
        "a problem that has a finding of its own is told once",
        Facts(at=NOW, night=a_night(exit_code=1, message="zzz"), unreadable={"crm": 1}),
        ["unreadable:crm"],
    ),
    (
        "one in twenty rejected is allowed",
        Facts(at=NOW, night=a_night(), answers={"rejected": 1, "confirmed": 19}),
        [],
    ),
    (
        "more is not",
        Facts(at=NOW, night=a_night(), answers={"rejected": 1, "confirmed": 18}),
        ["rejected"],
    ),
    (
        "what was only accepted has no verdict yet",
        Facts(at=NOW, night=a_night(), answers={"rejected": 1, "accepted": 99}),
        ["rejected"],
    ),
    (
        "nothing after a week of something",
        Facts(at=NOW, night=a_night(), uploads=sent_daily(0, *[5] * 7)),
        ["nothing_sent"],
    ),
    (
        "nothing after six days of something",
        Facts(at=NOW, night=a_night(), uploads=sent_daily(0, *[5] * 6)),
        [],
    ),
    (
        "nothing on a weekend as on others",
        Facts(at=NOW, night=a_night(), uploads=sent_daily(0, *[5, 5, 5, 5, 5, 0, 0] * 4)),
        [],
    ),
    (
        "nothing in one run of many a day",
        Facts(
            at=NOW,
            night=a_night(),
            uploads=[(NOW, 0), (NOW - timedelta(hours=21), 4), *sent_daily(0, *[5] * 7)[1:]],
        ),
        [],
    ),
    ("a day without verdict", Facts(at=NOW, unconfirmed=(3, NOW - timedelta(hours=24))), []),
    (
        "more than a day",
        Facts(at=NOW, unconfirmed=(3, NOW - timedelta(hours=25))),
        ["unconfirmed"],
    ),
    ("read lately", Facts(at=NOW, read_until={"crm": NOW - timedelta(hours=36)}), []),
    ("not read", Facts(at=NOW, read_until={"crm": NOW - timedelta(hours=37)}), ["not_read:crm"]),
    (
        "a removed source is not missed",
        Facts(at=NOW, read_until={"erp": NOW - timedelta(days=99)}),
        [],
    ),
    ("the chain", Facts(at=NOW, chain="event 7 is missing"), ["chain"]),
    (
        "blocked",
        Facts(at=NOW, blocked=[(ACTION, "TERMS_NOT_SIGNED", 4)]),
        ["blocked:google/333/TERMS_NOT_SIGNED"],
    ),
]


@pytest.mark.parametrize(
    ("facts", "keys"), [(f, k) for _, f, k in CASES], ids=[c[0] for c in CASES]
)
def test_facts_against_limits(facts: Facts, keys: list[str]) -> None:
    assert troubles(facts) == keys


@pytest.mark.parametrize(
    ("last_day", "said"),
    [
        (date(2026, 3, 18), []),
        (date(2026, 3, 17), ["key expires on 17 March 2026."]),
        (date(2026, 3, 3), ["key expires on 03 March 2026."]),
        (date(2026, 3, 2), ["key expired on 02 March 2026."]),
    ],
)
def test_a_credential_is_told_of_from_two_weeks_before_its_last_day(
    last_day: date, said: list[str]
) -> None:
    terms = Watching(zone=ZoneInfo("Europe/Berlin"), expires={"key": last_day})
    assert [finding.text for finding in findings_of(Facts(at=NOW), terms)] == said


def test_findings_that_stop_nights_come_first() -> None:
    facts = Facts(at=NOW, unreadable={"crm": 1}, chain="event 7 is missing")
    assert troubles(facts) == ["chain", "unreadable:crm"]


@pytest.mark.parametrize("trouble", Trouble)
def test_every_trouble_says_what_to_do(trouble: Trouble) -> None:
    assert FIXES[trouble].endswith(".")


def test_a_failed_night_that_sends_nothing_is_not_reported_as_a_drop_as_well() -> None:
    facts = Facts(at=NOW, night=a_night(is_at_its_end=False), uploads=sent_daily(0, *[5] * 9))
    assert troubles(facts) == ["failed"]
