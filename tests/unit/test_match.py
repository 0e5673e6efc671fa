from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, permutations
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from convsync.match import (
    ClickVerdict,
    candidates_of,
    earlier_sale_of,
    judged,
    match_deal,
)
from convsync.model.click import Candidate, Click, ClickIdKind, MatchBasis
from convsync.model.consent import UNSPECIFIED, Consent
from convsync.model.deal import Deal, EarlierSale, Milestone
from convsync.model.identifiers import Form, HashForms, Identifiers
from convsync.model.key import Key, KeyKind
from convsync.model.outcome import Matched, NotSent, Reason, Waiting
from convsync.model.period import day_ends_at, day_starts_at
from convsync.model.rule import ClickPolicy, ConversionRule
from tests.builders import (
    CLICKED_AT,
    CREATED_AT,
    DENIED,
    GRANTED,
    NOW,
    SOMEBODY,
    WON_AT,
    a_candidate,
    a_click,
    a_deal,
    a_milestone,
    a_rule,
)

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
BERLIN = ZoneInfo("Europe/Berlin")
THE_DAY = date(2026, 3, 2)
BARE_DATE = a_milestone(reached_at=day_ends_at(THE_DAY, BERLIN), is_whole_day=True)


def match(
    *clicks: Click,
    deal: Deal | None = None,
    milestone: Milestone | None = None,
    rule: ConversionRule | None = None,
    now: datetime = NOW,
) -> Matched | Waiting | NotSent:
    candidates = [a_candidate(click) for click in clicks]
    return match_candidates(candidates, deal=deal, milestone=milestone, rule=rule, now=now)


def match_candidates(
    candidates: Sequence[Candidate],
    *,
    deal: Deal | None = None,
    milestone: Milestone | None = None,
    rule: ConversionRule | None = None,
    now: datetime = NOW,
) -> Matched | Waiting | NotSent:
    return match_deal(
        deal or a_deal(), milestone or a_milestone(), candidates, rule or a_rule(), now=now
    )


def name_of(outcome: Matched | Waiting | NotSent) -> str | None:
    """Return the matched click's ID, or None where none was matched."""
    assert isinstance(outcome, Matched), outcome
    return outcome.click.click_id.value if outcome.click else None


# Which clicks count


@pytest.mark.parametrize(
    ("clicked_at", "reason"),
    [
        pytest.param(WON_AT - 90 * DAY - SECOND, Reason.CLICK_OUTSIDE_LOOKBACK, id="too early"),
        pytest.param(WON_AT - 90 * DAY, None, id="the first instant of the lookback"),
        pytest.param(WON_AT - HOUR, None, id="inside"),
        pytest.param(WON_AT, None, id="the instant of the milestone"),
        pytest.param(WON_AT + SECOND, Reason.CLICK_AFTER_MILESTONE, id="just after it"),
    ],
)
def test_a_click_counts_from_the_lookback_to_the_milestone_both_included(
    clicked_at: datetime, reason: Reason | None
) -> None:
    rule = a_rule(upload_window=120 * DAY)
    outcome = match(a_click(clicked_at=clicked_at), rule=rule)
    if reason is None:
        assert isinstance(outcome, Matched)
    else:
        assert outcome == NotSent(reason=reason)


@pytest.mark.parametrize(
    ("clicked_at", "is_before"),
    [
        pytest.param(day_starts_at(THE_DAY, BERLIN), True, id="the day's first instant"),
        pytest.param(day_ends_at(THE_DAY, BERLIN), True, id="the day's last second"),
        pytest.param(day_ends_at(THE_DAY, BERLIN) + SECOND, False, id="the next day"),
    ],
)
def test_every_click_of_the_day_is_before_a_bare_date(
    clicked_at: datetime, is_before: bool
) -> None:
    outcome = match(a_click(clicked_at=clicked_at), milestone=BARE_DATE, now=NOW + 2 * DAY)
    assert isinstance(outcome, Matched) is is_before


@pytest.mark.parametrize(
    "milestone",
    [
        pytest.param(BARE_DATE, id="a bare date"),
        pytest.param(a_milestone(reached_at=day_starts_at(THE_DAY, BERLIN)), id="that midnight"),
        pytest.param(a_milestone(), id="that afternoon"),
    ],
)
def test_a_click_known_by_its_day_counts_for_a_milestone_of_that_day(milestone: Milestone) -> None:
    click = a_click(clicked_at=day_starts_at(THE_DAY, BERLIN), is_whole_day=True)
    assert isinstance(match(click, milestone=milestone), Matched)


