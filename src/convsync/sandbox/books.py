"""What Google would count, kept so that a person or a test can read it.

The first event under a transaction ID is a conversion; every later one under the same ID and the
same conversion action adjusts it. The event is kept as the bytes it arrived in and only unpacked
when somebody reads, which keeps hundreds of thousands of conversions cheap. What comes in through
the Google Ads API is entered as the same kind of event: an order ID is a transaction ID.
https://developers.google.com/data-manager/api/devguides/events/google-ads/conversion-adjustments
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from threading import RLock
from typing import Any

from google.protobuf import json_format

from convsync.sandbox.clock import rfc3339
from convsync.sandbox.messages import Event, Message
from convsync.sandbox.verdicts import click_ids_in

Verdict = Callable[[Message], str | None]
ClickAt = tuple[str, int]  # a click ID, and the second of the conversion

# Shown for every conversion, whether or not the event had it.
SHOWN = (
    "event_timestamp",
    "event_source",
    "ad_identifiers",
    "user_data",
    "consent",
    "user_properties",
    "custom_variables",
)


@dataclass(frozen=True, slots=True)
class Counted:
    """One conversion as it stands: its first event, and the value it was last given.

    `count` is 0 once it was retracted; `adjusted_at` is the time its last restatement gave.
    """

    first_event: bytes
    value: float | None
    currency: str
    sent: int
    history: tuple[tuple[float | None, str], ...] = ()  # what the value used to be
    count: int = 1
    adjusted_at: datetime | None = None

    @classmethod
    def new(cls, event: Message, *, sent: int = 1) -> "Counted":
        """The conversion that a first event makes."""
        return cls(event.SerializeToString(), _value_of(event), event.currency, sent)

    @property
    def event(self) -> Message:
        """The first event, with the user data a later one may have added."""
        return Event.FromString(self.first_event)

    def adjusted(self, event: Message) -> "Counted":
        """Value and currency are overwritten, missing user data is added, the rest is ignored.

        What was retracted stays so.
        """
        if not self.count:
            return self.sent_again()
        states_value = event.HasField("conversion_value")
        return replace(
            self,
            first_event=self._with_user_data(event),
            value=event.conversion_value if states_value else self.value,
            currency=event.currency if states_value else self.currency,
            sent=self.sent + 1,
            history=self._history_so_far,
        )

    def restated(self, value: float, currency: str, at: datetime) -> "Counted":
        """The same conversion with another value, as of a time that the caller gave."""
        return replace(
            self, value=value, currency=currency, history=self._history_so_far, adjusted_at=at
        )

    def retracted(self) -> "Counted":
        """The same conversion, of which nothing is left: its value and its count are 0."""
        return replace(self, value=0.0, count=0, history=self._history_so_far)

    def sent_again(self) -> "Counted":
        """The same conversion after one more event that was accepted, but not counted."""
        return replace(self, sent=self.sent + 1)

    def as_json(self) -> dict[str, Any]:
        """Everything known of the conversion; `history` ends with the present value."""
        event = json_format.MessageToDict(self.event, preserving_proto_field_name=True)
        return {
            "value": self.value,
            "currency": self.currency,
            "count": self.count,
            "sent": self.sent,
            **{name: event.get(name) for name in SHOWN},
            "history": [
                {"value": value, "currency": currency} for value, currency in self._history_so_far
            ],
        }

    @property
    def _history_so_far(self) -> tuple[tuple[float | None, str], ...]:
        return (*self.history, (self.value, self.currency))

    def _with_user_data(self, event: Message) -> bytes:
        if not event.HasField("user_data"):
            return self.first_event
        first = self.event
        if first.HasField("user_data"):
            return self.first_event
        first.user_data.CopyFrom(event.user_data)
        kept: bytes = first.SerializeToString()
        return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An event that was accepted and then not counted."""

    at: datetime
    request_id: str
    row: int
    destination: str
    transaction_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedRequest:
    """One call that reports, however it ended; `result` is the gRPC status the caller heard."""

    at: datetime
    request_id: str
    events: int
    is_dry_run: bool
    result: str
    counted: bool
    call: str = "ingest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What became of one upload through the Google Ads API, for its diagnostics.

    `succeeded` is the number of rows by conversion action, `failed` by conversion action and code.
    """

    at: datetime
    customer: str
    id: int
    succeeded: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What one destination made of one request: rows sent, and rows refused by reason.

    `counts` stands for it in a status, where it is not about events.
    """

    destination: Mapping[str, Any]  # as JSON: a part of a protobuf message keeps all of it alive
    record_count: int
    refused: Mapping[str, Sequence[int]]
    counts: Mapping[str, Any] | None = None


