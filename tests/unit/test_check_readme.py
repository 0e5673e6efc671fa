"""The check that holds README.md and docs/ to the program, tried on small pages."""

from pathlib import Path

import pytest

from scripts.check_readme import ROOT, commands_in, dead_links_of, problems_of

MAKEFILE = "demo: ready\n\ttrue\ntest:\n\ttrue\n"


def problems(page: str) -> list[str]:
    return problems_of(page, MAKEFILE)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("```sh\nconvsync run --as-of 2026-03-01T02:00  # a night\n```", id="options"),
        pytest.param("```\n$ .venv/bin/convsync plan && make demo test\n```", id="two in a line"),
        pytest.param("```sh\nCONVSYNC_CONFIG=x.toml convsync status -c y.toml\n```", id="variable"),
        pytest.param("```sh\nconvsync backfill --from … \\\n  --to … --yes\n```", id="two lines"),
        pytest.param("Type `convsync explain DEAL` or `make demo`.", id="in the text"),
        pytest.param("```toml\n# convsync nonsense\n```", id="not a shell"),
        pytest.param("```\nconvsync: 3 records could not be read\n```", id="a message of ours"),
        pytest.param("```sh\nconvsync audit list --last 3 | head\n```", id="a pipe"),
        pytest.param("```sh\nconvsync audit > log.txt 2>&1 &\n```", id="a file, and behind"),
        pytest.param("It's `convsync`, and `make`.", id="the names alone"),
    ],
)
def test_existing_commands_and_links_pass(page: str) -> None:
    assert problems(page) == []


@pytest.mark.parametrize(
    ("page", "said"),
    [
        pytest.param(
            "\n```sh\nconvsync runn\n```", "line 3: convsync runn: No such command", id="command"
        ),
        pytest.param(
            "```sh\nconvsync audit prove\n```", "No such command", id="a family's command"
        ),
        pytest.param("```sh\nconvsync run --fast\n```", "No such option: --fast", id="option"),
        pytest.param(
            "```sh\nconvsync plan && convsync run --fast\n```", "--fast", id="the second in a line"
        ),
        pytest.param(
            "```sh\nconvsync run \\\n  --fast\n```", "No such option: --fast", id="the next line"
        ),
        pytest.param("So:\n\n    convsync run --fast\n", "line 3: ", id="an indented block"),
        pytest.param("`convsync retry --night 3`", "No such option: --night", id="in the text"),
        pytest.param("```sh\nmake demos\n```", "no target demos", id="make"),
        pytest.param("~~~sh\nmake test demos\n~~~", "no target demos", id="the second target"),
    ],
)
def test_unknown_commands_and_links_are_named_with_their_line(page: str, said: str) -> None:
    (problem,) = problems(page)
    assert said in problem


def test_a_link_to_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    page = "[a](there.md#part) [b](gone.md) [c](https://example.com/x) [d](#here)"
    assert dead_links_of(page, tmp_path) == ["the link to gone.md leads nowhere"]


def test_a_page_with_an_unclosed_quote_is_still_read() -> None:
    assert [quoted.words for quoted in commands_in("`make don't`")] == [("make", "don't")]


def test_our_own_page_keeps_its_word() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert problems_of(page, (ROOT / "Makefile").read_text(encoding="utf-8")) == []