def test_a_click_known_by_the_day_after_never_counts() -> None:
    click = a_click(clicked_at=day_starts_at(THE_DAY + DAY, BERLIN), is_whole_day=True)
    expected = NotSent(reason=Reason.CLICK_AFTER_MILESTONE)
    assert match(click, milestone=BARE_DATE, now=NOW + 2 * DAY) == expected


@pytest.mark.parametrize("is_inside", [True, False])
def test_a_lookback_is_elapsed_time_across_a_change_of_clocks(*, is_inside: bool) -> None:
    """Midnight to noon of the next day is 35 hours, not 36, where clocks go forward between."""
    clicked_at = day_starts_at(date(2026, 3, 29), BERLIN)
    won_at = datetime(2026, 3, 30, 12, tzinfo=BERLIN).astimezone(UTC)
    rule = a_rule(lookback=35 * HOUR if is_inside else 35 * HOUR - SECOND)
    milestone = a_milestone(reached_at=won_at)
    outcome = match(a_click(clicked_at=clicked_at), milestone=milestone, rule=rule, now=won_at)
    assert isinstance(outcome, Matched) is is_inside


# Which of several


EARLY, MIDDLE, LATE = (WON_AT - days * DAY for days in (9, 6, 3))


@pytest.mark.parametrize(
    ("policy", "expected"), [(ClickPolicy.LAST, "late"), (ClickPolicy.FIRST, "early")]
)
def test_the_policy_picks_the_last_or_the_first(policy: ClickPolicy, expected: str) -> None:
    clicks = [
        a_click("middle", clicked_at=MIDDLE),
        a_click("late", clicked_at=LATE),
        a_click("early", clicked_at=EARLY),
        a_click("too late", clicked_at=WON_AT + SECOND),
        a_click("too early", clicked_at=WON_AT - 91 * DAY),
    ]
    assert name_of(match(*clicks, rule=a_rule(click_policy=policy))) == expected


@pytest.mark.parametrize(
    ("better", "worse"), [pair for pair in pairwise(MatchBasis) if pair[0].rank < pair[1].rank]
)
def test_how_a_click_was_found_goes_before_when_it_happened(
    better: MatchBasis, worse: MatchBasis
) -> None:
    candidates = [
        a_candidate(a_click("worse", clicked_at=LATE), basis=worse),
        a_candidate(a_click("better", clicked_at=EARLY), basis=better),
    ]
    outcome = match_candidates(candidates)
    assert name_of(outcome) == "better"
    assert isinstance(outcome, Matched)
    assert outcome.basis is better


@pytest.mark.parametrize(
    ("one", "other"),
    [(MatchBasis.CRM, MatchBasis.VISITOR), (MatchBasis.EMAIL, MatchBasis.PHONE)],
)
def test_of_clicks_found_by_keys_of_one_rank_the_last_counts(
    one: MatchBasis, other: MatchBasis
) -> None:
    for early, late in ((one, other), (other, one)):
        outcome = match_candidates(
            [
                a_candidate(a_click("early", clicked_at=EARLY), basis=early),
                a_candidate(a_click("late", clicked_at=LATE), basis=late),
            ]
        )
        assert isinstance(outcome, Matched)
        assert (name_of(outcome), outcome.basis) == ("late", late)


def test_a_better_place_whose_clicks_do_not_count_gives_way() -> None:
    candidates = [
        a_candidate(a_click("after", clicked_at=WON_AT + DAY), basis=MatchBasis.DEAL),
        a_candidate(a_click("before"), basis=MatchBasis.VISITOR),
    ]
    assert name_of(match_candidates(candidates)) == "before"


@pytest.mark.parametrize("policy", list(ClickPolicy))
def test_of_ids_seen_together_the_gclid_goes_first_in_any_order(policy: ClickPolicy) -> None:
    clicks = [
        a_click("a", kind=ClickIdKind.GBRAID),
        a_click("b", kind=ClickIdKind.WBRAID),
        a_click("c", kind=ClickIdKind.GCLID),
        a_click("d", kind=ClickIdKind.GCLID),
    ]
    for order in permutations(clicks):
        assert name_of(match(*order, rule=a_rule(click_policy=policy))) == "c"


