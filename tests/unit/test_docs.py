"""The docs say all that there is, and name only what there is: held to lists made from the code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from convsync.cli import _commands
from convsync.errors import ConvsyncError
from convsync.model.audience import Left
from convsync.model.event import EventKind
from convsync.model.ledger import State
from convsync.model.outcome import Reason
from convsync.model.takes import CODES
from convsync.settings import Settings
from convsync.upload.codes import Class
from convsync.upload.google import data_manager_codes, google_ads_codes, user_list_codes
from convsync.watch.findings import Trouble
from scripts.docs_site import Page, missing_in_contents, problems_in
from scripts.reference import stale_pages
from scripts.reference.codes import STATES, WHAT_HAPPENS
from scripts.reference.examples import remarks_in

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted(DOCS.glob("*.md"))]
NAMED_TEST = re.compile(r"tests/[\w/]+\.py(?:::\w+)?")


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def first_cells(name: str) -> set[str]:
    """What stands as code in the first column of a page's tables."""
    return set(re.findall(r"^\| `([^`]+)` \|", page(name), re.MULTILINE))


def test_the_pages_made_from_the_code_are_what_it_says() -> None:
    assert list(stale_pages()) == []


def test_every_page_has_its_place_in_the_contents() -> None:
    assert list(missing_in_contents()) == []


def test_every_reason_state_event_and_finding_is_in_the_docs() -> None:
    assert first_cells("codes.md") >= {*Reason, *State, *Trouble, *Left, *EventKind}
    assert set(STATES) == set(State)


def test_every_code_of_a_platform_and_of_ours_is_in_the_docs() -> None:
    tables = (
        data_manager_codes.PROCESSING,
        data_manager_codes.REFUSALS,
        google_ads_codes.CONVERSION_UPLOAD,
        google_ads_codes.CONVERSION_ADJUSTMENT_UPLOAD,
        google_ads_codes.NOT_ALLOWLISTED,
        google_ads_codes.QUOTA,
        user_list_codes.STOPS,
        user_list_codes.PROCESSED,
    )
    assert first_cells("codes.md") >= {*CODES, *(code for table in tables for code in table)}
    assert set(WHAT_HAPPENS) == set(Class)


def test_every_code_in_the_docs_that_a_person_can_fix_says_how() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.*) \| (.*) \|$", page("codes.md"), re.MULTILINE)
    fixable = {WHAT_HAPPENS[Class.BLOCKED], WHAT_HAPPENS[Class.STOP]}
    assert [row[0] for row in rows if row[1] in fixable and not row[3].strip()] == []


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden:
            yield from leaves(inner, (*words, name))
    if not hasattr(command, "commands"):
        yield " ".join(words), command


def test_every_command_and_option_is_in_the_docs() -> None:
    sections = re.split(r"^## convsync ", page("commands.md"), flags=re.MULTILINE)
    by_name = {section.partition("\n")[0]: section for section in sections}
    for name, command in leaves(_commands()):
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                assert option.opts[0] in by_name[name], name


def test_every_exit_code_is_in_the_docs() -> None:
    table = page("commands.md").partition("## Exit codes")[2].partition("## convsync")[0]
    written = {int(code) for code in re.findall(r"^\| (\d) \|", table, re.MULTILINE)}
    assert written == {0, *(error.exit_code for error in ConvsyncError.__subclasses__())}


def keys(model: Any) -> Iterator[str]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name, field in model.model_fields.items():
            if not any(True for _ in keys(field.annotation)):
                yield name
            yield from keys(field.annotation)
    elif get_origin(model) is not None:
        for inner in get_args(model):
            yield from keys(inner)


def test_every_setting_is_in_the_docs_and_says_what_it_does() -> None:
    text = page("settings.md")
    assert set(keys(Settings)) - {"folder", "moved"} <= first_cells("settings.md")
    assert "[moved]" in text
    rows = re.findall(r"^\| `(\w+)` \| .* \| (\S?.*) \|$", text, re.MULTILINE)
    assert [name for name, said in rows if not said.strip()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_test_that_a_page_names_is_there(path: Path) -> None:
    for named in NAMED_TEST.findall(path.read_text("utf-8")):
        file, _, test = named.partition("::")
        assert (ROOT / file).is_file(), named
        assert not test or f"def {test}(" in (ROOT / file).read_text("utf-8"), named


def test_a_remark_is_the_comment_beside_a_key_and_below_it_or_else_above_it() -> None:
    lines = [
        "[deals.crm]",
        'kind = "csv"',
        'path = "a#b.csv" # replaced as a whole',
        "# rows = 1         # lines above the header,",
        "#                  # such as a title",
        "# Of the file.",
        'encoding = "utf-8"',
    ]
    said = {one.key: (one.place, one.kind, one.text) for one in remarks_in(lines, "x.toml")}
    place = ("deals", "NAME")
    assert said["path"] == (place, "csv", "replaced as a whole")
    assert said["rows"] == (place, "csv", "lines above the header, such as a title")
    assert said["encoding"] == (place, "csv", "Of the file.")


def test_a_dead_link_a_missing_heading_and_what_is_loaded_from_elsewhere_are_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "b.html").write_text('<h2 id="there">x</h2>')
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">x</a><a href="b.html#gone">x</a><a href="c.html">x</a>'
        '<a href="https://example.com/">x</a><script src="https://cdn.example/x.js"></script>'
    )
    (tmp_path / "a.css").write_text("@font-face { src: url(//fonts.example/x.woff) }")
    assert list(problems_in(tmp_path)) == [
        "a.html loads https://cdn.example/x.js from elsewhere",
        "a.html links to b.html#gone, where nothing is called so",
        "a.html links to c.html, which is not there",
        "a.css loads something from elsewhere",
    ]
    assert Page('<link rel="preconnect" href="https://f.example">').loaded == ["https://f.example"]


def test_the_pictures_are_small_and_load_nothing() -> None:
    pictures = sorted((DOCS / "pictures").iterdir())
    assert {path.name for path in pictures} >= {"demo.svg", "night.png", "deal.png"}
    assert [path.name for path in pictures if path.stat().st_size > 300_000] == []
    for path in (one for one in pictures if one.suffix == ".svg"):
        text = path.read_text("utf-8")
        assert "@font-face" not in text
        assert not re.search(r"""(?:href|src)=|url\(["']?http""", text)
