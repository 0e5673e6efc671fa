"""Writes what convsync knows about deals into fields of their CRM, where the config names them.

    what was never answered is read back → what the CRM lacks → what the fields hold now → write

Only a field that is empty, or holds what we wrote last, is written: what a person has typed stays.
Each batch asks what its fields hold just before it is sent, and is reserved in between; so the
time in which a person's edit could be overwritten is that of one request. Nothing is blanked.

The audit log names the fields and not what stands in them: a click ID leads to a person, whom the
log could not forget.

Our writing makes a deal look changed; the next read knows it by its stamp (`write_backs`).

Whatever goes wrong is a problem of the night and no more: conversions have been sent by then.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

from msgspec import structs

from convsync import audit, log
from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.crm_adapter import batches
from convsync.extract.field_writer import (
    FieldWriter,
    NotWritten,
    WriteBackTerms,
    Written,
    is_same,
    problems_with,
)
from convsync.model.event import Event, EventKind
from convsync.model.write_back import NUMBERS, Fact, FieldChange, ToWriteBack
from convsync.process.stopping import Stop
from convsync.report.scores import scored
from convsync.store import deal_facts, deals, value_versions, write_backs
from convsync.store.database import Connection
from convsync.store.session import Session
from convsync.store.walks import walks_between
from convsync.store.write_backs import FieldValue, KeptField, Unanswered

_A_PAGE = 1_000
SOMEBODY_ELSES = "somebody else's value"
NOT_THERE = "not there"
_NOTHING = KeptField(None, None, None)


class WriteBack:
    """Writes into the fields of each source that wants it, over one session.

    `problems` is added to, and a `stop` is looked at between two batches.
    """

    def __init__(
        self,
        session: Session,
        terms: Sequence[WriteBackTerms],
        problems: list[str],
        stop: Stop,
    ) -> None:
        self._session = session
        self._terms = terms
        self._problems = problems
        self._stop = stop

    def plan(self) -> Sequence[ToWriteBack]:
        """Return what each source's deals lack; what people have typed there is not asked for."""
        planned = []
        for terms in self._terms:
            deals_lacking, fields = 0, Counter[str]()
            for change in islice(self._lacking(terms), terms.most_deals):
                deals_lacking += 1
                fields.update(change.values.keys())
            planned.append(
                ToWriteBack(source=terms.source, deals=deals_lacking, fields=dict(fields))
            )
        return planned

    @log.phase("write back")
    def write(self) -> None:
        """Write what each source's deals lack, and say what went wrong."""
        for terms in self._terms:
            try:
                self._write(terms)
            except (OperatorError, TransientError, UnexpectedResponseError) as error:
                self._problems.append(
                    f"source '{terms.source}': not all was written back, the next run goes on."
                    f" {error}"
                )

    def _write(self, terms: WriteBackTerms) -> None:
        writer = terms.open_writer()
        self._read_back(terms, writer)
        refused = Counter[str]()
        lacking = islice(self._lacking(terms), terms.most_deals)
        for number, batch in enumerate(batches(lacking, writer.most_at_once)):
            if number == 0 and (why := [*problems_with(terms, writer)]):
                raise OperatorError(f"[deals.{terms.source}.write_back]: {'; '.join(why)}.")
            self._stop.raise_if_asked()
            refused += self._write_batch(terms, writer, batch)
        for code, number_refused in sorted(refused.items()):
            self._problems.append(
                f"source '{terms.source}': {number_refused:,} deals refused what was to be written"
                f" back ({code})."
            )

    def _write_batch(
        self, terms: WriteBackTerms, writer: FieldWriter, batch: Sequence[FieldChange]
    ) -> Counter[str]:
        """Write a batch of deals; return why some were refused."""
        names = [*terms.fields.values()]
        held = writer.held([one.deal_id for one in batch], names)
        with self._session.transaction("reserve fields") as connection:
            changes = [*self._allowed(connection, terms, batch, held)]
        if not changes:
            return Counter()
        outcomes = writer.write(changes)
        refused = Counter[str]()
        with self._session.transaction("settle fields") as connection:
            for change, outcome in zip(changes, outcomes, strict=True):
                if isinstance(outcome, Written):
                    self._settle(connection, terms, change, outcome)
                elif isinstance(outcome, NotWritten):
                    refused[outcome.code] += 1
                    self._decline(connection, terms, change, outcome.code)
        log.count("written back", len(changes) - refused.total())
        return refused

    def _allowed(
        self,
        connection: Connection,
        terms: WriteBackTerms,
        batch: Sequence[FieldChange],
        held: Mapping[str, Mapping[str, str]],
    ) -> Iterator[FieldChange]:
        """Reserve and yield what may be written: no field that holds what is not ours."""
        kept = write_backs.known(connection, [one.row for one in batch])
        for change in batch:
            holds = held.get(change.deal_id)
            if holds is None:
                self._decline(connection, terms, change, NOT_THERE)
                continue
            own = kept.get(change.row, {})
            free = {
                name: value
                for name, value in change.values.items()
                if not holds[name] or is_same(holds[name], own.get(name, _NOTHING).value or "")
            }
            others = {name: value for name, value in change.values.items() if name not in free}
            if others:
                taken = structs.replace(change, values=others)
                self._decline(connection, terms, taken, SOMEBODY_ELSES)
            if free:
                write_backs.reserve(connection, _values(change.row, free))
                yield structs.replace(change, values=free)

    def _settle(
        self, connection: Connection, terms: WriteBackTerms, change: FieldChange, written: Written
    ) -> None:
        write_backs.settle(
            connection,
            _values(change.row, change.values),
            modified_at=written.modified_at,
            now=self._session.now,
        )
        self._tell(
            connection, EventKind.FIELDS_WRITTEN, terms, change, {"fields": [*change.values]}
        )

    def _decline(
        self, connection: Connection, terms: WriteBackTerms, change: FieldChange, code: str
    ) -> None:
        write_backs.decline(connection, _values(change.row, change.values), code)
        detail = {"fields": [*change.values], "why": code}
        self._tell(connection, EventKind.FIELDS_LEFT, terms, change, detail)

    def _tell(
        self,
        connection: Connection,
        kind: EventKind,
        terms: WriteBackTerms,
        change: FieldChange,
        detail: Mapping[str, object],
    ) -> None:
        event = Event(kind, detail, terms.source, change.deal_id, deal_row=change.row)
        audit.record(connection, [event], run_id=self._session.run_id, at=self._session.now)

    def _read_back(self, terms: WriteBackTerms, writer: FieldWriter) -> None:
        """Learn from the fields themselves what became of values that were never answered for."""
        with self._session.transaction("list what was never answered") as connection:
            open_ended = write_backs.unanswered(connection, terms.source)
        for batch in batches(open_ended, writer.most_at_once):
            ids = [*dict.fromkeys(one.deal_id for one in batch)]
            held = writer.held(ids, [*dict.fromkeys(one.field for one in batch)])
            with self._session.transaction("keep what was read back") as connection:
                for one in batch:
                    self._learn(connection, terms, one, held)

    def _learn(
        self,
        connection: Connection,
        terms: WriteBackTerms,
        one: Unanswered,
        held: Mapping[str, Mapping[str, str]],
    ) -> None:
        if is_same(held.get(one.deal_id, {}).get(one.field, ""), one.pending):
            change = FieldChange(row=one.row, deal_id=one.deal_id, values={one.field: one.pending})
            self._settle(connection, terms, change, Written())
        else:
            write_backs.drop_pending(connection, [(one.row, one.field)])

    def _lacking(self, terms: WriteBackTerms) -> Iterator[FieldChange]:
        """Yield the deals of a source whose CRM lacks something, by row."""
        after = 0
        while True:
            with self._session.transaction("find what a CRM lacks") as connection:
                page = deals.present_after(connection, terms.source, after, limit=_A_PAGE)
                lacking = [*_lacking_among(connection, terms, dict(page), self._session.now)]
            yield from lacking
            if len(page) < _A_PAGE:
                return
            after = page[-1][0]


