"""Lists of people in ad accounts: which there are, and who is on each at an instant.

Every identifier is matched, renewed and removed by itself, and leaves a list when its membership is
over. What a list says of its size lags a day, and is 0 while it is too small to serve.
https://developers.google.com/data-manager/api/devguides/audiences/google-ads/customer-match
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import RLock
from typing import Any

import grpc
from google.ads import datamanager_v1

from convsync.sandbox.messages import Message, Reason, UserList
from convsync.sandbox.refusals import RefusedCall, Violation

LONGEST_MEMBERSHIP = timedelta(days=540)
SIZES_LAG = timedelta(hours=24)
SMALLEST_SERVED = 100
A_DAY_S = 86_400

_PARENT = re.compile(r"accountTypes/GOOGLE_ADS/accounts/([0-9]+)")
_NAME = re.compile(rf"{_PARENT.pattern}/userLists/([0-9]+)")
_CONDITION = re.compile(r"(integration_code|display_name|id) *= *\"?([^\"]*)\"?")
_KEY_TYPE = datamanager_v1.IngestedUserListInfo.UploadKeyType
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Since when an identifier has been on a list, and when it was last added."""

    since: datetime
    last_added: datetime


@dataclass(slots=True, kw_only=True)
class KeptUserList:
    """A list of an account, as its owner made it, and its members by hash."""

    number: int
    account: str
    made: bytes
    is_contact_list: bool
    members: dict[str, Membership] = field(default_factory=dict)

    @property
    def message(self) -> Message:
        """The list as the API gives it, without its sizes."""
        return UserList.FromString(self.made)

    @property
    def duration(self) -> timedelta:
        """How long a member stays after they were last added."""
        return timedelta(seconds=self.message.membership_duration.seconds)

    def current(self, now: datetime) -> dict[str, Membership]:
        """Who is on the list: everybody whose membership is not over."""
        over = now - self.duration
        return {name: one for name, one in self.members.items() if one.last_added > over}

    def add(self, identifiers: Iterable[str], now: datetime) -> None:
        """Put identifiers on the list, or renew them."""
        current = self.current(now)
        for one in identifiers:
            known = current.get(one)
            since = known.since if known else now
            self.members[one] = Membership(since=since, last_added=now)

    def remove(self, identifiers: Iterable[str]) -> None:
        """Take identifiers off the list; who is not on it is passed over."""
        for one in identifiers:
            self.members.pop(one, None)

    def remove_all(self, before: datetime | None) -> None:
        """Take off everybody, or those who were last added before then."""
        self.members = {
            name: one
            for name, one in self.members.items()
            if before is not None and one.last_added >= before
        }

    def shown(self, now: datetime) -> Message:
        """The list as the API gives it, with sizes as of a day ago."""
        shown = self.message
        known = sum(1 for one in self.current(now).values() if now - one.since >= SIZES_LAG)
        size = known if known >= SMALLEST_SERVED else 0
        for network in ("display_network", "search_network", "youtube", "gmail"):
            setattr(shown.size_info, f"{network}_members_count", size)
        return shown


