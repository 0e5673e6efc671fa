"""What tables say of one another: conditions, inheritance, renamings, and what counts twice."""

import os
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from convsync import wiring
from convsync.errors import OperatorError
from convsync.model.rule import ConversionAction, ConversionRule
from convsync.model.terms import Moved
from convsync.settings import Settings, google_tables, load_settings
from convsync.settings.contradictions import contradictions_in
from convsync.settings.inheritance import resolve

DEALS = """
[deals.crm]
kind = "csv"
path = "deals.csv"
columns = { deal_id = "ID" }
milestones = { mql = "MQL", sql = "SQL", won = "Won", lost = "Lost" }
segments = { brand = "Brand", country = "Country" }
"""
RULE = """
[rules.won]
milestone = "won"
action_id = 111
"""
GOOGLE = """
[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
"""
SECOND_RULE = """
[rules.sale]
milestone = "won"
action_id = 111
"""
MANAGER = """
[templates.manager]
kind = "data_manager"
login_account = "098-765-4321"
settling_hours = 12
"""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CONVSYNC_")]:
        monkeypatch.delenv(name)


def loaded(folder: Path, *texts: str) -> Settings:
    path = folder / "convsync.toml"
    path.write_text("".join(texts))
    return load_settings(path)


def mistakes(folder: Path, *texts: str) -> str:
    with pytest.raises(OperatorError) as raised:
        loaded(folder, *texts)
    return str(raised.value)


# --- a rule's condition --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("segments", "applies"),
    [
        pytest.param({"brand": "Alpha", "country": "DE"}, True, id="all hold"),
        pytest.param({"brand": "Alpha", "country": "AT", "more": "x"}, True, id="any of a list"),
        pytest.param({"brand": "Alpha", "country": "FR"}, False, id="one does not hold"),
        pytest.param({"brand": "alpha", "country": "DE"}, False, id="another spelling"),
        pytest.param({"brand": "Alpha"}, False, id="no such segment"),
        pytest.param({}, False, id="no segments"),
    ],
)
def test_a_rule_counts_deals_whose_segments_satisfy_its_condition(
    tmp_path: Path, segments: dict[str, str], applies: bool
) -> None:
    when = 'when = { brand = "Alpha", country = ["DE", "AT"] }\n'
    (rule,) = wiring.rules_of(loaded(tmp_path, DEALS, RULE, when, GOOGLE))
    assert rule.applies_to(segments) is applies


def test_a_rule_without_a_condition_counts_every_deal() -> None:
    action = ConversionAction(destination="google", action_id="1")
    rule = ConversionRule(name="won", milestone="won", action=action)
    assert rule.applies_to({})
    assert rule.applies_to({"brand": "Alpha"})


def test_a_condition_on_a_segment_that_no_source_maps_is_a_mistake(tmp_path: Path) -> None:
    said = mistakes(tmp_path, DEALS, RULE, 'when = { vertical = "x" }\n', GOOGLE)
    assert (
        "rules.won.when.vertical: no deal source maps it; segments there are: brand, country."
        in said
    )


def test_a_condition_that_no_deal_can_satisfy_is_a_mistake(tmp_path: Path) -> None:
    assert "rules.won.when.brand" in mistakes(tmp_path, DEALS, RULE, "when.brand = []\n", GOOGLE)


# --- what counts twice ---------------------------------------------------------------------------


def test_two_rules_that_count_one_milestone_towards_one_action_are_a_mistake(
    tmp_path: Path,
) -> None:
    said = mistakes(tmp_path, DEALS, RULE, SECOND_RULE, GOOGLE)
    assert "rules.sale: counts the same milestone towards the same action as rules.won" in said