# Clicks without a time, and clicks seen twice


@pytest.mark.parametrize(
    "created_at", [pytest.param(CREATED_AT, id="before"), pytest.param(WON_AT, id="won at once")]
)
def test_a_click_without_a_time_is_placed_at_the_deals_creation(created_at: datetime) -> None:
    click = a_click(clicked_at=None)
    assert match(click, deal=a_deal(created_at=created_at)) == Matched(
        basis=MatchBasis.DEAL, click=click, clicked_at=created_at, is_estimated=True
    )


@pytest.mark.parametrize(
    "created_at",
    [
        pytest.param(None, id="creation unknown"),
        pytest.param(WON_AT + SECOND, id="entered after it was won"),
    ],
)
def test_a_click_without_a_time_stays_without_one_where_creation_tells_nothing(
    created_at: datetime | None,
) -> None:
    click = a_click(clicked_at=None)
    outcome = match(click, deal=a_deal(created_at=created_at))
    assert outcome == Matched(basis=MatchBasis.DEAL, click=click, clicked_at=None)


def test_a_click_without_a_time_is_outside_where_the_deal_is_older_than_the_lookback() -> None:
    deal = a_deal(created_at=WON_AT - 90 * DAY - SECOND)
    expected = NotSent(reason=Reason.CLICK_OUTSIDE_LOOKBACK)
    assert match(a_click(clicked_at=None), deal=deal) == expected


def test_a_click_with_a_time_goes_before_one_whose_time_is_quite_unknown() -> None:
    clicks = [a_click("a", clicked_at=None), a_click("b")]
    assert name_of(match(*clicks, deal=a_deal(created_at=None))) == "b"


@pytest.mark.parametrize(
    ("on_the_deal", "in_the_log", "expected"),
    [
        pytest.param(None, CLICKED_AT, CLICKED_AT, id="only the log knows the time"),
        pytest.param(LATE, EARLY, EARLY, id="the log saw it first"),
        pytest.param(EARLY, LATE, EARLY, id="the log saw it come back"),
    ],
)
def test_a_click_found_twice_happened_when_it_was_first_seen(
    on_the_deal: datetime | None, in_the_log: datetime, expected: datetime
) -> None:
    candidates = [
        a_candidate(a_click(clicked_at=on_the_deal), basis=MatchBasis.DEAL),
        a_candidate(a_click(clicked_at=in_the_log), basis=MatchBasis.VISITOR),
    ]
    assert match_candidates(candidates) == Matched(
        basis=MatchBasis.DEAL, click=a_click(clicked_at=expected), clicked_at=expected
    )


@pytest.mark.parametrize(
    ("in_the_log", "reason"),
    [
        pytest.param(WON_AT + HOUR, Reason.CLICK_AFTER_MILESTONE, id="after the milestone"),
        pytest.param(WON_AT - 91 * DAY, Reason.CLICK_OUTSIDE_LOOKBACK, id="outside the lookback"),
    ],
)
def test_a_time_the_deal_does_not_know_is_no_way_round_the_lookback(
    in_the_log: datetime, reason: Reason
) -> None:
    candidates = [
        a_candidate(a_click(clicked_at=None), basis=MatchBasis.DEAL),
        a_candidate(a_click(clicked_at=in_the_log), basis=MatchBasis.VISITOR),
    ]
    assert match_candidates(candidates) == NotSent(reason=reason)


# When it can be sent


@pytest.mark.parametrize(
    ("milestone", "until"),
    [
        pytest.param(a_milestone(reached_at=NOW + SECOND), NOW + SECOND, id="an instant"),
        pytest.param(
            a_milestone(reached_at=day_ends_at(date(2026, 4, 1), BERLIN), is_whole_day=True),
            day_starts_at(date(2026, 4, 1), BERLIN),
            id="a bare date",
        ),
    ],
)
def test_a_milestone_in_the_future_waits_until_it_begins(
    milestone: Milestone, until: datetime
) -> None:
    expected = Waiting(reason=Reason.MILESTONE_IN_FUTURE, until=until)
    assert match(a_click(), milestone=milestone) == expected


