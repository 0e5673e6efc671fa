"""README's table of what every source promises, held to the suites."""

from pathlib import Path

from scripts.feature_matrix import SOURCES, promises, sentence

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_the_page_has_a_row_for_every_promise_and_a_column_for_every_source() -> None:
    lines = README.splitlines()
    first = lines.index(f"| | {' | '.join(SOURCES.values())} |")
    rows = [line.split(" | ") for line in lines[first + 2 :] if line.startswith("| ")]
    table = rows[: len(promises())]
    assert [row[0].removeprefix("| ") for row in table] == [sentence(one) for one in promises()]
    assert {len(row) for row in table} == {len(SOURCES) + 1}


def test_every_source_keeps_most_of_them() -> None:
    kept = [line.count("✓") for line in README.splitlines() if line.endswith((" ✓ |", " – |"))]
    assert len(kept) == len(promises())
    assert min(kept) >= 1
