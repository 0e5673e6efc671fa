"""Odoo's external API over a book: JSON-2 as Odoo 19 serves it, and JSON-RPC as those before did.

Domains are evaluated leaf by leaf, with stamps as fine as they are kept and shown to the second; an
unknown field or argument is an error; archived records are hidden unless asked for; empty is
`false`; tracked changes are for administrators, their description is for anybody; a merge moves the
losers' messages; a note to one user is left out of a page after it was counted. Names are those of
the `version` asked for. Over JSON-RPC all errors come inside an HTTP 200.
https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from convsync.sandbox.crm.book import CONTACT, CrmBook, Deal, Outcome, Person, id_key
from convsync.sandbox.crm.odoo_fields import FIELDS, types_of
from convsync.sandbox.crm.server import CrmServer, Now, Reply, Request

DATABASE, USER, KEY = "acme", "bot@example.com", "6578616d706c65206b6579"
UID: Final = 7
_TRACKED: Final = {"stage_id": 5121, "active": 5090}
"""The rows of `ir.model.fields` of the fields that are tracked."""
_RELATIONS: Final = {
    "partner_id": "res.partner",
    "user_id": "res.users",
    "team_id": "crm.team",
    "stage_id": "crm.stage",
}
_A_THREAD: Final = 1_000
"""No lead has more messages: their IDs are made of the lead's."""
_TO_ONE_USER: Final = "user_notification"
"""The messages that nobody else may see, whatever else he may."""
_ARGUMENTS: Final = {
    "search_read": {"domain", "fields", "order", "limit", "context"},
    "fields_get": {"attributes", "context"},
}
OdooRow = dict[str, Any]
Entries = Sequence[tuple[str, datetime]]


