"""What a CRM's stages and fields mean for the nights to come: `check`'s look at the other side.

An error means that a run would stop; a warning, that clicks would not be found or not be known to
Google. The CRM is asked once for its stages, its fields, and what its click-ID fields hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from convsync.extract import click_fields
from convsync.extract.crm import CrmDeals, unreachable, unreadable
from convsync.extract.crm_adapter import CrmField
from convsync.extract.funnel import (
    MilestoneStages,
    Stage,
    StageOutcome,
    listed,
    stages_meant,
    unknown_stages,
)
from convsync.extract.malformed import as_documented
from convsync.extract.mapping import CONTACT, DEAL, LEAD, CrmMapping, RecordFields
from convsync.extract.stage_names import doubtful_words
from convsync.model.deal import LOST
from convsync.model.finding import Finding, Severity

_LINK = "https://support.google.com/google-ads/answer/7012522"
"""How Google wants the click ID to be captured and kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfClickIds(Finding):
    """What has happened to the click IDs in a field, which a profile may say as well.

    `field` is the kind of record and the field's name.
    """

    field: tuple[str, str]


def findings_of_crm(source: CrmDeals) -> list[Finding]:
    """Look at a CRM's stages, fields and click IDs. Raises what the CRM's adapter raises."""
    subject = f"source {source.name}"
    with as_documented(f"source '{source.name}'"):
        fields = source.crm.fields()
        stages = source.stages()
        findings = [
            *_stages(subject, source.mapping, stages),
            *_out_of_reach(subject, source.mapping, stages),
            *_skipped(subject, source, stages),
            *_fields(subject, source.mapping, fields),
            *_click_ids(subject, source, fields),
        ]
    return findings or [Finding(subject=subject)]


def _stages(subject: str, mapping: CrmMapping, stages: Sequence[Stage]) -> Iterator[Finding]:
    for milestone, word in unknown_stages(mapping.milestones, stages):
        yield Finding(
            severity=Severity.ERROR,
            subject=subject,
            problem=f"the stage '{word}' of milestone '{milestone}' is not there",
            means="no run can tell which deals reached the milestone, so none starts",
            fix=f"correct it, or take it out; the stages there are: {listed(stages)}",
        )
    for doubt in doubtful_words(mapping.stage_words, stages):
        yield Finding(
            severity=Severity.WARNING,
            subject=subject,
            problem=doubt,
            means="it is known from earlier runs what was meant, and runs go on with that",
            fix=f"name what is meant now, best by its ID; the stages there are: {listed(stages)}",
        )


def _out_of_reach(subject: str, mapping: CrmMapping, stages: Sequence[Stage]) -> Iterator[Finding]:
    for milestone, outcome in unreachable(mapping, stages):
        is_won = outcome is StageOutcome.WON
        yield Finding(
            severity=Severity.ERROR if is_won else Severity.WARNING,
            subject=subject,
            problem=f"no stage counts as {outcome}, which milestone '{milestone}' means",
            means=f"no deal would ever count as {outcome}" + (", so no run starts" * is_won),
            fix=f"mark a stage as {outcome} in the CRM, grant the right to read that mark, or name"
            f" the milestone's stages; those there are: {listed(stages) or 'none'}",
        )


def _skipped(subject: str, source: CrmDeals, stages: Sequence[Stage]) -> Iterator[Finding]:
    """Warn of milestones that a deal seems to have skipped where only its last stage is known."""
    if source.crm.has_history:
        return
    behind: dict[str, Stage] = {}
    for name, how in reversed([*source.mapping.milestones.items()]):
        if name == LOST or not isinstance(how, MilestoneStages):
            continue
        meant = {one.stage_id: one for one in stages_meant(how, stages)}
        left_out = [one for stage_id, one in behind.items() if stage_id not in meant]
        if missing := [one.name for one in sorted(left_out, key=lambda one: one.position)]:
            yield Finding(
                severity=Severity.WARNING,
                subject=subject,
                problem=f"milestone '{name}' does not name the stages behind it"
                f" ({', '.join(missing)}), and a deal tells of no stage but the one it is in",
                means=f"a deal that has gone on by the time it is read never counts as '{name}'",
                fix="list those stages too, or have the history read",
            )
        behind |= meant


def _fields(subject: str, mapping: CrmMapping, fields: Sequence[CrmField]) -> Iterator[Finding]:
    there = {(field.kind, field.name) for field in fields}
    for kind, name in unreadable(mapping, fields):
        problem, fix = _HIDDEN if (kind, name) in there else _MISSING
        yield Finding(
            severity=Severity.ERROR,
            subject=subject,
            problem=f"the {kind} field '{name}' {problem}",
            means="the source cannot be read as it is mapped, so no run starts",
            fix=fix,
        )


_MISSING = ("is not there", "correct its name, or take it out of the mapping")
_HIDDEN = ("may not be read with these credentials", "grant the right to read it")


def _click_ids(subject: str, source: CrmDeals, fields: Sequence[CrmField]) -> Iterator[Finding]:
    known = {(field.kind, field.name): field for field in fields}
    for kind, mapped in _records(source.mapping).items():
        names = [name for name in mapped.click_ids if (kind, name) in known]
        samples = source.crm.samples(kind, names) if names else []
        for name in names:
            values = click_fields.values_of(samples, name)
            about = f"the {kind} field '{name}'"
            if name == mapped.landing_url:
                continue
            for look in _LOOKS:
                yield from look(subject, about, known[kind, name], values)


Look = Callable[[str, str, CrmField, Sequence[str]], Iterator[Finding]]


def _too_short(subject: str, about: str, field: CrmField, _: Sequence[str]) -> Iterator[Finding]:
    if field.longest is not None and field.longest < click_fields.LONG_ENOUGH:
        yield Finding(
            severity=Severity.WARNING,
            subject=subject,
            problem=f"{about} holds {field.longest} characters",
            means="longer click IDs are cut, and Google does not know what is left of them",
            fix=f"make it a text of {click_fields.LONG_ENOUGH} characters or more, better 255",
            link=_LINK,
        )


def _lower_cased(
    subject: str, about: str, field: CrmField, values: Sequence[str]
) -> Iterator[Finding]:
    if click_fields.are_lower_cased(values):
        yield OfClickIds(
            field=(field.kind, field.name),
            severity=Severity.WARNING,
            subject=subject,
            problem=f"{about} holds click IDs without a single capital",
            means="something on the way folds their case, and Google knows none of them",
            fix="look at the form, the tag manager and the import that fill it",
            link=_LINK,
        )


def _cut(subject: str, about: str, field: CrmField, values: Sequence[str]) -> Iterator[Finding]:
    if click_fields.are_cut(values, field.longest):
        yield OfClickIds(
            field=(field.kind, field.name),
            severity=Severity.WARNING,
            subject=subject,
            problem=f"{about} holds click IDs that all seem to end at one length",
            means="they are cut on the way, and Google does not know what is left of them",
            fix="look for a length limit in the form, the import or the field itself",
            link=_LINK,
        )


_LOOKS: Sequence[Look] = (_too_short, _lower_cased, _cut)


def _records(mapping: CrmMapping) -> Mapping[str, RecordFields]:
    return {DEAL: mapping.deal, CONTACT: mapping.contact, LEAD: mapping.lead}
