"""Odoo's external API over a book: JSON-2 as Odoo 19 serves it, and JSON-RPC as those before did.

Domains are evaluated leaf by leaf; an unknown field or argument is an error; archived records are
hidden unless asked for; empty is `false`; tracked changes are for administrators. Over JSON-RPC all
errors come inside an HTTP 200.
https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from convsync.sandbox.crm.book import CONTACT, CrmBook, Deal, Outcome, Person
from convsync.sandbox.crm.server import CrmServer, Field, Now, Reply, Request

DATABASE, USER, KEY = "acme", "bot@example.com", "6578616d706c65206b6579"
UID: Final = 7
_STAGE, _ACTIVE = 5121, 5090
"""The rows of `ir.model.fields` of the two fields that are tracked."""
_ARGUMENTS = {
    "search_read": {"domain", "fields", "order", "limit", "context"},
    "fields_get": {"attributes", "context"},
}
Row = dict[str, Any]

FIELDS: Final = (
    *(
        Field(kind="deal", own=own, name=name, label=label, type="char")
        for own, name, label in (
            ("region", "x_region", "Region"),
            ("vertical", "x_vertical", "Vertical"),
            ("deal_type", "x_deal_type", "Deal type"),
            ("origin", "x_origin", "Origin"),
            ("gclid", "x_gclid", "GCLID"),
        )
    ),
    *(
        Field(kind=CONTACT, own=own, name=name, label=label, type="char")
        for own, name, label in (
            ("email", "email", "Email"),
            ("phone", "phone", "Phone"),
            ("country", "x_country", "Country"),
            ("consent", "x_ads_consent", "Ads consent"),
            ("gclid", "x_gclid", "GCLID"),
            ("gbraid", "x_gbraid", "GBRAID"),
            ("wbraid", "x_wbraid", "WBRAID"),
            ("landing_page", "x_landing_page", "Landing page"),
            ("visitor_id", "x_visitor_id", "Visitor ID"),
        )
    ),
)
_TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "crm.lead": {
        "id": "integer", "name": "char", "active": "boolean", "stage_id": "many2one",
        "probability": "float", "expected_revenue": "monetary", "company_currency": "many2one",
        "partner_id": "many2one", "user_id": "many2one", "team_id": "many2one",
        "lost_reason_id": "many2one", "date_closed": "datetime",
        "date_last_stage_update": "datetime", "create_date": "datetime", "write_date": "datetime",
    } | {one.name: one.type for one in FIELDS if one.kind == "deal"},
    "res.partner": {"id": "integer", "create_date": "datetime", "write_date": "datetime"}
    | {one.name: one.type for one in FIELDS if one.kind == CONTACT},
    "crm.stage": {"id": "integer", "name": "char", "sequence": "integer", "is_won": "boolean"},
    "ir.model.fields": {"id": "integer", "name": "char", "model": "char"},
    "mail.message": {"id": "integer", "model": "char", "res_id": "integer"},
    "mail.tracking.value": {
        "id": "integer", "field_id": "many2one", "mail_message_id": "many2one",
        "old_value_integer": "integer", "new_value_integer": "integer", "create_date": "datetime",
    },
}  # fmt: skip


class OdooError(Exception):
    """What a call raises: the exception's name, and the status JSON-2 gives it."""

    def __init__(self, name: str, message: str, status: int) -> None:
        super().__init__(message)
        self.name = name
        self.status = status


