"""What the columns of an unknown table probably mean: a first mapping for a person to correct.

Columns are guessed at by their names, in the languages in which exports are most often made, and by
what they hold. What nothing is guessed for is left out. Where values leave open what they mean, as
03/04/2026 does, one way is taken and said to be a guess.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from convsync.extract import click_fields
from convsync.extract.column_values import ColumnValues, columns_in
from convsync.extract.crm_adapter import CrmField
from convsync.extract.mapping import DEAL
from convsync.extract.table_kinds import OF_LOADERS, doubt_of_deals
from convsync.model.click import ClickIdKind
from convsync.model.money import CURRENCIES


def _named(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_DEAL_IDS: Final = (
    _named(
        r"^(deal|opportunity|opp|auftrag|order)s? ?(id|number|nr|no)$|^do not modify opportunity$"
    ),
    _named(r"^(external )?id$"),
    _named(r"^(record|lead|mql|contact|customer|kunden) ?(id|number|nr|no)$"),
    _named(r"\b(id|number|nummer|nr)$"),
)
"""Names of a deal's ID, the surest first."""
_TIMES: Final[Mapping[str, re.Pattern[str]]] = {
    "modified_at": _named(r"modif|updated|last change|changed|geändert|modstamp"),
    "mql": _named(r"\bmql\b.*(date|at|on|time|datum)|marketing qualified"),
    "sql": _named(r"\bsql\b.*(date|at|on|time|datum)|sales qualified|qualified (date|at|on)"),
    "lost": _named(r"\blost\b.*(date|at|on|time)|verloren"),
    "won": _named(r"\bwon\b|gewonnen|signed|gagn|ganad|vinta|^conversion (date|time)"),
    "closed": _named(
        r"\bclos(e|ed|ing)\b.*(date|at|on|time)|closedate|^clos(e|ed)$|abschluss|cierre|cl[oô]ture"
    ),
    "created_at": _named(
        r"creat|first contact|angelegt|erstellt|added|entered|opened|engage|inquiry"
    ),
}  # fmt: skip
"""Columns of times by their names, each asked in this order."""
_EXPECTED: Final = _named(
    r"\b(expected|est|estimated|forecast|planned|projected|target|erwartet\w*)\b"
)
"""Columns of times that may come to nothing: no deal has reached anything by them."""
_OF_DEALS: Final = frozenset({"won", "lost", "closed", "sql"})
"""Times that no log of clicks has."""
_CLICKED: Final = _named(r"click|session|visit|timestamp|\btime\b|\bat\b|\bdate\b|utc|seen")
_AMOUNTS: Final = (
    _named(r"^(deal |opportunity |total )?amount\b|betrag|montant|importe|importo|kwota"),
    _named(r"(deal|close|order|contract|conversion) value|^value$|valor|auftragswert"),
    _named(r"^(?!.*annual).*(revenue|umsatz|price|total)"),
)
_CURRENCY: Final = _named(r"currency|währung|devise|moneda|valuta|waluta")
_EMAIL: Final = _named(r"e ?mail|correo|courriel")
_PHONE: Final = _named(
    r"^(?!.*(area|extension|score|type|country)).*(phone|mobile|telefon|handy|t[eé]l[eé]fono|\btel\b)"
)
_MOST_PHONES: Final = 3
_COUNTRY: Final = _named(r"^country( code)?$|^land$|^pa[iy]s$")
_CONSENT: Final = _named(
    r"consent|^ad user data$|einwilligung|consentement|consentimiento|gdpr|dsgvo"
)
_URL: Final = _named(r"url|landing|page|referr|link")
_STAGE: Final = _named(r"stage|status|phase|\bis won\b|outcome|etapa|[eé]tape")
_SEGMENTS: Final[Mapping[str, re.Pattern[str]]] = {
    "region": _named(r"^(sales )?region$|regional office"),
    "vertical": _named(r"industry|vertical|branche|sector|business segment"),
    "deal_type": _named(r"^(deal |lead |business )?type$"),
    "product": _named(r"^product( name)?$"),
    "origin": _named(r"^(lead |traffic )?(source|origin)$"),
}
_WORDS_OF_CONSENT: Final = {
    "granted": frozenset({"yes", "true", "1", "y", "ja", "oui", "si", "sí", "granted", "opt-in"}),
    "denied": frozenset({"no", "false", "0", "n", "nein", "non", "denied", "opt-out", "refused"}),
}
_USUAL: Final = {"granted": ["yes", "true"], "denied": ["no", "false"]}
_IS_WON: Final = _named(r"\bis won\b")
_TRUE: Final = ("won", _named(r"^(?:true|yes|1)$"))
_WON: Final = ("won", _named(r"\bwon\b|gewonnen|ganad|gagn|vint[ao]"))
_LOST: Final = ("lost", _named(r"\blost\b|verloren|perdid|perdu|pers[ao]"))
_DELETED: Final = _named(r"^(is|fivetran) (deleted|archived)$|^deleted$")
_HEX: Final = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40})\Z", re.IGNORECASE)
_CLICK: Final = _named(r"click")
_OF_CLICKS: Final = frozenset({*(kind.value for kind in ClickIdKind), "landing_url"})
_LONGEST_WORD: Final = 40
_MOST_WORDS: Final = 60
"""The words of a column that may be a segment."""
_CLICK_COLUMNS: Final = frozenset(kind.value for kind in ClickIdKind)
_WON_ALONE: Final = "column '{0}' is taken to say when a deal was won: nothing tells the lost apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class TableProposal:
    """What is proposed, by the keys of the config below the source's own table.

    `doubts` are sentences about what the values leave open.
    """

    columns: Mapping[str, Any]
    milestones: Mapping[str, Any] = field(default_factory=dict)
    segments: Mapping[str, str] = field(default_factory=dict)
    consent: Mapping[str, Sequence[str]] = field(default_factory=dict)
    form: Mapping[str, Any] = field(default_factory=dict)
    is_of_clicks: bool = False
    doubts: Sequence[str] = ()


