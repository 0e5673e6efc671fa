"""Requests about the members of one list: reserved, sent, and recorded as accepted.

A reservation is committed before its request leaves. Where the answer is lost, its members stay
with the request, and the next run plans them again.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from convsync import audit
from convsync.model.audience import Audience, Change, Listed, members_of
from convsync.model.event import Event, EventKind
from convsync.model.record import spans_of
from convsync.process.stopping import Stop
from convsync.sending.calls import Attempt, PacedCalls
from convsync.store import audience_lists, audience_members
from convsync.store.audience_lists import KeptList
from convsync.store.database import Connection
from convsync.store.session import Session
from convsync.upload.member_lists import Faulty, MemberLists, Taken

FIRST_POLL = timedelta(minutes=30)
"""Google asks to wait so long before the first look at a request.

https://developers.google.com/data-manager/api/devguides/diagnostics
"""


Find = Callable[[Connection], Sequence[Listed]]
"""Finds who is to be in the next request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListAtWork:
    """A list, and what changes it: `list_id` is the platform's number of it.

    What a person should know of single members goes to `problems`.
    """

    kept: KeptList
    list_id: str
    lists: MemberLists
    session: Session
    calls: PacedCalls
    problems: list[str]
    stop: Stop

    def take_off(self) -> None:
        """Take off all whom the list may hold and should not; raises what the platform's calls do.

        Nothing is left to do where it returns, but for members that the platform found fault with.
        """
        while found := self._reserve_next(Change.REMOVE, self._surplus):
            self._send(Change.REMOVE, *found)

    def put_on(self, audience: Audience) -> None:
        """Add all who are missing, or whose membership is half over; as `take_off` does."""
        before = self.session.now - audience.renewed_after

        def missing(connection: Connection) -> Sequence[Listed]:
            kept, limit = self.kept, self.lists.max_members
            return audience_members.to_add(
                connection, kept.audience, kept.row, before=before, limit=limit
            )

        while found := self._reserve_next(Change.ADD, missing):
            self._send(Change.ADD, *found)

    def _surplus(self, connection: Connection) -> Sequence[Listed]:
        kept, limit = self.kept, self.lists.max_members
        return audience_members.to_remove(connection, kept.audience, kept.row, limit=limit)

    def _reserve_next(self, change: Change, find: Find) -> tuple[int, Sequence[Listed]] | None:
        """Reserve the next request; return its number and members, None where nobody is left."""
        self.stop.raise_if_asked()
        with self.session.transaction(f"reserve audience {change}") as connection:
            listed = find(connection)
            return (self._reserve(connection, change, listed), listed) if listed else None

    def _reserve(self, connection: Connection, change: Change, listed: Sequence[Listed]) -> int:
        session, members = self.session, members_of(listed)
        number = audience_lists.open_batch(
            connection,
            self.kept,
            change,
            members=len(members),
            identifiers=len(listed),
            run_id=session.run_id,
            now=session.now,
        )
        audience_members.put_into(connection, self.kept.row, number, change, listed)
        event = Event(
            EventKind.MEMBERS_SENT,
            {
                "audience": self.kept.audience,
                "list": self.list_id,
                "audience_request": number,
                "change": change.value,
                "members": len(members),
                "identifiers": len(listed),
                "of_deals": spans_of(one.deal for one in listed),
            },
        )
        audit.record(connection, [event], run_id=session.run_id, at=session.now)
        return number

    def _send(self, change: Change, number: int, listed: Sequence[Listed]) -> None:
        """Send a request; the rest of one that was refused for some members goes out by itself."""
        attempt = self._attempt(change, number, listed)
        self.session.step(f"audience request {number}: answered")
        if attempt.error is not None:
            raise attempt.error
        if isinstance(attempt.answer, Taken):
            self._note_taken(number, attempt.answer)
        elif isinstance(attempt.answer, Faulty):
            self._send_the_rest(change, number, listed, attempt.answer)

    def _attempt(
        self, change: Change, number: int, listed: Sequence[Listed]
    ) -> Attempt[Taken | Faulty]:
        members, now = members_of(listed), self.session.now
        send = self.lists.add if change is Change.ADD else self.lists.remove
        self.session.step(f"audience request {number}: before call")
        return self.calls.attempt(
            self.lists.upload_quota,
            lambda: send(self.list_id, members, now=now),
            name=f"{self.lists.name} audience {change}",
        )

    def _note_taken(self, number: int, taken: Taken) -> None:
        now = self.session.now
        with self.session.transaction("accept audience request") as connection:
            audience_lists.accept(
                connection, number, taken.request_id, now=now, poll_at=now + FIRST_POLL
            )

    def _send_the_rest(
        self, change: Change, number: int, listed: Sequence[Listed], faulty: Faulty
    ) -> None:
        """Send what is left without the members that are refused; these wait for the next run."""
        members, codes = members_of(listed), Counter(faulty.codes.values())
        refused = {
            bytes.fromhex(one)
            for row in faulty.codes
            for one in (*members[row].emails, *members[row].phones)
        }
        said = ", ".join(f"{count:,} {code}" for code, count in sorted(codes.items()))
        self.problems.append(
            f"{self.lists.name} refused members of audience {self.kept.audience}: {said}."
            " They are tried again by the next run."
        )
        rest = [one for one in listed if one.identifier not in refused]
        with self.session.transaction("refuse audience request") as connection:
            audience_lists.end(connection, number, "refused", {"codes": dict(codes)})
            again = self._reserve(connection, change, rest) if rest else None
        if again is not None:
            self._send(change, again, rest)
