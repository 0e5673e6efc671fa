"""The collector over HTTP: who may report, what it answers, and what is then in the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from convsync.collect.rate import Rate
from tests.collect.browser_reports import a_report, body_of
from tests.collect.serving import KEY, NOON, ORIGIN, TOKEN, Served, collecting


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with collecting(tmp_path_factory.mktemp("collector")) as served:
        yield served


def test_a_report_that_is_answered_202_is_in_the_store(served: Served) -> None:
    body = body_of(a_report(1))
    answer = served.post(body)
    assert (answer.status_code, answer.content) == (202, b"")
    assert NOON in [one.received_at for one in served.written() if one.id[-1] == 1]


def test_nothing_sets_a_cookie_or_says_what_serves(served: Served) -> None:
    for answer in (served.post(), requests.get(f"{served.url}/healthz", timeout=60)):
        assert not answer.cookies
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "", "null", "http://www.example.com"])
def test_only_the_sites_own_pages_may_report(served: Served, origin: str) -> None:
    answer = served.post(origin=origin)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_preflight_is_answered_for_the_sites_own_pages(served: Served) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = requests.options(served.reports_url, headers=asked, timeout=60)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_key_that_no_site_has_leads_nowhere(served: Served) -> None:
    for path in ("sites/other-key/reports", "sites/other-key/convsync.js", "elsewhere"):
        answer = requests.get(f"{served.url}/{path}", timeout=60)
        assert answer.status_code in (404, 405)
    answer = requests.post(f"{served.url}/sites/other-key/reports", b"{}", timeout=60)
    assert answer.status_code == 404


def test_a_refused_report_is_not_echoed_and_leaves_nothing_behind(served: Served) -> None:
    before = len(served.written())
    answer = served.post(body_of(a_report(identifiers=[["email", "anna@example.com"]])))
    assert (answer.status_code, answer.content) == (422, b"")
    assert len(served.written()) == before


def test_a_body_larger_than_a_browser_would_send_is_refused(served: Served) -> None:
    assert served.post(b"x" * 70_000).status_code == 413


def test_a_site_gets_its_script(served: Served) -> None:
    answer = requests.get(f"{served.url}/sites/{KEY}/convsync.js", timeout=60)
    assert answer.text == "/* the snippet */"
    assert answer.headers["Content-Type"].startswith("text/javascript")


def test_figures_require_the_token(served: Served) -> None:
    served.post()
    url = f"{served.url}/metrics"
    assert requests.get(url, timeout=60).status_code == 401
    shown = requests.get(url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)
    assert 'convsync_collected_reports_total{answer="written",site="website"}' in shown.text


def test_an_address_that_reports_too_often_waits(tmp_path: Path) -> None:
    with collecting(tmp_path, reports_per_minute=2) as served:
        assert [served.post().status_code for _ in range(3)] == [202, 202, 429]
        served.seconds[0] = 30
        assert [served.post().status_code for _ in range(2)] == [202, 429]


def test_each_address_has_its_own_rate() -> None:
    rate = Rate(1, lambda: 0)
    assert [rate.takes(who) for who in ("a", "b", "a")] == [True, True, False]
