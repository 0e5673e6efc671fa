"""Who meets an audience's condition, and who may be listed: the arithmetic."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from convsync.audiences.condition import left_out, meets, stage_of, standing_of
from convsync.model.audience import (
    Condition,
    Kind,
    Left,
    Listed,
    Standing,
    listed_of,
    members_of,
)
from convsync.model.consent import FORGOTTEN, Consent, ConsentStatus
from convsync.model.deal import Deal, Gone, Milestone
from convsync.model.identifiers import Identifiers, hashed

NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)
FUNNEL = ("mql", "sql", "opportunity", "won", "lost")


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def a_deal(*, of: dict[str, float] | None = None, **fields: Any) -> Deal:
    """Return a deal that reached each milestone so many days ago."""
    reached = tuple(Milestone(name, days_ago(days)) for name, days in (of or {}).items())
    return Deal(source="crm", deal_id="D-1", milestones=reached, **fields)


@pytest.mark.parametrize(
    ("reached", "standing"),
    [
        pytest.param({}, Standing.OPEN, id="nothing reached"),
        pytest.param({"mql": 5}, Standing.OPEN, id="qualified"),
        pytest.param({"won": 5}, Standing.WON, id="won"),
        pytest.param({"mql": 5, "lost": 1}, Standing.LOST, id="lost"),
        pytest.param({"won": 5, "lost": 1}, Standing.LOST, id="lost after it was won"),
        pytest.param({"lost": 5, "won": 1}, Standing.WON, id="won after it was lost"),
        pytest.param({"won": 5, "lost": 5}, Standing.LOST, id="both at once"),
    ],
)
def test_a_deal_stands_as_its_last_ending_says(
    reached: dict[str, float], standing: Standing
) -> None:
    assert standing_of(a_deal(of=reached)) is standing


@pytest.mark.parametrize(
    ("reached", "stage"),
    [
        pytest.param({}, None, id="none"),
        pytest.param({"sql": 5, "mql": 5}, "sql", id="two at once: the further one"),
        pytest.param({"sql": 9, "mql": 1}, "sql", id="out of order in time"),
        pytest.param({"mql": 5, "lost": 1}, "mql", id="a loss is no stage"),
        pytest.param({"demo": 5}, "demo", id="a milestone that no funnel has"),
        pytest.param({"demo": 5, "mql": 5}, "mql", id="before all that the funnel has"),
    ],
)
def test_a_stage_is_the_furthest_milestone(reached: dict[str, float], stage: str | None) -> None:
    assert stage_of(a_deal(of=reached), FUNNEL) == stage


STUCK = Condition(
    states=frozenset({Standing.OPEN}),
    stages=frozenset({"mql"}),
    since=timedelta(days=60),
    funnel=FUNNEL,
)
LOST_EARLY = Condition(states=frozenset({Standing.LOST}), not_reached=frozenset({"sql"}))
NORTH = Condition(when={"region": frozenset({"N", "NE"})})
COLD = Condition(untouched=timedelta(days=30))
BEST = Condition(amount_at_least=Decimal(1000), currency="EUR")
FRESH = Condition(until=timedelta(days=7))


@pytest.mark.parametrize(
    ("condition", "deal", "is_met"),
    [
        pytest.param(STUCK, a_deal(of={"mql": 60}), True, id="stuck for sixty days"),
        pytest.param(STUCK, a_deal(of={"mql": 59.9}), False, id="not yet"),
        pytest.param(STUCK, a_deal(of={"mql": 90, "sql": 80}), False, id="moved on"),
        pytest.param(STUCK, a_deal(of={"mql": 90, "lost": 80}), False, id="lost"),
        pytest.param(LOST_EARLY, a_deal(of={"mql": 9, "lost": 1}), True, id="misses SQL"),
        pytest.param(LOST_EARLY, a_deal(of={"sql": 9, "lost": 1}), False, id="reached SQL"),
        pytest.param(NORTH, a_deal(segments={"region": "NE"}), True, id="in a segment"),
        pytest.param(NORTH, a_deal(segments={"region": "S"}), False, id="in another"),
        pytest.param(NORTH, a_deal(), False, id="in none"),
        pytest.param(COLD, a_deal(modified_at=days_ago(30)), True, id="untouched"),
        pytest.param(COLD, a_deal(modified_at=days_ago(29)), False, id="touched"),
        pytest.param(COLD, a_deal(), False, id="nobody knows when it was touched"),
        pytest.param(BEST, a_deal(amount=Decimal(1000), currency="EUR"), True, id="large"),
        pytest.param(BEST, a_deal(amount=Decimal(999), currency="EUR"), False, id="too small"),
        pytest.param(BEST, a_deal(amount=Decimal(5000), currency="JPY"), False, id="another money"),
        pytest.param(BEST, a_deal(), False, id="no amount"),
        pytest.param(FRESH, a_deal(created_at=days_ago(3)), True, id="new, nothing reached"),
        pytest.param(FRESH, a_deal(of={"mql": 8}), False, id="too long ago"),
        pytest.param(COLD, a_deal(modified_at=days_ago(99), gone=Gone.DELETED), False, id="gone"),
    ],
)
def test_a_condition_is_met_by_what_it_describes(
    condition: Condition, deal: Deal, is_met: bool
) -> None:
    assert meets(deal, condition, NOW) is is_met


ANN = Identifiers(emails=(hashed("ann@example.com"),))
GRANTED, DENIED = ConsentStatus.GRANTED, ConsentStatus.DENIED
NOTHING, UNCLEAR = ConsentStatus.UNSPECIFIED, ConsentStatus.UNCLEAR


@pytest.mark.parametrize(
    ("user_data", "personalization", "reason"),
    [
        (GRANTED, GRANTED, None),
        (GRANTED, NOTHING, Left.NOT_GRANTED),
        (NOTHING, GRANTED, Left.NOT_GRANTED),
        (NOTHING, NOTHING, Left.NOT_GRANTED),
        (GRANTED, DENIED, Left.REFUSED),
        (DENIED, GRANTED, Left.REFUSED),
        (DENIED, UNCLEAR, Left.REFUSED),
        (GRANTED, UNCLEAR, Left.UNCLEAR),
    ],
)
def test_both_uses_must_be_granted(
    user_data: ConsentStatus, personalization: ConsentStatus, reason: Left | None
) -> None:
    consent = Consent(ad_user_data=user_data, ad_personalization=personalization)
    assert left_out(a_deal(consent=consent, identifiers=ANN)) is reason


def test_nobody_is_listed_who_was_forgotten_or_cannot_be_found() -> None:
    agreed = Consent(ad_user_data=GRANTED, ad_personalization=GRANTED)
    assert left_out(a_deal(consent=FORGOTTEN, identifiers=ANN)) is Left.FORGOTTEN
    assert left_out(a_deal(consent=agreed)) is Left.NO_IDENTIFIER
    assert left_out(a_deal(consent=agreed, shared=ANN)) is Left.SHARED


def test_a_member_has_all_that_a_deal_is_known_by_and_at_most_ten_identifiers() -> None:
    many = Identifiers(emails=tuple(hashed(f"{n}@example.com") for n in range(12)))
    both = Identifiers(emails=ANN.emails, phones=(hashed("+4915112345678"),))
    members = members_of([*listed_of(both, 1), *listed_of(many, 2)])
    assert members[0] == both
    assert [len(member.emails) for member in members[1:]] == [10, 2]


def test_an_identifier_is_kept_as_the_bytes_of_its_hash() -> None:
    (one,) = listed_of(ANN, 7)
    assert one == Listed(bytes.fromhex(ANN.emails[0]), Kind.EMAIL, 7)
