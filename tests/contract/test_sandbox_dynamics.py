"""The sandbox's Dynamics refuses what Dataverse refuses, and says the rest in its words."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from convsync.sandbox.crm.book import CrmBook, Deal
from convsync.sandbox.crm.dynamics import CLIENT_ID, CLIENT_SECRET, TENANT, DynamicsServer
from convsync.sandbox.crm.dynamics_pages import BASE
from convsync.sandbox.crm.server import Reply, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "https://contoso.crm4.dynamics.com"
TOKEN = {"authorization": "Bearer token"}


@pytest.fixture
def server() -> DynamicsServer:
    server = DynamicsServer(CrmBook(), lambda: NOW)
    for number in (1, 2, 3):
        at = NOW - timedelta(hours=number)
        deal_id = server.record_id("deal", number)
        entered = (("mql", at),)
        server.book.put(Deal(deal_id=deal_id, created_at=at, modified_at=at, entered=entered))
    server.tokens.add("token")
    return server


def get(server: DynamicsServer, path: str, prefer: str = "", **query: str) -> Reply:
    asked = {f"${name}": said for name, said in query.items()}
    headers = {**TOKEN, "prefer": prefer}
    request = Request(
        method="GET", path=f"{BASE}/{path}", query=asked, headers=headers, base_url=URL
    )
    return server.answer(request)


def code(reply: Reply) -> tuple[int, Any]:
    return reply.status, reply.body["error"]["code"]


def message(reply: Reply) -> str:
    return str(reply.body["error"]["message"])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        pytest.param({"select": "new_gclidx"}, "property named 'new_gclidx'", id="no such column"),
        pytest.param({"select": "ownerid"}, "property named 'ownerid'", id="a lookup by its name"),
        pytest.param({"filter": "createdOn ge 2026-01-01T00:00:00Z"}, "'createdOn'", id="its case"),
        pytest.param(
            {"filter": "opportunityid gt 49b0be2e-d01c-ed11-b83e-000000000001"},
            "Unique Identifier",
            id="an ID that is more than another",
        ),
        pytest.param({"filter": "statecode is 1"}, "Syntax error", id="an unknown operator"),
        pytest.param({"filter": "(statecode eq 1"}, "')' expected", id="an open parenthesis"),
        pytest.param(
            {"filter": " or ".join(["statecode eq 1"] * 301)}, "(300)", id="too many conditions"
        ),
        pytest.param({"orderby": "createdon up"}, "order", id="an unknown order"),
        pytest.param({"skip": "10"}, "$skip", id="an option that is not supported"),
        pytest.param({"skiptoken": "2"}, "cookie", id="a cookie that is none"),
    ],
)
def test_a_question_that_dataverse_refuses_is_refused(
    server: DynamicsServer, query: dict[str, str], said: str
) -> None:
    reply = get(server, "opportunities", **query)
    assert reply.status == 400
    assert said in message(reply)


def test_a_table_that_is_not_there_is_no_segment(server: DynamicsServer) -> None:
    assert code(get(server, "opportunity")) == (404, "0x8006088a")


def test_nobody_is_let_in_without_a_token(server: DynamicsServer) -> None:
    server.tokens.clear()
    assert get(server, "opportunities").status == 401


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({}, (200, None), id="right"),
        pytest.param({"client_secret": "x"}, (401, "invalid_client"), id="a wrong secret"),
        pytest.param({"scope": f"{URL}/read"}, (400, "invalid_scope"), id="a wrong scope"),
        pytest.param(
            {"grant_type": "password"}, (400, "unsupported_grant_type"), id="no such grant"
        ),
    ],
)
def test_a_token_is_given_for_this_environment_alone(
    server: DynamicsServer, changed: dict[str, str], said: tuple[int, str | None]
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "scope": f"{URL}/.default",
        **changed,
    }
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    reply = server.answer(
        Request(method="POST", path=f"/{TENANT}/oauth2/v2.0/token", body=body, base_url=URL)
    )
    assert (reply.status, reply.body.get("error")) == said
    assert "refresh_token" not in reply.body


def test_a_page_is_as_long_as_preferred_and_its_link_goes_on_after_it(
    server: DynamicsServer,
) -> None:
    two = "odata.maxpagesize=2"
    first = get(server, "opportunities", two, filter=f"modifiedon lt {NOW:%Y-%m-%dT%H:%M:%SZ}")
    server.book.edit(server.record_id("deal", 1), NOW, name="left")  # it shifts nothing
    link = urlsplit(first.body["@odata.nextLink"])
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{URL}{BASE}/opportunities"
    query = {name.removeprefix("$"): said for name, said in parse_qsl(link.query)}
    second = get(server, "opportunities", two, **query)
    assert "@odata.nextLink" not in second.body
    rows = [*first.body["value"], *second.body["value"]]
    assert [row["opportunityid"] for row in rows] == [
        server.record_id("deal", number) for number in (1, 2, 3)
    ]


def test_formatted_values_are_returned_only_if_they_are_requested(server: DynamicsServer) -> None:
    status = "statuscode@OData.Community.Display.V1.FormattedValue"
    asked = 'odata.include-annotations="*"'
    for prefer, is_told in ((asked, True), ("", False)):
        row = get(server, "opportunities", prefer, select="statuscode").body["value"][0]
        assert (status in row) == is_told


def test_money_brings_its_currency(server: DynamicsServer) -> None:
    row = get(server, "opportunities", select="estimatedvalue").body["value"][0]
    assert "_transactioncurrencyid_value" in row


def test_an_unreadable_record_is_left_out_of_lists_and_refused_by_id(
    server: DynamicsServer,
) -> None:
    hidden, gone = server.record_id("deal", 1), server.record_id("deal", 9)
    server.rows.unreadable.add(hidden)
    listed = {row["opportunityid"] for row in get(server, "opportunities").body["value"]}
    assert listed == {server.record_id("deal", 2), server.record_id("deal", 3)}
    assert code(get(server, f"opportunities({hidden})")) == (403, "0x80040220")
    assert code(get(server, f"opportunities({gone})")) == (404, "0x80040217")


def test_a_batch_holds_a_thousand_reads_at_the_most(server: DynamicsServer) -> None:
    part = (
        "--b\r\nContent-Type: application/http\r\n\r\n"
        f"GET {BASE}/opportunities({server.record_id('deal', 1)}) HTTP/1.1\r\n\r\n\r\n"
    )
    for count, status in ((1_000, 200), (1_001, 400)):
        request = Request(
            method="POST",
            path=f"{BASE}/$batch",
            headers={**TOKEN, "content-type": "multipart/mixed; boundary=b"},
            body=(part * count + "--b--\r\n").encode(),
            base_url=URL,
        )
        assert server.answer(request).status == status