class Books:
    """Conversions by destination (`account/action`) and transaction ID. Safe across threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self.clear()

    def clear(self) -> None:
        """Back to empty pages."""
        with self._lock:
            self.counted: defaultdict[str, dict[str, Counted]] = defaultdict(dict)
            self.refused: list[Refused] = []
            self.requests: list[BookedRequest] = []
            self.jobs: list[Job] = []
            self._by_click: defaultdict[str, dict[ClickAt, str]] = defaultdict(dict)
            self._refusals: Counter[tuple[str, str]] = Counter()
            self._nameless = 0

    def count(
        self,
        request_id: str,
        at: datetime,
        destinations: Sequence[Message],
        events: Sequence[Message],
        verdict: Verdict,
    ) -> tuple[Tally, ...]:
        """Enter every event of an accepted request under every destination it is meant for."""
        with self._lock:
            verdicts = {
                row: reason
                for row, event in enumerate(events)
                if (reason := verdict(event)) is not None
            }
            return tuple(
                self._count_for(destination, request_id, at, events, verdicts)
                for destination in destinations
            )

    @contextmanager
    def for_one_at_a_time(self) -> Iterator[None]:
        """Nobody else enters anything meanwhile: what was looked up still holds when it is used."""
        with self._lock:
            yield

    def page_of(self, account: str, action: str) -> str:
        """Return the name of the page that a conversion action is on, whoever its owner is."""
        pages = (name for name in self.counted if name.rpartition("/")[2] == action)
        return next(pages, f"{account}/{action}")

    def find(self, destination: str, name: str) -> Counted | None:
        """The conversion under this transaction ID."""
        return self.counted[destination].get(name)

    def find_by_click(self, destination: str, click: ClickAt) -> str | None:
        """What the conversion of this click at this second is entered under."""
        return self._by_click[destination].get(click)

    def enter(self, destination: str, event: Message) -> None:
        """Count one event."""
        name = event.transaction_id or self._a_name_of_its_own()
        self._enter(self.counted[destination], destination, name, event)

    def change(self, destination: str, name: str, counted: Counted) -> None:
        """Let a conversion be as an adjustment made it."""
        self.counted[destination][name] = counted

    def refuse(self, refused: Refused) -> None:
        """Write down an event that was not counted."""
        name = refused.transaction_id or self._a_name_of_its_own()
        self._refuse(self.counted[refused.destination], refused.destination, name)
        self.refused.append(refused)

    def note(self, request: BookedRequest) -> None:
        """Write down that a call was made and how it ended."""
        with self._lock:
            self.requests.append(request)

    def as_json(self) -> dict[str, Any]:
        """The books, readable."""
        with self._lock:
            return {
                "counted": {
                    destination: {name: counted.as_json() for name, counted in page.items()}
                    for destination, page in self.counted.items()
                },
                "refused": [_as_json(refused) for refused in self.refused],
                "requests": [_as_json(request) for request in self.requests],
                "totals": self.totals(),
            }

    def totals(self) -> dict[str, Any]:
        """The books in a few numbers; values are summed by destination and currency."""
        with self._lock:
            sent = [counted.sent for page in self.counted.values() for counted in page.values()]
            never_counted = [
                times
                for (destination, name), times in self._refusals.items()
                if name not in self.counted[destination]
            ]
            return {
                "requests": len(self.requests),
                "events_sent": sum(sent) + sum(never_counted),
                "conversions_counted": sum(
                    counted.count for page in self.counted.values() for counted in page.values()
                ),
                "events_refused": len(self.refused),
                "most_often_sent": max([*sent, *never_counted], default=0),
                "value": {
                    destination: _value_by_currency(page)
                    for destination, page in self.counted.items()
                },
            }

    def _count_for(
        self,
        destination: Message,
        request_id: str,
        at: datetime,
        events: Sequence[Message],
        verdicts: Mapping[int, str],
    ) -> Tally:
        name = f"{destination.operating_account.account_id}/{destination.product_destination_id}"
        page = self.counted[name]
        refused: defaultdict[str, list[int]] = defaultdict(list)
        record_count = 0
        for row, event in _meant_for(destination.reference, events):
            record_count += 1
            transaction_id = event.transaction_id or self._a_name_of_its_own()
            if (reason := verdicts.get(row)) is None:
                self._enter(page, name, transaction_id, event)
                continue
            refused[reason].append(row)
            self._refuse(page, name, transaction_id)
            self.refused.append(
                Refused(
                    at=at,
                    request_id=request_id,
                    row=row,
                    destination=name,
                    transaction_id=event.transaction_id,
                    reason=reason,
                )
            )
        return Tally(
            destination=json_format.MessageToDict(destination),
            record_count=record_count,
            refused=refused,
        )

    def _enter(
        self, page: dict[str, Counted], destination: str, transaction_id: str, event: Message
    ) -> None:
        if known := page.get(transaction_id):
            page[transaction_id] = known.adjusted(event)
        else:
            refused_before = self._refusals[destination, transaction_id]
            page[transaction_id] = Counted.new(event, sent=1 + refused_before)
            for click in click_ids_in(event):
                at = event.event_timestamp.seconds
                self._by_click[destination].setdefault((click, at), transaction_id)

    def _refuse(self, page: dict[str, Counted], destination: str, transaction_id: str) -> None:
        if known := page.get(transaction_id):
            page[transaction_id] = known.sent_again()
        else:
            self._refusals[destination, transaction_id] += 1

    def _a_name_of_its_own(self) -> str:
        self._nameless += 1
        return f"(no transaction_id, {self._nameless})"


def _meant_for(reference: str, events: Sequence[Message]) -> Iterator[tuple[int, Message]]:
    for row, event in enumerate(events):
        wanted = event.destination_references
        if not wanted or reference in wanted:
            yield row, event


def _value_of(event: Message) -> float | None:
    return event.conversion_value if event.HasField("conversion_value") else None


def _value_by_currency(page: Mapping[str, Counted]) -> dict[str, float]:
    values: defaultdict[str, list[float]] = defaultdict(list)
    for counted in page.values():
        if counted.value is not None:
            values[counted.currency].append(counted.value)
    return {currency: math.fsum(amounts) for currency, amounts in values.items()}


def _as_json(entry: Refused | BookedRequest) -> dict[str, Any]:
    return asdict(entry) | {"at": rfc3339(entry.at)}
