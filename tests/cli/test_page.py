"""The page shows what the commands say, to those who have signed in, and acts for operators."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

from convsync.sandbox.server import Sandbox
from convsync.web.visits import COOKIE
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office
from tests.cli.page import PASSWORD, Visitor, page_of
from tests.cli.page_tables import Tables
from tests.fakes.new_ledger import new_ledger

pytestmark = pytest.mark.long

INVALID = "PROCESSING_ERROR_REASON_INVALID_GCLID"
PATHS = (
    *("/", "/runs/1", "/conversions", "/deals", "/deals/D-1", "/errors", "/do/retry?about=X"),
    *("/funnel", "/shortfalls", "/campaigns", "/coverage", "/trend", "/reports"),
    *("/values", "/audiences", "/set-up", "/customer?key=D-1"),
)
SIXTH = "2026-03-06T02:00+01:00"
HOSTILE = "<script>alert(1)</script>=HYPERLINK(1)\u202egpj"


def two_nights(office: Office) -> None:
    """Two nights of a company, D-1 refused by its click."""
    office.sandbox.platform.verdicts = {"click-of-D-1": INVALID}
    office.deal("D-1", mql_date="")
    office.deal("D-2", mql_date="", amount="2500.50")
    office.deal("D-3", mql_date="", gclid="", marketing_consent="no")
    office.night()
    office.night(NEXT_NIGHT)


@pytest.fixture(scope="module")
def told(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A company of two nights that is only looked at, by all tests here."""
    running.platform.reset()
    office = Office(tmp_path_factory.mktemp("told"), running)
    new_ledger(office.folder / "convsync.db")
    two_nights(office)
    return office


@pytest.fixture(scope="module")
def served(told: Office) -> Iterator[dict[str, Visitor]]:
    """Its page, with whoever has signed in there by their names."""
    with page_of(told, NEXT_NIGHT) as nobody:
        people = {name: Visitor(nobody.url) for name in ("vera", "otto")}
        for name, visitor in people.items():
            visitor.signs_in(name)
            assert visitor.status == 200
        yield {**people, "nobody": nobody}


def as_just_come(visitor: Visitor) -> Visitor:
    """Return the same browser before it has opened anything."""
    come = Visitor(visitor.url)
    come.session.cookies.update(visitor.session.cookies)
    return come


@pytest.fixture
def vera(served: dict[str, Visitor]) -> Visitor:
    return as_just_come(served["vera"])


@pytest.fixture
def nobody(served: dict[str, Visitor]) -> Visitor:
    return as_just_come(served["nobody"])


@pytest.fixture
def visitor(office: Office) -> Iterator[Visitor]:
    """Somebody before the page of a company of two nights, which is this test's alone."""
    two_nights(office)
    with page_of(office, NEXT_NIGHT) as visitor:
        yield visitor


@pytest.fixture
def otto(visitor: Visitor) -> Visitor:
    visitor.signs_in("otto")
    assert visitor.status == 200
    return visitor


@pytest.mark.parametrize("path", PATHS)
def test_nobody_sees_anything_without_signing_in(nobody: Visitor, path: str) -> None:
    assert "Sign in" in nobody.opens(path)
    assert nobody.path.startswith("/sign-in?next=%2F")
    assert "D-1" not in nobody.text


def test_who_signs_in_comes_to_the_page_they_asked_for(visitor: Visitor) -> None:
    visitor.opens("/deals/D-1")
    visitor.signs_in("vera", onward="/deals/D-1")
    assert visitor.path == "/deals/D-1"


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(visitor: Visitor, elsewhere: str) -> None:
    visitor.signs_in("vera", onward=elsewhere)
    assert visitor.path == "/"


def test_a_wrong_password_and_an_unknown_name_are_refused_alike(visitor: Visitor) -> None:
    known = visitor.signs_in("vera", "not her password")
    assert visitor.status == 403
    assert visitor.signs_in("nobody", PASSWORD) == known
    assert not visitor.session.cookies


