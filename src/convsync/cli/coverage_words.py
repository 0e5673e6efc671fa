"""Coverage in words and rows, as the table on a terminal and the page in a browser both have it."""

from typing import TYPE_CHECKING

from convsync.report.sentences import FOUND_BY

if TYPE_CHECKING:
    from convsync.report.coverage import Group, How, Tally, TooLate
    from convsync.report.fields import FieldQuality

HOW_TABLE = ("stands", "by what, or why not", "conversions", "share", "worth")
GROUP_TABLE = ("group", "conversions", "covered", "share", "worth of the rest", "mostly lost to")
FIELD_TABLE = ("source", "field", "deals", "empty", "lower-cased", "cut")


def most_first(group: "Group") -> "list[tuple[How, Tally]]":
    """Return how conversions stand, those of most conversions first."""
    return sorted(group.parts.items(), key=lambda pair: -pair[1].conversions)


def how_line(how: "How", tally: "Tally", everything: "Tally") -> dict[str, str]:
    """Return a line of `HOW_TABLE`."""
    return {
        "stands": how.stands.value.replace("_", " "),
        "by what, or why not": ", ".join(filter(None, [matched(how), in_words(how.reason)])),
        "conversions": f"{tally.conversions:,}",
        "share": share(tally, everything),
        "worth": _worth(tally),
    }


def group_line(group: "Group") -> dict[str, str]:
    """Return a line of `GROUP_TABLE`."""
    from convsync.report.coverage import Tally

    everything, covered, rest = group.all, group.covered, Tally()
    lost = [(how, tally) for how, tally in most_first(group) if not how.is_covered]
    for _, tally in lost:
        rest.add(tally.conversions, tally.value)
    return {
        "group": group.name,
        "conversions": f"{everything.conversions:,}",
        "covered": f"{covered.conversions:,}",
        "share": share(covered, everything),
        "worth of the rest": _worth(rest),
        "mostly lost to": in_words(lost[0][0].reason) if lost else "",
    }


def matched(how: "How") -> str:
    """Return by what a conversion was matched, nothing where it was not."""
    if not how.is_covered:
        return ""
    return f"{how.click} ({FOUND_BY[how.found_by]})"


def too_late(one: "TooLate") -> str:
    """Return what would have caught what came too late."""
    said = f"{one.conversions:,} came too late for their click"
    if not one.caught_at:
        return f"{said}; no earlier milestone of theirs was in time."
    caught = ", ".join(f"{name} {count:,}" for name, count in sorted(one.caught_at.items()))
    return f"{said}. A rule for an earlier milestone would have caught: {caught}."


def in_words(reason: str) -> str:
    """Return one of our reasons as people write it; a vendor's code stays as it came."""
    return reason.replace("_", " ") if reason.islower() else reason


def share(part: "Tally", whole: "Tally") -> str:
    """Return the share of the conversions, in percent."""
    return f"{part.conversions / whole.conversions:.0%}"


def _worth(tally: "Tally") -> str:
    return " + ".join(
        f"{value:,.2f} {currency or '(no currency)'}"
        for currency, value in tally.value.items()
        if value
    )


def whole(group: "Group") -> str:
    """Return how much of a group is covered, in a sentence."""
    everything, covered = group.all, group.covered
    return (
        f"{everything.conversions:,} conversions, of which {covered.conversions:,}"
        f" ({share(covered, everything)}) have a click or a person"
    )


def field_line(one: "FieldQuality") -> dict[str, str]:
    """Return a line of `FIELD_TABLE`; what is nothing is left blank."""
    numbers = {"empty": one.empty, "lower-cased": one.lower_case, "cut": one.cut}
    return {
        "source": one.source,
        "field": one.field,
        "deals": f"{one.deals:,}",
        **{name: f"{number:,}" if number else "" for name, number in numbers.items()},
    }
