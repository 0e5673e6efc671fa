"""Zoho CRM, version 8: COQL over deals, contacts, leads and their history, and the metadata.

Nothing found is 204 without a body; a column that is not there, more than fifty values, and more
than two conditions that are not bracketed in pairs are errors; the token endpoint says 200 to a
refusal. Times come in the zone of the token's user, here +01:00.
https://www.zoho.com/crm/developer/docs/api/v8/Get-Records-through-COQL-Query.html
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from convsync.sandbox.crm.book import CONTACT, LEAD, CrmBook, Deal, Outcome, Person, id_key
from convsync.sandbox.crm.server import CrmServer, Field, Now, Reply, Request

CLIENT, SECRET, REFRESH_TOKEN = "client", "secret", "refresh-sandbox"
MOST, MOST_VALUES, MOST_COLUMNS, A_PAGE = 2_000, 50, 50, 200
TOKENS, TOKENS_WITHIN = 10, timedelta(minutes=10)
_ZONE: Final = timezone(timedelta(hours=1))
_LAYOUT: Final = "4150868000000091023"
_QUERY = re.compile(
    r"select (?P<columns>.+?) from (?P<module>\w+) where (?P<where>.+?)"
    r" order by (?P<by>\w+) (?P<way>asc|desc) limit (?P<offset>\d+), (?P<limit>\d+)\Z"
)
_BETWEEN = re.compile(r"(\w+) between '([^']+)' and '([^']+)'\Z")
_AFTER = re.compile(r"id > '?(\d+)'?\Z")
_IN = re.compile(r"(\w+) in \(([^)]*)\)\Z")

Row = dict[str, Any]
Fits = Callable[[Row], bool]

FIELDS: Final = (
    *(
        Field(kind="deal", own=own, name=name, label=name.replace("_", " "), longest=255)
        for own, name in (
            ("", "Stage"), ("", "Pipeline"), ("", "Amount"), ("", "Currency"), ("", "Owner"),
            ("", "Contact_Name"), ("", "Reason_For_Loss__s"), ("", "Created_Time"),
            ("", "Modified_Time"), ("region", "Region"), ("vertical", "Vertical"),
            ("deal_type", "Type"), ("origin", "Lead_Source"), ("gclid", "GCLID"),
        )
    ),
    *(
        Field(kind=kind, own=own, name=name, label=name.replace("_", " "), longest=255)
        for kind in (CONTACT, LEAD)
        for own, name in (
            ("", "Created_Time"), ("", "Modified_Time"), ("email", "Email"), ("phone", "Phone"),
            ("country", "Mailing_Country"), ("consent", "Ads_Consent"), ("gclid", "GCLID"),
            ("gbraid", "GBRAID"), ("wbraid", "WBRAID"), ("landing_page", "Landing_Page"),
            ("visitor_id", "Visitor_ID"),
        )
    ),
    Field(kind=LEAD, own="", name="Converted_Deal", label="Converted Deal", type="lookup"),
)  # fmt: skip
_KINDS = {"Deals": "deal", "Contacts": CONTACT, "Leads": LEAD}
_HISTORY = {"id", "Potential_Name", "Stage", "Modified_Time", "Moved_To__s"}


class ZohoServer(CrmServer):
    """Zoho over a book. IDs are 19 digits; `has_history` is whether COQL knows DealHistory."""

    name = "zoho"
    routes = (
        ("POST", r"/oauth/v2/token", "token"),
        ("POST", r"/crm/v8/coql", "coql"),
        ("GET", r"/crm/v8/Deals/deleted", "deleted"),
        ("GET", r"/crm/v8/Deals/(?P<deal_id>\d+)/Stage_History", "stage_history"),
        ("GET", r"/crm/v8/settings/fields", "fields"),
        ("GET", r"/crm/v8/settings/layouts", "layouts"),
        ("GET", r"/crm/v8/settings/pipeline", "pipeline"),
    )

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.tokens: set[str] = set()
        self.has_history = True
        self._given: list[datetime] = []

    def record_id(self, kind: str, number: int) -> str:
        """Return 19 digits."""
        first = {"deal": 4_150_868_000_004_000_000, CONTACT: 4_150_868_000_005_000_000}
        return str(first.get(kind, 4_150_868_000_006_000_000) + number)

    def refuse(self, request: Request) -> Reply | None:
        """Ask for a token in Zoho's own scheme."""
        shown = request.headers.get("authorization", "")
        if request.path == "/oauth/v2/token":
            return None
        if shown.startswith("Zoho-oauthtoken ") and shown.split()[1] in self.tokens:
            return None
        return _error(401, "INVALID_TOKEN", "invalid oauth token")

    def token(self, request: Request) -> Reply:
        """Give out a token for the refresh token, ten in ten minutes."""
        form = request.form()
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT, SECRET):
            return Reply(body={"error": "invalid_client"})
        if form.get("refresh_token") != REFRESH_TOKEN:
            return Reply(body={"error": "invalid_code"})
        now = self.now()
        self._given = [at for at in self._given if at > now - TOKENS_WITHIN]
        if len(self._given) >= TOKENS:
            return Reply(status=400, body={"error": "Access Denied", "status": "failure"})
        self._given.append(now)
        token = f"1000.{len(self._given)}.{now.timestamp():.0f}"
        self.tokens.add(token)
        return Reply(
            body={
                "access_token": token,
                "api_domain": request.base_url,
                "token_type": "Bearer",
                "expires_in": 3600,
            }
        )

    def coql(self, request: Request) -> Reply:
        """Answer a query."""
        query = _QUERY.match(str(request.json().get("select_query")))
        if query is None:
            return _error(400, "SYNTAX_ERROR", "error occured while parsing the query")
        columns = query["columns"].split(", ")
        known = self._known(query["module"])
        if known is None:
            return _error(400, "INVALID_MODULE", "the given module is not supported in api")
        if unknown := [one for one in columns if one not in known]:
            return _error(400, "INVALID_QUERY", f"unsupported column {unknown[0]}")
        if len(columns) != len(set(columns)):
            return _error(400, "DUPLICATE_DATA", "duplicate select column")
        if len(columns) > MOST_COLUMNS or not 0 < int(query["limit"]) <= MOST:
            return _error(400, "LIMIT_EXCEEDED", "too much")
        try:
            fits = _condition(query["where"])
        except ValueError as error:
            return _error(400, "SYNTAX_ERROR", str(error))
        rows = [row for row in self._rows(query["module"], query["where"]) if fits(row)]
        rows.sort(key=lambda row: _order(row[query["by"]]), reverse=query["way"] == "desc")
        page = rows[int(query["offset"]) :][: int(query["limit"])]
        if not page:
            return Reply(status=204)
        data = [{name: row.get(name) for name in dict.fromkeys(("id", *columns))} for row in page]
        info = {"count": len(data), "more_records": len(rows) > len(page)}
        return Reply(body={"data": data, "info": info})

    def stage_history(self, _: Request, deal_id: str) -> Reply:
        """Answer with the stays of one deal."""
        deal = self.book.deal(deal_id)
        rows = [] if deal is None else _stays(deal, self._stage_name)
        return Reply(body={"data": rows, "info": {"more_records": False}})

    def deleted(self, request: Request) -> Reply:
        """Answer with deleted deals, a page of two hundred at most."""
        size, page = int(request.query["per_page"]), int(request.query["page"])
        gone = [
            {
                "id": one.deal.deal_id,
                "type": "recycle",
                "display_name": one.deal.name,
                "deleted_time": _text(one.at),
            }
            for one in self.book.departures.values()
        ]
        rows = gone[(page - 1) * size : page * size]
        if not rows:
            return Reply(status=204)
        info = {"page": page, "count": len(rows), "more_records": len(gone) > page * size}
        return Reply(body={"data": rows, "info": info})

    def fields(self, request: Request) -> Reply:
        """Answer with the fields of a module."""
        kind = _KINDS.get(request.query.get("module", ""))
        described = [
            {
                "api_name": one.name,
                "display_label": one.label,
                "data_type": "text" if one.type == "string" else one.type,
                "length": one.longest,
                "visible": one.is_readable,
            }
            for one in FIELDS
            if one.kind == kind
        ]
        if not described:
            return _error(400, "INVALID_MODULE", "the module name given seems to be invalid")
        return Reply(body={"fields": described})

    def layouts(self, _: Request) -> Reply:
        """Answer with the one layout of deals."""
        return Reply(body={"layouts": [{"id": _LAYOUT, "name": "Standard", "status": "active"}]})

    def pipeline(self, request: Request) -> Reply:
        """Answer with the pipelines of a layout and their stages."""
        if request.query.get("layout_id") != _LAYOUT:
            return _error(400, "INVALID_DATA", "Invalid layoutid")
        names = dict.fromkeys(stage.pipeline for stage in self.book.stages)
        types = {Outcome.WON: "Closed Won", Outcome.LOST: "Closed Lost", Outcome.OPEN: "Open"}
        return Reply(
            body={
                "pipeline": [
                    {
                        "display_value": name,
                        "actual_value": name,
                        "maps": [
                            {
                                "display_value": stage.name,
                                "actual_value": stage.name,
                                "sequence_number": stage.position,
                                "forecast_type": types[stage.outcome],
                            }
                            for stage in self.book.stages
                            if stage.pipeline == name
                        ],
                    }
                    for name in names
                ]
            }
        )

    # Records

    def _known(self, module: str) -> set[str] | None:
        if module == "DealHistory":
            return _HISTORY if self.has_history else None
        kind = _KINDS.get(module)
        if kind is None:
            return None
        return {"id"} | {one.name for one in FIELDS if one.kind == kind}

    def _rows(self, module: str, where: str) -> list[Row]:
        """Return rows that may fit, found by the first thing that the condition names."""
        named = re.search(r"(id|Potential_Name|Contact_Name|Converted_Deal) in \(([^)]*)\)", where)
        ids = re.findall(r"'(\d+)'", named[2]) if named else None
        between = re.search(r"Modified_Time between '([^']+)' and '([^']+)'", where)
        window: tuple[datetime | None, datetime | None] = (None, None)
        if between:
            since, until = map(datetime.fromisoformat, between.groups())
            window = since, until + timedelta(seconds=1)
        if module == "DealHistory":
            deals = self.book.deals(ids or ())
            return [row for deal in deals for row in _stays(deal, self._stage_name)]
        if module == "Deals":
            if named and named[1] == "Contact_Name":
                ids = [one for each in ids or () for one in self.book.deals_of(each)]
            found = self.book.modified(*window) if ids is None else self.book.deals(ids)
            return [self._deal(deal) for deal in found]
        kind = _KINDS[module]
        if ids is None:
            people = self.book.people_modified(kind, *window)
        elif named and named[1] == "Converted_Deal":
            people = [
                one for deal in self.book.deals(ids) for one in self.book.people_of(deal, kind)
            ]
        else:
            people = [one for each in ids if (one := self.book.person(each))]
        return [self._person(kind, person) for person in people]

    def _deal(self, deal: Deal) -> Row:
        contacts = self.book.people_of(deal, CONTACT)
        row = _texts("deal", deal.fields) | _times(deal)
        return row | {
            "id": deal.deal_id,
            "Stage": self._stage_name(deal.stage),
            "Pipeline": self.book.stages[0].pipeline,
            "Amount": deal.amount,
            "Currency": deal.currency,
            "Owner": {"name": deal.owner, "id": deal.owner} if deal.owner else None,
            "Contact_Name": _lookup(contacts[0].person_id) if contacts else None,
            "Reason_For_Loss__s": deal.lost_reason or None,
        }

    def _person(self, kind: str, person: Person) -> Row:
        row = _texts(kind, person.fields) | _times(person) | {"id": person.person_id}
        if kind == LEAD:
            deals = self.book.deals_of(person.person_id)
            row["Converted_Deal"] = _lookup(deals[0]) if deals else None
        return row

    def _stage_name(self, key: str) -> str:
        return self.book.stage(key).name


