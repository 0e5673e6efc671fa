"""What LinkedIn finds wrong with the shape of events: all faults of a request, in one sentence.

Shape is all it checks: an invented currency or an impossible address is taken. The sentences are
those of a public protocol of live calls (2026-08).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

ID_TYPES = frozenset(
    {
        *("SHA256_EMAIL", "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "ACXIOM_ID"),
        *("PLAINTEXT_IP_ADDRESS", "GOOGLE_AID"),
    }
)
LONGEST_EVENT_ID = 64
_KNOWN: Mapping[str, frozenset[str]] = {
    "": frozenset({"conversion", "conversionHappenedAt", "conversionValue", "eventId", "user"}),
    "/conversionValue": frozenset({"currencyCode", "amount"}),
    "/user": frozenset({"userIds", "userInfo", "externalIds", "lead"}),
    "/user/userInfo": frozenset({"firstName", "lastName", "title", "companyName", "countryCode"}),
    "/user/userIds": frozenset({"idType", "idValue"}),
}
_DECIMAL = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_NEEDED = "field is required but not found and has no default value"
_UNKNOWN = "unrecognized field found but not allowed"
Event = Mapping[str, Any]


def sentence_about(events: Sequence[Any]) -> str:
    """Return every fault of every event as LinkedIn says it, "" where there is none."""
    return "".join(
        f"Index: {index}, " + "".join(f"ERROR :: {fault}\n" for fault in faults)
        for index, event in enumerate(events)
        if (faults := list(faults_of(event)))
    )


def faults_of(event: Any) -> Iterator[str]:
    """Yield what is wrong with an event: the path, and why."""
    if not isinstance(event, Mapping):
        yield " :: record type is not backed by a map"
        return
    yield from _fields(event, "", ("conversion", "conversionHappenedAt", "user"))
    happened_at = event.get("conversionHappenedAt")
    if happened_at is not None and (isinstance(happened_at, bool) or type(happened_at) is not int):
        yield f"/conversionHappenedAt :: {happened_at} cannot be coerced to Long"
    event_id = event.get("eventId", "")
    if not isinstance(event_id, str) or len(event_id) > LONGEST_EVENT_ID:
        yield f"/eventId :: length cannot be greater than {LONGEST_EVENT_ID}"
    if (value := event.get("conversionValue")) is not None:
        yield from _of_the_value(value)
    if isinstance(user := event.get("user"), Mapping):
        yield from _of_the_user(user)


def _of_the_value(value: Any) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield "/conversionValue :: record type is not backed by a map"
        return
    yield from _fields(value, "/conversionValue", ("currencyCode", "amount"))
    amount = value.get("amount")
    if amount is None:
        return
    if not isinstance(amount, str):
        yield f"/conversionValue/amount :: {amount} cannot be coerced to String"
    elif not _DECIMAL.fullmatch(amount):
        yield f"/conversionValue/amount :: {amount} is no decimal"


def _of_the_user(user: Event) -> Iterator[str]:
    yield from _fields(user, "/user", ("userIds",))
    if isinstance(info := user.get("userInfo"), Mapping):
        yield from _fields(info, "/user/userInfo", ("firstName", "lastName"))
    for number, one in enumerate(user.get("userIds") or ()):
        path = f"/user/userIds/{number}"
        if not isinstance(one, Mapping):
            yield f"{path} :: record type is not backed by a map"
            continue
        yield from _fields(one, path, ("idType", "idValue"), known="/user/userIds")
        if (kind := one.get("idType")) is not None and kind not in ID_TYPES:
            yield f'{path}/idType :: "{kind}" is not an enum symbol'


def _fields(
    record: Event, path: str, needed: Sequence[str], *, known: str | None = None
) -> Iterator[str]:
    """Yield which fields a record lacks, and which it may not have."""
    yield from (f"{path}/{name} :: {_NEEDED}" for name in needed if record.get(name) is None)
    allowed = _KNOWN[path if known is None else known]
    yield from (f"{path}/{name} :: {_UNKNOWN}" for name in record if name not in allowed)
