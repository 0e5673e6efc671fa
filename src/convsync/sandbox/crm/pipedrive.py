"""Pipedrive's API as its specification and those who call it describe it: v2, and v1's changelog.

Unknown parameters and fractional seconds are refused; cursors name the next record; deleted deals
are listed for 30 days; archived ones only in a list of their own; calls cost tokens, of which there
is a budget if one is set. What the documentation leaves open follows the simplest reading.
https://developers.pipedrive.com/docs/api/v1/Deals
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import dropwhile, islice, takewhile
from typing import Any, Final

from convsync.sandbox.consent import ConsentDesk, ConsentRefused
from convsync.sandbox.crm import pipedrive_pages as pages
from convsync.sandbox.crm.book import CONTACT, CrmBook, Deal, Outcome, Person, id_key
from convsync.sandbox.crm.consenting import ConsentingServer
from convsync.sandbox.crm.pipedrive_fields import BUILT_IN, FIELDS, custom_values
from convsync.sandbox.crm.pipedrive_writing import change
from convsync.sandbox.crm.server import Allowance, Now, Reply, Request

TOKEN: Final = "sandbox-0123456789abcdef0123456789abcdef"  # noqa: S105 - opens only this sandbox
CLIENT: Final = ("pipedrive-app", "pipedrive-secret")
REFRESH_TOKEN: Final = "refresh-sandbox"  # noqa: S105
_KEPT: Final = timedelta(days=30)
_LISTING = {"limit", "cursor", "sort_by", "sort_direction", "updated_since", "updated_until"}
_DEAL_QUERY = _LISTING | {"status", "ids", "person_id", "custom_fields", "include_fields"}
_SORTED = {"limit", "cursor", "sort_by", "sort_direction"}
_PERSON_QUERY = _LISTING | {"ids", "deal_id", "custom_fields", "include_fields"}
_COSTS = (
    (re.compile(r"/api/v1/deals/\d+/changelog"), 20),
    (re.compile(r"/api/v2/deals/archived"), 20),
    (re.compile(r"/api/v2/(deals|persons|dealFields|personFields)"), 10),
    (re.compile(r"/api/v2/(pipelines|stages)"), 5),
)
"""Tokens a call costs, as `x-token-cost` in the vendor's OpenAPI description."""


