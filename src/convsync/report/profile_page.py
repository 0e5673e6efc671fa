"""The profile of a source as a page of 80 columns, and as JSON.

The page begins with what its columns hold, goes on with milestones, click IDs, amounts, people and
times, and ends with what a person should look at. A value is shown by its shape alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from textwrap import wrap
from typing import Any, Final

from convsync.extract.looks import Role
from convsync.model.finding import Finding, Severity
from convsync.profile.facts import ColumnProfile, Profile, Sign

WIDTH: Final = 80
_NAME, _KEY = 26, 14
_SAID: Final = {Severity.ERROR: "error", Severity.WARNING: "look at", Severity.INFO: "info"}


def page_of(profile: Profile, findings: Sequence[Finding]) -> list[str]:
    """Return the lines of the page, none wider than 80 unless a line to paste is."""
    parts = (
        _head(profile),
        _columns(profile),
        _milestones(profile),
        _click_ids(profile),
        _amounts(profile),
        _people(profile),
        _times(profile),
        _findings(findings),
    )
    lines: list[str] = []
    for part in map(list, parts):
        lines += ["", *part] if lines and part else part
    return lines


def beside_columns(profile: Profile) -> list[str]:
    """Return what there is to say of click IDs, amounts, people and times, a line each."""
    parts = (_click_ids(profile), _amounts(profile), _people(profile), _times(profile))
    return [line for part in parts for line in part]


def profile_as_json(profile: Profile) -> dict[str, Any]:
    """Return the profile for `--format json`: counts, shapes and times."""
    said = asdict(profile)
    said["currencies"] = {code or "": count for code, count in profile.currencies.items()}
    said["date_columns"] = sorted(profile.date_columns)
    said["columns"] = [_column_as_json(column) for column in profile.columns]
    return said


def summary_of(profile: Profile) -> str:
    """Return in a few words how much was looked at."""
    cut = "the first " if profile.is_cut else ""
    return f"{cut}{profile.records:,} records, {profile.unreadable:,} of them unreadable"


def _column_as_json(column: ColumnProfile) -> dict[str, Any]:
    of, said = column.column, asdict(column)
    words = {} if of.role is Role.SEGMENT else said["words"]
    signs = {sign.value: asdict(seen) for sign, seen in column.signs.items()}
    as_text = {key: str(said[key]) for key in ("largest", "median") if said[key] is not None}
    table = {"column": of.shown, "role": of.role.value, "key": of.key, "kind": of.kind}
    return {**said, **as_text, **table, "signs": signs, "words": words}


def _head(profile: Profile) -> Iterator[str]:
    yield f"[{profile.table}] {summary_of(profile)}"


def _columns(profile: Profile) -> Iterator[str]:
    if profile.columns:
        counts = f"{'filled':>9}{'readable':>10}{'distinct':>10}"
        yield f"{'column':<{_NAME}}{'mapped as':<{_KEY}}{counts}  such as"
    for one in profile.columns:
        name = _short(one.column.shown, _NAME - 1)
        key = _short(one.column.key, _KEY - 1)
        counts = f"{one.filled:>9,}{one.readable:>10,}{one.distinct:>10,}"
        line = f"{name:<{_NAME}}{key:<{_KEY}}{counts}  "
        yield (line + _short(one.example, max(WIDTH - len(line), 4))).rstrip()


def _milestones(profile: Profile) -> Iterator[str]:
    if profile.milestones:
        yield f"{'milestone':<{_NAME}}{'deals':>9}  {'since':<12}{'until':<12}estimated"
    for one in profile.milestones:
        since, until = (f"{at:%Y-%m-%d}" if at else "" for at in (one.since, one.until))
        name = _short(one.name, _NAME - 1)
        estimated = f"{one.estimated:,}" if one.estimated else ""
        yield f"{name:<{_NAME}}{one.deals:>9,}  {since:<12}{until:<12}{estimated}".rstrip()


def _click_ids(profile: Profile) -> Iterator[str]:
    for one in _with(profile, Role.CLICK_ID):
        lengths = ", ".join(f"{length} ({n:,})" for length, n in sorted(one.lengths.items()))
        said = (
            f"{sum(one.lengths.values()):,} found",
            _repeated(one, is_of_clicks=not profile.deals),
            *_signs(one, Sign.LOWER_CASE, Sign.WRAPPED, Sign.PLACEHOLDER, Sign.OTHER_KIND),
        )
        yield from _wrapped(f"{one.column.key}s in '{one.column.shown}': {' · '.join(said)}")
        if lengths:
            yield from _wrapped(f"  of so many characters: {lengths}")


def _repeated(column: ColumnProfile, *, is_of_clicks: bool) -> str:
    """Return how many cells repeat an ID: in a log of sessions, later visits keep the old one."""
    count = column.filled - column.distinct
    first = " (the first time of each counts)" if is_of_clicks and count else ""
    return f"{count:,} repeated{first}"


def _amounts(profile: Profile) -> Iterator[str]:
    for one in _with(profile, Role.AMOUNT):
        signs = _signs(one, Sign.ZERO, Sign.NEGATIVE, Sign.THREE_DECIMALS)
        said = [*signs] if one.median is None else [f"the middle one {one.median:,f}", *signs]
        if one.largest is not None:
            said.insert(1, f"the largest {one.largest:,f}")
        yield from _wrapped(f"amounts in '{one.column.shown}': {' · '.join(said)}")
    if profile.currencies:
        counted = (f"{code or 'no currency'} {n:,}" for code, n in profile.currencies.items())
        yield from _wrapped(f"deals with an amount by currency: {' · '.join(counted)}")


def _people(profile: Profile) -> Iterator[str]:
    for one in (*_with(profile, Role.EMAIL), *_with(profile, Role.PHONE)):
        read = f"{one.readable:,} of {one.filled:,} can be read"
        yield from _wrapped(f"{one.column.role.value}s in '{one.column.shown}': {read}")
    if profile.shared:
        yield f"keys that more than {profile.shared_limit} deals share: {len(profile.shared):,}"


def _times(profile: Profile) -> Iterator[str]:
    for one in _with(profile, Role.TIME):
        if one.sample is not None:
            signs = " · ".join(_signs(one, Sign.MIDNIGHT, Sign.FULL_HOUR))
            read = f"'{one.sample.written}' is {one.sample.read}"
            yield from _wrapped(f"times in '{one.column.shown}': {read} · {signs}")


def _findings(findings: Sequence[Finding]) -> Iterator[str]:
    told = [one for one in findings if one.severity in (Severity.ERROR, Severity.WARNING)]
    yield f"{len(told)} to look at" if told else "nothing to look at"
    for number, one in enumerate(told, 1):
        assert one.severity is not None
        yield ""
        yield from _wrapped(f"{number:>3} {_SAID[one.severity]}: {one.problem}", "    ")
        for label, text in (("means", one.means), ("such as", one.example), ("fix", one.fix)):
            if text:
                yield from _wrapped(f"    {label:<8}{text}", " " * 12)
        yield from (" " * 12 + line for line in one.paste.splitlines())
        if one.link:
            yield f"    {'see':<8}{one.link}"


def _with(profile: Profile, role: Role) -> list[ColumnProfile]:
    return [one for one in profile.columns if one.column.role is role and one.filled]


def _signs(column: ColumnProfile, *signs: Sign) -> Iterator[str]:
    return (f"{sign.value} {column.count(sign):,}" for sign in signs)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    return wrap(
        text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