class UserLists:
    """All lists of all accounts. Safe across threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self.clear()

    def clear(self) -> None:
        """Back to no lists."""
        with self._lock:
            self._lists: dict[int, KeptUserList] = {}
            self._newest = 8_000_000_000

    def create(self, parent: str, wanted: Message, *, is_dry_run: bool) -> Message:
        """Make a list; a `RefusedCall` where it may not be made like that."""
        account = _account_in(parent)
        with self._lock:
            _refuse(self._violations(account, wanted, None))
            if is_dry_run:
                return wanted
            self._newest += 1
            made = UserList.FromString(wanted.SerializeToString())
            made.id = self._newest
            made.name = f"{parent}/userLists/{self._newest}"
            made.membership_status = datamanager_v1.UserList.MembershipStatus.OPEN
            made.access_reason = datamanager_v1.UserList.AccessReason.OWNED
            if not made.HasField("membership_duration"):
                made.membership_duration.FromTimedelta(LONGEST_MEMBERSHIP)
            kinds = list(made.ingested_user_list_info.upload_key_types)
            self._lists[made.id] = KeptUserList(
                number=made.id,
                account=account,
                made=made.SerializeToString(),
                is_contact_list=kinds == [_KEY_TYPE.CONTACT_ID],
            )
            return made

    def update(self, changed: Message, fields: Iterable[str]) -> Message:
        """Change a list's fields; a `RefusedCall` where they may not be like that."""
        with self._lock:
            kept = self._named(changed.name)
            wanted = kept.message
            for name in fields:
                if name not in {"display_name", "description", "membership_duration"}:
                    _refuse([_wrong(name, Reason.INVALID_UPDATE_MASK)])
                if name == "membership_duration":
                    wanted.membership_duration.CopyFrom(changed.membership_duration)
                else:
                    setattr(wanted, name, getattr(changed, name))
            _refuse(self._violations(kept.account, wanted, kept.number))
            kept.made = wanted.SerializeToString()
            return wanted

    def get(self, name: str, now: datetime) -> Message:
        """The list of that name, with its sizes."""
        with self._lock:
            return self._named(name).shown(now)

    def delete(self, name: str) -> None:
        """Remove a list."""
        with self._lock:
            del self._lists[self._named(name).number]

    def listed(self, parent: str, condition: str, now: datetime) -> list[Message]:
        """An account's lists that meet a filter, in the order they were made."""
        account = _account_in(parent)
        wanted = dict(_conditions_in(condition))
        with self._lock:
            shown = [one.shown(now) for one in self._lists.values() if one.account == account]
        return [
            one
            for one in shown
            if all(str(getattr(one, key)) == value for key, value in wanted.items())
        ]

    def find(self, number: str) -> KeptUserList | None:
        """The list of that number, whoever's it is."""
        return self._lists.get(int(number)) if number.isdigit() else None

    def changing(self) -> RLock:
        """Hold this while members change."""
        return self._lock

    def as_json(self, now: datetime) -> dict[str, Any]:
        """Who is on which list now, by the list's number."""
        with self._lock:
            return {
                str(one.number): {
                    "account": one.account,
                    "display_name": one.message.display_name,
                    "integration_code": one.message.integration_code,
                    "membership_days": one.duration.days,
                    "members": sorted(one.current(now)),
                }
                for one in self._lists.values()
            }

    def _named(self, name: str) -> KeptUserList:
        found = _NAME.fullmatch(name)
        kept = self._lists.get(int(found[2])) if found else None
        if kept is None or (found and kept.account != found[1]):
            raise RefusedCall(
                grpc.StatusCode.NOT_FOUND, Reason.NOT_FOUND, "There is no list of that name."
            )
        return kept

    def _violations(self, account: str, wanted: Message, number: int | None) -> Iterator[Violation]:
        if not wanted.display_name or len(wanted.display_name) > _LONGEST_NAME:
            yield _wrong("user_list.display_name", Reason.INVALID_DISPLAY_NAME)
        if any(
            one.account == account
            and one.number != number
            and one.message.display_name == wanted.display_name
            for one in self._lists.values()
        ):
            yield _wrong("user_list.display_name", Reason.DISPLAY_NAME_ALREADY_USED)
        duration = wanted.membership_duration
        if duration.seconds % A_DAY_S or duration.nanos:
            yield _wrong("user_list.membership_duration", Reason.INVALID_ARGUMENT)
        if timedelta(seconds=duration.seconds) > LONGEST_MEMBERSHIP:
            yield _wrong("user_list.membership_duration", Reason.MEMBERSHIP_DURATION_TOO_LONG)
        if len(wanted.ingested_user_list_info.upload_key_types) != 1:
            yield _wrong(
                "user_list.ingested_user_list_info.upload_key_types",
                Reason.UNSUPPORTED_USER_LIST_UPLOAD_KEY_TYPES,
            )


def _account_in(parent: str) -> str:
    found = _PARENT.fullmatch(parent)
    if found is None:
        raise RefusedCall.of([_wrong("parent", Reason.INVALID_RESOURCE_NAME)])
    return found[1]


def _conditions_in(condition: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, condition.split(" AND ")):
        found = _CONDITION.fullmatch(part.strip())
        if found is None:
            raise RefusedCall.of([_wrong("filter", Reason.INVALID_FILTER)])
        yield found[1], found[2]


def _wrong(path: str, reason: Reason) -> Violation:
    return Violation(field=path, reason=reason, description="The value is not valid.")


def _refuse(violations: Iterable[Violation]) -> None:
    if found := list(violations):
        raise RefusedCall.of(found)
