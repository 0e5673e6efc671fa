"""A rule changes after its conversions were counted: docs/change-a-rule.md, line by line."""

from pathlib import Path

import pytest

from convsync.errors import UnsafePlanError
from convsync.model.ledger import Side
from convsync.sandbox.server import Sandbox
from tests.nights.company import ACCOUNT, Company

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "change-a-rule.md"
CLICKED = "2026-02-20T10:00Z"
WON = "2026-03-02T15:00Z"
NIGHT = [f"2026-03-{day:02}T02:00Z" for day in range(3, 10)]
FIRST, SECOND = "D-1", "D-2"


@pytest.fixture
def counted(company: Company) -> Company:
    """A company of which one deal is counted as a lead and as a sale."""
    wins(company, FIRST)
    company.night(NIGHT[0])
    assert (company.value(FIRST, "mql"), company.value(FIRST)) == (20.0, 100.0)
    return company


def wins(company: Company, deal: str, **cells: object) -> None:
    ordinary = {"mql": "2026-02-21T10:00Z", "won": WON, "amount": 100}
    company.has(deal, **ordinary | {"gclid": f"G-{deal}", "clicked": CLICKED} | cells)


def requests_of(sandbox: Sandbox) -> int:
    return len(sandbox.books.requests)


def worth(sandbox: Sandbox, action: str) -> list[float | None]:
    """What an action of the account counts, conversion by conversion."""
    return [one.value for one in sandbox.books.counted.get(f"{ACCOUNT}/{action}", {}).values()]


def test_a_new_value_restates_what_was_counted(counted: Company) -> None:
    counted.configure(("amount = 20", "amount = 35"))
    counted.night(NIGHT[1])
    assert (counted.value(FIRST, "mql"), counted.value(FIRST)) == (35.0, 100.0)


def test_a_new_action_counts_new_conversions_and_leaves_the_counted_ones(
    counted: Company, sandbox: Sandbox
) -> None:
    counted.configure(("action_id = 222", "action_id = 333"))
    wins(counted, SECOND)
    counted.night(NIGHT[1])
    assert (worth(sandbox, "222"), worth(sandbox, "333")) == ([100.0], [100.0])
    wins(counted, FIRST, amount=150)
    counted.night(NIGHT[2])
    assert (worth(sandbox, "222"), worth(sandbox, "333")) == ([150.0], [100.0])


def test_another_account_in_the_place_of_one_that_counted_is_refused(
    counted: Company, sandbox: Sandbox
) -> None:
    counted.configure(("123-456-7890", "555-666-7777"))
    wins(counted, FIRST, amount=150)
    with pytest.raises(UnsafePlanError, match=f"to account {ACCOUNT} that still count"):
        counted.night(NIGHT[1])
    assert set(sandbox.books.counted) == {f"{ACCOUNT}/111", f"{ACCOUNT}/222"}
    counted.configure()
    counted.night(NIGHT[1])
    assert counted.value(FIRST) == 150.0


def test_a_destination_under_a_new_name_is_refused_while_something_counts(
    counted: Company, sandbox: Sandbox
) -> None:
    counted.configure(("[destinations.google]", "[destinations.ads]"))
    wins(counted, FIRST, amount=150)
    with pytest.raises(UnsafePlanError, match=r"destinations\.ads reports to the same account"):
        counted.night(NIGHT[1])
    counted.configure()
    counted.night(NIGHT[1])
    assert counted.value(FIRST) == 150.0


def test_an_account_through_which_nothing_was_counted_is_replaced_in_place(
    company: Company, sandbox: Sandbox
) -> None:
    company.configure(("123-456-7890", "555-666-7777"))
    company.night(NIGHT[0])
    company.configure()
    wins(company, FIRST)
    company.night(NIGHT[1])
    assert company.value(FIRST) == 100.0


