"""The commands of audiences, as an operator types them."""

import json

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, Office
from tests.cli.test_values import enter, learn_and_accept, past
from tests.nights.audiences import mail_of, on_list

pytestmark = pytest.mark.long

AUDIENCE = """
[audiences.customers]
definition = "Everybody who bought."
state = "won"
"""


@pytest.fixture
def keeping(office: Office) -> Office:
    """A company that keeps its customers on a list."""
    office.configure(
        'ad_user_data = "Marketing consent"',
        'ad_user_data = "Marketing consent"\nad_personalization = "Marketing consent"',
    )
    office.configure(
        'kind = "data_manager"', 'kind = "data_manager"\ncustomer_match_terms_accepted = true'
    )
    office.configure("\n[retry]", f"{AUDIENCE}\n[retry]")
    office.deal("D-1", e_mail="ann@example.com", marketing_consent="yes")
    office.deal("D-2", e_mail="bob@example.com", marketing_consent="")
    return office


def test_plan_shows_what_would_change_and_why_people_are_not_in(keeping: Office) -> None:
    keeping.night(NIGHT)
    keeping.deal("D-3", e_mail="cid@example.com", marketing_consent="yes")
    keeping.deal("D-1", marketing_consent="no")
    keeping.night(NEXT_NIGHT, "--dry-run")
    said = keeping.types("audiences", "plan", "--as-of", NEXT_NIGHT).out
    assert "customers" in said
    assert "+0" in said, "the CRM's changes are read by a run"
    assert "below 100" in said
    assert "1 deals left out: The person has not agreed to both uses" in said
    assert on_list(keeping.sandbox, "customers") == {mail_of("ann")}


def test_sync_alone_brings_the_lists_there_and_says_how_it_ended(keeping: Office) -> None:
    keeping.night(NIGHT)
    keeping.configure('state = "won"', 'state = "lost"')
    done = keeping.types("audiences", "sync", "--as-of", NEXT_NIGHT)
    assert done.code == 0
    assert "-1" in done.out
    assert done.out.splitlines()[-1].startswith("OK run 2")
    assert on_list(keeping.sandbox, "customers") == set()


def test_plan_as_json_counts_those_left_out_by_reason(keeping: Office) -> None:
    keeping.night(NIGHT)
    (row,) = json.loads(keeping.types("audiences", "plan", "--format", "json").out)
    assert (row["people"], row["left_out"]) == (1, {"not_granted": 1})


def test_list_and_show_say_what_a_list_has_and_what_changed_it(keeping: Office) -> None:
    keeping.night(NIGHT)
    (row,) = json.loads(keeping.types("audiences", "list", "--format", "json").out)
    assert (row["people"], row["being_added"], row["awaiting_verdict"]) == (1, 1, 1)
    keeping.night(NEXT_NIGHT)
    (row,) = json.loads(keeping.types("audiences", "list", "--format", "json").out)
    assert (row["on_list"], row["awaiting_verdict"]) == (1, 0)
    shown = keeping.types("audiences", "show", "customers").out
    assert shown.startswith("Everybody who bought.")
    assert "settled" in shown
    assert keeping.types("audiences", "show", "nobody").code == 2


def test_export_holds_deal_ids_and_hashes_and_no_address(keeping: Office) -> None:
    keeping.night(NIGHT)
    exported = keeping.types("audiences", "export", "customers", "--format", "csv").out
    header, row = exported.splitlines()
    assert header == "source,deal_id,email_sha256,phone_sha256"
    assert row == f"crm,D-1,{mail_of('ann')},"
    assert "@" not in exported


def test_the_log_names_the_list_and_the_deals_and_nobody(keeping: Office) -> None:
    keeping.night(NIGHT)
    events = json.loads(keeping.types("audit", "list", "--format", "json").out)
    (sent,) = [one for one in events if one["event"] == "members_sent"]
    assert (sent["detail"]["audience"], sent["detail"]["change"]) == ("customers", "add")
    assert (sent["detail"]["members"], sent["detail"]["of_deals"]) == (1, "1")
    assert mail_of("ann") not in json.dumps(events)
    assert keeping.types("audit", "verify").code == 0


def test_commands_without_an_audience_say_what_to_do(office: Office) -> None:
    office.night(NIGHT)
    asked = office.types("audiences", "plan")
    assert asked.code == 2
    assert "config/audiences.toml" in asked.err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('state = "won"', 'stage = "mqll"'), "audiences.customers.stage: no deal source has"),
        (('state = "won"', 'but_not = "others"'), "nothing says who is in it"),
        (('state = "won"', 'state = "won"\nbut_not = ["nobody"]'), "there is no other audience"),
        (('state = "won"', 'state = "won"\nwhen = { zone = "N" }'), "when.zone: no deal source"),
        (("customer_match_terms_accepted = true", ""), "Customer Match terms"),
        (('state = "won"', 'state = "won"\nmembership_days = 541'), "membership_days"),
        (('state = "won"', "amount_at_least = 5"), "amount_at_least and currency go together"),
        (('state = "won"', 'state = "won"\ndestination = "x"'), "of kind data_manager: google"),
    ],
)
def test_a_mistake_in_an_audience_is_named_with_its_fix(
    keeping: Office, change: tuple[str, str], said: str
) -> None:
    keeping.configure(*change)
    assert said in keeping.types("audiences", "list").err


def test_an_audience_by_score_has_those_whose_chance_the_accepted_values_say(
    keeping: Office,
) -> None:
    keeping.configure('state = "won"', "score_at_least = 0.3")
    keeping.configure("\n[retry]", '\n[values]\nby = "region"\n\n[retry]')
    for number in range(100):
        past(keeping, f"N-{number}", number, region="North", is_won=number % 5 < 3)
        past(keeping, f"S-{number}", number, region="South", is_won=number % 5 < 1)
    for region in ("North", "South"):
        enter(keeping, region, region=region, e_mail=f"{region}@example.com")
    refused = keeping.night(NIGHT)
    assert refused.code == 1
    assert "Nobody is in audience customers: it asks for a score" in refused.err
    assert "Nobody is in audience customers" in keeping.types("audiences", "plan").err
    learn_and_accept(keeping, NIGHT)
    assert keeping.night(NEXT_NIGHT).code == 0
    assert on_list(keeping.sandbox, "customers") == {mail_of("north")}