def propose_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> TableProposal:
    """Return what a table of deals or clicks probably means, by its header and first rows."""
    return _Table(columns_in(header, rows)).proposal()


class _Table:
    """The columns of a table, each given away once but for times, which milestones share."""

    def __init__(self, columns: Sequence[ColumnValues]) -> None:
        self._left = [column for column in columns if column.name.strip()]
        self._names = [_words(column.name) for column in self._left]
        timed = [column for column in self._left if column.form is not None]
        self._times = [one for one in timed if _is_of_the_deal(_words(one.name))]
        self._read: list[ColumnValues] = []
        self._doubts: list[str] = []

    def proposal(self) -> TableProposal:
        """Return what the columns probably mean."""
        person = {**self._click_ids(), **dict(self._person())}
        times = self._named_times()
        deal_id, is_sure = self._deal_id()
        is_of_clicks = bool(person.keys() & _OF_CLICKS) and not (
            is_sure or times.keys() & _OF_DEALS
        )
        columns = self._of_click(person) if is_of_clicks else self._of_deal(deal_id, person, times)
        name = "" if deal_id is None else _words(deal_id.name)
        if not is_of_clicks and (doubt := doubt_of_deals(self._names, name)):
            self._doubts.append(doubt)
        consent = person.get("ad_user_data")
        return TableProposal(
            columns=columns,
            milestones={} if is_of_clicks else self._milestones(times),
            segments={} if is_of_clicks else self._segments(),
            consent={} if is_of_clicks or consent is None else self._consent(consent),
            form=self._form(),
            is_of_clicks=is_of_clicks,
            doubts=self._doubts,
        )

    def _of_click(self, person: Mapping[str, Any]) -> dict[str, Any]:
        clicked = self._first(_CLICKED, self._times)
        at = {"clicked_at": self._used(clicked)} if clicked else {}
        return {**at, **{key: name for key, name in person.items() if key != "ad_user_data"}}

    def _of_deal(
        self, deal_id: ColumnValues | None, person: Mapping[str, Any], times: Mapping[str, str]
    ) -> dict[str, Any]:
        stamps = {key: times[key] for key in ("created_at", "modified_at") if key in times}
        money = dict(self._money())
        clicked = self._first(_CLICK, self._times) if person.keys() & _OF_CLICKS else None
        at = {"clicked_at": self._used(clicked)} if clicked else {}
        return {"deal_id": deal_id.name if deal_id else "", **stamps, **money, **person, **at}

    def _click_ids(self) -> dict[str, str]:
        """Return columns of click IDs by their names, else a URL's, else what holds IDs."""
        found: dict[str, str] = {}
        by_name = sorted(self._left, key=lambda one: one.name.casefold() not in _CLICK_COLUMNS)
        for column in by_name:
            field_ = CrmField(kind=DEAL, name=column.name, label=column.name, type="")
            kind = click_fields.kind_by_name(field_)
            if kind and kind.value not in found and column.form is None and not column.are_urls:
                found[kind.value] = self._taken(column)
        if not found and (url := self._first(_URL, [one for one in self._left if one.are_urls])):
            found["landing_url"] = self._taken(url)
        if not found and (held := [one for one in self._left if one.are_click_ids]):
            found[ClickIdKind.GCLID.value] = self._taken(held[0])
            self._doubts.append(f"column '{held[0].name}' holds what looks like gclids")
        return found

    def _person(self) -> Iterator[tuple[str, Any]]:
        emails = [one for one in self._left if _EMAIL.search(_words(one.name))]
        emails = [one for one in emails if one.are_emails or one.are_hashes or _is_hex(one)]
        if emails:
            yield "email", [self._taken(one) for one in emails]
        untimed = [one for one in self._left if one.form is None]
        if phones := [one for one in untimed if _PHONE.search(_words(one.name))]:
            yield "phone", [self._taken(one) for one in phones[:_MOST_PHONES]]
        if country := self._first(_COUNTRY, self._left):
            yield "country", self._taken(country)
        if consent := self._first(_CONSENT, untimed):
            yield "ad_user_data", self._taken(consent)

    def _named_times(self) -> dict[str, str]:
        """Return the columns of times by what their names say, one for each."""
        found: dict[str, str] = {}
        for column in self._times:
            name = _words(column.name)
            key = next((key for key, pattern in _TIMES.items() if pattern.search(name)), None)
            if key and key not in found:
                found[key] = self._used(column)
        return found

    def _deal_id(self) -> tuple[ColumnValues | None, bool]:
        """Return the column of the deal's ID, and whether its name says that it is one."""
        for rank, pattern in enumerate(_DEAL_IDS):
            named = [one for one in self._left if pattern.search(_words(one.name))]
            named = [one for one in named if one.is_filled and one not in self._times]
            if named:
                found = max(named, key=lambda one: (one.is_unique, one.distinct))
                self._taken(found)
                return found, rank < len(_DEAL_IDS) - 1
        unique = [one for one in self._left if one.is_unique and one not in self._times]
        if unique:
            self._doubts.append(f"column '{unique[0].name}' is taken for the deal's ID")
            self._taken(unique[0])
        return (unique[0] if unique else None), False

    def _milestones(self, times: Mapping[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if mql := times.get("mql") or times.get("created_at"):
            found["mql"] = mql
        found |= {key: times[key] for key in ("sql", "won", "lost") if key in times}
        if "closed" in times and "won" not in found:
            found |= self._outcomes(times["closed"])
        if not found and self._times:
            found["mql"] = self._used(self._times[0])
            self._doubts.append(f"column '{found['mql']}' is the only time; it is taken for mql's")
        return found

    def _outcomes(self, closed: str) -> dict[str, Any]:
        """Return when deals were won and lost, by a column of stages and the closing date."""
        for stage in self._left:
            if not _STAGE.search(_words(stage.name)):
                continue
            is_flag = bool(_IS_WON.search(_words(stage.name)))
            words = {
                outcome: [word for word in stage.words if _is_word_of(pattern, word)]
                for outcome, pattern in (_TRUE if is_flag else _WON, _LOST)
            }
            if words["won"]:
                return {
                    outcome: {"column": closed, "when": {stage.name: found}}
                    for outcome, found in words.items()
                    if found
                }
        self._doubts.append(_WON_ALONE.format(closed))
        return {"won": closed}

    def _money(self) -> Iterator[tuple[str, str]]:
        numbers = [one for one in self._left if one.are_numbers and one.form is None]
        for pattern in _AMOUNTS:
            if amount := self._first(pattern, numbers):
                yield "amount", self._taken(amount)
                break
        currencies = [one for one in self._left if set(one.texts) <= CURRENCIES]
        if currency := self._first(_CURRENCY, currencies):
            yield "currency", self._taken(currency)
        if deleted := self._first(_DELETED, self._left):
            yield "deleted", self._taken(deleted)

    def _segments(self) -> dict[str, str]:
        found: dict[str, str] = {}
        few = [one for one in self._left if 1 < one.distinct <= _MOST_WORDS and not one.are_numbers]
        for key, pattern in _SEGMENTS.items():
            if column := self._first(pattern, few):
                found[key] = self._taken(column)
        return found

    def _consent(self, name: str) -> dict[str, list[str]]:
        column = next(one for one in self._read if one.name == name)
        return {
            key: [word for word in column.words if word.casefold() in words] or _USUAL[key]
            for key, words in _WORDS_OF_CONSENT.items()
        }

    def _form(self) -> dict[str, Any]:
        """Return how the cells are written that were given a meaning."""
        found: dict[str, Any] = {}
        if forms := self._date_formats():
            found["date_formats"] = forms
        if any(one.has_decimal_comma for one in self._read if one.are_numbers):
            found["decimal"] = ","
        if any(one.are_hashes for one in self._read):
            found["emails_are_hashed"] = True
        return found

    def _date_formats(self) -> list[str]:
        """Return the forms of times: in one file the day is first everywhere, or the month is.

        Where a column can only be read with the month first, those that could be read either way
        are read like it.
        """
        times = [one for one in self._read if one in self._times]
        month_first = [one for one in times if one.is_month_first]
        either = [one for one in times if one.month_first_form]
        day_first = [one for one in times if one.is_day_first]
        if month_first and day_first:
            self._doubts.append(
                f"column '{month_first[0].name}' has the month first and '{day_first[0].name}' the"
                " day, which no configuration can say: export both alike, or as ISO 8601"
            )
            times = [one for one in times if one not in month_first]
        elif month_first:
            return _distinct(one.month_first_form or one.form for one in times)
        elif either and not day_first:
            self._doubts.append("dates are read with the day first; no value tells day from month")
        return _distinct(one.form for one in times)

    def _first(
        self, pattern: re.Pattern[str], columns: Sequence[ColumnValues]
    ) -> ColumnValues | None:
        return next((one for one in columns if pattern.search(_words(one.name))), None)

    def _taken(self, column: ColumnValues) -> str:
        """Give a column away; return its name."""
        if column in self._left:
            self._left.remove(column)
        return self._used(column)

    def _used(self, column: ColumnValues) -> str:
        """Note that a column is read, and return its name."""
        if column not in self._read:
            self._read.append(column)
        return column.name


def _is_of_the_deal(name: str) -> bool:
    """True for a time at which something has happened to a deal, by the words of its column."""
    return not (OF_LOADERS.search(name) or _EXPECTED.search(name))


def _distinct(forms: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(form for form in forms if form))


def _words(name: str) -> str:
    """Return a column's name as words: `property_closeDate`, `Close_Date__c` are `close date`."""
    spaced = re.sub(r"(?<=[a-zà-ÿ])(?=[A-ZÀ-Þ])", " ", name)
    words = " ".join(re.findall(r"[^\W_]+", spaced)).lower()
    words = re.sub(r"^(?:property|properties|hs|cf|udf) ", "", words)
    return re.sub(r" c$", "", words)


def _is_word_of(pattern: re.Pattern[str], word: str) -> bool:
    """Return whether a word names an outcome, and is no text in which somebody may be named."""
    return len(word) <= _LONGEST_WORD and "@" not in word and bool(pattern.search(word))


def _is_hex(column: ColumnValues) -> bool:
    return bool(column.texts) and all(map(_HEX.match, column.texts))