def test_two_roads_to_one_account_do_not_hide_that_an_action_counts_twice(tmp_path: Path) -> None:
    road = '\n[destinations.ads]\nkind = "google_ads"\ncustomer_id = 1234567890\n'
    first = RULE + 'destination = "google"\n'
    second = SECOND_RULE + 'destination = "ads"\n'
    assert "rules.sale: counts the same" in mistakes(tmp_path, DEALS, first, second, GOOGLE, road)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("", 'counts_beside = ["won"]\n', id="said by one"),
        pytest.param('counts_beside = "sale"\n', "", id="said by the other"),
        pytest.param('when.brand = "A"\n', 'when.brand = ["B", "C"]\n', id="told apart"),
    ],
)
def test_two_rules_of_one_action_stand_where_they_are_meant_or_told_apart(
    tmp_path: Path, first: str, second: str
) -> None:
    settings = loaded(tmp_path, DEALS, RULE, first, SECOND_RULE, second, GOOGLE)
    assert set(settings.rules) == {"won", "sale"}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param('when.brand = ["A", "B"]\n', 'when.brand = ["B"]\n', id="share a value"),
        pytest.param('when.brand = "A"\n', 'when.country = "DE"\n', id="different segments"),
        pytest.param('when.brand = "A"\n', "", id="one for all"),
    ],
)
def test_conditions_that_one_deal_can_satisfy_both_do_not_tell_rules_apart(
    tmp_path: Path, first: str, second: str
) -> None:
    said = mistakes(tmp_path, DEALS, RULE, first, SECOND_RULE, second, GOOGLE)
    assert "rules.sale: counts the same milestone" in said


@pytest.mark.parametrize("other", ["won", "gone"])
def test_a_rule_counts_beside_another_one_that_is_there(tmp_path: Path, other: str) -> None:
    said = mistakes(tmp_path, DEALS, RULE, f'counts_beside = ["{other}"]\n', GOOGLE)
    assert f"rules.won.counts_beside: there is no other '{other}'" in said


SAME_FILE = DEALS.replace("[deals.crm]", "[deals.export]").replace("deals.csv", "./deals.csv")


def test_two_sources_that_read_the_same_place_are_a_mistake(tmp_path: Path) -> None:
    said = mistakes(tmp_path, DEALS, SAME_FILE, RULE, GOOGLE)
    assert "deals.export: reads the same deals as deals.crm" in said


def test_two_sources_that_are_meant_to_read_the_same_place_stand(tmp_path: Path) -> None:
    meant = SAME_FILE + 'reads_beside = ["crm"]\n'
    assert set(loaded(tmp_path, DEALS, meant, RULE, GOOGLE).deals) == {"crm", "export"}


def hubspot(name: str, token: str) -> str:
    return (
        f'\n[deals.{name}]\nkind = "hubspot"\ntoken = "{token}"\nmilestones = {{ won = "Won" }}\n'
    )


def test_two_portals_behind_one_url_are_told_apart_by_who_signs_in(tmp_path: Path) -> None:
    two = loaded(tmp_path, hubspot("a", "t0ken-a"), hubspot("b", "t0ken-b"), RULE, GOOGLE)
    assert set(two.deals) == {"a", "b"}
    said = mistakes(tmp_path, hubspot("a", "t0ken-a"), hubspot("b", "t0ken-a"), RULE, GOOGLE)
    assert "deals.b: reads the same deals as deals.a" in said
    assert "t0ken" not in said


# --- inheritance ---------------------------------------------------------------------------------


def account(name: str, number: int, *, parent: str = "manager", more: str = "") -> str:
    return f'\n[destinations.{name}]\ninherits = "{parent}"\noperating_account = {number}\n{more}\n'


TO_BERLIN = RULE + 'destination = "berlin"\n'


