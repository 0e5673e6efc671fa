"""The sandbox's Zoho CRM: what it refuses, as the real one does."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from convsync.sandbox.crm.book import LEAD, CrmBook, Deal, Person
from convsync.sandbox.crm.server import Reply, Request
from convsync.sandbox.crm.zoho import CLIENT, REFRESH_TOKEN, SECRET, ZohoServer

NOW = datetime(2026, 3, 2, tzinfo=UTC)
IDS = ", ".join(f"'{number}'" for number in range(101))
COLUMNS = ", ".join(f"C{number}" for number in range(501))


@pytest.fixture
def server() -> ZohoServer:
    return ZohoServer(CrmBook(), lambda: NOW)


def ask(server: ZohoServer, method: str, path: str, body: Any = None, **query: str) -> Reply:
    """Ask as somebody who is signed in."""
    form = f"client_id={CLIENT}&client_secret={SECRET}&refresh_token={REFRESH_TOKEN}"
    signed_in = server.answer(
        Request(
            method="POST",
            path="/oauth/v2/token",
            body=f"{form}&grant_type=refresh_token".encode(),
        )
    )
    headers = {"authorization": f"Zoho-oauthtoken {signed_in.body['access_token']}"}
    encoded = b"" if body is None else json.dumps(body).encode()
    return server.answer(
        Request(method=method, path=path, query=query, headers=headers, body=encoded)
    )


@pytest.mark.parametrize(
    ("select", "code"),
    [
        pytest.param("select id from Deals", "SYNTAX_ERROR", id="no condition"),
        pytest.param(
            "select id from Deals where id > 1 and id > 2 and id > 3", "SYNTAX_ERROR", id="no pairs"
        ),
        pytest.param("select id from Deals where Stage like", "SYNTAX_ERROR", id="cut off"),
        pytest.param("select id from Potentials where id > 1", "INVALID_MODULE", id="module"),
        pytest.param("select gclid from Deals where id > 1", "INVALID_QUERY", id="column"),
        pytest.param("select id, id from Deals where id > 1", "DUPLICATE_DATA", id="twice"),
        pytest.param(f"select {COLUMNS} from Deals where id > 1", "LIMIT_EXCEEDED", id="columns"),
        pytest.param(f"select id from Deals where id in ({IDS})", "LIMIT_EXCEEDED", id="101 IDs"),
        pytest.param("select id from Deals where id > 1 limit 2001", "LIMIT_EXCEEDED", id="rows"),
        pytest.param("select id from Deals where id > 1 limit 0", "INVALID_DATA", id="no rows"),
        pytest.param("select id from Deals where Region > 'a'", "INVALID_QUERY", id="operator"),
        pytest.param(
            "select id from Deals where Modified_Time > '2026-03-01T00:00:00'",
            "INVALID_QUERY",
            id="no offset",
        ),
    ],
)
def test_a_query_zoho_would_refuse_is_refused(server: ZohoServer, select: str, code: str) -> None:
    reply = ask(server, "POST", "/crm/v8/coql", {"select_query": select})
    assert (reply.status, reply.body["code"]) == (400, code)


def test_an_empty_coql_result_has_no_body(server: ZohoServer) -> None:
    select = "select id from Deals where ((Stage = 'It''s won' and id > 1) and id > 2) limit 0, 5"
    reply = ask(server, "POST", "/crm/v8/coql", {"select_query": select})
    assert (reply.status, reply.body) == (204, None)


@pytest.mark.parametrize(
    ("where", "is_found"),
    [
        pytest.param("id > 1", False, id="not asked for"),
        pytest.param("Converted__s = true", True, id="asked for"),
    ],
)
def test_a_converted_lead_is_found_only_where_the_query_says_so(
    server: ZohoServer, where: str, is_found: bool
) -> None:
    entered = (("mql", NOW),)
    server.book.put_person(Person(person_id="7", kind=LEAD, created_at=NOW, modified_at=NOW))
    server.book.put(
        Deal(deal_id="8", created_at=NOW, modified_at=NOW, entered=entered, people=("7",))
    )
    select = f"select Converted_Deal from Leads where {where}"
    reply = ask(server, "POST", "/crm/v8/coql", {"select_query": select})
    assert bool(reply.body) is is_found


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/crm/v8/Deals/deleted", {"type": "archived"}, 400),
        ("/crm/v8/Deals/1/Stage_History", {"fields": "Stage"}, 404),
        ("/crm/v8/settings/fields", {"module": "Potentials"}, 400),
        ("/crm/v8/settings/layouts", {}, 400),
        ("/crm/v8/settings/pipeline", {}, 400),
        ("/crm/v7/settings/fields", {"module": "Deals"}, 404),
    ],
)
def test_a_wrong_request_is_refused(
    server: ZohoServer, path: str, query: dict[str, str], status: int
) -> None:
    assert ask(server, "GET", path, **query).status == status


def test_nobody_is_let_in_as_a_bearer(server: ZohoServer) -> None:
    ask(server, "GET", "/crm/v8/settings/fields", module="Deals")
    (token,) = server.tokens
    request = Request(
        method="GET",
        path="/crm/v8/settings/fields",
        query={"module": "Deals"},
        headers={"authorization": f"Bearer {token}"},
    )
    assert server.answer(request).status == 401
