"""What a column would do to conversions: a table of questions about it, each with its fix."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from convsync.extract.click_fields import end_at_one_length
from convsync.extract.looks import Role
from convsync.extract.mapping import DEAL
from convsync.model.finding import Finding, Severity
from convsync.profile.column_words import words_for
from convsync.profile.facts import ColumnProfile, Profile, Sign
from convsync.profile.signs import HEXADECIMAL
from convsync.profile.spellings import alike

_LINK: Final = "https://support.google.com/google-ads/answer/7012522"
"""How Google wants the click ID to be captured and kept."""
_FEW: Final = 5
"""What so few cells show may be chance."""
_TIMES: Final = frozenset({Role.TIME})
_CLICK_IDS: Final = frozenset({Role.CLICK_ID})
_OF_CLICKS: Final = _CLICK_IDS | {Role.URL}
_KEYS: Final = frozenset({Role.CRM_KEY, Role.VISITOR})
_IDS: Final = frozenset({Role.DEAL_ID, *_KEYS})
_PERSONS: Final = frozenset({Role.EMAIL, Role.PHONE})
_ABSURD: Final = 1_000
"""How many times the median an amount is that may be a slip of the keyboard."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OfColumn:
    """A question to a column of some roles. Texts are filled in with what `words_for` returns."""

    roles: frozenset[Role]
    found: Callable[[Profile, ColumnProfile], bool]
    problem: str
    means: str
    fix: str
    sign: Sign | None = None
    paste: str = ""
    link: str = ""


def _any(sign: Sign) -> Callable[[Profile, ColumnProfile], bool]:
    return lambda _, column: column.count(sign) > 0


def _all(sign: Sign) -> Callable[[Profile, ColumnProfile], bool]:
    return lambda _, column: column.count(sign) == column.filled > 1


def _some(sign: Sign) -> Callable[[Profile, ColumnProfile], bool]:
    """True for a twentieth of the cells or more, but not for all."""
    return lambda _, one: one.filled > one.count(sign) >= max(_FEW, one.filled / 20)


def _are_dates(profile: Profile, column: ColumnProfile) -> bool:
    is_declared = column.column.name in profile.date_columns
    return not is_declared and _all(Sign.MIDNIGHT)(profile, column)


def _are_partly_dates(profile: Profile, column: ColumnProfile) -> bool:
    is_declared = column.column.name in profile.date_columns
    return not is_declared and _some(Sign.MIDNIGHT)(profile, column)


def _are_midnights_elsewhere(profile: Profile, column: ColumnProfile) -> bool:
    """True where full hours are nearly all the same one or, with summer time, two in a row."""
    count, hours = column.count(Sign.FULL_HOUR), column.hours
    if count < max(_FEW, column.filled / 20):
        return False
    most = max(hours.get(hour, 0) + hours.get((hour + 1) % 24, 0) for hour in range(24))
    return most >= count * 0.9


def _has_three_decimals(profile: Profile, column: ColumnProfile) -> bool:
    count = column.count(Sign.THREE_DECIMALS)
    return not profile.decimal_is_declared and count == column.filled > 0


def _is_absurd(_: Profile, column: ColumnProfile) -> bool:
    largest, median = column.largest, column.median
    return largest is not None and median is not None and largest > median * _ABSURD


def _are_rounded(_: Profile, column: ColumnProfile) -> bool:
    """True where that can be no chance: one ID in ten or more ends so by itself."""
    return column.count(Sign.ROUNDED) >= max(_FEW, column.filled / 2)


def _is_mostly_zero(_: Profile, column: ColumnProfile) -> bool:
    return column.count(Sign.ZERO) >= max(_FEW, column.filled / 2)


def _is_cut(_: Profile, column: ColumnProfile) -> bool:
    return column.column.kind not in HEXADECIMAL and end_at_one_length(column.lengths)


def _is_one_for_many(_: Profile, column: ColumnProfile) -> bool:
    """True where one click ID stands in a tenth of the cells, of which there are more than few."""
    return column.filled > 2 * _FEW and column.most_alike >= max(_FEW, column.filled / 10)


def _is_empty(profile: Profile, column: ColumnProfile) -> bool:
    """True for an empty column; of those that hold clicks, only where all of them are empty."""
    if column.filled or profile.deals + profile.clicks <= _FEW:
        return False
    is_of_clicks = column.column.role in _OF_CLICKS
    return not (
        is_of_clicks and any(one.filled for one in profile.columns if one.column.role in _OF_CLICKS)
    )


