"""What the Data Manager API refuses at the door, one rule a function.

A request is taken whole or not at all, so every rule goes over the whole request and names every
row it would refuse. Reasons are the vendor's `ErrorReason`; where the vendor does not say which
reason it gives, the nearest one is used. What only shows later is in `verdicts.py`.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from convsync.model.money import CURRENCIES
from convsync.sandbox.account import UPLOADABLE, Action, SandboxAccount
from convsync.sandbox.messages import GOOGLE_ADS, Encoding, Message, Reason
from convsync.sandbox.refusals import Violation

MOST_EVENTS = 2_000
MOST_DESTINATIONS = 10
MOST_USER_IDENTIFIERS = 10
LONGEST_TRANSACTION_ID = 64
EARLIEST_EVENT = 946_684_800  # 2000-01-01: there was nothing to click on before
FURTHEST_AHEAD = timedelta(days=1)

AD_IDENTIFIERS = (
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "impression_id",
    "match_id",
    "mobile_device_id",
    "ppid",
)

_TERMS_NOT_SIGNED = "DESTINATION_ACCOUNT_ENHANCED_CONVERSIONS_TERMS_NOT_SIGNED"
_NOT_ENABLED = "DESTINATION_ACCOUNT_NOT_ENABLED_ENHANCED_CONVERSIONS_FOR_LEADS"
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request at the door and what it is judged by; no `actions` means any numeric one exists.

    `accounts` are those it is meant for, as far as they exist.
    """

    request: Message
    events: Sequence[Message]
    actions: Mapping[str, Action]
    accounts: Sequence[SandboxAccount]
    now: datetime


Rule = Callable[[Incoming], Iterator[Violation]]


def violations_in(incoming: Incoming) -> list[Violation]:
    """Everything wrong with the request; empty when Google would take it."""
    return [violation for rule in RULES for violation in rule(incoming)]


def accounts_are_within_reach(incoming: Incoming) -> bool:
    """Whether every operating account owns some action that exists, as far as that is known."""
    known = {action.account for action in incoming.actions.values()}
    wanted = {
        destination.operating_account.account_id for destination in incoming.request.destinations
    }
    return not known or wanted <= known | {""}


def path_to(collection: str, index: int, field: str = "") -> str:
    """A field's place as the vendor spells it: `events.events[3].event_source`."""
    return f"{collection}.{collection}[{index}]" + (f".{field}" if field else "")


def _event_violation(row: int, field: str, reason: Reason, description: str) -> Violation:
    return Violation(
        field=path_to("events", row, field), reason=reason, description=description, row=row
    )


# --- the request ---------------------------------------------------------------------------------


def lists_are_filled_but_not_too_long(incoming: Incoming) -> Iterator[Violation]:
    """Between one and 2,000 events, between one and ten destinations."""
    for field, most, reason in (
        ("events", MOST_EVENTS, Reason.TOO_MANY_EVENTS),
        ("destinations", MOST_DESTINATIONS, Reason.TOO_MANY_DESTINATIONS),
    ):
        count = len(getattr(incoming.request, field))
        if not count:
            yield Violation(
                field=field,
                reason=Reason.REQUIRED_FIELD_MISSING,
                description="Required field is missing.",
            )
        elif count > most:
            yield Violation(
                field=field, reason=reason, description=f"At most {most}, but there are {count}."
            )


def encoding_is_set_where_user_data_is_sent(incoming: Incoming) -> Iterator[Violation]:
    """Hashes cannot be read without knowing whether they are hex or base64."""
    if not incoming.request.encoding and any(
        event.HasField("user_data") for event in incoming.events
    ):
        yield Violation(
            field="encoding",
            reason=Reason.REQUIRED_FIELD_MISSING,
            description="Required with user data.",
        )


# --- destinations --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _RequiredField:
    name: str
    is_well_formed: Callable[[Any], object]
    reason: Reason


REQUIRED_OF_A_DESTINATION = (
    _RequiredField(
        name="operating_account.account_type",
        is_well_formed=lambda account_type: account_type == GOOGLE_ADS,
        reason=Reason.DESTINATION_ACCOUNT_TYPE_MISMATCH,
    ),
    _RequiredField(
        name="operating_account.account_id",
        is_well_formed=_DIGITS.fullmatch,
        reason=Reason.INVALID_FORMAT,
    ),
    _RequiredField(
        name="product_destination_id",
        is_well_formed=_DIGITS.fullmatch,
        reason=Reason.INVALID_CONVERSION_ACTION_ID,
    ),
)