def test_guessing_passwords_is_slowed_down(visitor: Visitor) -> None:
    for number in range(100):
        said = visitor.signs_in("vera", f"a wrong password {number}")
        if visitor.status == 429:
            break
    assert number >= 10
    assert "Too many attempts" in said


def test_a_cookie_is_for_this_site_and_no_script_and_over_tls_for_tls_alone(
    visitor: Visitor, office: Office
) -> None:
    def said(url: str) -> str:
        form = {"name": "vera", "password": PASSWORD}
        answer = requests.post(f"{url}/sign-in", form, allow_redirects=False, timeout=60)
        return answer.headers["set-cookie"]

    plain = said(visitor.url)
    assert "HttpOnly" in plain
    assert "SameSite=lax" in plain
    assert "Secure" not in plain
    with page_of(office, NEXT_NIGHT, is_tls=True) as secure:
        assert "Secure" in said(secure.url)


def test_a_session_ends_with_the_day_and_with_signing_out(office: Office, otto: Visitor) -> None:
    with page_of(office, THIRD_NIGHT) as tomorrow:
        tomorrow.session.cookies.update(otto.session.cookies)
        assert "Sign in" in tomorrow.opens("/")
    otto.opens("/")
    stolen = otto.session.cookies[COOKIE]
    otto.sends("/sign-out")
    otto.session.cookies.set(COOKIE, stolen)
    assert "Sign in" in otto.opens("/")


def test_the_database_holds_neither_password_nor_token(told: Office, vera: Visitor) -> None:
    held = str(told.tables())
    assert PASSWORD not in held
    assert vera.session.cookies[COOKIE] not in held


@pytest.mark.parametrize("path", [*PATHS, "/sign-in", "/nowhere", "/static/page.css"])
def test_every_answer_forbids_scripts_frames_and_other_sites(vera: Visitor, path: str) -> None:
    vera.opens(path)
    policy = vera.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert vera.headers["x-content-type-options"] == "nosniff"
    assert "script-src" not in policy or path.startswith("/runs/")
    assert "<script" not in vera.html
    assert " style=" not in vera.html
    assert " onclick=" not in vera.html


def test_last_night_says_what_status_and_runs_say(told: Office, vera: Visitor) -> None:
    shown = vera.opens("/")
    status = json.loads(told.types("status", "--format", "json", "--as-of", NEXT_NIGHT).out)
    account = status["account"]
    sides = [f"{side} {sum(account[key].values()):,}" for side, key in SIDES]
    assert f"extracted {account['extracted']:,} = {' + '.join(sides)}" in shown
    runs = json.loads(told.types("runs", "--format", "json").out)
    assert runs[-1]["head"] in shown
    for run in runs:
        cells = [run["state"], run["read"], run["new"], run["restated"], run["retracted"]]
        cells += [run["rejected"], run["unreadable"], run["sent"]]
        assert " ".join(str(cell) for cell in cells) in shown
    line = told.types("status", "--check", "--as-of", NEXT_NIGHT).out
    assert line.split(" | ")[0].partition(" ")[2] in shown


SIDES = (("sent", "sent"), ("waiting", "waiting"), ("not sent", "not_sent"))


def test_a_run_says_what_runs_show_says(told: Office, vera: Visitor) -> None:
    (*_, last) = json.loads(told.types("runs", "--format", "json").out)
    found = json.loads(told.types("runs", "show", str(last["run"]), "--format", "json").out)
    shown = vera.opens(f"/runs/{last['run']}")
    for what, count in found["plan"].items():
        assert not count or f"{what.replace('_', ' ')} {count:,}" in shown
    for request in found["requests"]:
        assert request["request_id"] in shown
    assert last["head"] in shown
    vera.opens("/runs/99")
    assert vera.status == 404


def test_conversions_are_listed_as_deals_lists_them(told: Office, vera: Visitor) -> None:
    listed = json.loads(told.types("deals", "--format", "json").out)
    shown = vera.opens("/conversions")
    for one in listed:
        worth = f"{float(one['value']):,.2f} {one['currency']}"
        assert f"{one['deal_id']} {one['rule']}" in shown
        assert worth in shown
    rejected = vera.opens("/conversions?state=rejected")
    assert "D-1" in rejected
    assert "D-2" not in rejected
    assert "D-1" in vera.opens(f"/conversions?code={INVALID}")
    assert "There is no state unheard-of" in vera.opens("/conversions?state=unheard-of")
    assert vera.status == 400


