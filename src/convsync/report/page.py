"""A report as one HTML file: headings, tables and charts, with nothing to load and no script.

The page works offline, in print and on a phone, and under a strict Content-Security-Policy: it
declares its own, which allows nothing but its one style sheet, by digest. Charts are SVG without
styles of their own, drawn by leather (MIT); what a chart shows stands in a table beside it, so that
nothing is told by a picture alone.
"""

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache, partial
from hashlib import sha256
from html import escape
from itertools import zip_longest
from typing import Any, Final, Protocol

from convsync.report.formats import OURS, Formats
from convsync.report.leads_to import Behind

_STYLE: Final = """
:root{color-scheme:light dark;--line:#8886;--soft:#8882}
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem;border-top:1px solid var(--line);
padding-top:1rem}h3{font-size:1rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;width:100%}
th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top}
td.number,th.number{text-align:right;white-space:nowrap}td.whole{white-space:nowrap}
td.text{min-width:8rem}
td.number wbr{white-space:normal}
figure{margin:1rem 0;background:#fff;border:1px solid var(--line)}
figcaption{color:#222;padding:.5rem .75rem 0}
td a{color:inherit;text-decoration-color:var(--line);text-underline-offset:.2em}
td a:hover{text-decoration-color:currentcolor}.lists{font-size:.8rem}
li:target{background:var(--soft)}
dl{font-size:.85rem}table{font-size:.9rem}code{overflow-wrap:anywhere}
dt{font-weight:600}dd{margin:0 0 .6rem}
@media (min-width:48rem){dd{margin:0}
dl{display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:.3rem 1rem}}
svg{display:block;height:auto;max-width:100%;width:100%}
@media print{body{max-width:none;padding:0;font-size:11pt}
figure,tr{break-inside:avoid}h2,h3{break-after:avoid}td a{text-decoration:none}
.wide{overflow:visible}table{font-size:8pt}td.number,th.number{white-space:normal}}
"""
_DIGEST: Final = b64encode(sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'"
_WIDTH: Final = 640
_FRAME: Final = 80
_BAR: Final = 34
_MOST_BARS: Final = 30
_MOST_CHARTS: Final = 128
_LONGEST_LABEL: Final = 30
_COLOUR: Final = "#3566a8"
_FONT: Final = "sans-serif"
_LONGEST_WHOLE: Final = 14
BETWEEN_AMOUNTS: Final = " + <wbr>"
"""Where a sum over several currencies may go on in the next line."""
_NOTHING: Final = re.compile(r"0([.,]0+)?%?( \(.*\)| [A-Z]{3})?")
"""A figure behind which there is no deal: 0, 0%, 0.00 EUR, 0 (0% to 12%)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Horizontal bars, from the top in the order of the rows; `formats` writes their scale."""

    title: str
    bars: Sequence[tuple[str, float]]
    formats: Formats = OURS


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of a page: a table, with the chart that shows it and what is to be said of it.

    `numbers` are the columns that are set to the right. `definitions` are words and what they mean;
    `behind` is, for each row, what stands behind which of its columns, that of the row itself
    first. Level 2 stands under the page's title, and 3 under a level 2.
    """

    heading: str
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    numbers: frozenset[str] = frozenset()
    chart: Chart | None = None
    notes: Sequence[str] = ()
    level: int = 2
    definitions: Sequence[tuple[str, str]] = ()
    behind: Sequence[Mapping[str, Behind]] = ()


class Links(Protocol):
    """How figures lead to what is behind them."""

    def href(self, behind: Behind) -> str:
        """Return where a link to it leads."""
        ...

    def rest(self) -> Iterator[str]:
        """Yield what stands below all sections because of the links in them."""
        ...


class ToThePage:
    """Links to the page that `serve` serves: within it, or from elsewhere to its `url`."""

    def __init__(self, url: str = "") -> None:
        self._url = url.removesuffix("/")

    def href(self, behind: Behind) -> str:
        """Return where the page lists it."""
        return f"{self._url}{behind.address()}"

    def rest(self) -> Iterator[str]:
        """Yield nothing."""
        yield from ()


class ToCommands:
    """Links within a file, to the commands that list what is behind its figures."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def href(self, behind: Behind) -> str:
        """Return where its command stands."""
        return f"#list-{self._numbers.setdefault(behind.command(), len(self._numbers) + 1)}"

    def rest(self) -> Iterator[str]:
        """Yield the commands that were linked to."""
        if not self._numbers:
            return
        yield "<h2>What is behind the figures</h2>"
        yield "<p>A figure that is a link leads to the command that lists what it counts.</p>"
        yield '<ol class="lists">'
        for command, number in self._numbers.items():
            yield f'<li id="list-{number}"><code>{escape(command)}</code></li>'
        yield "</ol>"


def localised(section: Section, formats: Formats) -> Section:
    """Return a section with its figures as their reader writes them; names and words stay.

    Figures are in its table, its notes and along its chart.
    """
    is_figure = [name in section.numbers for name in section.columns]
    rows = [
        [
            formats.localised(text) if figure else text
            for text, figure in zip(row, is_figure, strict=True)
        ]
        for row in section.rows
    ]
    chart = section.chart and replace(section.chart, formats=formats)
    notes = [formats.in_prose(note) for note in section.notes]
    return replace(section, rows=rows, notes=notes, chart=chart)


def page(title: str, subtitle: str, sections: Sequence[Section], links: Links | None = None) -> str:
    """Return the page, whose text may hold anything: it is escaped.

    Its figures lead to commands in it, unless `links` lead elsewhere.
    """
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>{escape(subtitle)}</p>",
        body(sections, links or ToCommands()),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def body(sections: Sequence[Section], links: Links | None = None) -> str:
    """Return the parts of a page that is served, to stand in one: what is in them is escaped."""
    links = links or ToThePage()
    lines = [line for section in sections for line in _section(section, links)]
    return "\n".join([*lines, *links.rest()])


def _section(section: Section, links: Links) -> Iterator[str]:
    yield f"<h{section.level}>{escape(section.heading)}</h{section.level}>"
    for note in section.notes:
        yield f"<p>{escape(note)}</p>"
    if section.chart is not None and any(value for _, value in section.chart.bars):
        caption = f"<figcaption>{escape(section.chart.title)}</figcaption>"
        yield f"<figure>{caption}{svg(section.chart)}</figure>"
    if section.rows:
        yield from _table(section, links)
    if section.definitions:
        yield "<dl>"
        for word, meaning in section.definitions:
            yield f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>"
        yield "</dl>"


def _table(section: Section, links: Links) -> Iterator[str]:
    kinds = [' class="number"' if name in section.numbers else "" for name in section.columns]
    yield '<div class="wide"><table><thead><tr>'
    for name, kind in zip(section.columns, kinds, strict=True):
        yield f'<th scope="col"{kind}>{escape(name)}</th>'
    yield "</tr></thead><tbody>"
    for row, behind in zip_longest(section.rows, section.behind):
        cells = zip(section.columns, row, kinds, strict=True)
        led = behind or {}
        shown = "".join(
            f"<td{kind or _whole(text)}>{_cell(text, led.get(name), links)}</td>"
            for name, text, kind in cells
        )
        yield f"<tr>{shown}</tr>"
    yield "</tbody></table></div>"


def _cell(text: str, behind: Behind | None, links: Links) -> str:
    """Return what a cell shows, as a link where something stands behind it."""
    shown = escape(text).replace(" + ", BETWEEN_AMOUNTS).replace(", ", ", <wbr>")
    if behind is None or not text or _NOTHING.fullmatch(text):
        return shown
    return f'<a href="{escape(links.href(behind))}">{shown}</a>'


def _whole(text: str) -> str:
    """Return what keeps a short text, such as a week, on one line, and a longer one readable."""
    return ' class="whole"' if len(text) <= _LONGEST_WHOLE else ' class="text"'


def svg(chart: Chart) -> str:
    """Return a chart that grows and shrinks with the page; of very many bars the first."""
    return _drawn(replace(chart, bars=tuple(chart.bars[:_MOST_BARS])))


@lru_cache(maxsize=_MOST_CHARTS)
def _drawn(chart: Chart) -> str:
    """Draw a chart, once for all who look at the same: it takes longer than to count its bars."""
    import leather  # slow to import, and for most commands in vain

    bars = [*chart.bars]
    _in_our_theme(leather.theme)
    drawn = leather.Chart()
    drawn.add_x_scale(0, max([1.0, *(value for _, value in bars)]))
    drawn.add_x_axis(tick_formatter=partial(_tick, chart.formats))
    drawn.add_bars([(value, _label(name)) for name, value in bars], fill_color=_COLOUR)
    height = _FRAME + _BAR * len(bars)
    svg: str = drawn.to_svg(width=_WIDTH, height=height)
    size = f'<svg width="{_WIDTH}" height="{height}"'
    view = f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(chart.title)}"'
    return svg.replace(size, view, 1)


def _tick(formats: Formats, value: Decimal, _index: int, _ticks: int) -> str:
    """Return what stands at a line of a chart's scale, with no more digits than it needs."""
    return formats.localised(f"{Decimal(value).normalize():,f}")


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else f"{name[: _LONGEST_LABEL - 1]}…"


def _in_our_theme(theme: Any) -> None:
    """Set what leather's theme has for all charts of a process."""
    theme.tick_font_family = _FONT
    theme.tick_font_size, theme.label_color = 15, "#333333"
    theme.background_color = "#ffffff"
