"""What Meta does with CRM events: one case a rule, to be read as a document.

It is 2026-01-01, 02:00 UTC. A case sends good events, changed as it says: of the day before, worth
100 euros, under the IDs `cs-0`, `cs-1` and so on, named `Won`, to dataset 1234567890123456. `None`
takes a field away. `answer` is the status and Meta's numbers; `counted` how often the books count
some of the events afterwards.

Sources are Meta's pages and public protocols of calls to its servers:
[using] …/conversions-api/using-the-api · [sev] …/parameters/server-event
[cip] …/parameters/customer-information-parameters · [best] …/best-practices
[pay] …/conversion-leads-integration/payload-specification · [dedup] …/deduplicate-pixel-and-server
[rs] answers from production in rudderlabs/rudder-transformer · [live] a protocol of 2026-09-05
(inf) is inferred: no page says so, and Meta may do otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 1, 1, 2, tzinfo=UTC)
YESTERDAY_S = int((NOW - timedelta(days=1)).timestamp())
HASH = "a" * 64
DATASET = "1234567890123456"
TAKEN = (200, None)
INVALID = (400, "100")
TOO_OLD = (400, "100/2804003")
THIN = (400, "100/2804050")
Changes = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class MetaCase:
    """One rule: who says so, what is sent and what comes back.

    `first` was sent before, and taken; `later` passes between. `fault` is trouble of the call.
    """

    id: str
    rule: str
    source: str
    rows: Sequence[Changes] = ({},)
    around: Changes = field(default_factory=dict)
    answer: tuple[int, str | None] = TAKEN
    counted: Mapping[str, int] = field(default_factory=dict)
    first: Sequence[Changes] = ()
    later: timedelta = timedelta(0)
    fault: str = ""
    switch: tuple[str, Any] | None = None
    version: str = "v26.0"
    token: str = "a-token"


def aged(**span: float) -> Changes:
    """Return an event of so long ago, to the second."""
    return {"event_time": int((NOW - timedelta(**span)).timestamp())}


def who(**fields: Any) -> Changes:
    """Return an event of a person who is known by these fields alone."""
    return {"user_data": fields}


def money(**fields: Any) -> Changes:
    return {"custom_data": {"event_source": "crm", "lead_event_source": "CRM", **fields}}


def a_case(id_: str, rule: str, source: str, **said: Any) -> MetaCase:
    return MetaCase(id=id_, rule=rule, source=source, **said)


def refused(id_: str, rule: str, source: str, row: Changes, answer: Any = INVALID) -> MetaCase:
    """Return the case of a good event and a bad one, of which neither is counted."""
    return MetaCase(
        id=id_,
        rule=rule,
        source=source,
        rows=({}, row),
        answer=answer,
        counted={"cs-0": 0, "cs-1": 0},
    )


META_CASES: Sequence[MetaCase] = (
    a_case("taken", "what is well-formed is counted", "[using]", counted={"cs-0": 1}),
    a_case("many", "a thousand fit", "[using]", rows=({},) * 1_000, counted={"cs-999": 1}),
    a_case("too many", "one more does not", "[using]", rows=({},) * 1_001, answer=INVALID),
    a_case("none", "a request has an event", "(inf)", rows=(), answer=INVALID),
    a_case("not a list", "data is a list", "(inf)", around={"data": "x"}, answer=INVALID),
    a_case("no data", "data is required", "(inf)", around={"data": None}, answer=INVALID),
    a_case(
        "token",
        "an invalid token is refused with 190",
        "[live]",
        switch=("tokens", ["another"]),
        answer=(401, "190"),
    ),
    a_case(
        "dataset",
        "a dataset that is not there and one without access look alike",
        "[rs]",
        switch=("datasets", ["999"]),
        answer=(400, "100/33"),
    ),
    a_case("version", "an old version is no path", "(inf)", version="v19.0", answer=(400, "2635")),
    refused(
        "too old", "one older than seven days refuses all", "[using]", aged(days=7.01), TOO_OLD
    ),
    a_case("seven days", "seven days are taken", "[using]", rows=(aged(days=7),)),
    a_case(
        "store",
        "of a physical store 62 days are taken",
        "[using]",
        rows=({**aged(days=61), "action_source": "physical_store"},),
    ),
    refused(
        "store too old",
        "and no more",
        "(inf)",
        {**aged(days=63), "action_source": "physical_store"},
        TOO_OLD,
    ),
    refused("future", "no event is of the future", "[sev]", aged(seconds=-1)),
    refused("milliseconds", "times are seconds", "[sev]", {"event_time": YESTERDAY_S * 1_000}),
    refused("fraction", "whole seconds", "[sev]", {"event_time": YESTERDAY_S + 0.5}),
    refused("text time", "as a number", "[sev]", {"event_time": str(YESTERDAY_S)}),
    refused("no source", "action_source is required", "[sev]", {"action_source": None}),
    refused("other source", "and one of a list", "[sev]", {"action_source": "crm"}),
    refused("no name", "event_name is required", "[sev]", {"event_name": None}),
    refused("long name", "and has at most 256 characters", "(inf)", {"event_name": "x" * 257}),
    refused("nobody", "user_data is required", "[cip]", {"user_data": None}),
    refused("thin", "a country alone finds nobody", "[best]", who(country=[HASH]), THIN),
    refused("thinner", "nor a first name", "[best]", who(fn=[HASH], ge=[HASH]), THIN),
    refused("raw e-mail", "e-mails are hashed", "[cip]", who(em=["a@b.example"])),
    refused("upper case", "in lower-case hex", "[cip]", who(em=[HASH.upper()])),
    refused("raw phone", "phones are hashed", "[cip]", who(ph=["4930901820"])),
    a_case("hashes", "hashes alone will do", "[cip]", rows=(who(em=[HASH], ph=[HASH]),)),
    a_case("lead", "so will a lead's ID", "[pay]", rows=(who(lead_id=1234567890123456),)),
    refused("short lead", "of 15 to 17 digits", "[pay]", who(lead_id=12345)),
    refused("hashed lead", "never hashed", "[pay]", who(lead_id=HASH)),
    refused("bare fbclid", "fbc is as the cookie has it", "[cip]", who(fbc="IwAR-x")),
    refused("no CRM", "a CRM's event says so", "[pay]", {"custom_data": {"value": 1}}),
    refused(
        "no value",
        "a Purchase has a value",
        "[rs]",
        {"event_name": "Purchase", **money()},
        (400, "100/2804009"),
    ),
    refused("no currency", "a value has a currency", "[sev]", money(value=1)),
    refused("negative", "and is not below zero", "(inf)", money(value=-1, currency="EUR")),
    refused("text value", "but a number", "(inf)", money(value="1", currency="EUR")),
    a_case("lower case currency", "eur will do", "[live]", rows=(money(value=1, currency="eur"),)),
    a_case(
        "again",
        "the same ID and name within 48 hours count once",
        "[dedup], of two events of a server (inf)",
        first=({},),
        later=timedelta(hours=47),
        counted={"cs-0": 1},
    ),
    a_case(
        "much later",
        "and again after that",
        "[dedup] (inf)",
        first=({},),
        later=timedelta(hours=49),
        counted={"cs-0": 2},
    ),
    a_case(
        "lost answer",
        "an event whose answer was lost is counted",
        "[live]",
        fault="unavailable_after",
        answer=(500, "2"),
        counted={"cs-0": 1},
    ),
    a_case(
        "away",
        "one that was not heard is not",
        "[live]",
        fault="unavailable_before",
        answer=(500, "2"),
        counted={"cs-0": 0},
    ),
    a_case(
        "throttled",
        "calls are limited as Marketing API calls",
        "[rs]",
        fault="resource_exhausted",
        answer=(400, "80004/2446079"),
        counted={"cs-0": 0},
    ),
)