OF_COLUMNS: Final[Sequence[OfColumn]] = (
    OfColumn(
        roles=frozenset(Role) - {Role.DEAL_ID},
        found=_is_empty,
        problem="{what} {name} is empty in all {records} records",
        means="nothing is known of the deals by it: it is mapped as {key}",
        fix="look whether the export fills it, or map the column that holds it",
        paste='[{table}]\n{key} = "…"',
    ),
    OfColumn(
        roles=_OF_CLICKS,
        sign=Sign.LOWER_CASE,
        found=_any(Sign.LOWER_CASE),
        problem="{count} of {filled} click IDs in {what} {name} are in lower case",
        means="something on the way folds their case, and the network knows none of them",
        fix="look at the form, the tag manager and the import that fill it",
        link=_LINK,
    ),
    OfColumn(
        roles=_CLICK_IDS,
        found=_is_cut,
        problem="the click IDs in {what} {name} all seem to end at one length, {longest}",
        means="they are cut on the way, and the network does not know what is left of them",
        fix="look for a length limit in the form, the import or the export",
        link=_LINK,
    ),
    OfColumn(
        roles=_CLICK_IDS,
        sign=Sign.PLACEHOLDER,
        found=_any(Sign.PLACEHOLDER),
        problem="{count} of {filled} cells in {what} {name} hold a word where a click ID should be",
        means="they are taken for empty; their deals are matched by other keys, if at all",
        fix="look at the form or tag that writes it",
    ),
    OfColumn(
        roles=_KEYS,
        sign=Sign.PLACEHOLDER,
        found=_any(Sign.PLACEHOLDER),
        problem="{count} of {filled} cells in {what} {name} hold what stands for a missing key",
        means="they are taken for empty, so that they join nobody",
        fix="nothing, if nobody knows the key there; otherwise look at what writes it",
    ),
    OfColumn(
        roles=_CLICK_IDS,
        sign=Sign.ODD_CHARACTERS,
        found=_any(Sign.ODD_CHARACTERS),
        problem="{count} of {filled} click IDs in {what} {name} hold characters that Google's IDs"
        " do not have",
        means="they are sent as they are, and Google knows none that was changed on the way",
        fix="look at the form, the tag manager and the import that fill it",
        link=_LINK,
    ),
    OfColumn(
        roles=_CLICK_IDS,
        sign=Sign.OTHER_KIND,
        found=_any(Sign.OTHER_KIND),
        problem="{count} of {filled} click IDs in {what} {name} look like gbraids or wbraids",
        means="sent as a gclid, Google knows none of them",
        fix="export each kind in a column of its own, and map it under its own name",
        paste='[{table}]\ngclid = "{name_}"\ngbraid = "…"\nwbraid = "…"',
    ),
    OfColumn(
        roles=_CLICK_IDS,
        found=_is_one_for_many,
        problem="one click ID stands in {most_alike} of {filled} cells in {what} {name}",
        means="so many conversions of one click look like a test or a cookie that never changes",
        fix="look how it is captured; a click has hardly more than a deal or two",
    ),
    OfColumn(
        roles=frozenset({Role.AMOUNT}),
        sign=Sign.THREE_DECIMALS,
        found=_has_three_decimals,
        problem="every amount in {what} {name} has exactly three decimals, as in 1.234",
        means="if the dot groups thousands, every value is sent a thousand times too small",
        fix="say which it is",
        paste='[{source}]\ndecimal = ","   # or ".", if these are decimals',
    ),
    OfColumn(
        roles=frozenset({Role.AMOUNT}),
        sign=Sign.ZERO,
        found=_is_mostly_zero,
        problem="{count} of {filled} amounts in {what} {name} are 0",
        means="a zero seems to mean that nobody knows the value; such deals are not sent",
        fix="agree on what such a deal is worth",
        paste="[rules.won]\namounts = {{ zero = 100 }}   # or a value that you agree on",
    ),
    OfColumn(
        roles=frozenset({Role.AMOUNT}),
        found=_is_absurd,
        problem="the largest amount in {what} {name} is {times} times the one in the middle",
        means="one such value outweighs all others when Google learns what a click is worth",
        fix="look at it, and set what is too much to be true",
        paste='[rules.won]\namounts = {{ absurd = "skip", absurd_above = {above} }}',
    ),
    OfColumn(
        roles=frozenset({Role.AMOUNT}),
        sign=Sign.NEGATIVE,
        found=_any(Sign.NEGATIVE),
        problem="{count} of {filled} amounts in {what} {name} are negative",
        means="they are absurd as the value of a sale, and not sent unless the rule says otherwise",
        fix="export refunds elsewhere, or say what they mean",
        paste='[rules.won]\namounts = {{ absurd = "skip" }}',
    ),
    OfColumn(
        roles=_TIMES,
        sign=Sign.MIDNIGHT,
        found=_are_dates,
        problem="every time in {what} {name} is midnight",
        means="if these are dates, a click of the same day is later, and not used",
        fix="declare it a date, and keep its `when` if it has one",
        paste='[{table}]\n{key} = {{ {field} = "{name_}", is_date = true }}',
    ),
    OfColumn(
        roles=_TIMES,
        sign=Sign.MIDNIGHT,
        found=_are_partly_dates,
        problem="{count} of {filled} times in {what} {name} are midnight",
        means="some of them may be dates: a click of the same day is then later, and not used",
        fix="declare it a date, if the time of day does not matter; midnight is the whole day then",
        paste='[{table}]\n{key} = {{ {field} = "{name_}", is_date = true }}',
    ),
    OfColumn(
        roles=_TIMES,
        sign=Sign.FAR_OFF,
        found=_any(Sign.FAR_OFF),
        problem="{count} of {filled} times in {what} {name} are before 1990, or after 2099",
        means="a milestone of long ago is not sent, and one that lies ahead waits until then",
        fix="correct them, or say which text stands for no date",
        paste='[{source}]\nblank_words = ["…"]   # such as 1970-01-01',
    ),
    OfColumn(
        roles=_TIMES,
        sign=Sign.SWAPPABLE,
        found=lambda _, one: one.count(Sign.SWAPPABLE) == one.filled >= _FEW,
        problem="none of the {filled} dates in {what} {name} is after the 12th of a month",
        means="their day and month may be read the wrong way round",
        fix="compare one with the CRM, and correct the order in date_formats",
        paste='[{source}]\ndate_formats = ["…"]   # "%d/%m/%Y" or "%m/%d/%Y"',
    ),
    OfColumn(
        roles=_TIMES,
        sign=Sign.SKIPPED_HOUR,
        found=_any(Sign.SKIPPED_HOUR),
        problem="{count} of {filled} times in {what} {name} are in an hour that the clocks skip",
        means="nobody's clock showed them in this time zone: they are of another, most likely UTC",
        fix="say in which time zone the source writes its times",
        paste='[{source}]\ntime_zone = "…"   # such as UTC',
    ),
    OfColumn(
        roles=_TIMES,
        sign=Sign.REPEATED_HOUR,
        found=_any(Sign.REPEATED_HOUR),
        problem="{count} of {filled} times in {what} {name} are in an hour that the clocks repeat",
        means="without a zone they are taken for the first of both, and may be an hour later",
        fix="have the source write times with their zone, or in UTC",
    ),
    OfColumn(
        roles=_TIMES,
        sign=Sign.FULL_HOUR,
        found=_are_midnights_elsewhere,
        problem="{count} of {filled} times in {what} {name} are exactly {hours} UTC",
        means="they look like dates that were midnight in another time zone: a click of the same"
        " day is later, and not used",
        fix="say in whose calendar the system keeps its dates",
        paste='[{table}]\n{key} = {{ {field} = "{name_}", is_date = true }}\n'
        '[{source}]\ntime_zone = "…"   # such as America/Sao_Paulo',
    ),
    OfColumn(
        roles=_IDS,
        sign=Sign.DAMAGED,
        found=_any(Sign.DAMAGED),
        problem="{count} of {filled} IDs in {what} {name} were changed by a spreadsheet",
        means="nobody can tell which deal they are; these rows are not read",
        fix="format the column as text before the file is opened, and export it again",
    ),
    OfColumn(
        roles=_IDS,
        sign=Sign.ROUNDED,
        found=_are_rounded,
        problem="{count} of {filled} IDs in {what} {name} have nothing but zeros behind 15 digits",
        means="a spreadsheet rounded them, so that several deals share an ID and none is the CRM's",
        fix="format the column as text before the file is opened, and export it again",
    ),
    OfColumn(
        roles=_PERSONS,
        sign=Sign.NOT_READ,
        found=_some(Sign.NOT_READ),
        problem="{count} of {filled} cells in {what} {name} hold no {role} that can be read",
        means="these deals are not matched by it",
        fix="{reading}",
        paste="{reading_line}",
    ),
    OfColumn(
        roles=_PERSONS,
        sign=Sign.NOT_READ,
        found=_all(Sign.NOT_READ),
        problem="none of the {filled} cells in {what} {name} holds a {role} that can be read",
        means="no deal is matched by it",
        fix="map the column that holds the {role}; {reading}",
        paste="{reading_line}",
    ),
    OfColumn(
        roles=frozenset({Role.COUNTRY}),
        sign=Sign.NOT_READ,
        found=_any(Sign.NOT_READ),
        problem="{count} of {filled} cells in {what} {name} name no country",
        means="phones without a plus beside them are not read: nothing says where they are dialled",
        fix="export the country's two-letter code, such as DE, or its name",
    ),
    OfColumn(
        roles=frozenset({Role.EMAIL}),
        sign=Sign.HASHED,
        found=lambda profile, one: one.count(Sign.HASHED) > 0 and one.readable < one.filled,
        problem="{count} of {filled} e-mails in {what} {name} are hashed already",
        means="only SHA-256 of the address in lower case can be matched; other hashes never are",
        fix="export the addresses, or SHA-256 in 64 hexadecimal digits and say so",
        paste="[{source}]\nemails_are_hashed = true",
    ),
    OfColumn(
        roles=frozenset({Role.CONSENT}),
        sign=Sign.UNMAPPED_WORD,
        found=_any(Sign.UNMAPPED_WORD),
        problem="the consent column {name} holds words that have no meaning in the configuration:"
        " {words}",
        means="{count} deals wait (consent_unclear): such a word may be a refusal",
        fix="add each word to `granted`, `denied` or `unspecified` under [{source}.consent]",
        paste="[{source}.consent]\ndenied = [{quoted}]   # or granted = …, unspecified = …",
    ),
    OfColumn(
        roles=frozenset({Role.CUSTOMER_TYPE}),
        sign=Sign.UNMAPPED_WORD,
        found=_any(Sign.UNMAPPED_WORD),
        problem="{count} of {filled} words in {what} {name} say no type of customer",
        means="their deals are sent without one",
        fix="map the words that do",
        paste='[{source}.customer_type]\nnew = ["…"]\nreturning = ["…"]',
    ),
    OfColumn(
        roles=frozenset({Role.SEGMENT}),
        sign=Sign.MEANS_NOTHING,
        found=_any(Sign.MEANS_NOTHING),
        problem="{count} of {filled} cells in {what} {name} hold a word that stands for nothing",
        means="it counts as a segment of its own in rules and reports",
        fix="say that it is none",
        paste="[{source}]\nblank_words = [{nothings}]",
    ),
    OfColumn(
        roles=frozenset({Role.SEGMENT}),
        found=lambda _, column: bool(alike(column.words)),
        problem="{what} {name} holds words that differ in nothing but case, spaces or signs:"
        " {spellings}",
        means="each counts as a segment of its own; a rule that names one leaves the other out",
        fix="correct them in the CRM, or name every spelling where a rule has `when`",
    ),
)


def fields_of_damaged_click_ids(profile: Profile) -> frozenset[tuple[str, str]]:
    """Return the fields of a CRM whose click IDs a profile says are cut or in lower case.

    Each is the kind of record and the field's name.
    """
    return frozenset(
        (one.column.place or DEAL, one.column.name)
        for one in profile.columns
        if one.column.role in _CLICK_IDS and (one.count(Sign.LOWER_CASE) or _is_cut(profile, one))
    )


def findings_of_column(profile: Profile, column: ColumnProfile) -> Iterator[Finding]:
    """Yield what a person should look at in one column."""
    for asked in OF_COLUMNS:
        if column.column.role not in asked.roles or not asked.found(profile, column):
            continue
        words = words_for(profile, column, asked.sign)
        yield Finding(
            severity=Severity.WARNING,
            subject=f"source {profile.name}",
            problem=asked.problem.format_map(words),
            means=asked.means.format_map(words),
            example=words["example"],
            fix=asked.fix.format_map(words),
            paste=asked.paste.format_map(words),
            link=asked.link,
        )
