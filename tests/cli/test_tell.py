"""Sales is told once when a known person comes back, in a channel that may know what it says."""

from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest

from convsync.collect.reports import report_in
from convsync.model.collected import Report
from convsync.store import collected
from convsync.store.database import Database
from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office
from tests.cli.test_withdrawals import SITE
from tests.collect.browser_reports import a_report, body_of

FOURTH_NIGHT = "2026-03-06T02:00+01:00"
TELL = """
[tell]
owner = "owner"
WHEN
nurtured = ["lost"]

[tell.routes.anna]
owners = "Anna"
shows = ["deal", "stage", "campaign", "steps"]

[tell.routes.others]

[audiences.lost]
state = "lost"
"""


def set_up(office: Office, monkeypatch: pytest.MonkeyPatch, when: str = "") -> None:
    office.configure(
        'ad_user_data = "Marketing consent"',
        'ad_user_data = "Marketing consent"\nad_personalization = "Marketing consent"',
    )
    office.configure(
        'kind = "data_manager"', 'kind = "data_manager"\ncustomer_match_terms_accepted = true'
    )
    office.configure('vertical = "Vertical"', 'vertical = "Vertical"\nowner = "Owner"')
    office.configure("\n[retry]", f"{TELL.replace('WHEN', when)}\n[retry]")
    address = office.sandbox.http_url.removeprefix("http://")
    for route in ("ANNA", "OTHERS"):
        url = f"json://{address}/webhook?+X-Route={route}"
        monkeypatch.setenv(f"CONVSYNC_TELL__ROUTES__{route}__URLS", url)


