"""The sandbox's Salesforce refuses what Salesforce refuses, and says the rest in its words."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from convsync.sandbox.crm.book import CrmBook, Deal
from convsync.sandbox.crm.salesforce import CLIENT_ID, CLIENT_SECRET, SalesforceServer
from convsync.sandbox.crm.salesforce_org import guarded, record_id
from convsync.sandbox.crm.server import Reply, Request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DATA = "/services/data/v68.0"
FORM = f"grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}"


@pytest.fixture
def server() -> SalesforceServer:
    server = SalesforceServer(CrmBook(), lambda: NOW)
    for number in (1, 2, 3):
        at = NOW - timedelta(hours=number)
        deal_id = server.record_id("deal", number)
        entered = (("mql", at),)
        server.book.put(Deal(deal_id=deal_id, created_at=at, modified_at=at, entered=entered))
    server.tokens.add("token")
    return server


def get(server: SalesforceServer, path: str, token: str = "token", **query: str) -> Reply:
    headers = {"authorization": f"Bearer {token}"}
    return server.answer(Request(method="GET", path=path, query=query, headers=headers))


def asked(server: SalesforceServer, soql: str, resource: str = "query") -> Any:
    return get(server, f"{DATA}/{resource}", q=soql).body


def ids(answer: Any) -> list[str]:
    return [record["Id"] for record in answer["records"]]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        pytest.param("SELECT Id FORM Opportunity", "MALFORMED_QUERY", id="a misspelt word"),
        pytest.param("SELECT Id, Id FROM Opportunity", "MALFORMED_QUERY", id="a field twice"),
        pytest.param("SELECT Id FROM Deal", "INVALID_TYPE", id="no such object"),
        pytest.param("SELECT Region FROM Opportunity", "INVALID_FIELD", id="no such field"),
        pytest.param("SELECT Owner.Name FROM Opportunity", "INVALID_FIELD", id="no such parent"),
        pytest.param("SELECT Id FROM Lead ORDER BY Rank", "INVALID_FIELD", id="no such order"),
        pytest.param(
            "SELECT Id FROM Lead WHERE CreatedDate > '2026-03-01T00:00:00Z'",
            "INVALID_FIELD",
            id="a quoted datetime",
        ),
        pytest.param(
            "SELECT Id FROM Opportunity WHERE MQL_On__c > 2026-03-01T00:00:00Z",
            "INVALID_FIELD",
            id="a datetime for a date",
        ),
        pytest.param(
            "SELECT Id FROM Lead WHERE Landing_Page__c = 'x'",
            "INVALID_FIELD",
            id="a long text cannot be filtered on",
        ),
        pytest.param("SELECT Id FROM Lead LIMIT 5 5", "MALFORMED_QUERY", id="something after"),
    ],
)
def test_what_salesforce_refuses_is_refused(server: SalesforceServer, soql: str, code: str) -> None:
    (error,) = asked(server, soql)
    assert error["errorCode"] == code


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/services/data/v99.0/query", 404),
        ("/services/data/v30.0/query", 410),
        (f"{DATA}/sobjects/Deal/describe", 404),
        (f"{DATA}/query/01g5g0000000001AAA-2000", 400),
    ],
)
def test_what_does_not_exist_says_so_in_a_list(
    server: SalesforceServer, path: str, status: int
) -> None:
    reply = get(server, path, q="SELECT Id FROM Lead")
    assert reply.status == status
    assert isinstance(reply.body, list)


def test_a_url_too_long_is_answered_in_html(server: SalesforceServer) -> None:
    listed = ",".join(f"'{record_id('006', number)}'" for number in range(620))
    reply = get(server, f"{DATA}/query", q=f"SELECT Id FROM Opportunity WHERE Id IN ({listed})")
    assert (reply.status, reply.media_type) == (414, "text/html")
    assert get(server, f"{DATA}/query", token="t" * 17_000).status == 431


def test_only_query_all_finds_what_was_deleted(server: SalesforceServer) -> None:
    gone = server.record_id("deal", 2)
    server.book.delete(gone, NOW)
    soql = "SELECT Id, IsDeleted FROM Opportunity WHERE IsDeleted = true"
    assert ids(asked(server, soql)) == []
    assert ids(asked(server, soql, "queryAll")) == [gone]


def test_pages_by_id_go_by_the_case_of_its_letters(server: SalesforceServer) -> None:
    upper, lower = guarded("0065g00000B1XQB"), guarded("0065g00000B1xqb")
    assert upper[15:] != lower[15:]
    for deal_id in (lower, upper):
        at = NOW - timedelta(hours=1)
        server.book.put(
            Deal(deal_id=deal_id, created_at=at, modified_at=at, entered=(("mql", at),))
        )
    after = f"SELECT Id FROM Opportunity WHERE Id > '{upper}' ORDER BY Id LIMIT 1"
    assert ids(asked(server, after)) == [lower]


def test_without_an_order_none_is_kept(server: SalesforceServer) -> None:
    ordered = ids(asked(server, "SELECT Id FROM Opportunity ORDER BY Id"))
    assert ids(asked(server, "SELECT Id FROM Opportunity")) == ordered[::-1]


def test_a_locator_is_good_for_a_quarter_of_an_hour(server: SalesforceServer) -> None:
    server.a_batch = 2
    answer = asked(server, "SELECT Id FROM Opportunity ORDER BY Id")
    assert (answer["totalSize"], answer["done"], len(answer["records"])) == (3, False, 2)
    rest = get(server, answer["nextRecordsUrl"]).body
    assert (rest["done"], len(rest["records"])) == (True, 1)
    server.now = lambda: NOW + timedelta(minutes=16)
    (error,) = get(server, answer["nextRecordsUrl"]).body
    assert error["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_a_bulk_result_is_csv_in_its_own_words(server: SalesforceServer) -> None:
    gone = server.record_id("deal", 2)
    server.book.delete(gone, NOW)
    soql = "SELECT Id, IsDeleted, Amount, SystemModstamp FROM Opportunity WHERE IsDeleted = true"
    asked_for = {"operation": "queryAll", "query": soql, "contentType": "CSV"}
    headers = {"authorization": "Bearer token"}
    body, path = json.dumps(asked_for).encode(), f"{DATA}/jobs/query"
    made = server.answer(Request(method="POST", path=path, headers=headers, body=body)).body
    job = f"{path}/{made['id']}"
    assert [get(server, job).body["state"] for _ in range(2)] == ["InProgress", "JobComplete"]
    result = get(server, f"{job}/results")
    assert result.encoded().decode().splitlines() == [
        '"Id","IsDeleted","Amount","SystemModstamp"',
        f'"{gone}","true","","2026-03-01T12:00:00.000Z"',
    ]
    assert result.headers["Sforce-NumberOfRecords"] == "1"
    assert result.headers["Sforce-Locator"] == "null"


def test_every_answer_says_what_the_day_has_used(server: SalesforceServer) -> None:
    asked(server, "SELECT Id FROM Lead")
    reply = get(server, f"{DATA}/query", q="SELECT Id FROM Lead")
    assert reply.headers["Sforce-Limit-Info"] == "api-usage=2/100000"


def test_a_token_is_given_out_where_the_org_is(server: SalesforceServer) -> None:
    server.base_url = "http://127.0.0.1:8470/salesforce"
    path = "/services/oauth2/token"
    reply = server.answer(Request(method="POST", path=path, body=FORM.encode()))
    assert reply.body["instance_url"] == "http://127.0.0.1:8470/salesforce"
    assert get(server, f"{DATA}/query", token="00D!guessed", q="SELECT Id FROM Lead").status == 401
    token = reply.body["access_token"]
    assert get(server, f"{DATA}/query", token=token, q="SELECT Id FROM Lead").status == 200