def test_a_milestone_waits_for_as_long_as_its_rule_holds_it_and_then_counts() -> None:
    rule = a_rule(hold=timedelta(days=3))
    until = WON_AT + timedelta(days=3)
    waiting = match(a_click(), rule=rule, now=until - SECOND)
    assert waiting == Waiting(reason=Reason.MILESTONE_SETTLING, until=until)
    assert isinstance(match(a_click(), rule=rule, now=until), Matched)


@pytest.mark.parametrize(
    ("milestone", "now"),
    [
        pytest.param(a_milestone(), WON_AT, id="this very instant"),
        pytest.param(BARE_DATE, day_starts_at(THE_DAY, BERLIN), id="a bare date that has begun"),
    ],
)
def test_a_milestone_that_has_begun_is_not_in_the_future(
    milestone: Milestone, now: datetime
) -> None:
    assert isinstance(match(a_click(), milestone=milestone, now=now), Matched)


@pytest.mark.parametrize(
    ("age", "is_known"),
    [
        pytest.param(6 * HOUR - SECOND, False, id="too young"),
        pytest.param(6 * HOUR, True, id="just old enough"),
    ],
)
def test_a_click_is_held_until_the_platform_knows_it(age: timedelta, is_known: bool) -> None:
    outcome = match(a_click(clicked_at=WON_AT), now=WON_AT + age)
    expected = Waiting(reason=Reason.CLICK_TOO_RECENT, until=WON_AT + 6 * HOUR)
    assert isinstance(outcome, Matched) if is_known else outcome == expected


def test_a_click_of_later_today_waits_with_its_bare_date() -> None:
    clicked_at = day_ends_at(THE_DAY, BERLIN) - HOUR
    outcome = match(a_click(clicked_at=clicked_at), milestone=BARE_DATE, now=clicked_at - HOUR)
    assert outcome == Waiting(reason=Reason.CLICK_TOO_RECENT, until=clicked_at + 6 * HOUR)


@pytest.mark.parametrize(
    ("click", "deal", "not_after"),
    [
        pytest.param(a_click(), a_deal(), CLICKED_AT, id="by its time"),
        pytest.param(a_click(clicked_at=None), a_deal(), CREATED_AT, id="by the deal's creation"),
        pytest.param(
            a_click(clicked_at=None), a_deal(created_at=None), WON_AT, id="by the milestone"
        ),
    ],
)
def test_a_click_older_than_the_upload_window_is_given_up(
    click: Click, deal: Deal, not_after: datetime
) -> None:
    last_chance_at = not_after + 90 * DAY
    assert isinstance(match(click, deal=deal, now=last_chance_at), Matched)
    expected = NotSent(reason=Reason.CLICK_TOO_OLD_TO_UPLOAD)
    assert match(click, deal=deal, now=last_chance_at + SECOND) == expected


def test_a_deal_without_a_click_waits_until_its_lookback_is_over() -> None:
    until = WON_AT + 90 * DAY
    waiting = Waiting(reason=Reason.WAITING_FOR_CLICK, until=until)
    assert match(now=until - SECOND) == waiting
    assert match(now=until) == NotSent(reason=Reason.NO_CLICK)


# Enhanced conversions for leads


@pytest.mark.parametrize(
    ("consent", "needs_granted", "is_sent"),
    [
        pytest.param(GRANTED, True, True, id="granted"),
        pytest.param(UNSPECIFIED, True, False, id="unspecified"),
        pytest.param(UNSPECIFIED, False, True, id="unspecified, which the config lets pass"),
        pytest.param(DENIED, True, False, id="denied"),
        pytest.param(DENIED, False, False, id="denied, whatever the config lets pass"),
    ],
)
def test_identifiers_stand_in_for_a_click_only_with_consent(
    consent: Consent, needs_granted: bool, is_sent: bool
) -> None:
    deal = a_deal(identifiers=SOMEBODY, consent=consent)
    rule = a_rule(has_enhanced_conversions=True, needs_granted_consent=needs_granted)
    outcome = match(deal=deal, rule=rule)
    assert isinstance(outcome, Matched) is is_sent
    if is_sent:
        assert outcome == Matched(basis=MatchBasis.IDENTIFIER, click=None, clicked_at=None)


