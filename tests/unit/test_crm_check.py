"""What `check` says of a CRM's stages, fields and click IDs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from msgspec import structs

from convsync.extract.crm import CrmDeals
from convsync.extract.crm_adapter import CrmField, Fields, Page
from convsync.extract.funnel import MilestoneStages, Stage, StageOutcome
from convsync.extract.mapping import CellFormat, CrmMapping, RecordFields
from convsync.extract.source import Departed, Memory
from convsync.model.finding import Severity
from convsync.model.period import Period
from convsync.report.crm_check import findings_of_crm

GCLIDS = ("EAIaIQobChMI4c7", "Cj0KCQiA35urBhDCARIsAOU7QwkaA", "CjwKCAiA0syqBhBxEiwAeNx9N2hX")
MAPPING = CrmMapping(
    milestones={"won": MilestoneStages(stages=("Won",))}, contact=RecordFields(gclid="gclid")
)


class SmallCrm:
    """A CRM with one stage and one field, of which the newest records hold these values."""

    lag = overlap = timedelta(0)
    names_survivors = has_history = empties_stages = True
    links_unseen = False
    lists_deleted_for: timedelta | None = None

    def __init__(self, values: Sequence[str] = GCLIDS, **changes: Any) -> None:
        gclid = CrmField(kind="contact", name="gclid", label="GCLID", type="string")
        self._field = replace(gclid, **changes)
        self._values = values

    def stages(self) -> Sequence[Stage]:
        return [Stage(stage_id="w", name="Won", pipeline="Sales", position=1)]

    def fields(self) -> Sequence[CrmField]:
        return [self._field]

    def samples(self, kind: str, names: Sequence[str]) -> Sequence[Fields]:
        return [{name: value} for value in self._values for name in names]

    def changed(self, window: Period, after: str | None) -> Iterator[Page]:
        raise AssertionError("check reads no deals")

    def reached(self, period: Period) -> Iterator[Page]:
        raise AssertionError("check reads no deals")

    def named(self, deal_ids: Sequence[str]) -> Iterator[Page]:
        raise AssertionError("check reads no deals")

    def departed(self, window: Period) -> Iterator[Departed]:
        raise AssertionError("check reads no deals")


def problems(crm: SmallCrm, mapping: CrmMapping = MAPPING) -> list[tuple[Severity | None, str]]:
    source = CrmDeals("crm", crm, mapping, CellFormat())
    found = findings_of_crm(source)
    for finding in found:
        assert finding.subject == "source crm"
        assert finding.severity is None or (finding.means and finding.fix)
    return [(finding.severity, finding.problem or "") for finding in found]


def test_a_right_set_up_is_fine() -> None:
    assert problems(SmallCrm(longest=255)) == [(None, "")]


def test_an_empty_crm_is_fine() -> None:
    assert problems(SmallCrm(values=())) == [(None, "")]


@pytest.mark.parametrize(
    ("crm", "mapping", "severity", "said"),
    [
        pytest.param(
            SmallCrm(),
            replace(MAPPING, milestones={"won": MilestoneStages(stages=("Signed",))}),
            Severity.ERROR,
            "the stage 'Signed' of milestone 'won' is not there",
            id="a stage that is gone",
        ),
        pytest.param(
            SmallCrm(name="gclid__c"), MAPPING, Severity.ERROR,
            "the contact field 'gclid' is not there", id="a field that is gone",
        ),
        pytest.param(
            SmallCrm(is_readable=False), MAPPING, Severity.ERROR,
            "the contact field 'gclid' may not be read with these credentials",
            id="a field that may not be read",
        ),
        pytest.param(
            SmallCrm(longest=80), MAPPING, Severity.WARNING,
            "the contact field 'gclid' holds 80 characters", id="a field that is too short",
        ),
        pytest.param(
            SmallCrm(values=[one.lower() for one in GCLIDS]), MAPPING, Severity.WARNING,
            "the contact field 'gclid' holds click IDs without a single capital",
            id="IDs in lower case",
        ),
        pytest.param(
            SmallCrm(values=[f"Cj0KCQ{number}" + "a" * 93 for number in range(3)], longest=100),
            MAPPING, Severity.WARNING,
            "the contact field 'gclid' holds click IDs that all seem to end at one length",
            id="IDs as long as the field",
        ),
        pytest.param(
            SmallCrm(values=[f"Cj0KCQ{number}" + "a" * 43 for number in range(3)]),
            MAPPING, Severity.WARNING,
            "the contact field 'gclid' holds click IDs that all seem to end at one length",
            id="IDs cut by a form at 50",
        ),
    ],
)  # fmt: skip
def test_each_wrong_set_up_is_found(
    crm: SmallCrm, mapping: CrmMapping, severity: Severity, said: str
) -> None:
    assert problems(crm, mapping) == [(severity, said)]


def test_a_stage_that_was_renamed_is_followed_and_its_id_is_named() -> None:
    source = CrmDeals(
        "crm",
        SmallCrm(longest=255),
        replace(MAPPING, milestones={"won": MilestoneStages(stages=("Signed",))}),
        CellFormat(),
    )
    (won,) = [stage for stage in source.crm.stages() if stage.name == "Won"]
    source.recall(Memory(stages=[structs.replace(won, name="Signed")]))
    (finding,) = findings_of_crm(source)
    assert finding.severity is Severity.WARNING
    assert f'"{won.stage_id}"' in (finding.problem or "")


@pytest.mark.parametrize(
    ("sql", "has_history", "says"),
    [
        pytest.param(("Call",), True, None, id="a history tells of all"),
        pytest.param(("Call",), False, "(Offer, Signed)", id="what lies behind is missing"),
        pytest.param(("Call", "Offer"), False, "(Signed)", id="won is missing"),
        pytest.param(("Call", "Offer", "Signed"), False, None, id="all are there"),
    ],
)
def test_a_milestone_that_names_no_later_stage_is_found_where_deals_tell_of_the_last_alone(
    monkeypatch: pytest.MonkeyPatch,
    sql: tuple[str, ...],
    has_history: bool,
    says: str | None,
) -> None:
    names = ("Call", "Offer", "Signed", "Lost")
    outcomes = {"Signed": StageOutcome.WON, "Lost": StageOutcome.LOST}
    stages = [
        Stage(
            stage_id=name,
            name=name,
            pipeline="Sales",
            position=position,
            outcome=outcomes.get(name, StageOutcome.OPEN),
        )
        for position, name in enumerate(names)
    ]
    crm = SmallCrm(longest=255)
    crm.has_history = has_history
    monkeypatch.setattr(crm, "stages", lambda: stages)
    mapping = replace(
        MAPPING,
        milestones={
            "sql": MilestoneStages(stages=sql),
            "opportunity": MilestoneStages(stages=("Offer", "Signed")),
            "won": MilestoneStages(outcome=StageOutcome.WON),
            "lost": MilestoneStages(outcome=StageOutcome.LOST),
        },
    )
    found = [problem for severity, problem in problems(crm, mapping) if severity]
    assert len(found) == (says is not None)
    assert all("'sql'" in problem and str(says) in problem for problem in found)