def destinations_are_well_formed(incoming: Incoming) -> Iterator[Violation]:
    """Each names a Google Ads account by its digits, and a conversion action by its number."""
    for index, destination in enumerate(incoming.request.destinations):
        for field in REQUIRED_OF_A_DESTINATION:
            path = path_to("destinations", index, field.name)
            if not (value := attrgetter(field.name)(destination)):
                yield Violation(
                    field=path,
                    reason=Reason.REQUIRED_FIELD_MISSING,
                    description="Required field is missing.",
                )
            elif not field.is_well_formed(value):
                yield Violation(
                    field=path, reason=field.reason, description=f"{value!r} is not valid."
                )


def destination_references_are_unique(incoming: Incoming) -> Iterator[Violation]:
    """No two destinations answer to one name."""
    times = Counter(destination.reference for destination in incoming.request.destinations)
    for index, destination in enumerate(incoming.request.destinations):
        if destination.reference and times[destination.reference] > 1:
            yield Violation(
                field=path_to("destinations", index, "reference"),
                reason=Reason.DUPLICATE_DESTINATION_REFERENCE,
                description="Another destination has the same reference.",
            )


def actions_can_be_uploaded_to(incoming: Incoming) -> Iterator[Violation]:
    """Each action exists, takes uploaded clicks and belongs to the operating account."""
    for index, destination in enumerate(incoming.request.destinations if incoming.actions else ()):
        action = incoming.actions.get(destination.product_destination_id)
        if action is None:
            field, reason = "product_destination_id", Reason.INVALID_CONVERSION_ACTION_ID
        elif action.account != destination.operating_account.account_id:
            field, reason = "operating_account", Reason.INVALID_DESTINATION
        elif action.type != UPLOADABLE:
            field, reason = "product_destination_id", Reason.INVALID_CONVERSION_ACTION_TYPE
        else:
            continue
        yield Violation(
            field=path_to("destinations", index, field),
            reason=reason,
            description=f"Must be a conversion action of type {UPLOADABLE} of this account.",
        )


# --- events --------------------------------------------------------------------------------------


def destination_references_are_known(incoming: Incoming) -> Iterator[Violation]:
    """An event goes only where the request has a destination of that name."""
    known = {destination.reference for destination in incoming.request.destinations} - {""}
    for row, event in enumerate(incoming.events):
        for index, reference in enumerate(event.destination_references):
            if reference not in known:
                yield _event_violation(
                    row,
                    f"destination_references[{index}]",
                    Reason.INVALID_DESTINATION,
                    "No destination has this reference.",
                )


def events_have_a_sensible_time(incoming: Incoming) -> Iterator[Violation]:
    """Every event says when it happened: in this century, and not in the future."""
    latest = (incoming.now + FURTHEST_AHEAD).timestamp()
    for row, event in enumerate(incoming.events):
        if not event.HasField("event_timestamp"):
            yield _event_violation(
                row, "event_timestamp", Reason.REQUIRED_FIELD_MISSING, "Required field is missing."
            )
        elif not EARLIEST_EVENT <= event.event_timestamp.seconds <= latest:
            yield _event_violation(
                row,
                "event_timestamp",
                Reason.EVENT_TIME_INVALID,
                "Not within the acceptable time window.",
            )


def events_have_a_source(incoming: Incoming) -> Iterator[Violation]:
    """Optional in the documentation, required by the server (googleapis/google-cloud-php#9201)."""
    for row, event in enumerate(incoming.events):
        if not event.event_source:
            yield _event_violation(
                row, "event_source", Reason.REQUIRED_FIELD_MISSING, "Required field is missing."
            )


def events_have_an_identifier(incoming: Incoming) -> Iterator[Violation]:
    """Every event leads to an ad click: by an ad identifier, or by somebody's hashed details."""
    for row, event in enumerate(incoming.events):
        clicked = event.ad_identifiers
        if not (
            any(getattr(clicked, name) for name in AD_IDENTIFIERS)
            or event.user_data.user_identifiers
        ):
            yield _event_violation(
                row, "", Reason.NO_IDENTIFIERS_PROVIDED, "No user identifiers or ad identifiers."
            )


def values_have_a_currency(incoming: Incoming) -> Iterator[Violation]:
    """A value is a finite number of something, and a currency is one of ISO 4217."""
    for row, event in enumerate(incoming.events):
        currency = event.currency
        if (currency or event.HasField("conversion_value")) and currency not in CURRENCIES:
            yield _event_violation(
                row, "currency", Reason.INVALID_CURRENCY_CODE, "The currency is not supported."
            )
        if not math.isfinite(event.conversion_value):
            yield _event_violation(
                row, "conversion_value", Reason.INVALID_NUMBER_FORMAT, "Not a finite number."
            )