def test_an_additional_rule_counts_its_milestone_of_deals_read_before(
    counted: Company, sandbox: Sandbox
) -> None:
    counted.configure(more='[rules.early]\nmilestone = "mql"\naction_id = 333\n')
    counted.night(NIGHT[1])
    assert (worth(sandbox, "333"), worth(sandbox, "222")) == ([100.0], [100.0])


def test_a_removed_rule_leaves_what_it_counted_until_the_deal_is_lost(
    counted: Company, sandbox: Sandbox
) -> None:
    gone = ('[rules.won]\nmilestone = "won"\naction_id = 222\n', "")
    counted.configure(gone)
    wins(counted, FIRST, amount=150)
    counted.night(NIGHT[1])
    assert worth(sandbox, "222") == [100.0]
    wins(counted, FIRST, lost="2026-03-04T10:00Z")
    counted.night(NIGHT[2])
    assert worth(sandbox, "222") == [0.0]


def test_a_new_name_is_refused_until_moved_names_it_and_then_changes_nothing(
    counted: Company, sandbox: Sandbox
) -> None:
    renamed = ("[rules.won]", "[rules.sale]")
    counted.configure(renamed)
    with pytest.raises(UnsafePlanError, match=r'"rules\.won" = "rules\.sale"'):
        counted.night(NIGHT[1])
    counted.configure(renamed, more='[moved]\n"rules.won" = "rules.sale"\n')
    before = requests_of(sandbox)
    counted.night(NIGHT[2])
    assert (worth(sandbox, "222"), requests_of(sandbox)) == ([100.0], before)


def test_a_shorter_lookback_leaves_what_was_counted(counted: Company, sandbox: Sandbox) -> None:
    counted.configure(("action_id = 222", "action_id = 222\nlookback_days = 3"))
    wins(counted, SECOND)
    counted.night(NIGHT[1])
    assert worth(sandbox, "222") == [100.0]
    assert counted.entry(SECOND).reason == "click_outside_lookback"


def test_a_longer_lookback_counts_deals_that_were_outside_it(company: Company) -> None:
    company.configure(("action_id = 222", "action_id = 222\nlookback_days = 3"))
    wins(company, FIRST)
    company.night(NIGHT[0])
    assert company.value(FIRST) is None
    company.configure()
    company.night(NIGHT[1])
    assert company.value(FIRST) == 100.0


def test_a_narrower_condition_takes_back_deals_that_no_longer_meet_it(company: Company) -> None:
    mapped = ("complete = true", 'complete = true\nsegments = { size = "customer" }')
    company.configure(mapped)
    wins(company, FIRST, customer="small")
    wins(company, SECOND, customer="large")
    company.night(NIGHT[0])
    company.configure(mapped, ("action_id = 222", 'action_id = 222\nwhen = { size = "large" }'))
    company.night(NIGHT[1])
    assert (company.value(FIRST), company.value(SECOND)) == (0.0, 100.0)


def test_another_click_policy_leaves_the_click_that_was_counted(
    company: Company, sandbox: Sandbox
) -> None:
    wins(company, FIRST, visitor="V-1")
    company.clicked("G-EARLIER", "2026-02-10T10:00Z", visitor="V-1")
    company.night(NIGHT[0])
    sent = requests_of(sandbox)
    company.configure(("action_id = 222", 'action_id = 222\nclick_policy = "first"'))
    company.night(NIGHT[1])
    assert requests_of(sandbox) == sent


def test_a_new_setting_for_zero_amounts_applies_to_deals_that_were_not_sent(
    company: Company,
) -> None:
    company.configure(("action_id = 222", 'action_id = 222\namounts = { zero = "skip" }'))
    wins(company, FIRST, amount=0)
    company.night(NIGHT[0])
    assert company.value(FIRST) is None
    company.configure(("action_id = 222", "action_id = 222\namounts = { zero = 5 }"))
    company.night(NIGHT[1])
    assert company.value(FIRST) == 5.0


