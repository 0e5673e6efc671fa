"""What the Data Manager API refuses of requests about members at the door, one rule a function.

As with events a request is taken whole or not at all, and every fault is named by its place:
`audience_members.audience_members[3].…`.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from convsync.sandbox.account import SandboxAccount
from convsync.sandbox.messages import TERMS_ACCEPTED, Message, Reason
from convsync.sandbox.refusals import Violation
from convsync.sandbox.rules import MOST_DESTINATIONS, MOST_USER_IDENTIFIERS, path_to
from convsync.sandbox.user_lists import KeptUserList

MOST_MEMBERS = 10_000
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMembers:
    """A request at the door: its members, and for each destination the list and the account."""

    request: Message
    members: Sequence[Message]
    lists: Sequence[KeptUserList | None]
    accounts: Sequence[SandboxAccount | None]
    now: datetime
    needs_terms: bool


Rule = Callable[[IncomingMembers], Iterator[Violation]]


def violations_in(incoming: IncomingMembers) -> list[Violation]:
    """Everything wrong with the request; empty when Google would take it."""
    return [violation for rule in RULES for violation in rule(incoming)]


def user_data_of(member: Message) -> Message | None:
    """What a member is known by, in the way Google recommends or the older one."""
    kind = member.WhichOneof("data")
    if kind == "composite_data":
        return member.composite_data.user_data
    return member.user_data if kind == "user_data" else None


def _fault(row: int, field: str, reason: Reason, description: str) -> Violation:
    path = path_to("audience_members", row, field)
    return Violation(field=path, reason=reason, description=description, row=row)


def lists_are_filled_but_not_too_long(incoming: IncomingMembers) -> Iterator[Violation]:
    """Between one and 10,000 members, between one and ten destinations."""
    for field, most, reason in (
        ("audience_members", MOST_MEMBERS, Reason.TOO_MANY_AUDIENCE_MEMBERS),
        ("destinations", MOST_DESTINATIONS, Reason.TOO_MANY_DESTINATIONS),
    ):
        count = len(getattr(incoming.request, field))
        if not count:
            missing = Reason.REQUIRED_FIELD_MISSING
            yield Violation(field=field, reason=missing, description="Required field is missing.")
        elif count > most:
            said = f"At most {most}, but there are {count}."
            yield Violation(field=field, reason=reason, description=said)


def encoding_is_set(incoming: IncomingMembers) -> Iterator[Violation]:
    """Hashes cannot be read without knowing whether they are hex or base64."""
    if not incoming.request.encoding and any(map(user_data_of, incoming.members)):
        missing = Reason.REQUIRED_FIELD_MISSING
        yield Violation(field="encoding", reason=missing, description="Required with user data.")


def terms_are_accepted(incoming: IncomingMembers) -> Iterator[Violation]:
    """Every ingest says that the advertiser accepted the terms, and the account has done so."""
    if not incoming.needs_terms:
        return
    said = incoming.request.terms_of_service.customer_match_terms_of_service_status
    if said != TERMS_ACCEPTED or any(
        account is not None and not account.customer_match_terms_signed
        for account in incoming.accounts
    ):
        yield Violation(
            field="terms_of_service",
            reason=Reason.TERMS_AND_CONDITIONS_NOT_SIGNED,
            description="The Customer Match terms are not accepted.",
        )


def political_ads_are_declared(incoming: IncomingMembers) -> Iterator[Violation]:
    """An account without the EU's declaration can have nobody added."""
    if incoming.needs_terms and any(
        account is not None and not account.eu_political_declaration
        for account in incoming.accounts
    ):
        yield Violation(
            field="destinations",
            reason=Reason.EU_POLITICAL_ADVERTISING_DECLARATION_REQUIRED,
            description="The account has not declared its political advertising.",
        )


def lists_can_be_filled(incoming: IncomingMembers) -> Iterator[Violation]:
    """Each destination is a list of people of the operating account's own."""
    for index, (destination, kept) in enumerate(
        zip(incoming.request.destinations, incoming.lists, strict=True)
    ):
        path = path_to("destinations", index, "product_destination_id")
        if kept is None or kept.account != destination.operating_account.account_id:
            said = "The account has no such list."
            yield Violation(field=path, reason=Reason.INVALID_USER_LIST_ID, description=said)
        elif not kept.is_contact_list:
            said = "The list is not of people known by e-mail or phone."
            yield Violation(field=path, reason=Reason.INVALID_USER_LIST_TYPE, description=said)


def members_are_of_one_kind(incoming: IncomingMembers) -> Iterator[Violation]:
    """All members are known by the same kind of data."""
    kinds = {member.WhichOneof("data") for member in incoming.members}
    if len(kinds) > 1:
        reason = Reason.MULTIPLE_DATA_TYPES_NOT_ALLOWED
        said = "Members of one request have one kind of data."
        yield Violation(field="audience_members", reason=reason, description=said)


def members_are_well_formed(incoming: IncomingMembers) -> Iterator[Violation]:
    """Each has between one and ten identifiers, hashed as they should be."""
    for row, member in enumerate(incoming.members):
        who = user_data_of(member)
        identifiers = [] if who is None else list(who.user_identifiers)
        if not identifiers:
            yield _fault(row, "", Reason.INVALID_AUDIENCE_MEMBER, "There is no identifier.")
        if len(identifiers) > MOST_USER_IDENTIFIERS:
            said = f"At most {MOST_USER_IDENTIFIERS}, but there are {len(identifiers)}."
            yield _fault(row, "user_identifiers", Reason.TOO_MANY_USER_IDENTIFIERS, said)
        for identifier in identifiers:
            yield from _faults_of(row, identifier)


def _faults_of(row: int, identifier: Message) -> Iterator[Violation]:
    kind = identifier.WhichOneof("identifier")
    if kind == "address":
        address = identifier.address
        parts = (address.given_name, address.family_name, address.region_code, address.postal_code)
        if not all(parts):
            said = "An address has both names, region and postal code."
            yield _fault(row, "address", Reason.REQUIRED_FIELD_MISSING, said)
    elif kind is None or not _SHA256.fullmatch(getattr(identifier, kind)):
        said = "Must be 64 hexadecimal digits."
        yield _fault(row, kind or "user_identifiers", Reason.INVALID_SHA256_FORMAT, said)


RULES: Sequence[Rule] = (
    lists_are_filled_but_not_too_long,
    encoding_is_set,
    terms_are_accepted,
    political_ads_are_declared,
    lists_can_be_filled,
    members_are_of_one_kind,
    members_are_well_formed,
)
