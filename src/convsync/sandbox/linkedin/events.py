"""A request with conversion events, judged as LinkedIn does: the shape first, then what it means.

Whatever is refused is refused with its whole request, and named in a sentence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from convsync.sandbox.linkedin.shapes import sentence_about

MOST_EVENTS = 5_000
RULE_URN = "urn:lla:llaPartnerConversion:"
API_METHOD = "CONVERSIONS_API"
OLDEST = timedelta(days=90)
Event = Mapping[str, Any]


class RefusedByLinkedIn(Exception):  # noqa: N818 - an answer, not a failure of the sandbox
    """A request that is refused: its status, and what the body says beside the sentence."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"status": status, "message": message, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRule:
    """A conversion rule that exists."""

    id: str
    account: str = ""
    name: str = ""
    type: str = "LEAD"
    enabled: bool = True
    method: str = API_METHOD

    def as_json(self) -> Mapping[str, Any]:
        """Return it as the list of rules has it."""
        return {
            "id": int(self.id),
            "name": self.name,
            "type": self.type,
            "enabled": self.enabled,
            "conversionMethod": self.method,
            "postClickAttributionWindowSize": 30,
            "viewThroughAttributionWindowSize": 7,
        }


@dataclass(slots=True, kw_only=True)
class LinkedInAccount:
    """What exists there. Where no rules are set, any will do.

    `refusals` hold events back by their eventId or an identifier: `400/TIME` in the sentence about
    times, `422 /path` in that about shapes, `element 409` as the status of that element alone.
    With `knows_repeats` an eventId counts once.
    """

    rules: Mapping[str, PartnerRule] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)
    knows_repeats: bool = False

    def refusal_of(self, event: Event) -> str:
        """Return what was ordered for an event, "" for nothing."""
        if not self.refusals:
            return ""
        ids = (one["idValue"] for one in event["user"]["userIds"])
        names = [event.get("eventId"), *ids]
        return next((self.refusals[name] for name in names if name in self.refusals), "")


def checked(
    body: Any, account: LinkedInAccount, now: datetime, *, is_batch: bool
) -> Sequence[Event]:
    """Return the events of a request, or raise RefusedByLinkedIn."""
    events = _events_in(body, is_batch=is_batch)
    if sentence := sentence_about(events):
        raise RefusedByLinkedIn(422, sentence if is_batch else sentence.partition(", ")[2])
    ordered = [account.refusal_of(event) for event in events]
    if sentence := _misshapen(ordered):
        raise RefusedByLinkedIn(422, sentence)
    _raise_about_rules(events, account)
    _raise_about_times(events, ordered, now)
    return events


def rule_of(event: Event) -> str:
    """Return the ID of an event's conversion rule."""
    return str(event["conversion"]).removeprefix(RULE_URN)


def _events_in(body: Any, *, is_batch: bool) -> Sequence[Any]:
    has_elements = isinstance(body, Mapping) and "elements" in body
    if not isinstance(body, Mapping) or has_elements is not is_batch:
        raise RefusedByLinkedIn(400, "Malformed request: the body does not fit X-RestLi-Method.")
    if not is_batch:
        return [body]
    elements = body["elements"]
    if not isinstance(elements, list) or not 0 < len(elements) <= MOST_EVENTS:
        raise RefusedByLinkedIn(400, f"A batch has between 1 and {MOST_EVENTS} elements.")
    return elements


def _misshapen(ordered: Sequence[str]) -> str:
    paths = [(row, one.partition(" ")[2]) for row, one in enumerate(ordered) if one[:3] == "422"]
    return "".join(f"Index: {row}, ERROR :: {path} :: is not allowed\n" for row, path in paths)


def _raise_about_rules(events: Sequence[Event], account: LinkedInAccount) -> None:
    if any(not str(event["conversion"]).startswith(RULE_URN) for event in events):
        raise RefusedByLinkedIn(422, "Invalid Urn format. Invalid prefix.")
    known = account.rules
    if known and any(rule_of(event) not in known for event in events):
        raise RefusedByLinkedIn(403, "No ad accounts found", code="ACCESS_DENIED")
    others = [
        row
        for row, event in enumerate(events)
        if (rule := known.get(rule_of(event))) and rule.method != API_METHOD
    ]
    if others:
        raise RefusedByLinkedIn(
            400,
            "Incorrect conversions information provided. Conversion's method should be "
            f"CONVERSIONS_API, indices {others} (0-indexed)",
        )


def _raise_about_times(events: Sequence[Event], ordered: Sequence[str], now: datetime) -> None:
    first, last = ((now - age).timestamp() * 1_000 for age in (OLDEST, timedelta(0)))
    beyond = [
        row
        for row, (event, order) in enumerate(zip(events, ordered, strict=True))
        if order == "400/TIME" or not first <= event["conversionHappenedAt"] <= last
    ]
    if beyond:
        raise RefusedByLinkedIn(
            400,
            "Conversion time should be within 90 days and not exceed current time, "
            f"indices {beyond} (0-indexed).",
        )
