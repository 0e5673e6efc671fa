"""What LinkedIn does with conversion events: one case a rule, to be read as a document.

It is 2026-11-29, 02:00 UTC. A case sends good events, changed as it says: of the day before, worth
100 euros, under the IDs `cs-0`, `cs-1` and so on, for conversion rule 111. `None` takes a field
away. `answer` is the status and what the sentence holds; `counted` how often the books count some
of the events afterwards.

Sources are LinkedIn's pages and public protocols of calls to its servers:
[capi] …/ads-reporting/conversions-api · [schema] …/conversions-api-schema
[refresh] …/shared/authentication/programmatic-refresh-tokens · [sf] Salesforce's connector guide
[meas] a public protocol of 20 live calls of 2026-08 · [rs] rudderlabs/rudder-transformer
(inf) is inferred: no page says so, and LinkedIn may do otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

NOW = datetime(2026, 11, 29, 2, tzinfo=UTC)
YESTERDAY_MS = int((NOW - timedelta(days=1)).timestamp()) * 1_000
TAKEN = (200, "")
Changes = Mapping[str, Any]
THE_RULE = {"id": "111"}


@dataclass(frozen=True, kw_only=True)
class LinkedInCase:
    """One rule: who says so, what is sent and what comes back.

    `headers` change those of a good request. `first` was sent before. `fault` is trouble of the
    call.
    """

    id: str
    rule: str
    source: str
    rows: Sequence[Changes] = ({},)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    answer: tuple[int, str] = TAKEN
    counted: Mapping[str, int] = field(default_factory=dict)
    first: Sequence[Changes] = ()
    rules: Sequence[Mapping[str, Any]] = (THE_RULE,)
    fault: str = ""
    knows_repeats: bool = False
    is_single: bool = False


def a_case(id_: str, rule: str, source: str, **said: Any) -> LinkedInCase:
    return LinkedInCase(id=id_, rule=rule, source=source, **said)


def refused(
    id_: str, rule: str, source: str, row: Changes, said: str, status: int = 422
) -> LinkedInCase:
    """Return the case of a good event and a bad one, of which neither is counted."""
    return LinkedInCase(
        id=id_,
        rule=rule,
        source=source,
        rows=({}, row),
        answer=(status, said),
        counted={"cs-0": 0, "cs-1": 0},
    )


def user(**fields: Any) -> Changes:
    return {"user": fields}


def amount(written: Any) -> Changes:
    return {"conversionValue": {"currencyCode": "EUR", "amount": written}}


def aged(**span: float) -> Changes:
    at = NOW - timedelta(**span)
    return {"conversionHappenedAt": int(at.timestamp() * 1_000)}


def known_as(kind: str, value: Any = "x") -> Changes:
    return user(userIds=[{"idType": kind, "idValue": value}])


LINKEDIN_CASES: Sequence[LinkedInCase] = (
    a_case("taken", "a batch is answered element by element", "[rs]", counted={"cs-0": 1}),
    a_case(
        "single",
        "one event by itself is answered with 201 and nothing",
        "[meas] d",
        is_single=True,
        headers={"X-RestLi-Method": None},
        answer=(201, ""),
        counted={"cs-0": 1},
    ),
    a_case(
        "no method",
        "elements need BATCH_CREATE",
        "(inf)",
        headers={"X-RestLi-Method": None},
        answer=(400, "Malformed"),
        counted={"cs-0": 0},
    ),
    a_case("many", "five thousand fit", "[sf]", rows=({},) * 5_000, counted={"cs-4999": 1}),
    a_case("too many", "one more does not", "[sf]", rows=({},) * 5_001, answer=(400, "5000")),
    a_case("none", "a batch has an element", "(inf)", rows=(), answer=(400, "between 1")),
    a_case(
        "no version",
        "a version is required",
        "[meas] r",
        headers={"LinkedIn-Version": None},
        answer=(400, "VERSION_MISSING"),
        counted={"cs-0": 0},
    ),
    a_case(
        "old version",
        "each lives for a year",
        "[capi]",
        headers={"LinkedIn-Version": "202510"},
        answer=(426, "Deprecated"),
        counted={"cs-0": 0},
    ),
    a_case("last month", "and not a day less", "[capi]", headers={"LinkedIn-Version": "202512"}),
    a_case(
        "no protocol",
        "the protocol's version is required",
        "[capi]",
        headers={"X-Restli-Protocol-Version": None},
        answer=(400, "protocol"),
    ),
    a_case(
        "no token",
        "so is a token",
        "[rs]",
        headers={"Authorization": None},
        answer=(401, "65600"),
        counted={"cs-0": 0},
    ),
    refused(
        "no user", "user is required", "[meas] a", {"user": None}, "Index: 1, ERROR :: /user ::"
    ),
    refused("no IDs", "userIds is required, even empty", "[meas] a", user(), "/user/userIds ::"),
    a_case(
        "nobody", "an empty list is taken, and matches nobody", "[meas]", rows=(user(userIds=[]),)
    ),
    refused(
        "odd ID",
        "an idType is one of a list",
        "[meas] i",
        known_as("SHA256_PHONE"),
        '/user/userIds/0/idType :: "SHA256_PHONE" is not an enum symbol',
    ),
    refused(
        "no value",
        "and has a value",
        "[meas]",
        known_as("SHA256_EMAIL", None),
        "/user/userIds/0/idValue ::",
    ),
    a_case(
        "impossible IP",
        "an idValue is not checked",
        "[meas] j",
        rows=(known_as("PLAINTEXT_IP_ADDRESS", "999.1.1.1"),),
    ),
    refused(
        "half a name",
        "a person's object needs both names",
        "[rs]",
        user(userIds=[], userInfo={"firstName": "A"}),
        "/user/userInfo/lastName ::",
    ),
    refused(
        "number", "an amount is text", "[meas] n", amount(19.9), "19.9 cannot be coerced to String"
    ),
    refused(
        "no amount", "a value has an amount", "[meas] o", amount(None), "/conversionValue/amount ::"
    ),
    a_case(
        "odd currency",
        "a currency is not checked",
        "[meas] e",
        rows=({"conversionValue": {"currencyCode": "XXQ", "amount": "1"}},),
    ),
    refused(
        "odd field",
        "no other field is allowed",
        "[meas] p",
        {"orderId": "x"},
        "/orderId :: unrecognized field found but not allowed",
    ),
    refused(
        "long ID",
        "an eventId has at most 64 characters",
        "[sf]",
        {"eventId": "x" * 65},
        "/eventId ::",
    ),
    refused(
        "wrong URN",
        "a rule has its own prefix",
        "[meas] c",
        {"conversion": "urn:li:x:111"},
        "Invalid prefix",
    ),
    refused(
        "unknown rule",
        "one that is not there looks like a missing right",
        "[meas] l",
        {"conversion": "urn:lla:llaPartnerConversion:999"},
        "No ad accounts found",
        403,
    ),
    a_case(
        "other method",
        "a rule takes events by its own method",
        "[rs]",
        rules=({"id": "111", "method": "INSIGHT_TAG"},),
        rows=({}, {}),
        answer=(400, "indices [0, 1]"),
        counted={"cs-0": 0},
    ),
    a_case(
        "off",
        "a rule that is off takes events and counts none",
        "(inf)",
        rules=({"id": "111", "enabled": False},),
        counted={"cs-0": 0},
    ),
    a_case("ninety days", "ninety days are taken", "[meas] s", rows=(aged(days=90),)),
    refused(
        "too old",
        "and no more",
        "[meas] s",
        aged(days=90, seconds=1),
        "indices [1] (0-indexed)",
        400,
    ),
    refused(
        "future", "nor anything of the future", "[meas] s", aged(seconds=-1), "indices [1]", 400
    ),
    a_case(
        "all faults",
        "a sentence names every misshapen row",
        "[meas] a",
        rows=(amount(1), {}, user()),
        answer=(422, "Index: 2, ERROR :: /user/userIds"),
        counted={"cs-1": 0},
    ),
    a_case(
        "shape first",
        "shape comes before times",
        "(inf)",
        rows=(aged(days=100), amount(1)),
        answer=(422, "Index: 1"),
    ),
    a_case("again", "the same eventId counts again", "(inf)", first=({},), counted={"cs-0": 2}),
    a_case(
        "known again",
        "or once, as with an Insight Tag",
        "[capi]",
        first=({},),
        knows_repeats=True,
        counted={"cs-0": 1},
    ),
    a_case(
        "limit",
        "too many requests are told so",
        "[rs]",
        fault="resource_exhausted",
        answer=(429, "TOO_MANY_REQUESTS"),
        counted={"cs-0": 0},
    ),
    a_case(
        "lost answer",
        "an event whose answer was lost is counted",
        "(inf)",
        fault="unavailable_after",
        answer=(503, ""),
        counted={"cs-0": 1},
    ),
)
