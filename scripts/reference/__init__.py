"""The pages of docs/ that are written from the code, so that they lack nothing and invent nothing.

    python -m scripts.reference

`make reference` writes them anew. `scripts/check_readme.py`, and so `make check`, compares.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from scripts.reference.codes import codes_page
from scripts.reference.commands import commands_page
from scripts.reference.deadlines import deadlines_page
from scripts.reference.settings import settings_page

DOCS = Path(__file__).parents[2] / "docs"

PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "codes.md": codes_page,
    "deadlines.md": deadlines_page,
}


def stale_pages() -> Iterator[str]:
    """Yield what is to be said of each page that differs from the code."""
    for name, written in PAGES.items():
        page = DOCS / name
        if not page.is_file() or page.read_text("utf-8") != written():
            yield f"docs/{name} is not what the code says: run `make reference`"


def write_pages() -> None:
    """Write each page anew."""
    for name, written in PAGES.items():
        (DOCS / name).write_text(written(), encoding="utf-8")