def test_many_conversions_come_in_pages_each_once(office: Office) -> None:
    names = [f"D-{number:03}" for number in range(120)]
    for name in names:
        office.deal(name, mql_date="")
    office.night()
    with page_of(office, NIGHT) as vera:
        vera.signs_in("vera")
        vera.opens("/conversions?state=accepted")
        seen: list[str] = []
        while True:
            seen += [name for name in names if f'href="/deals/{name}"' in vera.html]
            (before, *_) = [*vera.html.split('rel="next"')[0].split('href="')[::-1]]
            if 'rel="next"' not in vera.html:
                break
            vera.opens(before.split('"')[0].replace("&amp;", "&"))
        assert sorted(seen) == names


def test_a_deal_is_found_by_anything_and_says_what_explain_says(
    told: Office, vera: Visitor
) -> None:
    rows = json.loads(told.types("explain", "D-1", "--format", "json").out)
    won = next(row for row in rows if row["state"] == "rejected")
    for anything in ("D-1", won["order_id"], "click-of-D-1"):
        shown = vera.opens(f"/conversions?find={anything}")
        assert vera.path == "/deals/D-1"
    for said in (won["order_id"], won["code"], won["code_means"], won["code_fix"], won["action"]):
        assert said in shown
    for row in rows:
        assert row["milestone"] in shown
        assert not row["why"] or row["why"] in shown
    assert "Nothing is named" in vera.opens("/conversions?find=unheard-of")
    vera.opens("/deals/unheard-of")
    assert vera.status == 404


def test_codes_stand_there_as_errors_lists_them(told: Office, vera: Visitor) -> None:
    (code,) = json.loads(told.types("errors", "--as-of", NEXT_NIGHT, "--format", "json").out)
    shown = vera.opens("/errors")
    assert f"{code['code']} {code['destination']} {code['count']}" in shown
    assert code["means"] in shown
    assert code["fix"] in shown
    by_day = Tables(vera.html).under("Day by day, the last 30 days").by_column()
    assert {row["day"]: int(row[INVALID]) for row in by_day} == code["by_day"]
    assert sum(code["by_day"].values()) == code["count"]


def test_data_from_a_crm_cannot_harm_a_page(office: Office) -> None:
    office.deal(HOSTILE, mql_date="")
    office.night()
    with page_of(office, NIGHT) as vera:
        vera.signs_in("vera")
        for path in ("/conversions", "/conversions?find=HYPERLINK"):
            vera.opens(path)
            assert vera.status == 200
            assert "<script" not in vera.html
            assert "\u202e" not in vera.html
            assert "alert(1)" in vera.text


def test_data_from_a_crm_cannot_harm_a_file(office: Office) -> None:
    for number, name in enumerate((HOSTILE, '=HYPERLINK("http://evil")', "@SUM(1)", "\x1b[31mred")):
        office.deal(name, mql_date="", gclid=f"click-{number}")
    office.night()
    with page_of(office, NIGHT) as vera:
        vera.signs_in("vera")
        for path in ("/conversions?as=", "/deals?as="):
            vera.opens(f"{path}csv")
            cells = [cell for row in csv.reader(io.StringIO(vera.html)) for cell in row]
            assert any("HYPERLINK" in cell for cell in cells)
            assert not [cell for cell in cells if cell.startswith(("=", "@", "+", "-"))]
            assert not set("\u202e\x1b") & set(vera.html)
            vera.opens(f"{path}json")
            assert vera.headers["content-type"] == "application/json"
            assert not set("\u202e\x1b") & set(vera.html)
            assert any("<script>" in one["deal_id"] for one in json.loads(vera.html))
        vera.opens("/conversions?as=xml")
        assert vera.status == 404