def transaction_ids_fit(incoming: Incoming) -> Iterator[Violation]:
    """At most 64 characters."""
    for row, event in enumerate(incoming.events):
        if len(event.transaction_id) > LONGEST_TRANSACTION_ID:
            yield _event_violation(
                row,
                "transaction_id",
                Reason.FIELD_VALUE_TOO_LONG,
                f"At most {LONGEST_TRANSACTION_ID} characters.",
            )


def transaction_ids_are_not_numbers(incoming: Incoming) -> Iterator[Violation]:
    """A bare number is refused, under a path of its own and never in a dry run.

    Seen on the live server: https://github.com/superdesigndev/treg/pull/151
    """
    if incoming.request.validate_only:
        return
    for row, event in enumerate(incoming.events):
        if _DIGITS.fullmatch(event.transaction_id):
            yield Violation(
                field=f"events[{row}]",
                reason=Reason.INVALID_EVENT,
                description="This event is not valid.",
                row=row,
            )


# --- user data -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spelling:
    of_a_hash: re.Pattern[str]
    of_anything: re.Pattern[str]
    reason: Reason


SPELLINGS = {
    int(Encoding.HEX): _Spelling(
        of_a_hash=re.compile(r"[0-9a-f]{64}"),
        of_anything=re.compile(r"(?:[0-9a-fA-F]{2})+"),
        reason=Reason.INVALID_HEX_ENCODING,
    ),
    int(Encoding.BASE64): _Spelling(
        of_a_hash=re.compile(r"[A-Za-z0-9+/]{43}="),
        of_anything=re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"),
        reason=Reason.INVALID_BASE64_ENCODING,
    ),
}

# The parts of each kind of user identifier that are sent hashed.
HASHED_PARTS: dict[str, tuple[tuple[str, Callable[[Message], str]], ...]] = {
    "email_address": (("email_address", attrgetter("email_address")),),
    "phone_number": (("phone_number", attrgetter("phone_number")),),
    "address": (
        ("address.given_name", attrgetter("address.given_name")),
        ("address.family_name", attrgetter("address.family_name")),
    ),
}


def user_identifiers_are_few(incoming: Incoming) -> Iterator[Violation]:
    """At most ten for one event."""
    for row, event in enumerate(incoming.events):
        if len(event.user_data.user_identifiers) > MOST_USER_IDENTIFIERS:
            yield _event_violation(
                row,
                "user_data.user_identifiers",
                Reason.TOO_MANY_USER_IDENTIFIERS,
                f"At most {MOST_USER_IDENTIFIERS} user identifiers.",
            )


def user_identifiers_are_hashed(incoming: Incoming) -> Iterator[Violation]:
    """Every one is a SHA-256, in the encoding the request declares."""
    spelling = SPELLINGS.get(incoming.request.encoding)
    if spelling is None:
        return
    for row, event in enumerate(incoming.events):
        for index, identifier in enumerate(event.user_data.user_identifiers):
            for name, part_of in HASHED_PARTS.get(identifier.WhichOneof("identifier"), ()):
                value = part_of(identifier)
                if spelling.of_a_hash.fullmatch(value):
                    continue
                is_readable = spelling.of_anything.fullmatch(value)
                yield _event_violation(
                    row,
                    f"user_data.user_identifiers[{index}].{name}",
                    Reason.INVALID_SHA256_FORMAT if is_readable else spelling.reason,
                    "Not a SHA-256 hash in the declared encoding.",
                )


def accounts_take_user_identifiers(incoming: Incoming) -> Iterator[Violation]:
    """The terms are accepted, and enhanced conversions for leads turned on."""
    missing = [
        reason
        for account in incoming.accounts
        for is_fine, reason in (
            (account.accepted_customer_data_terms, Reason[_TERMS_NOT_SIGNED]),
            (account.enhanced_conversions_for_leads, Reason[_NOT_ENABLED]),
        )
        if not is_fine
    ]
    for row, event in enumerate(incoming.events if missing else ()):
        if event.user_data.user_identifiers:
            yield _event_violation(
                row, "user_data", missing[0], "The account takes no user identifiers."
            )


RULES: tuple[Rule, ...] = (
    lists_are_filled_but_not_too_long,
    encoding_is_set_where_user_data_is_sent,
    destinations_are_well_formed,
    destination_references_are_unique,
    actions_can_be_uploaded_to,
    destination_references_are_known,
    events_have_a_sensible_time,
    events_have_a_source,
    events_have_an_identifier,
    values_have_a_currency,
    transaction_ids_fit,
    transaction_ids_are_not_numbers,
    user_identifiers_are_few,
    user_identifiers_are_hashed,
    accounts_take_user_identifiers,
)
