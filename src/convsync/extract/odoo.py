"""Deals from Odoo's CRM: `crm.lead` records, over JSON-2 (from Odoo 19 on) or JSON-RPC (11 to 18).

What shapes it, most of it measured on a real server: pages go by record ID inside a closed window,
for `write_date` is compared more finely than it is shown; lost leads are archived and hidden unless
asked for; milestones come from the tracked changes of stage, which only administrators may read,
for `date_closed` moves with every new save; a lead that is deleted, or merged into another, leaves
nothing, so those we know are asked for. Leads and opportunities are one model: both are deals, and
their own e-mail and phone are the deal's fields. The only currency is the company's.
https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, Protocol

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract.crm import (
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    batches,
    built,
    instant,
)
from convsync.extract.funnel import Entered, Stage, StageOutcome
from convsync.extract.mapping import CONTACT, DEAL, CrmMapping
from convsync.extract.source import Departed
from convsync.http import Answer, Http, Verdict
from convsync.model.deal import Gone
from convsync.model.period import Period

_MODELS: Final = {DEAL: "crm.lead", CONTACT: "res.partner"}
_STANDARD: Final = (
    "active", "stage_id", "probability", "company_currency", "partner_id", "user_id", "team_id",
    "date_closed", "date_last_stage_update", "create_date", "write_date",
)  # fmt: skip
_AMOUNTS: Final = ("planned_revenue", "expected_revenue")
"""The first up to Odoo 13, where the second means something else; then only the second."""
_LOST_REASONS: Final = ("lost_reason_id", "lost_reason")
_EVERY: Final = {"active_test": False}
_A_PAGE, _SAMPLE = 500, 100
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)
_LOST = "state:lost"
_LOST_STAGE: Final = Stage(
    stage_id=_LOST, name="Lost", pipeline="any", position=10**6, outcome=StageOutcome.LOST
)
_WAYS: Final = ("leads", "partners")

Record = dict[str, Any]
Domain = Sequence[Any]
History = Literal["tracking", "fields"]


class Transport(Protocol):
    """A way to call a method of a model by named arguments. Raises what `Http` raises."""

    http: Http

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """Return what the method returns."""


class Json2:
    """`/json/2/<model>/<method>`, from Odoo 19 on. The key is the session's authorisation.

    https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
    """

    def __init__(self, http: Http, database: str) -> None:
        self.http = http
        self._headers = {"X-Odoo-Database": database}

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """Call a method; every argument is named."""
        return self.http.post(f"json/2/{model}/{method}", arguments, headers=self._headers)


class JsonRpc:
    """`/jsonrpc`, up to Odoo 18 and deprecated since: errors come inside an HTTP 200.

    https://www.odoo.com/documentation/18.0/developer/reference/external_api.html
    """

    def __init__(self, http: Http, database: str, username: str, key: str) -> None:
        self.http = http
        self._database = database
        self._username = username
        self._key = key
        self._uid: int | None = None

    def call(self, model: str, method: str, **arguments: Any) -> Any:
        """Call a method through `execute_kw`."""
        who = [self._database, self._signed_in(), self._key]
        return self._asked("object", "execute_kw", [*who, model, method, [], arguments])

    def _signed_in(self) -> int:
        if self._uid is None:
            words = [self._database, self._username, self._key, {}]
            uid = self._asked("common", "authenticate", words)
            if not uid:
                raise OperatorError(
                    f"{self.http.name} signs nobody in: check database, username and api_key."
                )
            self._uid = int(uid)
        return self._uid

    def _asked(self, service: str, method: str, args: Sequence[Any]) -> Any:
        params = {"service": service, "method": method, "args": list(args)}
        body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        answer = self.http.post("jsonrpc", body)
        if not isinstance(answer, dict) or "jsonrpc" not in answer:
            raise UnexpectedResponseError(f"{self.http.name} did not answer by JSON-RPC.")
        return answer.get("result")


class Odoo:
    """One Odoo database. Promises what Crm does, and says which deals are gone.

    `history` is where stages come from: the tracked changes, or what a lead itself still knows.
    """

    lag = timedelta(minutes=1)
    overlap = timedelta(minutes=10)

    def __init__(
        self,
        transport: Transport,
        mapping: CrmMapping,
        *,
        history: History = "tracking",
        a_page: int = _A_PAGE,
    ) -> None:
        self._transport = transport
        self._names = mapping.names
        self._history = history
        self._a_page = a_page
        self._known: dict[str, dict[str, Any]] = {}
        self._stages: Mapping[str, Stage] = {}
        self._tracked: tuple[str, dict[Any, str]] | None = None

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every team, and lost, which is no stage in Odoo, as one more.

        https://github.com/odoo/odoo/blob/19.0/addons/crm/models/crm_stage.py
        """
        records = self._transport.call(
            "crm.stage",
            "search_read",
            domain=[],
            fields=["name", "sequence", "is_won"],
            order="sequence asc, id asc",
        )
        stages = [
            Stage(
                stage_id=str(one["id"]),
                name=one["name"],
                pipeline="CRM",
                position=position,
                outcome=StageOutcome.WON if one["is_won"] else StageOutcome.OPEN,
            )
            for position, one in enumerate(records)
        ]
        self._stages = {stage.stage_id: stage for stage in (*stages, _LOST_STAGE)}
        return list(self._stages.values())

    def fields(self) -> Sequence[CrmField]:
        """Return the fields of leads and partners; those this user may not read are absent."""
        return [
            CrmField(
                kind=kind,
                name=name,
                label=one.get("string") or name,
                type=one.get("type") or "",
                longest=one.get("size") or None,
            )
            for kind in _MODELS
            for name, one in self._described(_MODELS[kind]).items()
        ]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold. Leads are deals here."""
        if kind not in _MODELS:
            return []
        found = self._transport.call(
            _MODELS[kind],
            "search_read",
            domain=[],
            fields=list(names),
            order="id desc",
            limit=_SAMPLE,
            context=_EVERY,
        )
        return [self._plain(_MODELS[kind], record) for record in found]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals written in the window by record ID, then those whose partners were."""
        way, _, last = (after or f"{_WAYS[0]}:").partition(":")
        is_first_read = window.since < _FIRST
        seen: set[int] = set()
        if way == _WAYS[0]:
            for records in self._written(DEAL, window, self._columns(DEAL), int(last or 0)):
                if not is_first_read:
                    seen.update(record["id"] for record in records)
                yield self._complete(records, f"leads:{records[-1]['id']}")
            last = ""
        if is_first_read:
            return
        for partners in self._written(CONTACT, window, ["id"], int(last or 0)):
            theirs = [["partner_id", "in", [one["id"] for one in partners]]]
            for records in self._pages(_MODELS[DEAL], theirs, self._columns(DEAL)):
                others = [one for one in records if one["id"] not in seen]
                seen.update(one["id"] for one in others)
                yield self._complete(others)
            yield Page(deals=(), place=f"partners:{partners[-1]['id']}")

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal written since the period began: none can have moved in it otherwise."""
        ever_since = Period(since=period.since, until=_LAST)
        for records in self._written(DEAL, ever_since, self._columns(DEAL)):
            yield self._complete(records)

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield nothing: what is deleted, or merged into another, leaves no trace."""
        yield from ()

    def departed_among(self, deal_ids: Sequence[str]) -> Iterator[Departed]:
        """Yield those of the deals that Odoo has no longer, or does not show to this user."""
        for batch in batches(deal_ids, self._a_page):
            among = [["id", "in", [int(one) for one in batch]]]
            there = {
                str(record["id"])
                for records in self._pages(_MODELS[DEAL], among, ["id"])
                for record in records
            }
            for deal_id in batch:
                if deal_id not in there:
                    yield Departed(deal_id=deal_id, gone=Gone.DELETED)

    # Which deals

    def _written(
        self, kind: str, window: Period, columns: Sequence[str], last: int = 0
    ) -> Iterator[list[Record]]:
        domain: list[Any] = [["write_date", ">=", _stamp(max(window.since, _FIRST))]]
        if window.until < _LAST:
            domain.append(["write_date", "<", _stamp(window.until)])
        return self._pages(_MODELS[kind], domain, columns, last)

    def _pages(
        self, model: str, domain: Domain, columns: Sequence[str], last: int = 0
    ) -> Iterator[list[Record]]:
        """Yield pages of what fits a domain, by record ID, archived records too."""
        while True:
            records = self._transport.call(
                model,
                "search_read",
                domain=[*domain, ["id", ">", last]],
                fields=list(columns),
                order="id asc",
                limit=self._a_page,
                context=_EVERY,
            )
            if not records:
                return
            if records[-1]["id"] <= last:
                raise UnexpectedResponseError(
                    f"{self._transport.http.name} repeats the page after {last}."
                )
            yield records
            if len(records) < self._a_page:
                return
            last = records[-1]["id"]

    # What they are

    def _complete(self, records: Sequence[Record], place: str | None = None) -> Page:
        """Return deals with their partner and the stages they went through."""
        partners = dict.fromkeys(one["partner_id"][0] for one in records if one["partner_id"])
        people = {person.record_id: person for person in self._people(partners)}
        changes = self._changes([one["id"] for one in records]) if records else {}
        deals = []
        for record in records:
            partner = record["partner_id"]
            person = people.get(str(partner[0])) if partner else None
            behind = [person] if person else []
            deals.append(
                built(str(record["id"]), self._deal, record, changes.get(record["id"], ()), behind)
            )
        return Page(deals=deals, place=place)

    def _people(self, ids: Iterable[int]) -> Iterator[Person]:
        model = _MODELS[CONTACT]
        columns = ["create_date", *self._names[CONTACT]]
        for batch in batches(ids, self._a_page):
            for records in self._pages(model, [["id", "in", batch]], columns):
                for record in records:
                    yield Person(
                        kind=CONTACT,
                        record_id=str(record["id"]),
                        created_at=_at(record["create_date"]),
                        fields=self._plain(model, record),
                    )

    def _changes(self, ids: Sequence[int]) -> dict[int, list[tuple[datetime, str, int, int]]]:
        """Return the tracked changes of stage and of being archived, by lead, oldest first.

        A change is when, of what, from which stage to which (or from 1 to 0). A survivor of a merge
        holds the losers' changes as well.
        https://github.com/odoo/odoo/blob/19.0/addons/mail/models/mail_tracking_value.py
        """
        if self._history == "fields":
            return {}
        reference, names = self._tracked_fields()
        domain = [
            [reference, "in", list(names)],
            ["mail_message_id.model", "=", _MODELS[DEAL]],
            ["mail_message_id.res_id", "in", list(ids)],
        ]
        columns = [
            reference,
            "mail_message_id",
            "old_value_integer",
            "new_value_integer",
            "create_date",
        ]
        rows = [row for page in self._pages("mail.tracking.value", domain, columns) for row in page]
        leads = self._leads_of(row["mail_message_id"][0] for row in rows)
        changes: defaultdict[int, list[tuple[datetime, str, int, int]]] = defaultdict(list)
        for row in rows:
            field, at = row[reference], _at(row["create_date"])
            name = names.get(field[0] if isinstance(field, list) else field)
            lead = leads.get(row["mail_message_id"][0])
            if name and at and lead is not None:
                old, new = int(row["old_value_integer"]), int(row["new_value_integer"])
                changes[lead].append((at, name, old, new))
        return {lead: sorted(rows_) for lead, rows_ in changes.items()}

    def _leads_of(self, messages: Iterable[int]) -> dict[int, int]:
        """Return which lead each message stands on."""
        return {
            record["id"]: record["res_id"]
            for batch in batches(dict.fromkeys(messages), self._a_page)
            for page in self._pages("mail.message", [["id", "in", batch]], ["res_id"])
            for record in page
        }

    def _tracked_fields(self) -> tuple[str, dict[Any, str]]:
        """Return how a tracked change names its field in this version, and the fields' names.

        By name up to Odoo 13, by reference in `field` up to 16, in `field_id` from 17 on.
        """
        if self._tracked is None:
            wanted = ["stage_id", "active"]
            described = self._described("mail.tracking.value")
            if not described:
                raise OperatorError(
                    f"{self._transport.http.name} does not let this user read tracked changes: give"
                    ' it the right Administration / Settings, or set history = "fields".'
                )
            reference = "field_id" if "field_id" in described else "field"
            if described[reference]["type"] == "char":
                self._tracked = reference, {name: name for name in wanted}
            else:
                domain = [["model", "=", _MODELS[DEAL]], ["name", "in", wanted]]
                pages = self._pages("ir.model.fields", domain, ["name"])
                rows = [row for page in pages for row in page]
                self._tracked = reference, {row["id"]: row["name"] for row in rows}
        return self._tracked

    def _deal(
        self,
        record: Record,
        changes: Sequence[tuple[datetime, str, int, int]],
        people: Sequence[Person],
    ) -> CrmDeal:
        known = self._described(_MODELS[DEAL])
        amount = next((name for name in _AMOUNTS if name in known), None)
        reason = next((name for name in _LOST_REASONS if name in known), None)
        entered = self._entered(record, changes)
        return CrmDeal(
            deal_id=str(record["id"]),
            created_at=_at(record["create_date"]),
            modified_at=_at(record["write_date"]),
            entered=entered,
            amount=record[amount] if amount else None,
            currency=_name(record["company_currency"]) or None,
            attributes={
                "owner": str(record["user_id"][0]) if record["user_id"] else "",
                "pipeline": _name(record["team_id"]),
                "stage": _name(record["stage_id"]),
                "lost_reason": _name(record[reason]) if reason else "",
            },
            fields=self._plain(_MODELS[DEAL], record),
            people=people,
        )

    def _entered(
        self, record: Record, changes: Sequence[tuple[datetime, str, int, int]]
    ) -> list[Entered]:
        """Return the stages a lead came into, lost among them.

        Changes are followed back from the present stage, so that those a merge brought along, which
        lead elsewhere, are passed over. Whatever is archived with a chance left is not lost.
        """
        created_at = _at(record["create_date"])
        stage = record["stage_id"][0] if record["stage_id"] else None
        if created_at is None or stage is None:
            return []
        is_lost = not record["active"] and not record["probability"]
        if self._history == "fields":
            entered = [Entered(str(stage), _at(record["date_last_stage_update"]) or created_at)]
            lost_at = _at(record["date_closed"]) or _at(record["write_date"])
            return [*entered, Entered(_LOST, lost_at)] if is_lost and lost_at else entered
        entered, moves = [], []
        present = stage
        for at, name, old, new in reversed(changes):
            if name == "stage_id" and new == present:
                moves.append(Entered(str(new), at))
                present = old
            elif name == "active":
                entered.append(Entered(_LOST, at) if not new else Entered(str(present), at))
        first = Entered(str(present), created_at)
        entered = sorted((first, *moves, *entered), key=lambda one: one.at)
        lost_at = _at(record["date_closed"]) or _at(record["write_date"])
        if is_lost and entered[-1].stage_id != _LOST and lost_at:
            entered.append(Entered(_LOST, max(lost_at, entered[-1].at)))
        if not is_lost:
            entered = [*entered, *_taken_up(entered)]
        return entered

    # How it is asked

    def _columns(self, kind: str) -> list[str]:
        """Return the fields that are wanted and there: one that is not is an error."""
        known = self._described(_MODELS[kind])
        wanted = (*_STANDARD, *_AMOUNTS, *_LOST_REASONS, *self._names[kind])
        return [name for name in dict.fromkeys(wanted) if name in known]

    def _described(self, model: str) -> dict[str, Any]:
        """Return the fields of a model that this user may read, none where it may read none.

        https://www.odoo.com/documentation/18.0/developer/reference/external_api.html#listing-record-fields
        """
        if model not in self._known:
            try:
                attributes = ["string", "type", "size"]
                self._known[model] = self._transport.call(
                    model, "fields_get", attributes=attributes
                )
            except OperatorError:
                if model != "mail.tracking.value":
                    raise
                self._known[model] = {}
        return self._known[model]

    def _plain(self, model: str, record: Record) -> dict[str, Any]:
        """Return a record's values as cells: `false` is nothing, except where it is an answer."""
        described = self._described(model)
        plain: dict[str, Any] = {}
        for name, value in record.items():
            is_answer = described.get(name, {}).get("type") == "boolean"
            if value is False and not is_answer:
                plain[name] = None
            elif isinstance(value, list):
                plain[name] = value[1] if len(value) == 2 else ";".join(map(str, value))
            else:
                plain[name] = value
        return plain