class OdooError(Exception):
    """What a call raises: the exception's name, and the status JSON-2 gives it."""

    def __init__(self, name: str, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.name = name
        self.status = status


class OdooServer(CrmServer):
    """Odoo over a book: its contacts are partners, its deals leads. IDs are small numbers.

    `is_admin` is whether the API key's user may read tracked changes.
    """

    name = "odoo"
    has_pipelines = False
    routes = (
        ("POST", r"/json/2/(?P<model>[\w.]+)/(?P<method>\w+)", "json2"),
        ("POST", r"/jsonrpc", "jsonrpc"),
    )

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.is_admin = True
        self.version = 19
        self._archived: set[str] = set()

    @property
    def version(self) -> int:
        """Which Odoo this is."""
        return self._version

    @version.setter
    def version(self, version: int) -> None:
        self._version, self._types = version, types_of(version)

    def record_id(self, kind: str, number: int) -> str:
        """Return a small number, of each model's own."""
        return str(number)

    def archive(self, deal_id: str, at: datetime) -> None:
        """Put a lead away, which takes its chance; it stays in its stage."""
        self.book.edit(deal_id, at)
        self._archived.add(deal_id)

    def not_found(self, request: Request) -> Reply:
        """Answer with a page, as for an unknown database."""
        page = b"<html>The requested URL was not found on the server</html>"
        return Reply(status=404, body=page, headers={"Content-Type": "text/html"})

    def json2(self, request: Request, model: str, method: str) -> Reply:
        """Call a method; the body's keys are its arguments."""
        if self.version < 19 or request.headers.get("x-odoo-database", DATABASE) != DATABASE:
            return self.not_found(request)
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer" or key != KEY:
                raise OdooError("werkzeug.exceptions.Unauthorized", "Invalid apikey", 401)
            return Reply(body=self._called(model, method, _arguments(request)))
        except OdooError as error:
            body = {"name": error.name, "message": str(error), "arguments": [str(error)]}
            return Reply(status=error.status, body={**body, "context": {}, "debug": "Traceback …"})

    def jsonrpc(self, request: Request) -> Reply:
        """Call a service; whatever happens, the status is 200."""
        asked = request.json()
        params = asked["params"]
        answer: OdooRow = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            answer["result"] = self._served(params["service"], params["method"], params["args"])
        except OdooError as error:
            data = {"name": error.name, "message": str(error), "debug": "Traceback …"}
            code = 0 if self.version >= 19 else 200
            answer["error"] = {"code": code, "message": "Odoo Server Error", "data": data}
        return Reply(body=answer)

    def _served(self, service: str, method: str, args: Sequence[Any]) -> Any:
        if args[0] != DATABASE:
            message = f'FATAL:  database "{args[0]}" does not exist'
            raise OdooError("psycopg2.OperationalError", message)
        if (service, method) == ("common", "authenticate"):
            return UID if args[1:3] == [USER, KEY] else False
        if (service, method) != ("object", "execute_kw"):
            raise OdooError("werkzeug.exceptions.NotFound", "404: Not Found", 404)
        _, uid, key, model, name, positional, named = args
        if (uid, key) != (UID, KEY):
            raise OdooError("odoo.exceptions.AccessDenied", "Access Denied", 403)
        if positional:
            raise OdooError("builtins.TypeError", "only named arguments are served here")
        return self._called(model, name, named)

    def _called(self, model: str, method: str, arguments: OdooRow) -> Any:
        """Return what a method of a model returns."""
        if model not in self._types:
            message = f"the model '{model}' does not exist"
            raise OdooError("werkzeug.exceptions.NotFound", message, 404)
        if method not in _ARGUMENTS:
            message = f"The method '{model}.{method}' does not exist"
            raise OdooError("werkzeug.exceptions.NotFound", message, 404)
        if unknown := sorted(set(arguments) - _ARGUMENTS[method]):
            message = f"got an unexpected keyword argument '{unknown[0]}'"
            raise OdooError("werkzeug.exceptions.UnprocessableEntity", message, 422)
        if method == "fields_get":
            return self._described(model)
        if model == "mail.tracking.value" and not self.is_admin:
            message = "You are not allowed to access 'Mail Tracking Value' records."
            raise OdooError("odoo.exceptions.AccessError", message, 403)
        return self._search_read(model, **arguments)

    def _described(self, model: str) -> OdooRow:
        labels = {one.name: one.label for one in FIELDS}
        described = {
            name: {"type": type_, "string": labels.get(name, name)}
            for name, type_ in self._types[model].items()
        }
        for name in described.keys() & _RELATIONS.keys():
            described[name]["relation"] = _RELATIONS[name]
        return described

    def _search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        order: str = "id desc",
        limit: int | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[OdooRow]:
        sorts = [part.split() for part in order.split(",")]
        for name in (*fields, *(leaf[0] for leaf in domain), *(name for name, _ in sorts)):
            if name not in self._types[model]:
                raise OdooError("builtins.ValueError", f"Invalid field '{name}' on '{model}'")
        rows: Iterator[OdooRow] = (
            row for row in self._rows(model, domain) if all(_fits(row, leaf) for leaf in domain)
        )
        if "active" in self._types[model] and (context or {}).get("active_test") is not False:
            rows = (row for row in rows if row["active"])
        if (model, order) != ("crm.lead", "id asc"):  # leads are kept in that order
            found = list(rows)
            for name, way in reversed(sorts):
                found.sort(key=lambda row: row[name], reverse=way == "desc")
            rows = iter(found)
        seen = (row for row in islice(rows, limit) if row.get("message_type") != _TO_ONE_USER)
        return [{name: _shown(row[name]) for name in ("id", *fields)} for row in seen]

    # Records

    def _rows(self, model: str, domain: Sequence[Any]) -> Iterable[OdooRow]:
        """Return rows that may fit, found by what the domain names first."""
        named = {leaf[0]: leaf[2] for leaf in domain if leaf[1] == "in"}
        bounds = {leaf[1]: _instant(leaf[2]) for leaf in domain if leaf[0] == "write_date"}
        since, until = bounds.get(">="), bounds.get("<")
        after = next((str(leaf[2]) for leaf in domain if [*leaf[:2]] == ["id", ">"]), None)
        match model:
            case "crm.lead":
                return map(self._lead, self._deals(named, since, until, after))
            case "res.partner" if "id" in named:
                people = [self.book.person(str(one)) for one in named["id"]]
                return [_partner(one) for one in people if one]
            case "res.partner":
                return map(_partner, self.book.people_modified(CONTACT, since, until))
            case "crm.stage":
                return self._stages()
            case "ir.model.fields":
                rows = _TRACKED.items()
                return [{"id": row, "name": name, "model": "crm.lead"} for name, row in rows]
            case "mail.message":
                deals = self.book.deals(map(str, named.get("res_id", ())))
                return [row for deal in deals for row in self._messages(deal)]
        return [row for one in named.get("mail_message_id", ()) for row in self._changes(one)]

    def _deals(
        self,
        named: Mapping[str, Sequence[int]],
        since: datetime | None,
        until: datetime | None,
        after: str | None,
    ) -> Iterable[Deal]:
        """Return deals that may fit, by ID."""
        if "id" in named:
            return self.book.deals(map(str, sorted(named["id"])))
        if "partner_id" in named:
            ids = {one for each in named["partner_id"] for one in self.book.deals_of(str(each))}
            return self.book.deals(sorted(ids, key=id_key))
        return self.book.modified(since, until, after=after)

    def _stages(self) -> Iterator[OdooRow]:
        for stage in self.book.stages:
            if stage.outcome is not Outcome.LOST:
                is_won = stage.outcome is Outcome.WON
                yield {
                    "id": self.book.stage_number(stage.key),
                    "name": stage.name,
                    "sequence": stage.position,
                    "is_won": is_won,
                    "probability": 100.0 if is_won else 10.0,
                }

    def _lead(self, deal: Deal) -> OdooRow:
        stages = [(key, at) for key, at in deal.entered if key != "lost"]
        partner = self.book.people_of(deal, CONTACT)
        is_lost = deal.stage == "lost"
        stage = self.book.stage(stages[-1][0])
        is_closed = is_lost or stage.outcome is Outcome.WON
        is_active = not is_lost and deal.deal_id not in self._archived
        probability = 0.0 if not is_active else 100.0 if is_closed else 40.0
        reason = [1, deal.lost_reason or "Other"] if deal.lost_reason or is_lost else False
        amount = deal.amount or 0
        return {
            "id": int(deal.deal_id),
            "name": deal.name,
            "active": is_active,
            "stage_id": [self.book.stage_number(stage.key), stage.name],
            "probability": probability,
            "planned_revenue": amount,
            "expected_revenue": amount if self.version >= 14 else float(amount) * probability / 100,
            "company_currency": [1, deal.currency] if deal.currency else False,
            "partner_id": [int(partner[0].person_id), "Jan Peeters"] if partner else False,
            "user_id": [UID, deal.owner] if deal.owner else False,
            "team_id": [1, stage.pipeline],
            "lost_reason_id": reason,
            "lost_reason": reason,
            "date_closed": deal.entered[-1][1] if is_closed else False,
            "date_last_stage_update": stages[-1][1],
            "create_date": deal.created_at,
            "write_date": deal.modified_at,
            **_values("deal", deal.fields),
            "tag_ids": [int(one) for one in deal.fields.get("tags", "").split()],
        }

    # The messages that tell of changes

    def _own_entries(self, deal: Deal) -> Entries:
        """Return the stages a lead came into itself, without those of what was merged into it."""
        lost = [self.book.departures[one].deal for one in deal.merged]
        brought = Counter(entry for one in lost for entry in self._own_entries(one))
        *before, last = deal.entered
        own = []
        for entry in before:
            if brought[entry]:
                brought[entry] -= 1
            else:
                own.append(entry)
        return [*own, last]

    def _messages(self, deal: Deal) -> Iterator[OdooRow]:
        """Yield the messages on a lead, the losers' of a merge under a subject of theirs."""
        for one in (deal, *(self.book.departures[loser].deal for loser in deal.merged)):
            own_id = int(one.deal_id)
            for number, _ in enumerate(self._own_entries(one)):  # the first: it was created
                yield {
                    "id": own_id * _A_THREAD + number,
                    "model": "crm.lead",
                    "res_id": int(deal.deal_id),
                    "subject": False if one is deal else f"From {one.name or 'a lead'}",
                    "message_type": "notification",
                }
            others = (_TO_ONE_USER, "You have been assigned"), ("email", "Re: Your offer")
            for number, (type_, subject) in enumerate(others, _A_THREAD - len(others)):
                yield {
                    "id": own_id * _A_THREAD + number,
                    "model": "crm.lead",
                    "res_id": int(deal.deal_id),
                    "subject": subject,
                    "message_type": type_,
                }

    def _changes(self, message: int) -> Iterator[OdooRow]:
        """Yield what a message tells of; the stage a lead began in is told by none."""
        deal_id, number = str(message // _A_THREAD), message % _A_THREAD
        departed = self.book.departures.get(deal_id)
        deal = departed.deal if departed and departed.survivor else self.book.deal(deal_id)
        entries = self._own_entries(deal) if deal else ()
        untold = len(deal.entered) - len(self.book.told(deal)) if deal else 0
        if not 0 < number < len(entries) - untold:
            return
        key, at = entries[number]
        before = entries[number - 1][0]
        if (key == "lost") != (before == "lost"):
            yield self._change(message, "active", int(key != "lost"), at)
        stages = [one for one, _ in entries[:number] if one != "lost"]
        if stages and key not in ("lost", stages[-1]):
            old, new = map(self.book.stage_number, (stages[-1], key))
            yield self._change(message, "stage_id", new, at, old=old)

    def _change(
        self, message: int, field: str, new: int, at: datetime, *, old: int | None = None
    ) -> OdooRow:
        reference: Any = [_TRACKED[field], field] if self.version >= 14 else field
        return {
            "id": message * 2 + (field == "stage_id"),
            "field_id" if self.version >= 17 else "field": reference,
            "mail_message_id": [message, "a change"],
            "old_value_integer": 1 - new if old is None else old,
            "new_value_integer": new,
            "create_date": at,
        }


def _arguments(request: Request) -> OdooRow:
    try:
        arguments: OdooRow = request.json()
    except ValueError:
        message = "could not parse the body as json"
        raise OdooError("werkzeug.exceptions.BadRequest", message, 400) from None
    return arguments


def _partner(person: Person) -> OdooRow:
    return {
        "id": int(person.person_id),
        "create_date": person.created_at,
        "write_date": person.modified_at,
        **_values(CONTACT, person.fields),
    }


def _values(kind: str, fields: Mapping[str, str]) -> OdooRow:
    return {one.name: fields.get(one.own) or False for one in FIELDS if one.kind == kind}


def _fits(row: OdooRow, leaf: Sequence[Any]) -> bool:
    name, operator, wanted = leaf
    value = row[name][0] if isinstance(row[name], list) else row[name]
    if isinstance(value, datetime):
        wanted = _instant(wanted)
    match operator:
        case "=":
            return bool(value == wanted)
        case ">":
            return bool(value > wanted)
        case ">=":
            return bool(value >= wanted)
        case "<":
            return bool(value < wanted)
        case "in":
            return value in wanted
        case "not in":
            return value not in wanted
    raise OdooError("builtins.ValueError", f"Invalid operator {operator}")


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _shown(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return value