def _lacking_among(
    connection: Connection, terms: WriteBackTerms, deal_ids: Mapping[int, str], now: datetime
) -> Iterator[FieldChange]:
    rows = [*deal_ids]
    known = deal_facts.facts(connection, rows, frozenset(terms.fields))
    expected = _expected(connection, terms, rows, now)
    kept = write_backs.known(connection, rows)
    forgotten = deals.forgotten_among(connection, terms.source, [*deal_ids.values()])
    for row, deal_id in deal_ids.items():
        if deal_id in forgotten:
            continue
        own = kept.get(row, {})
        facts = {**known[row], **expected.get(row, {})}
        wanted = {terms.fields[fact]: value for fact, value in facts.items()}
        values = {
            name: value for name, value in wanted.items() if value not in own.get(name, _NOTHING)
        }
        if values:
            yield FieldChange(row=row, deal_id=deal_id, values=values)


def _expected(
    connection: Connection, terms: WriteBackTerms, rows: Sequence[int], now: datetime
) -> Mapping[int, Mapping[Fact, str]]:
    """Return the chance in whole percent and the value of open deals, by the accepted values.

    The value is that of the milestone, which rules of kind "expected" send.
    """
    wanted = NUMBERS.intersection(terms.fields)
    used = value_versions.accepted(connection) if rows and wanted else None
    if used is None:
        return {}
    found: dict[int, Mapping[Fact, str]] = {}
    span, needed = (rows[0] - 1, rows[-1]), used.table.needs_origins
    for walk in walks_between(connection, *span, with_origins=needed):
        if walk.source == terms.source and (one := scored(walk, used.table, now)):
            group = used.table.group_of(walk.source, walk.by_segment)
            value = used.table.value_of(one.milestone, group)
            facts = {Fact.SCORE: f"{one.score.chance * 100:.0f}"}
            if value is not None:
                facts[Fact.EXPECTED_VALUE] = str(value.amount)
            found[walk.row] = {fact: text for fact, text in facts.items() if fact in wanted}
    return found


def _values(row: int, values: Mapping[str, str]) -> list[FieldValue]:
    return [FieldValue(row, name, value) for name, value in values.items()]