def test_a_destination_inherits_what_it_does_not_say_itself(tmp_path: Path) -> None:
    berlin = account("berlin", 1111111111)
    vienna = account("vienna", 2222222222, parent="berlin", more="settling_hours = 3")
    settings = loaded(tmp_path, DEALS, TO_BERLIN, MANAGER, berlin, vienna)
    assert list(settings.destinations) == ["berlin", "vienna"]
    first, second = settings.destinations.values()
    assert isinstance(first, google_tables.DataManagerTable)
    assert isinstance(second, google_tables.DataManagerTable)
    assert (first.operating_account, second.operating_account) == ("1111111111", "2222222222")
    assert first.login_account == second.login_account == "0987654321"
    assert (first.settling_hours, second.settling_hours) == (12, 3)


def test_a_variable_can_say_what_a_destination_inherits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_DESTINATIONS__BERLIN__INHERITS", "manager")
    berlin = "\n[destinations.berlin]\noperating_account = 1111111111\n"
    settings = loaded(tmp_path, DEALS, TO_BERLIN, MANAGER, berlin)
    assert settings.destinations["berlin"].settling_hours == 12


def test_tables_within_a_destination_are_inherited_key_by_key(tmp_path: Path) -> None:
    template = '\n[templates.ads]\nkind = "google_ads"\ncustom_variables = { a = 1, b = 2 }\n'
    berlin = (
        '\n[destinations.berlin]\ninherits = "ads"\ncustomer_id = 1111111111\n'
        "custom_variables = { b = 3 }\n"
    )
    settings = loaded(tmp_path, DEALS, TO_BERLIN, template, berlin)
    table = settings.destinations["berlin"]
    assert isinstance(table, google_tables.GoogleAdsTable)
    assert table.custom_variables == {"a": "1", "b": "3"}


def test_a_variable_sets_a_templates_secret_for_all_who_inherit_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_TEMPLATES__MANAGER__SETTLING_HOURS", "9")
    monkeypatch.setenv("CONVSYNC_DESTINATIONS__VIENNA__SETTLING_HOURS", "8")
    cities = account("berlin", 1111111111) + account("vienna", 2222222222)
    settings = loaded(tmp_path, DEALS, TO_BERLIN, MANAGER, cities)
    assert [table.settling_hours for table in settings.destinations.values()] == [9, 8]


@pytest.mark.parametrize(
    ("templates", "parent", "said"),
    [
        pytest.param(
            MANAGER,
            "boss",
            "destinations.berlin.inherits: there is no template or destination 'boss'; "
            "there are: berlin, manager.",
            id="nobody",
        ),
        pytest.param(
            MANAGER + 'inherits = "upper"\n[templates.upper]\ninherits = "manager"\n',
            "manager",
            "templates.manager.inherits: inherits from itself "
            "(templates.manager, templates.upper).",
            id="a circle",
        ),
        pytest.param(
            MANAGER + "\n[templates.spare]\ntimeout_s = 5\n",
            "manager",
            "templates.spare: no destination inherits from it; remove it.",
            id="a template for nobody",
        ),
        pytest.param(
            MANAGER + "[templates.berlin]\ntimeout_s = 5\n",
            "manager",
            "templates.berlin: a destination has this name; give each its own.",
            id="one name twice",
        ),
        pytest.param(
            MANAGER + "enhanced_conversion = true\n",
            "manager",
            "templates.manager.enhanced_conversion: unknown key. "
            "Did you mean enhanced_conversions?",
            id="a mistake in the template",
        ),
        pytest.param(
            "[templates]\nmanager = 5\n",
            "manager",
            "templates.manager: must be a table, [templates.manager].",
            id="no table",
        ),
    ],
)
def test_a_mistake_in_an_inherited_setting_is_named_where_it_was_written(
    tmp_path: Path, templates: str, parent: str, said: str
) -> None:
    berlin = account("berlin", 1111111111, parent=parent)
    assert f"- {said}\n" in mistakes(tmp_path, DEALS, TO_BERLIN, berlin, templates) + "\n"


def test_a_templates_mistake_is_said_once_for_all_who_inherit_it(tmp_path: Path) -> None:
    cities = account("berlin", 1111111111) + account("vienna", 2222222222)
    said = mistakes(tmp_path, DEALS, TO_BERLIN, cities, MANAGER + "typo = 1\n")
    assert "has 1 mistake(s)" in said