def _stays(deal: Deal, name_of: Callable[[str], str]) -> list[Row]:
    following = [key for key, _ in deal.entered[1:]]
    return [
        {
            "id": str(int(deal.deal_id) * 100 + number),
            "Potential_Name": _lookup(deal.deal_id),
            "Stage": name_of(key),
            "Moved_To__s": name_of(following[number]) if number < len(following) else None,
            "Modified_Time": _text(at),
        }
        for number, (key, at) in enumerate(deal.entered)
    ]


def _condition(where: str) -> Fits:
    """Return what a row must be; ValueError where the brackets do not pair the conditions."""
    where = where.strip()
    while where.startswith("(") and _closing(where) == len(where) - 1:
        where = where[1:-1].strip()
    parts = _parts(where)
    if len(parts) > 2:
        raise ValueError("more than two conditions are bracketed in pairs")
    if len(parts) == 2:
        left, right = map(_condition, parts)
        return lambda row: left(row) and right(row)
    if where == "id is not null":
        return lambda _: True
    if found := _AFTER.match(where):
        last = int(found[1])
        return lambda row: int(row["id"]) > last
    if found := _BETWEEN.match(where):
        column, since, until = found[1], *map(datetime.fromisoformat, found.group(2, 3))
        return lambda row: since <= datetime.fromisoformat(row[column]) <= until
    if found := _IN.match(where):
        column, values = found[1], set(re.findall(r"'([^']*)'", found[2]))
        if len(values) > MOST_VALUES:
            raise ValueError("more than fifty values")
        return lambda row: _id_in(row[column]) in values
    raise ValueError(f"not understood: {where}")