def test_a_click_found_by_crm_key_and_visitor_is_noted_with_the_first_in_either_order() -> None:
    found = [
        Candidate(a_click(clicked_at=None), MatchBasis.VISITOR),
        Candidate(a_click(clicked_at=None), MatchBasis.CRM),
    ]
    for candidates in (found, found[::-1]):
        outcome = match_candidates(candidates)
        assert isinstance(outcome, Matched)
        assert outcome.basis is MatchBasis.CRM


def test_a_phone_is_no_way_to_a_platform_that_takes_none() -> None:
    deal = a_deal(identifiers=Identifiers(phones=("a" * 64,)), consent=GRANTED)
    rule = replace(
        a_rule(has_enhanced_conversions=True),
        hash_forms=HashForms(emails=Form.PLAIN, phones=None),
    )
    assert not isinstance(match(deal=deal, rule=rule), Matched)


def test_identifiers_without_consent_are_the_reason_once_the_lookback_is_over() -> None:
    deal = a_deal(identifiers=SOMEBODY, consent=UNSPECIFIED)
    outcome = match(deal=deal, rule=a_rule(has_enhanced_conversions=True), now=NOW + 90 * DAY)
    assert outcome == NotSent(reason=Reason.CONSENT_NOT_GRANTED)


@pytest.mark.parametrize(
    ("consent", "waits_for", "reason"),
    [
        pytest.param(GRANTED, Reason.IDENTIFIERS_SHARED, Reason.IDENTIFIERS_SHARED, id="granted"),
        pytest.param(UNSPECIFIED, Reason.WAITING_FOR_CLICK, Reason.NO_CLICK, id="unspecified"),
    ],
)
def test_identifiers_of_many_deals_are_the_reason_where_they_would_have_been_sent(
    consent: Consent, waits_for: Reason, reason: Reason
) -> None:
    keys = {Key(KeyKind.EMAIL, one).digest() for one in SOMEBODY.emails}
    keys |= {Key(KeyKind.PHONE, one).digest() for one in SOMEBODY.phones}
    deal = a_deal(identifiers=SOMEBODY, consent=consent).with_shared_apart(keys)
    rule = a_rule(has_enhanced_conversions=True)
    waiting = match(deal=deal, rule=rule)
    assert isinstance(waiting, Waiting)
    assert waiting.reason is waits_for
    assert match(deal=deal, rule=rule, now=NOW + 90 * DAY) == NotSent(reason=reason)


def test_one_identifier_of_many_deals_leaves_the_others() -> None:
    both = structs.replace(SOMEBODY, phones=("a" * 64,))
    shared = {Key(KeyKind.PHONE, "a" * 64).digest()}
    deal = a_deal(identifiers=both).with_shared_apart(shared)
    assert deal.identifiers == structs.replace(SOMEBODY, phones=())
    assert isinstance(match(deal=deal, rule=a_rule(has_enhanced_conversions=True)), Matched)


def test_identifiers_stay_at_home_without_the_rules_say() -> None:
    deal = a_deal(identifiers=SOMEBODY)
    assert isinstance(match(deal=deal), Waiting)
    assert match(deal=deal, now=NOW + 90 * DAY) == NotSent(reason=Reason.NO_CLICK)


def test_a_click_goes_before_identifiers() -> None:
    deal = a_deal(identifiers=SOMEBODY)
    assert name_of(match(a_click("mine"), deal=deal, rule=a_rule(has_enhanced_conversions=True)))


# --- clicks of other networks --------------------------------------------------------------------


GOOGLES = a_rule(click_ids=frozenset({ClickIdKind.GCLID, ClickIdKind.WBRAID, ClickIdKind.GBRAID}))


def test_a_later_click_of_another_network_does_not_take_the_credit() -> None:
    own = a_click("gclid", clicked_at=WON_AT - 10 * DAY)
    others = a_click("msclkid", kind=ClickIdKind.MSCLKID, clicked_at=WON_AT - DAY)
    for order in permutations([own, others]):
        matched = match(*order, rule=GOOGLES)
        assert isinstance(matched, Matched)
        assert matched.click == own