def test_what_a_template_lacks_is_missing_from_the_destination(tmp_path: Path) -> None:
    berlin = '\n[destinations.berlin]\ninherits = "manager"\n'
    said = mistakes(tmp_path, DEALS, TO_BERLIN, berlin, MANAGER)
    assert "destinations.berlin.operating_account: is missing." in said


def test_a_misspelt_inherits_is_recognised(tmp_path: Path) -> None:
    said = mistakes(tmp_path, DEALS, RULE, GOOGLE, 'inherit = "x"\n')
    assert "destinations.google.inherit: unknown key. Did you mean inherits?" in said


# --- what was renamed ----------------------------------------------------------------------------


def moved(*lines: str) -> str:
    return "\n[moved]\n" + "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(['"rules.sold" = "rules.won"', '"sources.old" = "sources.crm"'], id="quoted"),
        pytest.param(['rules.sold = "rules.won"', 'sources.old = "sources.crm"'], id="bare"),
    ],
)
def test_renamed_rules_and_sources_are_known_by_both_names(
    tmp_path: Path, lines: list[str]
) -> None:
    settings = loaded(tmp_path, DEALS, RULE, GOOGLE, moved(*lines))
    assert wiring.moved_of(settings) == Moved(rules={"sold": "won"}, sources={"old": "crm"})


def test_a_variable_can_say_what_was_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_MOVED__RULES__SOLD", "rules.won")
    assert wiring.moved_of(loaded(tmp_path, DEALS, RULE, GOOGLE)).rules == {"sold": "won"}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(
            ['"rules.a" = "rules.b"'],
            "moved.\"rules.a\": there is no rules table 'b' now; there are: won.",
            id="to nothing",
        ),
        pytest.param(
            ['"sources.a" = "sources.b"'],
            "moved.\"sources.a\": there is no sources table 'b' now; there are: crm.",
            id="to no source",
        ),
        pytest.param(
            ['"rules.won" = "rules.won"'],
            'moved."rules.won": rules.won was renamed, too; give the name it has now.',
            id="to itself",
        ),
        pytest.param(
            ['"rules.a" = "rules.b"', '"rules.b" = "rules.won"'],
            'moved."rules.a": rules.b was renamed, too; give the name it has now.',
            id="a chain",
        ),
        pytest.param(
            ['"rules.won" = "rules.a"'],
            'moved."rules.won": rules.won is still there; remove it, or this line.',
            id="still there",
        ),
        pytest.param(
            ['"rules.a" = "rules.won"', '"rules.b" = "rules.won"'],
            'moved."rules.b": rules.won is given to several; two cannot become one.',
            id="two into one",
        ),
        pytest.param(
            ['"rules.a" = "sources.crm"'],
            'moved."rules.a": write "rules.OLD" = "rules.NEW"',
            id="a rule into a source",
        ),
        pytest.param(
            ['"rule.a" = "rules.won"'],
            'moved."rule.a": write "rules.OLD" = "rules.NEW"',
            id="no such kind",
        ),
    ],
)
def test_a_renaming_that_cannot_be_is_a_mistake(
    tmp_path: Path, lines: list[str], said: str
) -> None:
    assert said in mistakes(tmp_path, DEALS, RULE, GOOGLE, moved(*lines))


# --- the audit log and the limits of a run -------------------------------------------------------


def test_the_audit_logs_head_is_kept_beside_the_config_unless_told_otherwise(
    tmp_path: Path,
) -> None:
    found = wiring.audit_settings_of(loaded(tmp_path, DEALS, RULE, GOOGLE))
    assert (found.head_file, found.key) == (tmp_path / "convsync.audit-head", None)