def _parts(where: str) -> list[str]:
    """Return the conditions at the top level; the `and` of a `between` parts nothing."""
    parts, depth, start, is_between = [], 0, 0, False
    for found in re.finditer(r"\(|\)| between | and ", where):
        match found[0]:
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case " between " if not depth:
                is_between = True
            case " and " if not depth and is_between:
                is_between = False
            case " and " if not depth:
                parts.append(where[start : found.start()])
                start = found.end()
    return [*parts, where[start:]]


def _closing(where: str) -> int:
    """Return where the first bracket closes."""
    depth = 0
    for at, character in enumerate(where):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if not depth:
            return at
    raise ValueError("a bracket is never closed")


def _id_in(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value


def _order(value: Any) -> Any:
    return id_key(value) if isinstance(value, str) and value.isdigit() else (1, 0, str(value))


def _lookup(record_id: str) -> dict[str, str]:
    return {"name": "", "id": record_id}


def _texts(kind: str, fields: Mapping[str, str]) -> Row:
    return {one.name: fields.get(one.own) or None for one in FIELDS if one.kind == kind and one.own}


def _times(record: Deal | Person) -> Row:
    return {
        "Created_Time": _text(record.created_at),
        "Modified_Time": _text(record.modified_at),
    }


def _error(status: int, code: str, message: str) -> Reply:
    body = {"code": code, "details": {}, "message": message, "status": "error"}
    return Reply(status=status, body=body)


def _text(at: datetime) -> str:
    return at.astimezone(_ZONE).replace(microsecond=0).isoformat()