def test_with_only_other_networks_clicks_a_deal_waits_until_the_window_ends() -> None:
    others = a_click("msclkid", kind=ClickIdKind.MSCLKID, clicked_at=WON_AT - DAY)
    waiting = match(others, rule=GOOGLES)
    assert waiting == Waiting(reason=Reason.WAITING_FOR_CLICK, until=WON_AT + 90 * DAY)
    late = match(others, rule=GOOGLES, now=WON_AT + 90 * DAY)
    assert late == NotSent(reason=Reason.CLICK_OF_ANOTHER_NETWORK)


def test_a_network_that_takes_that_click_is_credited_with_it() -> None:
    others = a_click("msclkid", kind=ClickIdKind.MSCLKID, clicked_at=WON_AT - DAY)
    matched = match(others, rule=a_rule(click_ids=frozenset({ClickIdKind.MSCLKID})))
    assert isinstance(matched, Matched)
    assert matched.click == others


# --- what became of each click -------------------------------------------------------------------

EARLIER = a_click("earlier", clicked_at=CLICKED_AT - DAY)
COUNTS = a_click("counts", clicked_at=CLICKED_AT)


@pytest.mark.parametrize(
    ("other", "rule", "verdict"),
    [
        pytest.param(EARLIER, a_rule(), ClickVerdict.NOT_LAST, id="an earlier one"),
        pytest.param(
            a_click("younger", clicked_at=CLICKED_AT + DAY),
            a_rule(click_policy=ClickPolicy.FIRST),
            ClickVerdict.NOT_FIRST,
            id="a later one under the other policy",
        ),
        pytest.param(
            a_click("late", clicked_at=WON_AT + SECOND), a_rule(), ClickVerdict.AFTER, id="too late"
        ),
        pytest.param(
            a_click("old", clicked_at=WON_AT - 91 * DAY),
            a_rule(),
            ClickVerdict.OUTSIDE_LOOKBACK,
            id="too old",
        ),
        pytest.param(
            a_click("theirs", kind=ClickIdKind.MSCLKID),
            a_rule(click_ids=frozenset({ClickIdKind.GCLID})),
            ClickVerdict.NOT_TAKEN,
            id="another network's",
        ),
        pytest.param(
            a_click("braid", kind=ClickIdKind.WBRAID),
            a_rule(),
            ClickVerdict.SAME_CLICK,
            id="the same click's braid",
        ),
    ],
)
def test_each_click_that_does_not_count_says_why(
    other: Click, rule: ConversionRule, verdict: ClickVerdict
) -> None:
    found = judged(a_deal(), a_milestone(), [a_candidate(other), a_candidate(COUNTS)], rule)
    assert [one.verdict for one in found] == [verdict, ClickVerdict.USED]
    matched = match(other, COUNTS, rule=rule)
    assert isinstance(matched, Matched)
    assert matched.click == COUNTS, "what counts is what matching picks"


def test_a_click_found_less_directly_says_so() -> None:
    on_contact = a_candidate(EARLIER, basis=MatchBasis.CONTACT)
    found = judged(a_deal(), a_milestone(), [on_contact, a_candidate(COUNTS)], a_rule())
    assert found[0].verdict is ClickVerdict.LESS_DIRECT


def test_a_click_without_a_time_is_judged_by_the_deals_creation_as_an_estimate() -> None:
    (one,) = judged(a_deal(), a_milestone(), [a_candidate(a_click(clicked_at=None))], a_rule())
    assert (one.clicked_at, one.is_estimated) == (CREATED_AT, True)


# A returning customer, and clocks that differ

SALE = EarlierSale(deal_id="D-0", won_at=MIDDLE, click_ids=frozenset({a_click("left").click_id}))
RETURNED = structs.replace(a_deal(), earlier_sale=SALE)