def test_an_operator_sends_a_refused_code_again_and_the_log_says_who(
    office: Office, otto: Visitor
) -> None:
    office.sandbox.platform.verdicts = {}
    otto.opens("/errors")
    assert "Try again" in otto.text
    assert "again, if it may be sent?" in otto.opens(f"/do/retry?about={INVALID}")
    shown = otto.sends("/do/retry", about=INVALID)
    assert otto.status == 200, shown
    assert "sent 1" in shown
    (*_, run) = json.loads(office.types("runs", "--format", "json").out)
    assert (run["command"], run["sent"]) == ("retry", 1)
    asked = office.types("audit", "list", "--run", str(run["run"]), "--format", "json").out
    assert "otto" in asked


def test_a_viewer_can_look_and_decide_nothing(told: Office, vera: Visitor) -> None:
    assert "Try again" not in vera.opens("/errors")
    vera.opens("/do/retry?about=X")
    assert vera.status == 403
    vera.opens("/")
    before = told.tables()
    vera.sends("/do/retry", about=INVALID)
    assert vera.status == 403
    assert told.tables() == before


def test_no_other_site_can_make_an_operator_decide(office: Office, otto: Visitor) -> None:
    before = office.tables()
    form = {"about": INVALID}
    for headers, fields in (
        ({}, form),
        ({}, {**form, "proof": "0" * 64}),
        ({"Origin": "https://evil.example"}, form),
    ):
        answer = otto.session.post(f"{otto.url}/do/retry", fields, headers=headers, timeout=60)
        assert answer.status_code == 403
        assert "othing was done" in answer.text
    assert office.tables() == before


def test_a_refused_plan_is_released_by_its_button(office: Office, refused_run: str) -> None:
    with page_of(office, SIXTH) as otto:
        otto.signs_in("otto")
        assert f"Run {refused_run} refused its plan" in otto.text
        otto.opens(f"/do/release?about={refused_run}")
        shown = otto.sends("/do/release", about=refused_run)
        assert otto.status == 200, shown
        assert "sent 6" in shown
        assert "refused its plan" not in otto.opens("/")


@pytest.fixture
def refused_run(office: Office) -> str:
    """The number of a run that refused its plan as unusual, and keeps it."""
    office.configure("\n[retry]", "\n[limits]\nsmall = 2\nfactor = 2\n\n[retry]")
    for day in (3, 4, 5):
        office.deal(f"D-{day}", mql_date="")
        assert office.night(f"2026-03-0{day}T02:00+01:00").code == 0
    for number in range(6):
        office.deal(f"N-{number}", mql_date="")
    assert office.night(SIXTH).code == 3
    (*_, run) = json.loads(office.types("runs", "--format", "json").out)
    return str(run["run"])


def test_what_the_account_blocks_is_said_as_status_says_it_with_a_button_for_operators(
    office: Office,
) -> None:
    office.sends_by_google_ads()
    off = {"enhanced_conversions_for_leads": False}
    office.sandbox.platform.set_account(None, off)
    office.deal("D-1", mql_date="", gclid="", e_mail="D-1@example.com")
    office.night()
    (blocked,) = json.loads(office.types("status", "--format", "json").out)["blocked"]
    with page_of(office, NIGHT) as visitor:
        visitor.signs_in("otto")
        for said in (blocked["code"], blocked["means"], blocked["fix"], "Try again"):
            assert said in visitor.text
        visitor.sends("/sign-out")
        visitor.signs_in("vera")
        assert blocked["code"] in visitor.text
        assert "Try again" not in visitor.text


def test_a_form_that_is_too_long_is_refused(vera: Visitor) -> None:
    vera.opens("/")
    vera.sends("/sign-out", padding="x" * 20_000)
    assert vera.status == 413


def test_an_action_that_there_is_not_is_not_found(otto: Visitor) -> None:
    otto.opens("/do/everything?about=1")
    assert otto.status == 404
    otto.opens("/do/release?about=abc")
    assert otto.status == 404


def test_another_visitor_shares_nothing(otto: Visitor) -> None:
    other = replace(otto, session=requests.Session())
    assert "Sign in" in other.opens("/")
