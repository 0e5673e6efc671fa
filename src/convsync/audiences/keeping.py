"""Updates the platform's lists to match their conditions; can be stopped anywhere.

    verdicts → what was never answered is open again → who should be listed → off → on

A request whose answer never came is not repeated word for word, as a conversion is: what it was
about is planned again with all the rest. Whoever is still wanted is added, whoever is not is taken
off, and a list takes either twice without harm. So whoever has withdrawn meanwhile is never sent
again.

Removals of all lists go first: a failed addition, or terms that nobody has accepted, does not keep
anybody on a list. What a list may hold has a row until its removal is confirmed, with the very
hashes that were sent, though the deal may have other ones by then, or none. A list whose audience
has left the configuration is emptied. So is each list after a backup was restored, of whose members
since nobody knows, and filled anew.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from msgspec import structs

from convsync import log
from convsync.audiences import matching
from convsync.audiences.making import cleared, made
from convsync.audiences.requests import ListAtWork
from convsync.audiences.verdicts import AudienceVerdicts
from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.model.audience import Audience, Renewal
from convsync.process.stopping import Stop
from convsync.sending.calls import PacedCalls
from convsync.store import audience_lists, audience_members
from convsync.store.audience_lists import KeptList
from convsync.store.database import Connection
from convsync.store.session import Session
from convsync.upload.destination import Destination
from convsync.upload.member_lists import MemberLists, member_lists_of


class AudienceKeeper:
    """Keeps the lists of a run's audiences. `problems` say what a person should know of it.

    `destinations` opens one by its name, `configured` names those there are.
    """

    def __init__(
        self,
        session: Session,
        audiences: Sequence[Audience],
        destinations: Callable[[str], Destination],
        calls: PacedCalls,
        *,
        configured: Sequence[str],
        stop: Stop,
    ) -> None:
        self._session = session
        self._audiences = audiences
        self._destinations = destinations
        self._calls = calls
        self._configured = configured
        self._stop = stop
        self._refusal: OperatorError | None = None
        self.problems: list[str] = []

    @log.phase("audiences")
    def keep(self) -> Sequence[Renewal]:
        """Bring every list there; return what that took.

        Raises OperatorError, once all lists were tried, where a person has to fix something first.
        """
        AudienceVerdicts(self._session, self._lists_of, self._calls, self.problems).confirm()
        self._open_what_was_never_answered()
        with self._session.transaction("list lists") as connection:
            known = audience_lists.all_lists(connection)
        for kept in known:
            if kept.is_doubtful:
                self._guarded(partial(self._clear, kept))
        planned = self.plan()
        with self._session.transaction("list lists") as connection:
            known = audience_lists.all_lists(connection)
        for kept in known:
            self._guarded(partial(self._take_off, kept))
        by_name = {(one.name, one.destination): one for one in self._audiences}
        for kept in known:
            if audience := by_name.get((kept.audience, kept.destination)):
                self._guarded(partial(self._put_on, kept, audience))
        if self._refusal is not None:
            raise self._refusal
        return planned

    def plan(self) -> Sequence[Renewal]:
        """Return what each list lacks to hold exactly those it should; nothing is sent."""
        now = self._session.now
        with self._session.transaction("match audiences") as connection:
            left = matching.look(connection, self._audiences, now)
            self.problems += [
                f"Nobody is in audience {name}: it asks for a score, and no version of the learned"
                " values is accepted. `convsync values learn`, then `convsync values accept`."
                for name in matching.without_scores(connection, self._audiences)
            ]
            return [
                structs.replace(_renewal(connection, one, now), left=dict(left[one.name]))
                for one in self._audiences
            ]

    def _open_what_was_never_answered(self) -> None:
        with self._session.transaction("open what was never answered") as connection:
            never_answered = audience_lists.open_ended(connection)
            audience_members.let_go(connection, [batch.number for batch in never_answered])
            for batch in never_answered:
                if batch.state == "sending":
                    audience_lists.end(connection, batch.number, "unanswered")

    def _guarded(self, work: Callable[[], None]) -> None:
        """Change one list; what the platform says of it does not keep the others."""
        self._stop.raise_if_asked()
        try:
            work()
        except OperatorError as error:
            self._refusal = self._refusal or error
            log.warning("audience refused", because=str(error))
        except (TransientError, UnexpectedResponseError) as error:
            self.problems.append(f"{error} The next run resumes it.")

    def _take_off(self, kept: KeptList) -> None:
        """Empty a list of whom it should not hold; whose audience is gone should hold nobody."""
        with self._session.transaction("find who is to leave") as connection:
            leaving = audience_members.to_remove(connection, kept.audience, kept.row, limit=1)
        if leaving and kept.list_id is not None:
            self._at_work(kept, kept.list_id, self._lists_of(kept)).take_off()

    def _clear(self, kept: KeptList) -> None:
        assert kept.list_id is not None, "only lists that are there are doubted"
        lists = self._lists_of(kept)
        cleared(kept, kept.list_id, lists, session=self._session, calls=self._calls)

    def _put_on(self, kept: KeptList, audience: Audience) -> None:
        with self._session.transaction("find who is to come") as connection:
            is_any = audience_members.count_wanted(connection, kept.audience) > 0
        if kept.list_id is None and not is_any:
            return  # a list is made for somebody
        lists = self._lists_of(kept)
        list_id = made(kept, audience, lists, session=self._session, calls=self._calls)
        self._at_work(kept, list_id, lists).put_on(audience)

    def _at_work(self, kept: KeptList, list_id: str, lists: MemberLists) -> ListAtWork:
        return ListAtWork(
            kept=kept,
            list_id=list_id,
            lists=lists,
            session=self._session,
            calls=self._calls,
            problems=self.problems,
            stop=self._stop,
        )

    def _lists_of(self, kept: KeptList) -> MemberLists:
        if kept.destination not in self._configured:
            raise OperatorError(
                f"The list of audience {kept.audience} is kept by destinations.{kept.destination},"
                " which is no longer configured, and may hold people. Put its table back until the"
                " list is empty."
            )
        return member_lists_of(self._destinations(kept.destination), kept.destination)


def _renewal(connection: Connection, audience: Audience, now: datetime) -> Renewal:
    kept = audience_lists.list_of(connection, audience)
    before = now - audience.renewed_after
    added, removed, renewed = audience_members.count_changes(
        connection, audience.name, kept.row, before=before
    )
    return Renewal(
        audience=audience.name,
        wanted=audience_members.count_wanted(connection, audience.name),
        added=added,
        removed=removed,
        renewed=renewed,
    )
