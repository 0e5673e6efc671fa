"""Deals from Odoo's CRM: the records of `crm.lead`, from Odoo 11 on.

What shapes it, most of it measured on a real server:

- Leads and opportunities are one model, and both are deals: one that is converted keeps its ID. Its
  own e-mail and phone are the deal's fields; the only contact is its partner.
- Pages go by record ID inside a closed window, for `write_date` is compared more finely than it is
  shown. Lost leads are archived, and hidden unless asked for.
- Milestones come from the tracked changes of stage, for `date_closed` moves with every new save.
  Only administrators may read these. Without that right an OperatorError says so, before anything
  is read; whoever does not want to grant it has `history = "fields"`, and knows of each lead only
  since when it has been in its stage.
- Won is a stage that is marked so: a lead at 100 % in another stage is not won. Lost is archived
  without a chance: whatever was archived with one left is not lost.
- A lead that was deleted, or merged into another, leaves nothing, so those we know are asked for.
- The only currency is the company's.
- Names differ between versions: what the fields are called is asked of each database.

https://github.com/odoo/odoo/blob/19.0/addons/crm/models/crm_lead.py
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Final, Literal

from convsync.extract.crm_adapter import (
    FAR_AHEAD,
    LONG_AGO,
    CrmDeal,
    CrmField,
    Fields,
    Page,
    Person,
    batches,
    ever_since,
    is_first_read,
)
from convsync.extract.funnel import Stage, StageOutcome
from convsync.extract.malformed import built, one_by_one
from convsync.extract.mapping import CONTACT, DEAL, CrmMapping
from convsync.extract.odoo_api import NotReadableError, NotThereError, Transport
from convsync.extract.odoo_records import (
    LOST,
    OdooRecord,
    Told,
    TrackedChange,
    cell_of,
    instant_of,
    key_of,
    name_of,
    stages_entered,
)
from convsync.extract.paging import last_of, pages_by_id
from convsync.extract.source import Departed
from convsync.guides import located
from convsync.model.deal import Gone
from convsync.model.period import Period

_LEAD, _PARTNER, _CHANGE, _MESSAGE = (
    "crm.lead", "res.partner", "mail.tracking.value", "mail.message",
)  # fmt: skip
_MODELS: Final = {DEAL: _LEAD, CONTACT: _PARTNER}
_STANDARD: Final = (
    "active", "stage_id", "probability", "company_currency", "partner_id", "user_id", "team_id",
    "date_closed", "date_last_stage_update", "create_date", "write_date",
)  # fmt: skip
_OF_PEOPLE: Final = ("email", "comment", "user_notification")
"""The types of messages that tell of no change. The last must not even be asked for: Odoo counts
notes to others into a page and then leaves them out, so that a full page looks like the last one.
https://github.com/odoo/odoo/blob/19.0/addons/mail/models/mail_message.py
"""
_AMOUNTS: Final = ("planned_revenue", "expected_revenue")
"""The first up to Odoo 13, where the second means something else; then only the second."""
_TRACKED: Final = ("stage_id", "active")
_RIGHTS: Final = {
    _LEAD: "the right Sales / User: All Documents, and the app CRM",
    _PARTNER: "the right to read contacts",
    _CHANGE: 'the right Administration / Settings; or set history = "fields": see '
    + located("docs/odoo.md"),
}
_APPS: Final = {
    _LEAD: "the app CRM (crm)",
    _CHANGE: "the app Discuss Tracking (mail_tracking), which Odoo 19.3 took out of Discuss; or set"
    ' history = "fields"',
}
"""What brings a model that is not there: Odoo 19.3 and 20 split some from where they were."""
_EVERY: Final = {"active_test": False}
_A_PAGE, _A_THREAD, _A_LIST, _SAMPLE = 500, 5_000, 5_000, 100
OdooHistory = Literal["tracking", "fields"]


class Odoo:
    """One Odoo database. Promises what Crm does, and says which deals are gone.

    `history` is where stages come from: the tracked changes, or what a lead itself still knows.
    """

    lag = timedelta(minutes=1)
    overlap = timedelta(hours=3)
    """`write_date` is when a transaction began: one that writes for an hour commits an hour behind
    the windows that were read meanwhile. An idle window costs about ten requests."""
    names_survivors = False

    def __init__(
        self,
        transport: Transport,
        mapping: CrmMapping,
        *,
        history: OdooHistory = "tracking",
        a_page: int = _A_PAGE,
    ) -> None:
        self._transport = transport
        self._names = mapping.names
        self._history = history
        self.has_history = history == "tracking"
        self._a_page = a_page
        self._known: dict[str, dict[str, Any]] = {}
        self._tracked: dict[Any, str] = {}

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every team, and lost, which is no stage in Odoo, as one more.

        Up to Odoo 12 a stage has a probability instead of a mark for won.
        https://github.com/odoo/odoo/blob/19.0/addons/crm/models/crm_stage.py
        """
        has_mark = "is_won" in self._described("crm.stage")
        column, won = ("is_won", True) if has_mark else ("probability", 100)
        order = "sequence asc, id asc"
        records = self._found("crm.stage", [], ["name", "sequence", column], order=order)
        if self._history == "tracking":
            self._raise_unless_changes_are_readable()
        stages = [
            Stage(
                stage_id=str(one["id"]),
                name=one["name"],
                pipeline=LOST.pipeline,
                position=position,
                outcome=StageOutcome.WON if one[column] == won else StageOutcome.OPEN,
            )
            for position, one in enumerate(records)
        ]
        return [*stages, LOST]

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
            for kind, model in _MODELS.items()
            for name, one in self._described(model).items()
        ]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold. Leads are deals here."""
        if kind not in _MODELS:
            return []
        model = _MODELS[kind]
        found = self._found(model, [], names, order="id desc", limit=_SAMPLE)
        return [self._cells(model, record) for record in found]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals written in the window by record ID, then those whose partners were."""
        model, _, last = (after or f"{_LEAD}:").partition(":")
        seen: set[str] = set()
        if model == _LEAD:
            for records in self._written(_LEAD, window, self._columns(), int(last or 0)):
                if not is_first_read(window):
                    seen.update(str(record.get("id")) for record in records)
                yield self._complete(records, f"{_LEAD}:{last_of(records, itemgetter('id'))}")
            last = ""
        if is_first_read(window):
            return
        for partners in self._written(_PARTNER, window, ["id"], int(last or 0)):
            theirs = [["partner_id", "in", [one["id"] for one in partners]]]
            for records in self._pages(_LEAD, theirs, self._columns(), self._a_page):
                yield self._complete([one for one in records if str(one.get("id")) not in seen])
            yield Page(deals=(), place=f"{_PARTNER}:{last_of(partners, itemgetter('id'))}")

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal written since the period began: none can have moved in it otherwise."""
        since_then = ever_since(period)
        for records in self._written(_LEAD, since_then, self._columns()):
            yield self._complete(records)

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield deals by their IDs; those that this user may not see are left out."""
        for ids in batches(deal_ids, self._a_page):
            yield self._complete(
                self._read(_LEAD, map(int, filter(str.isdigit, ids)), self._columns())
            )

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield nothing: what is deleted, or merged into another, leaves no trace."""
        yield from ()

    def departed_among(self, deal_ids: Sequence[str]) -> Iterator[Departed]:
        """Yield those of the deals that Odoo has no longer, or does not show to this user."""
        for batch in batches(deal_ids, _A_LIST):
            there = {str(one["id"]) for one in self._read(_LEAD, map(int, batch), ["id"])}
            for deal_id in batch:
                if deal_id not in there:
                    yield Departed(deal_id=deal_id, gone=Gone.DELETED)

    # Which deals

    def _written(
        self, model: str, window: Period, columns: Sequence[str], last: int = 0
    ) -> Iterator[list[OdooRecord]]:
        since = ["write_date", ">=", _stamp(max(window.since, LONG_AGO))]
        until = [["write_date", "<", _stamp(window.until)]] if window.until < FAR_AHEAD else []
        return self._pages(model, [since, *until], columns, self._a_page, last)

    def _pages(
        self, model: str, domain: Sequence[Any], columns: Sequence[str], limit: int, last: int = 0
    ) -> Iterator[list[OdooRecord]]:
        """Return pages of what fits a domain, by record ID."""

        def read(last: int) -> tuple[list[OdooRecord], bool]:
            after = [*domain, ["id", ">", last]]
            records = self._found(model, after, columns, limit=limit)
            return records, len(records) >= limit

        return pages_by_id(f"{self._transport.name} {model}", read, itemgetter("id"), last)

    # What they are

    def _complete(self, records: Sequence[OdooRecord], place: str | None = None) -> Page:
        return replace(one_by_one(records, itemgetter("id"), self._page), place=place)

    def _page(self, records: Sequence[OdooRecord]) -> Page:
        """Return deals with their partner and the stages they went through."""
        partners = self._partners(one["partner_id"][0] for one in records if one["partner_id"])
        told = self._told_of([one["id"] for one in records])
        return Page(
            deals=[
                built(
                    str(record["id"]), self._deal, record, told.get(record["id"], Told()), partners
                )
                for record in records
            ],
        )

    def _partners(self, ids: Iterable[int]) -> dict[int, Person]:
        columns = ["create_date", *self._names[CONTACT]]
        return {
            record["id"]: Person(
                kind=CONTACT,
                record_id=str(record["id"]),
                created_at=instant_of(record["create_date"]),
                fields=self._cells(_PARTNER, record),
            )
            for record in self._read(_PARTNER, dict.fromkeys(ids), columns)
        }

    def _told_of(self, ids: Sequence[int]) -> Mapping[int, Told]:
        """Return the tracked changes of leads, and those they were given, each oldest first.

        A merge moves the losers' messages to the survivor and gives each a subject, "From …" in the
        user's language; a message about a change has none of its own. People's are left unread.
        https://github.com/odoo/odoo/blob/19.0/addons/mail/models/mail_tracking_value.py
        """
        if self._history == "fields" or not ids:
            return {}
        domain = [
            ["model", "=", _LEAD],
            ["res_id", "in", list(ids)],
            ["message_type", "not in", list(_OF_PEOPLE)],
        ]
        own: defaultdict[int, list[TrackedChange]] = defaultdict(list)
        given: defaultdict[int, list[TrackedChange]] = defaultdict(list)
        for messages in self._pages(_MESSAGE, domain, ["res_id", "subject"], _A_THREAD):
            of = {one["id"]: (one["res_id"], given if one["subject"] else own) for one in messages}
            for message, change in self._changes_told_by(list(of)):
                lead, changes = of[message]
                changes[lead].append(change)
        by_time = attrgetter("at")
        return {
            lead: Told(sorted(own[lead], key=by_time), sorted(given[lead], key=by_time))
            for lead in {*own, *given}
        }

    def _changes_told_by(self, messages: Sequence[int]) -> Iterator[tuple[int, TrackedChange]]:
        """Yield the changes that messages tell of, by record ID, each with its message."""
        if not messages:
            return
        reference, tracked = self._reference, self._tracked_fields()
        domain = [["mail_message_id", "in", messages], [reference, "in", list(tracked)]]
        values = ["old_value_integer", "new_value_integer"]
        columns = ["mail_message_id", reference, *values, "create_date"]
        for page in self._pages(_CHANGE, domain, columns, _A_THREAD):
            for row in page:
                field, at = tracked[key_of(row[reference])], instant_of(row["create_date"])
                if at is not None:
                    yield (
                        key_of(row["mail_message_id"]),
                        TrackedChange(at, field, *(row[v] for v in values)),
                    )

    @property
    def _reference(self) -> str:
        """Return what a tracked change names its field in: `field_id` from Odoo 17 on."""
        return "field_id" if "field_id" in self._described(_CHANGE) else "field"

    def _tracked_fields(self) -> Mapping[Any, str]:
        """Return the fields by what a tracked change calls them: their names up to Odoo 13."""
        if not self._tracked:
            if self._described(_CHANGE)[self._reference]["type"] == "char":
                self._tracked = {name: name for name in _TRACKED}
            else:
                domain = [["model", "=", _LEAD], ["name", "in", list(_TRACKED)]]
                rows = self._found("ir.model.fields", domain, ["name"])
                self._tracked = {row["id"]: row["name"] for row in rows}
        return self._tracked

    def _raise_unless_changes_are_readable(self) -> None:
        """Find out now, not in the middle of the night. A description is given to anybody."""
        self._found(_CHANGE, [], ["id"], limit=1)

    def _deal(self, record: OdooRecord, told: Told, partners: Mapping[int, Person]) -> CrmDeal:
        partner = record["partner_id"]
        person = partners.get(key_of(partner)) if partner else None
        return CrmDeal(
            deal_id=str(record["id"]),
            created_at=instant_of(record["create_date"]),
            modified_at=instant_of(record["write_date"]),
            entered=stages_entered(record, told.own, is_tracked=self._history == "tracking"),
            taken_over=tuple(change.at for change in told.given),
            amount=next(record[name] for name in _AMOUNTS if name in record),
            currency=name_of(record["company_currency"]),
            attributes={
                "owner": str(key_of(record["user_id"])) if record["user_id"] else "",
                "pipeline": name_of(record["team_id"]),
                "stage": name_of(record["stage_id"]),
            },
            fields=self._cells(_LEAD, record),
            people=[person] if person else [],
        )

    # How it is asked

    def _columns(self) -> list[str]:
        """Return the fields of a lead that are wanted and there: one that is not is an error."""
        known = self._described(_LEAD)
        wanted = (*_STANDARD, *_AMOUNTS, *self._names[DEAL])
        return [name for name in dict.fromkeys(wanted) if name in known]

    def _described(self, model: str) -> Mapping[str, Any]:
        """Return the fields of a model in this version, but for those kept from this user.

        https://www.odoo.com/documentation/18.0/developer/reference/external_api.html#listing-record-fields
        """
        if model not in self._known:
            attributes = ["string", "type", "size", "relation"]
            self._known[model] = self._called(model, "fields_get", attributes=attributes)
        return self._known[model]

    def _read(self, model: str, ids: Iterable[int], columns: Sequence[str]) -> list[OdooRecord]:
        """Return records by ID; those that are gone are left out."""
        among = list(ids)
        return self._found(model, [["id", "in", among]], columns) if among else []

    def _found(
        self,
        model: str,
        domain: Sequence[Any],
        columns: Sequence[str],
        *,
        order: str = "id asc",
        **limit: int,
    ) -> list[OdooRecord]:
        """Return what fits a domain, archived records too.

        Not `search`, whose argument for the domain has another name up to Odoo 16.
        https://www.odoo.com/documentation/18.0/developer/reference/external_api.html#search-and-read
        """
        records: list[OdooRecord] = self._called(
            model,
            "search_read",
            domain=list(domain),
            fields=list(columns),
            order=order,
            context=_EVERY,
            **limit,
        )
        return records

    def _called(self, model: str, method: str, **arguments: Any) -> Any:
        try:
            return self._transport.call(model, method, **arguments)
        except NotThereError as error:
            app = _APPS.get(model, "the app that brings it")
            raise NotThereError(f"{error} To read {model}, install {app}.") from None
        except NotReadableError as error:
            right = _RIGHTS.get(model, "the right to read it")
            raise NotReadableError(f"{error} To read {model}, give its user {right}.") from None

    def _cells(self, model: str, record: OdooRecord) -> dict[str, Any]:
        """Return a record's values as cells."""
        described = self._described(model)
        return {name: cell_of(described.get(name, {}), value) for name, value in record.items()}


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
