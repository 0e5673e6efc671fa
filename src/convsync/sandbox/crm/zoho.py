"""Zoho CRM's API, version 8, as its documentation and those who call it describe it.

Nothing found is 204 without a body, an empty field null; IDs are texts of 19 digits; times are the
user's, in whole seconds; a query needs a condition and takes 50 IDs; a token lasts an hour, ten are
given out in ten minutes, and who may not have one is told so with 200.
https://www.zoho.com/crm/developer/docs/api/v8/
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, Final

from convsync.sandbox.consent import ConsentDesk, ConsentRefused
from convsync.sandbox.crm import coql
from convsync.sandbox.crm import zoho_answers as answers
from convsync.sandbox.crm.book import (
    CONTACT,
    LEAD,
    CrmBook,
    Deal,
    Person,
    id_key,
)
from convsync.sandbox.crm.coql import Columns, CoqlError, CoqlQuery
from convsync.sandbox.crm.server import Allowance, Now, Reply, Request
from convsync.sandbox.crm.zoho_fields import FIELDS, MODULES
from convsync.sandbox.crm.zoho_settings import ZohoSettings

CLIENT: Final = "1000.SANDBOX"
SECRET: Final = "secret-sandbox"  # noqa: S105 - opens nothing but this sandbox
REFRESH_TOKEN: Final = "1000.refresh-sandbox"  # noqa: S105
MOST_TOKENS, TEN_MINUTES, A_TOKEN_LASTS = 10, timedelta(minutes=10), timedelta(hours=1)
KEPT: Final = {"recycle": timedelta(days=60), "permanent": timedelta(days=120)}
_AT_ONCE: Final = 500
_BASE: Final = "/crm/v8"


class ZohoServer(ZohoSettings):
    """An organisation over a book. `queries_history` where COQL gives the stage history.

    A query gives `longest_page` rows at the most, whatever it asks for. `hidden` are fields it does
    not have, or that the user's profile may not see, `invisible` those it lists as such. A lead
    behind a deal became it, but leads in `only_contacts` became no more than its contact. `renamed`
    are new names of stages and pipelines by their first ones; records hold the new with
    `tells_new_names`. `unused` fields are listed only where all are asked for. It
    `has_no_pipelines` where that feature is not used, and may leave out whether there is more
    (`tells_more`), as the published schema allows.
    """

    name = "zoho"
    routes = (
        ("POST", r"/oauth/v2/token", "token"),
        ("GET", r"/oauth/v2/auth", "consent_page"),
        ("POST", r"/oauth/v2/auth", "consent_given"),
        ("POST", r"/oauth/v2/token/revoke", "revoke"),
        ("POST", rf"{_BASE}/coql", "coql"),
        ("GET", rf"{_BASE}/Deals/deleted", "deleted"),
        ("GET", rf"{_BASE}/Deals/(?P<deal_id>\d+)/Stage_History", "stage_history"),
        ("GET", rf"{_BASE}/Deals/(?P<deal_id>\d+)/Contact_Roles", "contact_roles"),
        ("GET", rf"{_BASE}/settings/fields", "fields"),
        ("GET", rf"{_BASE}/settings/layouts", "layouts"),
        ("GET", rf"{_BASE}/settings/pipeline", "pipeline"),
    )

    most_at_once = 5
    """In the smallest edition."""

    def __init__(self, book: CrmBook, now: Now) -> None:
        super().__init__(book, now)
        self.tokens: dict[str, datetime] = {}
        self.desk = ConsentDesk("Zoho", (CLIENT, SECRET), REFRESH_TOKEN)
        self.queries_history = True
        self.longest_page = coql.MOST_ROWS
        self.hidden: frozenset[str] = frozenset()
        self.invisible: frozenset[str] = frozenset()
        self.only_contacts: frozenset[str] = frozenset()
        self.renamed: Mapping[str, str] = {}
        self.unused: frozenset[str] = frozenset()
        self.has_no_pipelines = False
        self.tells_more = True
        self.tells_new_names = False
        self._given: list[datetime] = []
        self._rows: Mapping[str, Callable[[CoqlQuery], Iterator[dict[str, Any]]]] = {
            "Deals": lambda query: map(self._deal, self._deals(query)),
            "Contacts": lambda query: map(self._person, self._people(CONTACT, query)),
            "Leads": self._leads,
            "DealHistory": self._histories,
        }

    def record_id(self, kind: str, number: int) -> str:
        """Return an ID of 19 digits, as those of one organisation begin."""
        group = {"deal": 1, CONTACT: 2, LEAD: 3}[kind]
        return f"4150868000{group}{number:08d}"

    # Who may ask

    def refuse(self, request: Request) -> Reply | None:
        """Ask for a token that has not expired, by Zoho's own word for it."""
        if request.path.startswith("/oauth/v2/"):
            return None
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        expires_at = self.tokens.get(token)
        if scheme == "Zoho-oauthtoken" and expires_at and self.now() < expires_at:
            return None
        return answers.refused(401, "INVALID_TOKEN", "invalid oauth token")

    def too_many(self, beyond: Allowance) -> Reply:
        """Say as little as when the credits are used up; the header tells the two apart."""
        return answers.refused(429, "TOO_MANY_REQUESTS", f"more than {beyond.requests} at once")

    def not_found(self, request: Request) -> Reply:
        """Answer that there is no such path."""
        message = "Please check if the URL trying to access is a correct one"
        return answers.refused(404, "INVALID_URL_PATTERN", message)

    def token(self, request: Request) -> Reply:
        """Give out an access token for a code or a refresh token, and say where the API is.

        Only the answer to a code holds the refresh token.
        """
        form = {**request.query, **request.form()}
        if form.get("client_id") != CLIENT:
            return Reply(body={"error": "invalid_client"})
        if form.get("client_secret") != SECRET:
            return Reply(body={"error": "invalid_client_secret"})
        try:
            agreed = self.agreed(form)
        except ConsentRefused:
            agreed = None
        if agreed is None:
            return Reply(body={"error": "invalid_code"})
        now = self.now()
        self._given = [at for at in self._given if at > now - TEN_MINUTES]
        if len(self._given) >= MOST_TOKENS:
            return Reply(
                status=400,
                body={
                    "error_description": "You have made too many requests continuously.",
                    "error": "Access Denied",
                    "status": "failure",
                },
            )
        self._given.append(now)
        token = f"1000.access-{len(self.tokens)}-{now:%Y%m%d%H%M%S}"
        self.tokens[token] = now + A_TOKEN_LASTS
        return Reply(
            body={
                "access_token": token,
                "scope": "ZohoCRM.modules.READ ZohoCRM.coql.READ ZohoCRM.settings.READ",
                "api_domain": request.base_url,
                "token_type": "Bearer",
                "expires_in": 3600,
                **(agreed if form["grant_type"] == "authorization_code" else {}),
            }
        )

    # Queries

    def coql(self, request: Request) -> Reply:
        """Answer a query, or say what is wrong with it."""
        asked = request.json().get("select_query")
        if not asked:
            return answers.refused(
                400, "MANDATORY_NOT_FOUND", "mandatory key not found", api_name="select_query"
            )
        try:
            query = coql.parsed(asked, self._modules())
        except CoqlError as refused:
            return answers.refused(400, refused.code, str(refused), **refused.details)
        rows: Iterator[dict[str, Any]] = filter(
            partial(answers.fits, query), self._rows[query.module](query)
        )
        if query.order and query.order != ("id", False):
            column, descends = query.order
            rows = iter(sorted(rows, key=partial(answers.rank, column), reverse=descends))
        size = min(query.limit, self.longest_page)
        found = [*islice(rows, query.offset, query.offset + size + 1)]
        if not found:
            return Reply(status=204)
        columns = dict.fromkeys(("id", *query.columns))
        page = [{name: answers.as_json(row[name]) for name in columns} for row in found[:size]]
        info = {"count": len(page), "more_records": len(found) > size}
        return Reply(body={"data": page, **({"info": info} if self.tells_more else {})})

    def _modules(self) -> Mapping[str, Columns]:
        return {
            module: {name: kind for name, kind in columns.items() if name not in self.hidden}
            for module, columns in MODULES.items()
            if self.queries_history or module != "DealHistory"
        }

    def _deals(self, query: CoqlQuery) -> Iterator[Deal]:
        """Yield the deals a query may mean, by ID."""
        if ids := query.values("id", "in"):
            return iter(self.book.deals(sorted(map(str, ids), key=id_key)))
        if ids := query.values("Contact_Name", "in"):
            return iter(self._deals_of(map(str, ids)))
        if bounds := query.values("Contact_Name.Modified_Time", "between"):
            people = self.book.people_modified(CONTACT, *answers.window(bounds))
            return iter(self._deals_of(person.person_id for person in people))
        since, until = answers.window(query.values("Modified_Time", "between", ">="))

        def after(deal_id: str | None) -> list[Deal]:
            return self.book.modified(since, until, after=deal_id, limit=_AT_ONCE)

        return answers.by_id(after, lambda deal: deal.deal_id, answers.last_id(query))

    def _deals_of(self, contact_ids: Iterable[str]) -> list[Deal]:
        """Return the deals of contacts, by ID."""
        named = {one for contact_id in contact_ids for one in self.book.deals_of(contact_id)}
        return self.book.deals(sorted(named, key=id_key))

    def _leads(self, query: CoqlQuery) -> Iterator[dict[str, Any]]:
        """Yield leads; the converted are left out unless the query says which it means."""
        says = any(one.column == "Converted__s" for one in query.where)
        rows = map(self._person, self._people(LEAD, query))
        return (row for row in rows if says or not row["Converted__s"])

    def _people(self, kind: str, query: CoqlQuery) -> Iterator[Person]:
        if ids := query.values("id", "in"):
            people = (self.book.person(one) for one in sorted(map(str, ids), key=id_key))
            return (one for one in people if one and one.kind == kind)
        of_deals = query.values("Converted_Deal", "in")
        of_contacts = query.values("Converted_Contact", "in")
        if of_deals or of_contacts:
            deals = self.book.deals(map(str, of_deals)) or self._deals_of(map(str, of_contacts))
            leads = {
                one.person_id: one for deal in deals for one in self.book.people_of(deal, kind)
            }
            return iter(sorted(leads.values(), key=lambda one: id_key(one.person_id)))
        since, until = answers.window(query.values("Modified_Time", "between", ">="))

        def after(person_id: str | None) -> list[Person]:
            return self.book.people_modified(kind, since, until, after=person_id, limit=_AT_ONCE)

        return answers.by_id(after, lambda person: person.person_id, answers.last_id(query))

    def _histories(self, query: CoqlQuery) -> Iterator[dict[str, Any]]:
        ids = query.values("Potential_Name", "in")
        deals = self.book.deals(sorted(map(str, ids), key=id_key)) if ids else self._deals(query)
        for deal in deals:
            yield from self._history(deal)

    def _history(self, deal: Deal) -> Iterator[dict[str, Any]]:
        """Yield a row for each stage a deal came into, as the tracker of the field keeps them."""
        names = [self._held(self.book.stage(key).name) for key, _ in self.book.told(deal)]
        for number, (_, at) in enumerate(self.book.told(deal)):
            yield {
                "id": f"41508687{deal.deal_id[-8:]}{number:03d}",
                "Potential_Name": {"name": deal.name, "id": deal.deal_id},
                "Stage": names[number],
                "Moved_To__s": next(iter(names[number + 1 :]), None),
                "Modified_Time": at,
            }

    def _deal(self, deal: Deal) -> dict[str, Any]:
        contact = next(iter(self.book.people_of(deal, CONTACT)), None)
        own = {**deal.fields, "amount": deal.amount}
        return {
            **{one.name: own.get(one.own) for one in FIELDS if one.kind == "deal"},
            "id": deal.deal_id,
            "Deal_Name": deal.name,
            "Created_Time": deal.created_at,
            "Modified_Time": deal.modified_at,
            "Stage": self._held(self.book.stage(deal.stage).name),
            "Pipeline": self._held(self.book.stage(deal.stage).pipeline),
            "Currency": deal.currency,
            "Owner": deal.owner and {"name": "Boyle", "id": deal.owner},
            "Contact_Name": contact and {"name": "Doe", "id": contact.person_id},
            "Contact_Name.Modified_Time": contact and contact.modified_at,
            "Reason_For_Loss__s": deal.lost_reason,
            "Closing_Date": deal.entered[-1][1].date().isoformat(),
        }

    def _held(self, name: str) -> str:
        """Return what records hold of the name of a stage or pipeline."""
        return self.renamed.get(name, name) if self.tells_new_names else name

    def _person(self, person: Person) -> dict[str, Any]:
        row: dict[str, Any] = {
            **{one.name: person.fields.get(one.own) for one in FIELDS if one.kind == person.kind},
            "id": person.person_id,
            "Created_Time": person.created_at,
            "Modified_Time": person.modified_at,
        }
        if person.kind == LEAD:
            deals = self.book.deals(self.book.deals_of(person.person_id))
            contacts = (one for deal in deals for one in self.book.people_of(deal, CONTACT))
            became = [] if person.person_id in self.only_contacts else deals
            row["Converted__s"] = bool(deals)
            row["Converted_Deal"] = answers.lookup(next((one.deal_id for one in became), None))
            row["Converted_Contact"] = answers.lookup(
                next((one.person_id for one in contacts), None)
            )
        return row

    # Lists

    def deleted(self, request: Request) -> Reply:
        """Answer with deleted deals, newest first, as long as they are remembered."""
        wanted = request.query.get("type", "all")
        if wanted not in ("all", *KEPT):
            details = {"param_name": "type"}
            wrong = {"code": "PATTERN_NOT_MATCHED", "details": details, "status": "error"}
            return Reply(status=400, body={"data": [wrong]})
        since = request.headers.get("if-modified-since")
        rows = [
            {
                "deleted_by": {"name": "Boyle", "id": "4150868000000225013"},
                "id": one.deal.deal_id,
                "display_name": one.deal.name,
                "type": kind,
                "deleted_time": one.at,
            }
            for one in sorted(self.book.departures.values(), key=lambda one: one.at, reverse=True)
            if (kind := answers.left_as(one)) and wanted in ("all", kind)
            if one.at >= self.now() - KEPT[kind]
            if since is None or one.at >= datetime.fromisoformat(since)
        ]
        return answers.listed(request, rows) if rows or since is None else Reply(status=304)

    def stage_history(self, request: Request, deal_id: str) -> Reply:
        """Answer with the stages one deal came into."""
        return self._related(request, deal_id, self._history)

    def contact_roles(self, request: Request, deal_id: str) -> Reply:
        """Answer with the contacts that have a role in one deal."""
        return self._related(
            request, deal_id, lambda deal: map(self._person, self.book.people_of(deal, CONTACT))
        )

    def _related(
        self, request: Request, deal_id: str, rows: Callable[[Deal], Iterable[dict[str, Any]]]
    ) -> Reply:
        deal = self.book.deal(deal_id)
        if deal is None:
            return answers.refused(404, "INVALID_DATA", "The record does not exist")
        if not (wanted := request.query.get("fields")):
            return answers.refused(
                400, "REQUIRED_PARAM_MISSING", "required param is missing", param_name="fields"
            )
        columns = dict.fromkeys(("id", *wanted.split(",")))
        return answers.listed(
            request, [{name: row[name] for name in columns} for row in rows(deal)]
        )
