"""What `check` learns of a dataset at Meta and an ad account at LinkedIn, asked of the sandbox."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from convsync.errors import OperatorError
from convsync.model.finding import Finding, Severity
from convsync.model.rule import ConversionAction, ConversionRule
from convsync.sandbox.linkedin.events import PartnerRule
from convsync.sandbox.linkedin.room import LinkedInRoom
from convsync.sandbox.meta.room import MetaRoom
from convsync.sandbox.server import Sandbox
from convsync.upload.ad_account import AdAccount, CannotAsk
from convsync.upload.linkedin.ad_account import LinkedInAdAccount
from convsync.upload.meta.ad_account import MetaAdAccount
from convsync.upload.meta.conversions_api import MetaConversions
from tests.builders import NOW, a_rule
from tests.contract import test_linkedin_destination as at_linkedin
from tests.contract import test_meta_destination as at_meta
from tests.contract.destination_suite import a_batch

DAY = timedelta(days=1)


@pytest.fixture
def meta_room(sandbox: Sandbox) -> MetaRoom:
    room = sandbox.platform.rooms["meta"]
    assert isinstance(room, MetaRoom)
    return room


@pytest.fixture
def linkedin_room(sandbox: Sandbox) -> LinkedInRoom:
    room = sandbox.platform.rooms["linkedin"]
    assert isinstance(room, LinkedInRoom)
    room.account.rules = {"1": PartnerRule(id="1")}
    return room


def a_rule_to(
    destination: str, *, hold: timedelta = timedelta(0), name: str = "won"
) -> ConversionRule:
    rule = replace(a_rule(name), hold=hold)
    return replace(rule, action=ConversionAction(destination=destination, action_id="1"))


def by_subject(found: Iterator[Finding] | list[Finding]) -> dict[str, Finding]:
    return {one.subject: one for one in found}


# --- Meta ----------------------------------------------------------------------------------------


def at_metas(sandbox: Sandbox, *, is_test: bool = False) -> MetaAdAccount:
    return MetaAdAccount(
        "meta",
        lambda: at_meta.a_destination(sandbox),
        version="v26.0",
        counts_within=7 * DAY,
        is_test=is_test,
    )


def metas_findings(
    sandbox: Sandbox, *rules: ConversionRule, is_test: bool = False
) -> dict[str, Finding]:
    return by_subject(list(at_metas(sandbox, is_test=is_test).findings(rules, None)))


def test_a_dataset_that_is_reached_says_when_it_last_received_something(
    sandbox: Sandbox, meta_room: MetaRoom
) -> None:
    before = metas_findings(sandbox)["dataset of meta"]
    assert (before.severity, "received no event yet" in str(before.problem)) == (
        Severity.INFO,
        True,
    )
    destination = at_meta.a_destination(sandbox)
    sandbox.platform.clock.set(NOW)
    destination.upload(a_batch(*at_meta.events(1)), now=NOW)
    destination.close()
    after = metas_findings(sandbox)["dataset of meta"]
    assert f"its last event came at {NOW:%Y-%m-%d %H:%M}" in str(after.problem)


def test_a_dataset_that_is_out_of_reach_is_an_error_with_its_fix(
    sandbox: Sandbox, meta_room: MetaRoom
) -> None:
    meta_room.account.datasets = frozenset({"999"})
    found = metas_findings(sandbox)["dataset of meta"]
    assert found.severity is Severity.ERROR
    assert "100/33" in str(found.problem)
    assert "dataset_id" in str(found.problem)


def test_a_token_that_is_missing_is_one_finding_among_the_others() -> None:
    def opened() -> MetaConversions:
        raise OperatorError("destinations.meta.access_token is missing")

    account = MetaAdAccount("meta", opened, version="v26.0", counts_within=7 * DAY)
    found = by_subject(list(account.findings([], None)))
    assert found["dataset of meta"].severity is Severity.ERROR
    assert "runs for meta" in found


@pytest.mark.parametrize(
    ("hold", "severity", "every"),
    [
        pytest.param(0 * DAY, Severity.INFO, "every day", id="nothing is held"),
        pytest.param(3 * DAY, Severity.INFO, "every day", id="three of seven days"),
        pytest.param(6 * DAY, Severity.WARNING, "every 12 hours", id="six of seven"),
    ],
)
def test_how_often_a_run_is_needed_follows_from_what_rules_hold(
    sandbox: Sandbox, hold: timedelta, severity: Severity, every: str
) -> None:
    rules = [a_rule_to("meta", hold=hold), a_rule_to("another", hold=30 * DAY, name="far")]
    found = metas_findings(sandbox, *rules)["runs for meta"]
    assert (found.severity, found.fix.startswith("convsync schedule --every 15m")) == (
        severity,
        True,
    )
    assert every in str(found.problem)


def test_check_says_what_is_final_and_which_rules_hold_nothing_back(sandbox: Sandbox) -> None:
    rules = [a_rule_to("meta", name="at_once"), a_rule_to("meta", hold=DAY, name="waits")]
    found = metas_findings(sandbox, *rules)["corrections of meta"]
    assert "cannot be corrected or taken back; at_once holds nothing back" in str(found.problem)


def test_events_that_are_marked_as_tests_count_and_a_warning_says_so(sandbox: Sandbox) -> None:
    place = "destinations.meta.test_event_code"
    assert place not in metas_findings(sandbox)
    assert metas_findings(sandbox, is_test=True)[place].severity is Severity.WARNING


# --- LinkedIn ------------------------------------------------------------------------------------


def linkedins_findings(
    sandbox: Sandbox,
    *rules: ConversionRule,
    now: datetime,
    version: str = "202603",
    ends_at: datetime | None = None,
) -> dict[str, Finding]:
    sandbox.platform.clock.set(now)
    account = LinkedInAdAccount(
        "linkedin",
        lambda: at_linkedin.a_destination(sandbox, version=version),
        version=version,
        signed_in_until=lambda: ends_at,
    )
    return by_subject(list(account.findings(rules, lambda: now)))


def test_a_conversion_rule_that_takes_no_events_is_an_error_with_its_fix(
    sandbox: Sandbox, linkedin_room: LinkedInRoom
) -> None:
    subject = "rules.won at linkedin"
    rule = a_rule_to("linkedin")
    assert linkedins_findings(sandbox, rule, now=NOW)[subject].severity is Severity.INFO
    for bad in ({"enabled": False}, {"method": "INSIGHT_TAG"}, {"id": "2"}):
        changed = PartnerRule(**{"id": "1", **bad})  # type: ignore[arg-type]
        linkedin_room.account.rules = {changed.id: changed}
        found = linkedins_findings(sandbox, rule, now=NOW)[subject]
        assert found.severity is Severity.ERROR
        assert "Campaign Manager" in found.fix


@pytest.mark.parametrize(
    ("today", "severity"),
    [
        pytest.param(datetime(2027, 1, 1, tzinfo=UTC), Severity.INFO, id="74 days before"),
        pytest.param(datetime(2027, 3, 16, tzinfo=UTC), Severity.ERROR, id="on its last day"),
    ],
)
def test_the_end_of_a_version_is_said(
    sandbox: Sandbox, linkedin_room: LinkedInRoom, today: datetime, severity: Severity
) -> None:
    found = linkedins_findings(sandbox, now=today)["destinations.linkedin.api_version"]
    assert found.severity is severity
    assert "2027-03-16" in str(found.problem)


@pytest.mark.parametrize(
    ("left", "severity"),
    [
        pytest.param(300 * DAY, Severity.INFO, id="far away"),
        pytest.param(60 * DAY, Severity.WARNING, id="60 days before"),
        pytest.param(0 * DAY, Severity.ERROR, id="over"),
        pytest.param(None, Severity.INFO, id="not known"),
    ],
)
def test_the_end_of_the_sign_in_is_announced_sixty_days_before(
    sandbox: Sandbox, linkedin_room: LinkedInRoom, left: timedelta | None, severity: Severity
) -> None:
    ends_at = None if left is None else NOW + left
    found = linkedins_findings(sandbox, now=NOW, ends_at=ends_at)["sign-in of linkedin"]
    assert found.severity is severity


# --- Both ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "account",
    [
        pytest.param(at_metas, id="meta"),
        pytest.param(
            lambda sandbox: LinkedInAdAccount(
                "linkedin",
                lambda: at_linkedin.a_destination(sandbox),
                version="202603",
                signed_in_until=lambda: None,
            ),
            id="linkedin",
        ),
    ],
)
def test_if_a_platform_cannot_be_read_status_says_where_to_look_instead(
    sandbox: Sandbox, account: Callable[[Sandbox], AdAccount]
) -> None:
    asked = account(sandbox)
    assert isinstance(asked.received(), CannotAsk)
    assert asked.server_time() is None
    with asked.clicks() as clicks, asked.costs() as costs:
        assert isinstance(clicks, CannotAsk)
        assert isinstance(costs, CannotAsk)
        assert clicks.fix
        assert costs.fix