@pytest.mark.parametrize(
    ("clicked_at", "basis", "expected"),
    [
        pytest.param(EARLY, MatchBasis.VISITOR, Reason.CLICK_OF_EARLIER_SALE, id="before the win"),
        pytest.param(MIDDLE, MatchBasis.VISITOR, Reason.CLICK_OF_EARLIER_SALE, id="with the win"),
        pytest.param(LATE, MatchBasis.VISITOR, None, id="after the win"),
        pytest.param(EARLY, MatchBasis.DEAL, None, id="on the deal itself"),
        pytest.param(EARLY, MatchBasis.CONTACT, Reason.CLICK_OF_EARLIER_SALE, id="on a contact"),
        pytest.param(None, MatchBasis.CONTACT, Reason.CLICK_OF_EARLIER_SALE, id="on both, untimed"),
    ],
)
def test_a_click_up_to_an_earlier_sale_led_to_that_one(
    clicked_at: datetime | None, basis: MatchBasis, expected: Reason | None
) -> None:
    found = [a_candidate(a_click("left", clicked_at=clicked_at), basis=basis)]
    outcome = match_candidates(found, deal=RETURNED)
    if expected is None:
        assert isinstance(outcome, Matched)
    else:
        assert outcome == NotSent(reason=expected)
        (one,) = judged(RETURNED, a_milestone(), found, a_rule())
        assert one.verdict is ClickVerdict.EARLIER_SALE
    reusing = match_candidates(found, deal=RETURNED, rule=replace(a_rule(), reuses_clicks=True))
    assert isinstance(reusing, Matched)


@pytest.mark.parametrize(
    ("won_at", "is_earlier"),
    [
        pytest.param(CREATED_AT - SECOND, True, id="won before this one was made"),
        pytest.param(CREATED_AT, True, id="won as it was made"),
        pytest.param(CREATED_AT + SECOND, False, id="open when it was made"),
    ],
)
def test_only_a_sale_won_before_a_deal_was_made_is_an_earlier_one(
    won_at: datetime, *, is_earlier: bool
) -> None:
    sale = EarlierSale(deal_id="D-0", won_at=won_at)
    assert earlier_sale_of(a_deal(), [sale]) == (sale if is_earlier else None)
    unknown = a_deal(created_at=None, milestones=(a_milestone(name="mql", reached_at=CREATED_AT),))
    assert earlier_sale_of(unknown, [sale]) == (sale if is_earlier else None)


@pytest.mark.parametrize("created_at", [None, CREATED_AT])
def test_of_two_deals_won_at_one_instant_none_is_the_earlier_sale(
    created_at: datetime | None,
) -> None:
    deal = a_deal(created_at=created_at, milestones=(a_milestone(reached_at=CREATED_AT),))
    assert earlier_sale_of(deal, [EarlierSale(deal_id="D-0", won_at=CREATED_AT)]) is None
    before = EarlierSale(deal_id="D-0", won_at=CREATED_AT - SECOND)
    assert earlier_sale_of(deal, [before]) == before


def test_of_earlier_sales_the_last_is_named_and_the_click_ids_of_all_are_theirs() -> None:
    first, last = (
        EarlierSale(deal_id=name, won_at=at, click_ids=frozenset({a_click(name).click_id}))
        for name, at in (("D-0", CREATED_AT - 9 * DAY), ("D-9", CREATED_AT - DAY))
    )
    found = earlier_sale_of(a_deal(), [last, first])
    assert found is not None
    assert (found.deal_id, found.won_at) == ("D-9", last.won_at)
    assert found.click_ids == first.click_ids | last.click_ids


@pytest.mark.parametrize("allowed", [timedelta(0), 5 * timedelta(minutes=1)])
def test_a_click_just_after_the_milestone_counts_where_clocks_may_differ_by_as_much(
    allowed: timedelta,
) -> None:
    rule = replace(a_rule(), settling_time=timedelta(0), clock_skew=allowed)
    within, beyond = (a_click(clicked_at=WON_AT + allowed + more) for more in (0 * DAY, SECOND))
    assert isinstance(match(within, rule=rule), Matched)
    assert match(beyond, rule=rule) == NotSent(reason=Reason.CLICK_AFTER_MILESTONE)


def test_a_logged_click_that_the_crm_has_on_a_contact_was_found_there() -> None:
    deal = a_deal(clicks=(a_candidate(a_click("contacts"), basis=MatchBasis.CONTACT),))
    logged = [a_candidate(a_click(name), basis=MatchBasis.DEAL) for name in ("contacts", "other")]
    found = candidates_of(deal, logged)
    assert [(one.click.click_id.value, one.basis) for one in found] == [
        ("contacts", MatchBasis.CONTACT),
        ("contacts", MatchBasis.CONTACT),
        ("other", MatchBasis.DEAL),
    ]
