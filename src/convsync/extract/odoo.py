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
  without a chance: whatever was archived with one left is not lost, nor what was put away when it
  was won, which takes its chance, too.
- A lead that was deleted, or merged into another, leaves nothing, so those we know are asked for.
- The only currency is the company's.
- Names differ between versions: what the fields are called is asked of each database.

https://github.com/odoo/odoo/blob/19.0/addons/crm/models/crm_lead.py
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Final, Literal

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
from convsync.extract.odoo_api import Transport
from convsync.extract.odoo_changes import TrackedChanges
from convsync.extract.odoo_models import LEAD_MODEL, PARTNER, Models
from convsync.extract.odoo_records import (
    LOST,
    LOST_REASONS,
    OdooRecord,
    Told,
    instant_of,
    key_of,
    name_of,
    stages_entered,
)
from convsync.extract.paging import last_of
from convsync.extract.source import Departed
from convsync.model.deal import Gone
from convsync.model.period import Period

_MODELS: Final = {DEAL: LEAD_MODEL, CONTACT: PARTNER}
_STANDARD: Final = (
    "active", "stage_id", "probability", "company_currency", "partner_id", "user_id", "team_id",
    "date_closed", "date_last_stage_update", "create_date", "write_date",
)  # fmt: skip
_AMOUNTS: Final = ("planned_revenue", "expected_revenue")
"""The first up to Odoo 13, where the second means something else; then only the second."""
_A_PAGE, _A_LIST, _SAMPLE = 500, 5_000, 100
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
    empties_stages = True
    links_unseen = False
    lists_deleted_for: timedelta | None = None

    def __init__(
        self,
        transport: Transport,
        mapping: CrmMapping,
        *,
        history: OdooHistory = "tracking",
        a_page: int = _A_PAGE,
    ) -> None:
        self._models = Models(transport)
        self._changes = TrackedChanges(self._models)
        self._names = mapping.names
        self.has_history = history == "tracking"
        self._a_page = a_page
        self._won: frozenset[int] = frozenset()

    def stages(self) -> Sequence[Stage]:
        """Return the stages of every team, and lost, which is no stage in Odoo, as one more.

        Up to Odoo 12 a stage has a probability instead of a mark for won.
        https://github.com/odoo/odoo/blob/19.0/addons/crm/models/crm_stage.py
        """
        has_mark = "is_won" in self._models.described("crm.stage")
        column, won = ("is_won", True) if has_mark else ("probability", 100)
        order = "sequence asc, id asc"
        records = self._models.found("crm.stage", [], ["name", "sequence", column], order=order)
        if self.has_history:
            self._changes.raise_unless_readable()
        self._won = frozenset(one["id"] for one in records if one[column] == won)
        stages = [
            Stage(
                stage_id=str(one["id"]),
                name=one["name"],
                pipeline=LOST.pipeline,
                position=position,
                outcome=StageOutcome.WON if one["id"] in self._won else StageOutcome.OPEN,
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
            for name, one in self._models.described(model).items()
        ]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        """Return what the newest hundred records hold. Leads are deals here."""
        if kind not in _MODELS:
            return []
        model = _MODELS[kind]
        found = self._models.found(model, [], names, order="id desc", limit=_SAMPLE)
        return [self._models.cells(model, record) for record in found]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        """Yield deals written in the window by record ID, then those whose partners were."""
        model, _, last = (after or f"{LEAD_MODEL}:").partition(":")
        seen: set[str] = set()
        if model == LEAD_MODEL:
            for records in self._written(LEAD_MODEL, window, self._columns(), int(last or 0)):
                if not is_first_read(window):
                    seen.update(str(record.get("id")) for record in records)
                yield self._complete(records, f"{LEAD_MODEL}:{last_of(records, itemgetter('id'))}")
            last = ""
        if is_first_read(window):
            return
        for partners in self._written(PARTNER, window, ["id"], int(last or 0)):
            theirs = [["partner_id", "in", [one["id"] for one in partners]]]
            for records in self._models.pages(LEAD_MODEL, theirs, self._columns(), self._a_page):
                yield self._complete([one for one in records if str(one.get("id")) not in seen])
            yield Page(deals=(), place=f"{PARTNER}:{last_of(partners, itemgetter('id'))}")

    def reached(self, period: Period) -> Iterator[Page]:
        """Yield every deal written since the period began: none can have moved in it otherwise."""
        since_then = ever_since(period)
        for records in self._written(LEAD_MODEL, since_then, self._columns()):
            yield self._complete(records)

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        """Yield deals by their IDs; those that this user may not see are left out."""
        for ids in batches(deal_ids, self._a_page):
            yield self._complete(
                self._models.read(LEAD_MODEL, map(int, filter(str.isdigit, ids)), self._columns())
            )

    def departed(self, window: Period) -> Iterator[Departed]:
        """Yield nothing: what is deleted, or merged into another, leaves no trace."""
        yield from ()

    def departed_among(self, deal_ids: Sequence[str]) -> Iterator[Departed]:
        """Yield those of the deals that Odoo has no longer, or does not show to this user."""
        for batch in batches(deal_ids, _A_LIST):
            there = {
                str(one["id"]) for one in self._models.read(LEAD_MODEL, map(int, batch), ["id"])
            }
            for deal_id in batch:
                if deal_id not in there:
                    yield Departed(deal_id=deal_id, gone=Gone.DELETED)

    # Which deals

    def _written(
        self, model: str, window: Period, columns: Sequence[str], last: int = 0
    ) -> Iterator[list[OdooRecord]]:
        since = ["write_date", ">=", _stamp(max(window.since, LONG_AGO))]
        until = [["write_date", "<", _stamp(window.until)]] if window.until < FAR_AHEAD else []
        return self._models.pages(model, [since, *until], columns, self._a_page, last)

    # What they are

    def _complete(self, records: Sequence[OdooRecord], place: str | None = None) -> Page:
        return replace(one_by_one(records, itemgetter("id"), self._page), place=place)

    def _page(self, records: Sequence[OdooRecord]) -> Page:
        """Return deals with their partner and the stages they went through."""
        partners = self._partners(one["partner_id"][0] for one in records if one["partner_id"])
        told = self._changes.told_of([one["id"] for one in records]) if self.has_history else {}
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
                fields=self._models.cells(PARTNER, record),
            )
            for record in self._models.read(PARTNER, dict.fromkeys(ids), columns)
        }

    def _deal(self, record: OdooRecord, told: Told, partners: Mapping[int, Person]) -> CrmDeal:
        partner = record["partner_id"]
        person = partners.get(key_of(partner)) if partner else None
        return CrmDeal(
            deal_id=str(record["id"]),
            created_at=instant_of(record["create_date"]),
            modified_at=instant_of(record["write_date"]),
            entered=stages_entered(record, told.own, is_tracked=self.has_history, won=self._won),
            taken_over=tuple(change.at for change in told.given),
            amount=record[next((name for name in _AMOUNTS if name in record), _AMOUNTS[-1])],
            currency=name_of(record["company_currency"]),
            attributes={
                "owner": str(key_of(record["user_id"])) if record["user_id"] else "",
                "pipeline": name_of(record["team_id"]),
                "stage": name_of(record["stage_id"]),
            },
            fields=self._models.cells(LEAD_MODEL, record),
            people=[person] if person else [],
        )

    def _columns(self) -> list[str]:
        """Return the fields of a lead that are wanted and there: one that is not is an error."""
        known = self._models.described(LEAD_MODEL)
        wanted = (*_STANDARD, *LOST_REASONS, *_AMOUNTS, *self._names[DEAL])
        return [name for name in dict.fromkeys(wanted) if name in known]


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