class PipedriveServer(ConsentingServer):
    """Pipedrive over a book, in which stages with an outcome are statuses. IDs are digits.

    `spent` are the tokens that calls have cost, `budget` how many there are; None: enough. `logged`
    are changelogs, by deal and the newest first, that say other things than the book.
    """

    name = "pipedrive"
    routes = (
        ("GET", r"/api/v2/deals", "deals"),
        ("GET", r"/api/v2/deals/archived", "archived"),
        ("PATCH", r"/api/v2/deals/(?P<deal_id>\d+)", "change"),
        ("GET", r"/api/v1/deals/(?P<deal_id>\d+)/changelog", "changelog"),
        ("GET", r"/api/v2/persons", "persons"),
        ("GET", r"/api/v2/pipelines", "pipelines"),
        ("GET", r"/api/v2/stages", "stages"),
        ("GET", r"/api/v2/(?P<kind>deal|person)Fields", "fields"),
        ("POST", r"/oauth/token", "token"),
        ("GET", r"/oauth/authorize", "consent_page"),
        ("POST", r"/oauth/authorize", "consent_given"),
        ("POST", r"/oauth/revoke", "revoke"),
    )

    allowances = (
        Allowance(requests=20, seconds=2, of="^/api/", by=lambda asked: not asked.bearer),
        Allowance(requests=80, seconds=2, of="^/api/", by=lambda asked: bool(asked.bearer)),
    )
    """The bursts of the smallest plan, for an API token and for an app."""

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.tokens = {TOKEN}
        self.desk = ConsentDesk("Pipedrive", CLIENT, REFRESH_TOKEN)
        self.spent = 0
        self.budget: int | None = None
        self.logged: dict[str, Sequence[Mapping[str, Any]]] = {}
        self.new_statuses: dict[str, str] = {}
        self._archived: set[str] = set()
        self._won_times: dict[str, datetime] = {}
        self._deletions: dict[str, list[tuple[datetime, datetime]]] = {}

    def archive(self, deal_id: str, at: datetime) -> None:
        """Put a deal away: it stays what it is, in the other list."""
        self.book.edit(deal_id, at)
        self._archived.add(deal_id)

    def edit_won_time(self, deal_id: str, won_at: datetime, at: datetime) -> None:
        """Say that a deal was won at another time, as its user may; the changelog stays."""
        self.book.edit(deal_id, at)
        self._won_times[deal_id] = won_at

    def restore(self, deal_id: str, at: datetime) -> None:
        """Bring a deleted deal back; the changelog tells of both."""
        deleted_at = self.book.departures[deal_id].at
        self._deletions.setdefault(deal_id, []).append((deleted_at, at))
        self.book.restore(deal_id, at)

    def record_id(self, kind: str, number: int) -> str:
        """Return a small number, of each kind's own."""
        return str(number if kind == "deal" else 100_000 + number)

    def refuse(self, request: Request) -> Reply | None:
        """Ask for a token in one of two headers, and for what the call costs."""
        if request.path.startswith("/oauth/"):
            return None
        shown = {request.headers.get("x-api-token", ""), request.bearer}
        if not shown & self.tokens:
            return pages.error(401, "unauthorized access")
        cost = next((cost for path, cost in _COSTS if path.fullmatch(request.path)), 0)
        if self.budget is not None and self.spent + cost > self.budget:
            headers = {"x-daily-ratelimit-token-remaining": "0", "Retry-After": "3"}
            return replace(pages.error(429, "Rate limit exceeded"), headers=headers)
        self.spent += cost
        return None

    def too_many(self, beyond: Allowance) -> Reply:
        """Say in a header when the burst is over."""
        headers = {"x-ratelimit-limit": str(beyond.requests), "x-ratelimit-reset": "2"}
        return replace(pages.error(429, "Rate limit exceeded"), headers=headers)

    def token(self, request: Request) -> Reply:
        """Give out an access token for a code or a refresh token."""
        basic = b64encode(":".join(CLIENT).encode()).decode()
        if request.headers.get("authorization") != f"Basic {basic}":
            return Reply(status=400, body={"success": False, "message": "Invalid client"})
        try:
            agreed = self.agreed(request.form())
        except ConsentRefused:
            agreed = None
        if agreed is None:
            message = "Invalid grant: refresh_token is invalid"
            return Reply(status=400, body={"success": False, "message": message})
        token = f"v1u:{len(self.tokens)}"
        self.tokens.add(token)
        return Reply(
            body={
                "access_token": token,
                "token_type": "Bearer",
                "refresh_token": agreed["refresh_token"],
                "scope": "base,deals:read,contacts:read,recents:read",
                "expires_in": 3600,
            }
        )

    def deals(self, request: Request) -> Reply:
        """Answer with deals that are not archived."""
        return self._listed(request.query, is_archived=False)

    def archived(self, request: Request) -> Reply:
        """Answer with archived deals."""
        return self._listed(request.query, is_archived=True)

    def change(self, request: Request, deal_id: str) -> Reply:
        """Write custom fields of a deal."""
        return change(self, request, deal_id)

    def persons(self, request: Request) -> Reply:
        """Answer with persons: a window of them, some by ID, or those behind a deal."""
        query = request.query
        if refused := pages.refused(query, _PERSON_QUERY):
            return refused
        since, until = pages.window(query)
        if deal_id := query.get("deal_id"):
            deal = self.book.deal(deal_id)
            found = [] if deal is None else self.book.people_of(deal, CONTACT)
        elif ids := query.get("ids"):
            found = [one for each in ids.split(",") if (one := self.book.person(each))]
        else:
            found = self.book.people_modified(CONTACT, since, until)
        return pages.paged([_person(person, query) for person in found], query)

    def changelog(self, request: Request, deal_id: str) -> Reply:
        """Answer with what changed about a deal, newest first."""
        deal = self.book.deal(deal_id)
        if deal is None:
            return pages.error(404, "Deal not found", data=None)
        newest_first = self.logged.get(deal_id) or reversed(self._changes(deal))
        numbered = [{"id": number, **row} for number, row in enumerate(newest_first, 1)]
        reply = pages.refused(request.query, {"limit", "cursor"}) or pages.paged(
            numbered, request.query
        )
        for row in reply.body.get("data", ()):
            del row["id"]  # what the cursor is made of is not shown
        return reply

    def pipelines(self, request: Request) -> Reply:
        """Answer with the pipelines."""
        if refused := pages.refused(
            request.query, {"limit", "cursor", "sort_by", "sort_direction"}
        ):
            return refused
        names = dict.fromkeys(stage.pipeline for stage in self.book.stages)
        records = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
        return pages.paged(records, request.query)

    def stages(self, request: Request) -> Reply:
        """Answer with the stages; won and lost are none."""
        if refused := pages.refused(request.query, {"limit", "cursor", "pipeline_id"}):
            return refused
        return pages.paged(
            [
                {
                    "id": self._stage_id(stage.key),
                    "order_nr": stage.position,
                    "name": stage.name,
                    "is_deleted": False,
                    "pipeline_id": self._pipeline_id(stage.key),
                }
                for stage in self.book.stages
                if stage.outcome is Outcome.OPEN
            ],
            request.query,
        )

    def fields(self, request: Request, kind: str) -> Reply:
        """Answer with the fields of deals or persons."""
        if refused := pages.refused(request.query, {"limit", "cursor"}):
            return refused
        kind = "deal" if kind == "deal" else CONTACT
        built_in = [(name, name, "varchar", False) for name in BUILT_IN[kind]]
        custom = [(one.name, one.label, one.type, True) for one in FIELDS if one.kind == kind]
        records = [
            {
                "field_code": code,
                "field_name": name,
                "field_type": type_,
                "options": None,
                "is_custom_field": is_custom,
            }
            for code, name, type_, is_custom in (*built_in, *custom)
        ]
        return pages.paged(records, request.query, by="field_code")

    # Records

    def _listed(self, query: Mapping[str, str], *, is_archived: bool) -> Reply:
        """Answer with deals of one list, those deleted only where their status is asked for."""
        if refused := pages.refused(query, _DEAL_QUERY):
            return refused
        statuses = query.get("status", "open,won,lost").split(",")
        if set(statuses) - {"open", "won", "lost", "deleted"}:
            return pages.invalid("status: not one of open, won, lost, deleted")
        since, until = pages.window(query)
        found: Iterable[Deal] = (
            deal
            for deal in self._asked(query, since, until)
            if self._statuses(deal)[-1][0] in statuses
            and (deal.deal_id in self._archived) == is_archived
        )
        if query.get("sort_by", "id") == "id" and query.get("sort_direction") != "desc":
            first = pages.first_of(query, "id") or 0  # what is on no page need not be made
            found = dropwhile(lambda deal: int(deal.deal_id) < first, found)
            found = islice(found, pages.limit_of(query) + 1)
        gone = [
            self._deal(one.deal, query)
            | {"status": "deleted", "is_deleted": True, "update_time": _text(one.at)}
            for one in self.book.departed(max(since, self.now() - _KEPT), until)
            if "deleted" in statuses and (one.deal.deal_id in self._archived) == is_archived
        ]
        return pages.paged([*(self._deal(deal, query) for deal in found), *gone], query)

    def _asked(self, query: Mapping[str, str], since: datetime, until: datetime) -> list[Deal]:
        """Return the deals a query may mean, by ID."""
        if ids := query.get("ids"):
            asked = self.book.deals(sorted(ids.split(","), key=id_key))
        elif person := query.get("person_id"):
            deals = self.book.deals(sorted(self.book.deals_of(person), key=id_key))
            asked = [deal for deal in deals if deal.people[0] == person]
        else:
            return self.book.modified(since, until)
        return [deal for deal in asked if since <= deal.modified_at < until]

    def _deal(self, deal: Deal, query: Mapping[str, str]) -> dict[str, Any]:
        people = self.book.people_of(deal, CONTACT)
        moves = [*self._moves(deal)]
        stage = moves[-1][0] if moves else self._first_stage(deal)
        statuses = self._statuses(deal)
        status = statuses[-1][0]
        closed_at = list(takewhile(lambda one: one[0] == status, reversed(statuses)))[-1][1]
        won = [at for one, at in statuses if one == "won"]
        won_at = self._won_times.get(deal.deal_id, closed_at)
        record: dict[str, Any] = {
            "id": int(deal.deal_id),
            "title": deal.name,
            "owner_id": deal.owner or None,
            "value": deal.amount,
            "currency": deal.currency,
            "person_id": int(people[0].person_id) if people else None,
            "stage_id": self._stage_id(stage),
            "pipeline_id": self._pipeline_id(stage),
            "add_time": _text(deal.created_at),
            "update_time": _text(deal.modified_at),
            "stage_change_time": _text(moves[-1][1]) if moves else None,
            "status": self.new_statuses.get(deal.deal_id, status),
            "is_archived": deal.deal_id in self._archived,
            "is_deleted": False,
            "lost_reason": deal.lost_reason or None,
            "won_time": _text(won_at) if status == "won" else None,
            "lost_time": _text(closed_at) if status == "lost" else None,
            "custom_fields": custom_values("deal", deal.fields, query),
        }
        included = set(query.get("include_fields", "").split(","))
        if "participants_count" in included:
            record["participants_count"] = len(people)
        if "first_won_time" in included:
            record["first_won_time"] = _text(won[0]) if won else None
        return record

    def _changes(self, deal: Deal) -> list[dict[str, Any]]:
        """Return what changed about a deal, the oldest first, as far as the log tells."""
        rows: list[dict[str, Any]] = []
        untold = {_log_time(at) for _, at in deal.entered[len(self.book.told(deal)) :]}
        stage = self._first_stage(deal)
        for key, at in self._moves(deal):
            old, new = str(self._stage_id(stage)), str(self._stage_id(key))
            rows.append(_change("stage_id", old, new, at))
            stage = key
        (status, _), *later = self._statuses(deal)
        for now, at in later:
            if now != status:
                rows.append(_change("status", status, now, at))
                status = now
        for deleted_at, restored_at in self._deletions.get(deal.deal_id, ()):
            rows.append(_change("status", status, "deleted", deleted_at))
            rows.append(_change("status", "deleted", status, restored_at))
        told = [row for row in rows if row["time"] not in untold]
        return sorted(told, key=lambda row: row["time"])

    def _first_stage(self, deal: Deal) -> str:
        """Return the stage a deal began in; one made as won is in the first there is."""
        own = (key for key, _ in deal.entered if self._status(key) == "open")
        there = (stage.key for stage in self.book.stages if stage.outcome is Outcome.OPEN)
        return next(own, None) or next(there)

    def _moves(self, deal: Deal) -> Iterator[tuple[str, datetime]]:
        """Yield the stages a deal moved to, after its first."""
        stage = self._first_stage(deal)
        for key, at in deal.entered:
            if self._status(key) == "open" and key != stage:
                yield key, at
                stage = key

    def _stage_id(self, key: str) -> int:
        return 10 + self.book.stage_number(key)

    def _pipeline_id(self, key: str) -> int:
        names = dict.fromkeys(stage.pipeline for stage in self.book.stages)
        return [*names].index(self.book.stage(key).pipeline) + 1

    def _statuses(self, deal: Deal) -> list[tuple[str, datetime]]:
        """Return which status a deal had since when; moving to another pipeline changes none."""
        statuses: list[tuple[str, datetime]] = []
        pipeline = self.book.stage(deal.entered[0][0]).pipeline
        for stage, at in ((self.book.stage(key), at) for key, at in deal.entered):
            is_elsewhere = statuses and stage.outcome is Outcome.OPEN and stage.pipeline != pipeline
            statuses.append((statuses[-1][0] if is_elsewhere else stage.outcome.value, at))
            pipeline = stage.pipeline
        return statuses

    def _status(self, stage: str) -> str:
        return self.book.stage(stage).outcome.value


def _change(key: str, old: str, new: str, at: datetime) -> dict[str, Any]:
    return {
        "field_key": key,
        "old_value": old,
        "new_value": new,
        "actor_user_id": 8878,
        "time": _log_time(at),
        "change_source": "app",
    }


def _log_time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _person(person: Person, query: Mapping[str, str]) -> dict[str, Any]:
    fields = person.fields
    return {
        "id": int(person.person_id),
        "name": "",
        "add_time": _text(person.created_at),
        "update_time": _text(person.modified_at),
        "emails": _listed(fields.get("email")),
        "phones": _listed(fields.get("phone")),
        "is_deleted": False,
        "custom_fields": custom_values(CONTACT, fields, query),
    }


def _listed(value: str | None) -> list[dict[str, Any]]:
    return [{"value": value, "primary": True, "label": "work"}] if value else []


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