def test_a_loss_that_no_longer_undoes_a_sale_lets_it_count_again(counted: Company) -> None:
    wins(counted, FIRST, lost="2026-03-03T10:00Z")
    counted.night(NIGHT[1])
    assert counted.value(FIRST) == 0.0
    counted.configure(("action_id = 222", "action_id = 222\nundone_by_loss = false"))
    counted.night(NIGHT[2])
    assert counted.value(FIRST) == 100.0


def test_enhanced_conversions_send_the_deals_that_have_no_click(company: Company) -> None:
    off = ("enhanced_conversions = true", "enhanced_conversions = false")
    company.configure(off)
    company.has(FIRST, won=WON, amount=100, email="erika@example.org")
    company.night(NIGHT[0])
    assert company.value(FIRST) is None
    company.configure()
    company.night(NIGHT[1])
    assert company.sums() == {(Side.SENT, "accepted"): 1}


def test_redefining_a_milestone_takes_back_deals_that_no_longer_reach_it(
    counted: Company,
) -> None:
    stricter = ('won = "won"', 'won = { column = "won", when = { customer = "signed" } }')
    counted.configure(stricter)
    counted.night(NIGHT[1])
    assert (counted.value(FIRST), counted.value(FIRST, "mql")) == (0.0, 20.0)


def test_changing_the_words_of_the_agreement_sends_nothing(
    counted: Company, sandbox: Sandbox
) -> None:
    sent = requests_of(sandbox)
    counted.configure(more='[milestones.won]\ndefinition = "Signed."\nowner = "sales"\n')
    counted.night(NIGHT[1])
    assert requests_of(sandbox) == sent


def test_a_change_that_would_take_back_unusually_much_is_refused(company: Company) -> None:
    for number in range(25):
        wins(company, f"D-{number}")
    company.night(NIGHT[0])
    company.configure(
        ("action_id = 222", 'action_id = 222\nwhen = { size = "large" }'),
        ("complete = true", 'complete = true\nsegments = { size = "customer" }'),
    )
    with pytest.raises(UnsafePlanError):
        company.night(NIGHT[1])
    assert company.value("D-1") == 100.0


def test_conversions_in_a_wrong_action_are_taken_back_there_and_counted_in_the_right_one(
    counted: Company, sandbox: Sandbox
) -> None:
    nowhere = ("action_id = 222", 'action_id = 222\nwhen = { size = "nowhere" }')
    mapped = ("complete = true", 'complete = true\nsegments = { size = "customer" }')
    right = '[rules.sale]\nmilestone = "won"\naction_id = 333\n'
    counted.configure(mapped, nowhere, more=right)
    counted.night(NIGHT[1])
    assert (worth(sandbox, "222"), worth(sandbox, "333")) == ([0.0], [100.0])
    assert counted.value(FIRST, "mql") == 20.0


def test_another_crm_under_another_name_counts_its_deals_apart(
    counted: Company, sandbox: Sandbox
) -> None:
    counted.configure(("[deals.crm]", "[deals.newcrm]"))
    counted.deals = {f"N-{name}": row | {"id": f"N-{name}"} for name, row in counted.deals.items()}
    counted.night(NIGHT[1])
    assert worth(sandbox, "222") == [100.0, 100.0]


def test_another_crm_that_keeps_the_old_ids_is_refused_until_moved_names_it(
    counted: Company, sandbox: Sandbox
) -> None:
    renamed = ("[deals.crm]", "[deals.newcrm]")
    counted.configure(renamed)
    with pytest.raises(UnsafePlanError, match=r'"sources\.crm" = "sources\.newcrm"'):
        counted.night(NIGHT[1])
    counted.configure(renamed, more='[moved]\n"sources.crm" = "sources.newcrm"\n')
    counted.night(NIGHT[2])
    assert worth(sandbox, "222") == [100.0]


def test_every_line_of_the_page_names_a_test_of_this_module() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert rows
    named = [line.rpartition("::")[2].rstrip("` |") for line in rows]
    assert [name for name in named if name not in globals()] == []
