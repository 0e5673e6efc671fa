"""What Meta finds wrong with an event, one rule a function. One such event costs its whole request.

Where it is not documented whether a rule is enforced, it is. Titles are German here: Meta answers
in the language of the token's user, so nobody may read a meaning out of them.
https://developers.facebook.com/documentation/ads-commerce/conversions-api/parameters
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

LONGEST_NAME = 256
SOURCES = frozenset(
    {
        *("email", "website", "app", "phone_call", "chat", "physical_store"),
        *("system_generated", "business_messaging", "other"),
    }
)
OLDEST = timedelta(days=7)
OLDEST_IN_A_STORE = timedelta(days=62)
TELLS_NOBODY_APART = frozenset(
    {"ct", "country", "st", "zp", "ge", "client_user_agent", "db", "fn", "ln"}
)
"""Fields that find no person, whatever stands in them: one of the others is needed."""
_HASH = re.compile(r"[0-9a-f]{64}")
_LEAD_ID = re.compile(r"[0-9]{15,17}")
_FBC = re.compile(r"fb\.[0-2]\.[0-9]{13}\.[A-Za-z0-9_-]+")
_CURRENCY = re.compile(r"[A-Za-z]{3}")


class Fault(NamedTuple):
    """A refusal by its numbers, and its title as people read it."""

    code: int
    subcode: int | None
    title: str

    @classmethod
    def named(cls, name: str) -> "Fault":
        """Return the fault that a switch names: `100/2804001`."""
        code, _, subcode = name.partition("/")
        return cls(int(code), int(subcode) if subcode else None, "Ungültiges Ereignis")


Event = Mapping[str, Any]
Rule = Callable[[Event, datetime], Fault | None]

_INVALID = Fault(100, None, "Ungültiger Parameter")
_TOO_OLD = Fault(100, 2804003, "Zeitstempel des Ereignisses zu alt")
_NO_VALUE = Fault(100, 2804009, "Wert für Kaufereignis fehlt")
_THIN = Fault(100, 2804050, "Kundeninformationen reichen nicht aus")


def fault_in(event: Any, now: datetime) -> Fault | None:
    """Return the first thing that is wrong with an event, None where nothing is."""
    if not isinstance(event, Mapping):
        return _INVALID
    return next((fault for rule in RULES if (fault := rule(event, now))), None)


def _has_a_name(event: Event, _: datetime) -> Fault | None:
    name, event_id = event.get("event_name"), event.get("event_id", "")
    is_fine = isinstance(name, str) and 0 < len(name) <= LONGEST_NAME
    return None if is_fine and isinstance(event_id, str) else _INVALID


def _has_a_source(event: Event, _: datetime) -> Fault | None:
    return None if event.get("action_source") in SOURCES else _INVALID


def _has_a_time(event: Event, now: datetime) -> Fault | None:
    """Whole seconds: milliseconds lie in a far future."""
    seconds = event.get("event_time")
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds > now.timestamp():
        return _INVALID
    in_a_store = event.get("action_source") == "physical_store"
    oldest = now - (OLDEST_IN_A_STORE if in_a_store else OLDEST)
    return _TOO_OLD if seconds < int(oldest.timestamp()) else None


def _finds_a_person(event: Event, _: datetime) -> Fault | None:
    who = event.get("user_data")
    if not isinstance(who, Mapping):
        return _INVALID
    return None if {key for key, value in who.items() if value} - TELLS_NOBODY_APART else _THIN


def _identifiers_are_formed(event: Event, _: datetime) -> Fault | None:
    who = event["user_data"]
    hashes = [one for key in ("em", "ph") for one in _listed(who.get(key))]
    lead_id, fbc = who.get("lead_id"), who.get("fbc")
    is_fine = (
        all(isinstance(one, str) and _HASH.fullmatch(one) for one in hashes)
        and (lead_id is None or _LEAD_ID.fullmatch(str(lead_id)))
        and (fbc is None or (isinstance(fbc, str) and _FBC.fullmatch(fbc)))
    )
    return None if is_fine else _INVALID


def _says_which_crm(event: Event, _: datetime) -> Fault | None:
    custom = event.get("custom_data")
    if not isinstance(custom, Mapping):
        return _INVALID
    is_from_a_crm = custom.get("event_source") == "crm" and bool(custom.get("lead_event_source"))
    return None if is_from_a_crm or event["action_source"] != "system_generated" else _INVALID


def _has_a_value(event: Event, _: datetime) -> Fault | None:
    custom = event["custom_data"]
    value, currency = custom.get("value"), custom.get("currency")
    if event["event_name"] == "Purchase" and value is None:
        return _NO_VALUE
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_fine = is_number and math.isfinite(value) and value >= 0
    has_currency = isinstance(currency, str) and _CURRENCY.fullmatch(currency)
    return None if is_fine and has_currency else _INVALID


RULES: Sequence[Rule] = (
    _has_a_name,
    _has_a_source,
    _has_a_time,
    _finds_a_person,
    _identifiers_are_formed,
    _says_which_crm,
    _has_a_value,
)
"""In this order: a rule may rely on what those before it have found to be there."""


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
