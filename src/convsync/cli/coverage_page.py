"""Coverage as a page in a file: every grouping with its table and its chart."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from convsync.cli import figure_words, html_sections
from convsync.cli.coverage_words import (
    FIELD_TABLE,
    GROUP_TABLE,
    HOW_TABLE,
    field_line,
    group_line,
    how_line,
    in_words,
    matched,
    most_first,
    too_late,
    whole,
)
from convsync.cli.report_days import only
from convsync.errors import OperatorError

if TYPE_CHECKING:
    from convsync.cli.report_answers import Answers
    from convsync.report.conditions import Conditions
    from convsync.report.coverage import Coverage, Group, How, TooLate
    from convsync.report.fields import FieldQuality
    from convsync.report.formats import Formats
    from convsync.report.leads_to import ConversionsBehind, Days
    from convsync.report.page import Section

_NUMBERS = frozenset(
    {"conversions", "share", "worth", "covered", "worth of the rest", "deals"}
    | {"empty", "lower-cased", "cut"}
)

_DAMAGED = (
    "A click ID in lower case, or cut to one length, is unknown to the ad platform: look at the"
    " form, the tag manager and the import that fill the field."
)


def write(
    path: Path,
    found_by: "Mapping[str | None, Coverage]",
    answers: "Answers",
    formats: "Formats",
) -> None:
    """Write the page. `found_by` has the coverage for each grouping, and under None the whole.

    Its figures are as `formats` have them.

    Raises OperatorError where the file cannot be written.
    """
    from convsync.process import private_file
    from convsync.report.page import localised, page

    sections = [
        *of_rules(found_by, answers.days, answers.where),
        *of_fields(answers.fields()),
        *html_sections.rates(answers.exchange),
    ]
    first, last = map(formats.day, answers.days)
    text = page(
        "Coverage of conversions",
        f"Milestones reached from {first} to {last}{only(answers.where)}",
        [localised(one, formats) for one in sections],
    )
    try:
        with private_file.replacing(path) as file:
            file.write(text)
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}.") from None


def of_rules(
    found_by: "Mapping[str | None, Coverage]", days: "Days", where: "Conditions" = ()
) -> "Iterator[Section]":
    """Yield what there is to say of each rule, whole and in every grouping that was found."""
    from convsync.report.page import Section

    everything = found_by[None]
    if not everything.groups:
        yield Section(heading="No conversion's milestone was reached in this period")
    for group in everything.groups:
        late = [too_late(one) for one in _late(everything, group.rule)]
        yield _whole(group, late, days, where)
        yield from _caught(everything, group.rule)
        for by, found in found_by.items():
            of_rule = [one for one in found.groups if one.rule == group.rule]
            if by is not None:
                yield _grouped(by, of_rule, days, where)


def _late(found: "Coverage", rule: str) -> "list[TooLate]":
    return [one for one in found.too_late if one.rule == rule]


def _whole(group: "Group", notes: Sequence[str], days: "Days", where: "Conditions") -> "Section":
    from convsync.report.page import Chart, Section

    parts = most_first(group)
    lines = [how_line(how, tally, group.all) for how, tally in parts]
    bars = [
        (matched(how) or in_words(how.reason) or how.stands.value, float(tally.conversions))
        for how, tally in parts
    ]
    return Section(
        heading=group.rule,
        columns=HOW_TABLE,
        rows=[[line[name] for name in HOW_TABLE] for line in lines],
        numbers=_NUMBERS,
        chart=Chart(title="Conversions, by what matched them or why not", bars=bars),
        notes=[f"{whole(group)}.", *notes],
        definitions=figure_words.COVERAGE,
        behind=[_behind(group.rule, how, days, where) for how, _ in parts],
    )


def _behind(
    rule: str, how: "How", days: "Days", where: "Conditions"
) -> "Mapping[str, ConversionsBehind]":
    """Return the conversions that stand so, by the same or for the same reason."""
    from convsync.model.outcome import Reason
    from convsync.report.conditions import GROUPINGS
    from convsync.report.leads_to import ConversionsBehind

    if any(one.name in GROUPINGS for one in where):
        return {}
    is_ours = how.reason in set(Reason)
    found = ConversionsBehind(
        rule=rule,
        state=how.stands.value,
        reason=how.reason if is_ours else None,
        code=how.reason if how.reason and not is_ours else None,
        click=how.click or None,
        found_by=how.found_by or None,
        covered=how.is_covered,
        reached=days,
        where=where,
    )
    return dict.fromkeys(("conversions", "share", "worth"), found)


def _caught(found: "Coverage", rule: str) -> "Iterator[Section]":
    from convsync.report.page import Chart, Section

    for one in _late(found, rule):
        caught = sorted(one.caught_at.items())
        if caught:
            yield Section(
                heading="Lost to the lookback: which earlier milestone was in time",
                columns=("milestone", "conversions"),
                rows=[[name, f"{count:,}"] for name, count in caught],
                numbers=_NUMBERS,
                chart=Chart(
                    title="Too late, by the latest milestone that was in time",
                    bars=[(name, float(count)) for name, count in caught],
                ),
                level=3,
            )


def _grouped(by: str, groups: "Sequence[Group]", days: "Days", where: "Conditions") -> "Section":
    from convsync.report.page import Chart, Section

    lines = [group_line(group) for group in groups]
    shares = [
        (group.name, 100 * group.covered.conversions / group.all.conversions) for group in groups
    ]
    return Section(
        heading=f"By {by}",
        columns=GROUP_TABLE,
        rows=[[line[name] for name in GROUP_TABLE] for line in lines],
        numbers=_NUMBERS,
        chart=Chart(title=f"Covered, in percent, by {by}", bars=shares),
        behind=[_behind_group(by, one, days, where) for one in groups],
        level=3,
    )


def _behind_group(
    by: str, group: "Group", days: "Days", where: "Conditions"
) -> "Mapping[str, ConversionsBehind]":
    """Return the conversions of a group; of a form's the ledger does not say which they are."""
    from convsync.cli.coverage_asked import BY_WEEK
    from convsync.report.conditions import GROUPINGS, Condition
    from convsync.report.coverage import BY_FORM
    from convsync.report.leads_to import ConversionsBehind

    if by == BY_FORM or any(one.name in GROUPINGS for one in where):
        return {}
    is_week = by == BY_WEEK
    everything = ConversionsBehind(
        rule=group.rule,
        reached=html_sections.days_of_week(group.name, days) if is_week else days,
        where=where if is_week else (*where, Condition(by, group.name)),
    )
    covered, rest = (replace(everything, covered=is_covered) for is_covered in (True, False))
    return {
        "conversions": everything,
        "covered": covered,
        "share": covered,
        "worth of the rest": rest,
    }


def of_fields(fields: "Sequence[FieldQuality]") -> "Iterator[Section]":
    """Yield how the fields of the deals stand, where there are any."""
    from convsync.report.page import Chart, Section

    if not fields:
        return
    lacking = [one for one in fields if one.needs_a_look]
    bars = [
        (f"{one.source}: {one.field}", 100 * (one.empty + one.lower_case + one.cut) / one.deals)
        for one in lacking
        if one.deals
    ]
    lines = [field_line(one) for one in fields]
    yield Section(
        heading="Fields of these deals",
        columns=FIELD_TABLE,
        rows=[[line[name] for name in FIELD_TABLE] for line in lines],
        numbers=_NUMBERS,
        chart=Chart(title="Empty, lower-cased or cut, in percent", bars=bars),
        notes=[_DAMAGED],
    )
