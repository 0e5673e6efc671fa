"""The platform's verdicts on requests about members, half an hour or more later.

It says how many were taken, never who. Where all were, they are on the list, or off it. Where some
were, or nobody knows, all are planned again: those who are wanted still may be on the list and are
added anew where a code says that another try helps; those who are not are taken off once more.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from convsync import audit
from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.audience import Change
from convsync.model.event import Event, EventKind
from convsync.sending.calls import PacedCalls
from convsync.store import audience_lists, audience_members
from convsync.store.audience_lists import AudienceBatch, KeptList
from convsync.store.database import Connection
from convsync.store.session import Session
from convsync.upload.member_lists import Done, MemberLists, MembersVerdict

_NEXT_POLL = timedelta(hours=1)


class AudienceVerdicts:
    """Asks for the verdicts that are due, and settles what they say."""

    def __init__(
        self,
        session: Session,
        lists: Callable[[KeptList], MemberLists],
        calls: PacedCalls,
        problems: list[str],
    ) -> None:
        self._session = session
        self._lists = lists
        self._calls = calls
        self._problems = problems

    def confirm(self) -> None:
        """Settle all that is due; a verdict that cannot be had is left to the next run."""
        with self._session.transaction("list audience verdicts due") as connection:
            known = {one.row: one for one in audience_lists.all_lists(connection)}
            due = audience_lists.due(connection, self._session.now)
        for batch in due:
            try:
                self._settle(batch, known[batch.list_row])
            except OperatorError as error:
                self._problems.append(str(error))
            except (TransientError, UnexpectedResponseError) as error:
                self._problems.append(f"{error} The next run asks again.")

    def _settle(self, batch: AudienceBatch, kept: KeptList) -> None:
        lists, now = self._lists(kept), self._session.now
        request_id = batch.request_id or ""
        self._session.step(f"audience verdict {batch.number}: before call")
        attempt = self._calls.attempt(
            lists.status_quota,
            lambda: lists.verdict(request_id, now=now),
            name=f"{lists.name} audience verdict",
        )
        if attempt.error is not None:
            raise attempt.error
        assert attempt.answer is not None, "an attempt has an answer or an error"
        with self._session.transaction("settle audience request") as connection:
            self._write(connection, batch, kept, attempt.answer)
        self._tell(kept, batch, attempt.answer, lists)

    def _write(
        self, connection: Connection, batch: AudienceBatch, kept: KeptList, said: MembersVerdict
    ) -> None:
        now = self._session.now
        if said.done is Done.PENDING:
            audience_lists.ask_again(connection, batch.number, now + _NEXT_POLL)
            return
        if _is_settled(batch.change, said):
            audience_members.confirm(connection, batch.number, batch.change, batch.reserved_at)
        else:
            audience_members.let_go(connection, [batch.number])
        outcome = _outcome(said)
        audience_lists.end(connection, batch.number, "settled", outcome)
        event = Event(
            EventKind.MEMBERS_SETTLED,
            {
                "audience": kept.audience,
                "list": kept.list_id,
                "audience_request": batch.number,
                "change": batch.change.value,
                "request": batch.request_id,
                **outcome,
            },
        )
        audit.record(connection, [event], run_id=self._session.run_id, at=now)

    def _tell(
        self, kept: KeptList, batch: AudienceBatch, said: MembersVerdict, lists: MemberLists
    ) -> None:
        for code, count in said.codes.items():
            fix = lists.explain(code)
            self._problems.append(
                f"{lists.name}, audience {kept.audience}: {count:,} of {batch.members:,} members"
                f" were not taken: {code}. {fix}".rstrip()
            )


def _is_settled(change: Change, said: MembersVerdict) -> bool:
    """True where nothing of a request has to be planned again.

    Of additions that were taken in part nobody knows who is missing. They count as made, unless
    another try helps: a list that lacks somebody whom the platform does not take is as it can be.
    """
    if change is Change.REMOVE:
        return said.done is Done.ALL
    return said.done in {Done.ALL, Done.SOME} and not said.is_due_again


def _outcome(said: MembersVerdict) -> Mapping[str, Any]:
    outcome: dict[str, Any] = {"done": said.done.value}
    if said.codes:
        outcome["codes"] = dict(said.codes)
    if said.match_rate:
        outcome["match_rate"] = said.match_rate
    return outcome