@pytest.fixture
def selling(office: Office, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A company whose sales is told in one message a run."""
    set_up(office, monkeypatch)
    office.deal("D-1", visitor_id="V-1", owner="Anna", e_mail="ann@example.com")
    office.deal("D-2", visitor_id="V-2", owner="Bert", e_mail="bob@example.com")
    office.night(NIGHT)
    return office


def heard(office: Office) -> list[dict[str, Any]]:
    """Take what the webhook heard since it was last asked."""
    messages = list(office.sandbox.platform.on_call.alerts)
    office.sandbox.platform.on_call.alerts.clear()
    return [one for one in messages if "back" in one["title"] or "person" in one["title"]
            or "lead" in one["title"]]  # fmt: skip


def clicks_again(office: Office, visitor: str, name: str = "again") -> None:
    office.clicks[name] = {
        "Clicked at": "2026-03-03T12:00:00Z",
        "GCLID": f"click-{name}",
        "Visitor ID": visitor,
    }


def test_a_click_of_a_known_person_is_told_once_to_the_owner_of_their_deal(
    selling: Office,
) -> None:
    assert heard(selling) == [], "what was there before is no news"
    clicks_again(selling, "V-1")
    selling.night(NEXT_NIGHT)
    (told,) = heard(selling)
    assert told["title"].endswith("a known person clicked an ad again")
    assert "deal: D-1 (crm)" in told["message"]
    assert "stage: won" in told["message"]
    assert "steps: mql 2026-02-20, won 2026-03-02" in told["message"]
    selling.night(THIRD_NIGHT)
    assert heard(selling) == []


def test_a_channel_hears_nothing_that_it_is_not_allowed(selling: Office) -> None:
    clicks_again(selling, "V-2")
    selling.night(NEXT_NIGHT)
    (told,) = heard(selling)
    assert told["message"].splitlines()[1:] == ["stage: won"]
    for hidden in ("D-2", "Bert", "bob", "V-2", "click-again"):
        assert hidden not in str(told)


@pytest.mark.long
def test_a_nurtured_lead_that_reaches_a_milestone_is_told(selling: Office) -> None:
    selling.deal("D-3", owner="Anna", e_mail="cid@example.com", won_date="",
                 lost_date="2026-03-02")  # fmt: skip
    selling.night(NEXT_NIGHT)
    heard(selling)
    selling.deal("D-3", owner="Anna", e_mail="cid@example.com", won_date="",
                 lost_date="2026-03-02", opportunity_date="2026-03-04 12:00:00")  # fmt: skip
    selling.night(THIRD_NIGHT)
    (told,) = heard(selling)
    assert told["title"].endswith("a nurtured lead returned")
    assert "stage: opportunity" in told["message"]
    selling.night(FOURTH_NIGHT)
    assert heard(selling) == []


NEWSLETTER = {"age": 0, "values": {"utm_campaign": "Newsletter"}}


@pytest.mark.long
@pytest.mark.parametrize(
    "visit",
    [
        pytest.param({"form": "contact", "landings": []}, id="a form"),
        pytest.param({"form": None, "landings": [NEWSLETTER]}, id="a visit without a form"),
    ],
)
def test_a_known_person_who_comes_back_to_the_site_is_told_of_once_a_day(
    selling: Office, visit: dict[str, Any]
) -> None:
    selling.configure("\n[retry]", f"{SITE}\n[retry]")
    selling.deal("D-1", visitor_id="7" * 32, owner="Anna")
    selling.night(NEXT_NIGHT)
    heard(selling)
    for hour in (12, 13):
        report = a_report(visitor="7" * 32, identifiers=[], **visit)
        at = datetime(2026, 3, 4, hour, tzinfo=UTC)
        keep(selling, report_in(body_of(report), site="website", country="DE", received_at=at))
    selling.night(THIRD_NIGHT)
    (told,) = heard(selling)
    assert told["title"].endswith("a known person came back to the site")
    assert "deal: D-1" in told["message"]


def keep(office: Office, report: Report) -> None:
    url = f"sqlite:///{office.folder}/convsync.db"
    with closing(Database(url)) as database, database.transaction("collect") as connection:
        collected.save(connection, [report])


@pytest.mark.long
def test_several_are_told_in_one_message_or_each_at_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(office, monkeypatch, 'when = "at_once"')
    for name in ("1", "2"):
        office.deal(f"D-{name}", visitor_id=f"V-{name}", owner="Anna")
    office.night(NIGHT)
    for name in ("1", "2"):
        clicks_again(office, f"V-{name}", f"again-{name}")
    office.night(NEXT_NIGHT)
    assert len(heard(office)) == 2
    office.configure('when = "at_once"', 'when = "digest"')
    for name in ("1", "2"):
        clicks_again(office, f"V-{name}", f"later-{name}")
    office.night(THIRD_NIGHT)
    (told,) = heard(office)
    assert told["title"].endswith("2 people are back")


@pytest.mark.long
def test_an_undelivered_alert_is_sent_by_the_next_run(selling: Office) -> None:
    clicks_again(selling, "V-1")
    selling.sandbox.platform.on_call.refuses = True
    selling.night(NEXT_NIGHT)
    selling.sandbox.platform.on_call.refuses = False
    selling.night(THIRD_NIGHT)
    assert len(heard(selling)) == 1


def test_a_message_that_was_cut_off_is_not_repeated(selling: Office) -> None:
    clicks_again(selling, "V-1")
    selling.sandbox.platform.on_call.refuses = True
    selling.night(NEXT_NIGHT)
    selling.sandbox.platform.on_call.refuses = False
    selling.sql("UPDATE comebacks SET state = 'leaving'")
    selling.night(THIRD_NIGHT)
    assert heard(selling) == []
    assert "leaving" in selling.types("tell", "list").out


def test_no_message_is_about_a_person_who_refused(selling: Office) -> None:
    clicks_again(selling, "V-1")
    selling.deal("D-1", visitor_id="V-1", owner="Anna", marketing_consent="no")
    selling.night(NEXT_NIGHT)
    assert heard(selling) == []


def test_tell_send_tells_what_waits_and_list_shows_it(selling: Office) -> None:
    clicks_again(selling, "V-1")
    selling.sandbox.platform.on_call.refuses = True
    selling.night(NEXT_NIGHT)
    assert "waiting" in selling.types("tell", "list").out
    assert selling.types("tell", "send").code == 1
    selling.sandbox.platform.on_call.refuses = False
    assert selling.types("tell", "send").code == 0
    assert len(heard(selling)) == 1
    assert "told" in selling.types("tell", "list").out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            ('[tell]\nowner = "owner"', '[tell]\nowner = "Owner"'),
            "tell.owner: no deal source",
        ),
        (('[tell]\nowner = "owner"', "[tell]"), "tell.routes.anna.owners: set tell.owner"),
        (('nurtured = ["lost"]', 'nurtured = ["list"]'), "there is no audience 'list'"),
        (('shows = ["deal"', 'shows = ["email"'), "tell.routes.anna.shows"),
    ],
)
def test_a_mistake_in_the_tell_table_is_named_with_its_fix(
    selling: Office, change: tuple[str, str], said: str
) -> None:
    selling.configure(*change)
    assert said in selling.types("tell", "list").err