class OdooServer(CrmServer):
    """Odoo over a book: its contacts are partners, its deals leads. IDs are small numbers.

    `is_admin` is whether the API key's user may read tracked changes.
    """

    name = "odoo"
    routes = (
        ("POST", r"/json/2/(?P<model>[\w.]+)/(?P<method>\w+)", "json2"),
        ("POST", r"/jsonrpc", "jsonrpc"),
    )

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.is_admin = True

    def record_id(self, kind: str, number: int) -> str:
        """Return a small number, of each model's own."""
        return str(number)

    def json2(self, request: Request, model: str, method: str) -> Reply:
        """Call a method; the body's keys are its arguments."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key != KEY:
            return _raised(OdooError("werkzeug.exceptions.Unauthorized", "Invalid apikey", 401))
        if request.headers.get("x-odoo-database", DATABASE) != DATABASE:
            page = b"<html>The requested URL was not found on the server</html>"
            return Reply(status=404, body=page, headers={"Content-Type": "text/html"})
        try:
            return Reply(body=self.called(model, method, request.json()))
        except OdooError as error:
            return _raised(error)

    def jsonrpc(self, request: Request) -> Reply:
        """Call a service; whatever happens, the status is 200."""
        asked = request.json()
        params = asked["params"]
        answer: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            answer["result"] = self._served(params["service"], params["method"], params["args"])
        except OdooError as error:
            data = {"name": error.name, "message": str(error), "debug": "Traceback …"}
            answer["error"] = {"code": 200, "message": "Odoo Server Error", "data": data}
        return Reply(body=answer)

    def _served(self, service: str, method: str, args: Sequence[Any]) -> Any:
        if (service, method) == ("common", "authenticate"):
            return UID if args[:3] == [DATABASE, USER, KEY] else False
        if (service, method) != ("object", "execute_kw"):
            raise OdooError("werkzeug.exceptions.NotFound", "404: Not Found", 404)
        database, uid, key, model, name, positional, named = args
        if (database, uid, key) != (DATABASE, UID, KEY):
            raise OdooError("odoo.exceptions.AccessDenied", "Access Denied", 403)
        if positional:
            raise OdooError("builtins.TypeError", "only named arguments are served here", 500)
        return self.called(model, name, named)

    def called(self, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        """Return what a method of a model returns; raises OdooError."""
        if model not in _TYPES:
            message = f"the model '{model}' does not exist"
            raise OdooError("werkzeug.exceptions.NotFound", message, 404)
        if model == "mail.tracking.value" and not self.is_admin:
            message = "You are not allowed to access 'Mail Tracking Value' records."
            raise OdooError("odoo.exceptions.AccessError", message, 403)
        if method not in _ARGUMENTS:
            message = f"The method '{model}.{method}' does not exist"
            raise OdooError("werkzeug.exceptions.NotFound", message, 404)
        if unknown := sorted(set(arguments) - _ARGUMENTS[method]):
            message = f"got an unexpected keyword argument '{unknown[0]}'"
            raise OdooError("werkzeug.exceptions.UnprocessableEntity", message, 422)
        if method == "fields_get":
            return _described(model)
        return self._search_read(model, **arguments)

    def _search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        order: str = "id desc",
        limit: int | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        for name in fields:
            if name not in _TYPES[model]:
                message = f"Invalid field '{name}' on '{model}'"
                raise OdooError("builtins.ValueError", message, 500)
        rows = [
            row for row in self._rows(model, domain) if all(_fits(row, leaf) for leaf in domain)
        ]
        if "active" in _TYPES[model] and (context or {}).get("active_test") is not False:
            rows = [row for row in rows if row["active"]]
        for part in reversed(order.split(", ")):
            name, _, way = part.partition(" ")
            rows.sort(key=lambda row: row[name], reverse=way == "desc")
        return [{"id": row["id"], **{name: row[name] for name in fields}} for row in rows[:limit]]

    # Records

    def _rows(self, model: str, domain: Sequence[Any]) -> Iterable[Row]:
        """Return rows that may fit, found by what the domain names first."""
        named = {leaf[0]: leaf[2] for leaf in domain if leaf[1] == "in"}
        bounds = {leaf[1]: _instant(leaf[2]) for leaf in domain if leaf[0] == "write_date"}
        since, until = bounds.get(">="), bounds.get("<")
        match model:
            case "crm.lead":
                if "id" in named:
                    return map(self._lead, self.book.deals(map(str, named["id"])))
                if "partner_id" in named:
                    ids = [
                        one for each in named["partner_id"] for one in self.book.deals_of(str(each))
                    ]
                    return map(self._lead, self.book.deals(dict.fromkeys(ids)))
                return map(self._lead, self.book.modified(since, until))
            case "res.partner":
                if "id" in named:
                    people = [self.book.person(str(one)) for one in named["id"]]
                    return [_partner(one) for one in people if one]
                return map(_partner, self.book.people_modified(CONTACT, since, until))
            case "crm.stage":
                return self._stages()
            case "ir.model.fields":
                rows = {"stage_id": _STAGE, "active": _ACTIVE}
                return [
                    {"id": row, "name": name, "model": "crm.lead"} for name, row in rows.items()
                ]
            case "mail.message":
                return [
                    {"id": one, "model": "crm.lead", "res_id": one // 1_000}
                    for one in named.get("id", ())
                ]
        wanted = self.book.deals(map(str, named.get("mail_message_id.res_id", ())))
        return [row for deal in wanted for row in self._changes(deal)]

    def _stages(self) -> Iterator[Row]:
        for stage in self.book.stages:
            if stage.outcome is not Outcome.LOST:
                yield {
                    "id": stage.position,
                    "name": stage.name,
                    "sequence": stage.position,
                    "is_won": stage.outcome is Outcome.WON,
                }

    def _lead(self, deal: Deal) -> Row:
        stages = [(key, at) for key, at in deal.entered if key != "lost"]
        partner = self.book.people_of(deal, CONTACT)
        is_lost = deal.stage == "lost"
        stage = self.book.stage(stages[-1][0])
        is_closed = is_lost or stage.outcome is Outcome.WON
        return {
            "id": int(deal.deal_id),
            "name": deal.name,
            "active": not is_lost,
            "stage_id": [stage.position, stage.name],
            "probability": 0.0 if is_lost else 100.0 if is_closed else 40.0,
            "expected_revenue": 0.0 if deal.amount is None else deal.amount,
            "company_currency": [1, deal.currency] if deal.currency else False,
            "partner_id": [int(partner[0].person_id), ""] if partner else False,
            "user_id": [UID, deal.owner] if deal.owner else False,
            "team_id": [1, stage.pipeline],
            "lost_reason_id": [1, deal.lost_reason] if deal.lost_reason else False,
            "date_closed": _text(deal.entered[-1][1]) if is_closed else False,
            "date_last_stage_update": _text(stages[-1][1]),
            "create_date": _text(deal.created_at),
            "write_date": _text(deal.modified_at),
            **_texts("deal", deal.fields),
        }

    def _changes(self, deal: Deal) -> Iterator[Row]:
        """Yield the tracked changes of a lead; the stage it began in leaves none."""
        (stage, _), *later = deal.entered
        is_lost = False
        for number, (key, at) in enumerate(later, 1):
            if (key == "lost") != is_lost:
                yield _change(deal, number * 2, _ACTIVE, int(not is_lost), int(is_lost), at)
                is_lost = not is_lost
            if key not in ("lost", stage):
                old, new = self.book.stage(stage).position, self.book.stage(key).position
                yield _change(deal, number * 2 + 1, _STAGE, old, new, at)
                stage = key


def _change(deal: Deal, number: int, field: int, old: int, new: int, at: datetime) -> Row:
    message = int(deal.deal_id) * 1_000 + number
    return {
        "id": message,
        "field_id": [field, "Stage" if field == _STAGE else "Active"],
        "mail_message_id": [message, deal.name],
        "mail_message_id.model": "crm.lead",
        "mail_message_id.res_id": int(deal.deal_id),
        "old_value_integer": old,
        "new_value_integer": new,
        "create_date": _text(at),
    }


def _partner(person: Person) -> Row:
    return {
        "id": int(person.person_id),
        "create_date": _text(person.created_at),
        "write_date": _text(person.modified_at),
        **_texts(CONTACT, person.fields),
    }


def _texts(kind: str, fields: Mapping[str, str]) -> Row:
    return {one.name: fields.get(one.own) or False for one in FIELDS if one.kind == kind}


def _described(model: str) -> dict[str, Any]:
    labels = {one.name: one.label for one in FIELDS}
    return {
        name: {"type": type_, "string": labels.get(name, name)}
        for name, type_ in _TYPES[model].items()
    }


def _fits(row: Row, leaf: Sequence[Any]) -> bool:
    name, operator, wanted = leaf
    if name not in row:
        message = f"Invalid field {name} in condition {tuple(leaf)}"
        raise OdooError("builtins.ValueError", message, 500)
    value = row[name]
    if isinstance(value, list):
        value = value[0]
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
    raise OdooError("builtins.ValueError", f"Invalid operator {operator}", 500)


def _raised(error: OdooError) -> Reply:
    body = {"name": error.name, "message": str(error), "arguments": [], "context": {}}
    return Reply(status=error.status, body=body)


def _instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
