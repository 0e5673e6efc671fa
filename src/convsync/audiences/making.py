"""Creates lists at the platform once, finds them again, and updates them with the configuration.

Making a list cannot be repeated, so its code is committed before the call, and each try looks for a
list of that code first: one whose answer was lost is found, not made twice.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import structs

from convsync import audit
from convsync.model.audience import Audience
from convsync.model.event import Event, EventKind
from convsync.sending.calls import PacedCalls
from convsync.store import audience_lists
from convsync.store.audience_lists import KeptList
from convsync.store.session import Session
from convsync.upload.member_lists import MemberLists

Answer = TypeVar("Answer")
_CLOCKS_DIFFER = timedelta(minutes=10)
"""An instant that has not come yet by the platform's clock is refused."""


def made(
    kept: KeptList, audience: Audience, lists: MemberLists, *, session: Session, calls: PacedCalls
) -> str:
    """Return the number of a list that is there, and as the configuration has it.

    Raises what the platform's calls do.
    """
    now, terms = session.now, audience.terms

    def called(what: str, call: Callable[[], Answer]) -> Answer:
        session.step(f"audience {audience.name}: before {what}")
        attempt = calls.attempt(lists.upload_quota, call, name=f"{lists.name} {what}")
        if attempt.error is not None:
            raise attempt.error
        session.step(f"audience {audience.name}: after {what}")
        return attempt.answer  # type: ignore[return-value]  # None may be what was answered

    list_id = kept.list_id
    if list_id is None:
        list_id = called("make list", lambda: _found_or_made(kept.code, audience, lists, now))
    elif kept.terms == terms:
        return list_id
    else:
        number = list_id
        called("change list", lambda: lists.change(number, terms, now=now))
    said = {"audience": audience.name, "list": list_id, "list_code": kept.code}
    with session.transaction("note list") as connection:
        audience_lists.note_made(connection, kept.row, list_id, terms)
        event = Event(EventKind.LIST_MADE, {**said, **structs.asdict(terms)})
        audit.record(connection, [event], run_id=session.run_id, at=now)
    return list_id


def cleared(
    kept: KeptList, list_id: str, lists: MemberLists, *, session: Session, calls: PacedCalls
) -> None:
    """Empty a list of whom nobody knows who is on it, so that it is filled anew.

    Only those go who were added before this run, whichever of its requests the platform takes
    first. Raises what the platform's calls do.
    """
    now, before = session.now, session.now - _CLOCKS_DIFFER
    session.step(f"audience {kept.audience}: before clear list")
    attempt = calls.attempt(
        lists.upload_quota,
        lambda: lists.clear(list_id, before, now=now),
        name=f"{lists.name} clear list",
    )
    if attempt.error is not None:
        raise attempt.error
    with session.transaction("note cleared audience list") as connection:
        audience_lists.begin_anew(connection, kept.row)
        event = Event(EventKind.LIST_CLEARED, {"audience": kept.audience, "list": list_id})
        audit.record(connection, [event], run_id=session.run_id, at=now)


def _found_or_made(code: str, audience: Audience, lists: MemberLists, now: datetime) -> str:
    return lists.find(code, now=now) or lists.make(code, audience.terms, now=now)