def judge(answer: Answer) -> Verdict:
    """Return what Odoo means: by status over JSON-2, inside a 200 over JSON-RPC.

    https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
    """
    body = answer.body if isinstance(answer.body, dict) else {}
    error = body.get("error")
    data = error.get("data") if isinstance(error, dict) else body
    name = str((data or {}).get("name") or "") if isinstance(data, dict) else ""
    if answer.status == 200 and not isinstance(error, dict):
        return None
    match name.rpartition(".")[2]:
        case "AccessDenied" | "Unauthorized":
            return OperatorError(
                f"{answer.place}: the API key is wrong, has expired, or is not this user's."
            )
        case "AccessError":
            return OperatorError(f"{answer.place}: this user may not read that.")
        case "OperationalError" | "SerializationFailure" | "LockError":
            return TransientError(f"{answer.place}: the database was busy ({name}).")
        case "NotFound" if answer.status == 404 and "mail.tracking.value" in answer.place:
            return OperatorError(f"{answer.place}: this version tracks no changes.")
    if isinstance(error, dict):
        return UnexpectedResponseError(f"{answer.place} says 200 and means {name or 'an error'}.")
    return None


def _taken_up(entered: Sequence[Entered]) -> Iterator[Entered]:
    """Yield the return to its stage of a lead that was lost and is not any more."""
    if entered and entered[-1].stage_id == _LOST:
        stages = [one for one in entered if one.stage_id != _LOST]
        if stages:
            yield Entered(stages[-1].stage_id, entered[-1].at + timedelta(microseconds=1))


def _at(value: Any) -> datetime | None:
    """Return an instant, which is text in UTC without a zone, None for Odoo's `false`."""
    return instant(value or None)


def _name(value: Any) -> str:
    """Return the display name of a many-to-one value, "" for none."""
    return str(value[1]) if isinstance(value, list) else ""


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