@pytest.mark.parametrize("none", ["false", '""'])
def test_no_head_file_is_kept_where_it_is_turned_off(tmp_path: Path, none: str) -> None:
    settings = loaded(tmp_path, DEALS, RULE, GOOGLE, f"\n[audit]\nhead_file = {none}\n")
    assert wiring.audit_settings_of(settings).head_file is None


def test_the_audit_logs_key_is_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "CONVSYNC_AUDIT__KEY").write_text("0123456789abcdef\n")
    monkeypatch.setenv("CONVSYNC_SECRETS_DIR", str(tmp_path / "secrets"))
    settings = loaded(tmp_path, DEALS, RULE, GOOGLE)
    found = wiring.audit_settings_of(settings)
    assert found.key == b"0123456789abcdef"
    assert "0123456789abcdef" not in repr(found) + repr(settings)


def test_a_short_key_is_refused_without_being_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVSYNC_AUDIT__KEY", "hunter2")
    said = mistakes(tmp_path, DEALS, RULE, GOOGLE)
    assert "audit.key: a key has at least 16 characters" in said
    assert "hunter2" not in said


def test_the_limits_of_a_run_can_be_set(tmp_path: Path) -> None:
    limits = "\n[limits]\nunreadable = 3\nclock_minutes = 2.5\n"
    found = wiring.run_limits_of(loaded(tmp_path, DEALS, RULE, GOOGLE, limits))
    assert (found.unreadable, found.clock_tolerance) == (3, timedelta(seconds=150))


# --- agreements ----------------------------------------------------------------------------------


def test_an_agreement_knows_what_may_follow_in_the_funnels_order(tmp_path: Path) -> None:
    agreed = (
        '\n[milestones.mql]\ndefinition = "Fits."\nowner = "marketing"\nnext_within_days = 14\n'
    )
    services = wiring.services_of(loaded(tmp_path, DEALS, RULE, GOOGLE, agreed))
    (agreement,) = services.agreements.values()
    assert (agreement.definition, agreement.owner) == ("Fits.", "marketing")
    assert agreement.next_within == timedelta(days=14)
    assert agreement.followed_by == {"sql", "won"}


@pytest.mark.parametrize(
    ("agreed", "said"),
    [
        pytest.param(
            '[milestones.demo]\nowner = "sales"\n',
            "milestones.demo: no deal source has 'demo'; there are: lost, mql, sql, won.",
            id="a milestone of no source",
        ),
        pytest.param(
            "[milestones.won]\nnext_within_days = 5\n",
            "milestones.won.next_within_days: nothing comes after 'won'",
            id="the last of the funnel",
        ),
    ],
)
def test_an_agreement_without_effect_is_a_mistake(tmp_path: Path, agreed: str, said: str) -> None:
    assert said in mistakes(tmp_path, DEALS, RULE, GOOGLE, agreed)


# --- whatever is written -------------------------------------------------------------------------


def places_in(table: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in table.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from places_in(value, (*above, key))


EVERYTHING = (
    DEALS + SAME_FILE + RULE + 'when = { brand = ["A"] }\ndestination = "berlin"\n'
    'value = { kind = "table", segment = "brand" }\ncounts_beside = ["sale"]\n'
    + SECOND_RULE
    + MANAGER
    + account("berlin", 1111111111, more='retract_with = "ads"\nread_with = "ads"')
    + moved('"rules.a" = "rules.won"')
    + "[milestones.mql]\nnext_within_days = 5\n"
)


@pytest.mark.parametrize("odd", [5, "", [], {}, [[]], [{}], True], ids=repr)
@pytest.mark.parametrize("place", [*places_in(tomllib.loads(EVERYTHING))], ids=".".join)
def test_a_value_of_the_wrong_kind_stops_no_check(place: tuple[str, ...], odd: Any) -> None:
    config = tomllib.loads(EVERYTHING)
    inner = config
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = odd
    assert all(": " in mistake for mistake in contradictions_in(resolve(config).config))
