"""What a page shows in its tables, as a person reads it and as they follow its links."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Cell:
    """What a cell says, and where it leads; None: nowhere."""

    text: str = ""
    href: str | None = None


@dataclass
class Table:
    """A table under its heading: a row is its cells by their columns."""

    heading: str
    columns: list[str] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)

    def by_column(self) -> list[dict[str, str]]:
        """Return the texts of each row, by column."""
        return [
            dict(zip(self.columns, (one.text for one in row), strict=True)) for row in self.rows
        ]

    def links(self) -> list[tuple[str, str, Cell]]:
        """Return each cell that leads somewhere, with what its row begins with and its column."""
        return [
            (row[0].text, column, cell)
            for row in self.rows
            for column, cell in zip(self.columns, row, strict=True)
            if cell.href
        ]


class Tables(HTMLParser):
    """Reads the tables of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[Table] = []
        self._heading = ""
        self._in: list[str] = []
        self.feed(html)

    def under(self, heading: str) -> Table:
        """Return the first table under a heading; there must be one."""
        return next(table for table in self.found if table.heading == heading)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"h1", "h2", "h3"}:
            self._heading = ""
        elif tag == "table":
            self.found.append(Table(self._heading.strip()))
        elif tag == "th":
            self.found[-1].columns.append("")
        elif tag == "tr" and self.found[-1].columns:
            self.found[-1].rows.append([])
        elif tag == "td":
            self.found[-1].rows[-1].append(Cell())
        elif tag == "a" and "td" in self._in:
            self.found[-1].rows[-1][-1].href = dict(attrs)["href"]
        if tag in {"h1", "h2", "h3", "th", "td"}:
            self._in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._in and self._in[-1] == tag:
            self._in.pop()

    def handle_data(self, data: str) -> None:
        match self._in[-1:]:
            case ["th"]:
                self.found[-1].columns[-1] += data.strip()
            case ["td"]:
                cell = self.found[-1].rows[-1][-1]
                cell.text = " ".join(f"{cell.text} {data}".split())
            case [_]:
                self._heading += data
