"""Questions to a person on the command line, which `--set KEY=VALUE` answers beforehand."""

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from convsync.errors import OperatorError

Set = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Answer a question, e.g. url=https://…"),
]


def answers_of(pairs: list[str]) -> dict[str, str]:
    """Return what `--set` answers, or raise OperatorError."""
    answers = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise OperatorError(f"--set {pair}: write KEY=VALUE.")
        answers[key.strip()] = value.strip()
    return answers


def asked(
    key: str,
    answers: Mapping[str, str],
    *,
    is_secret: bool,
    default: str | None = None,
    hint: str | None = None,
) -> str:
    """Return the answer to a question, asking where there is none yet; secrets are not echoed.

    Where nobody is there to answer, as in a script, the default is.
    """
    if answer := answers.get(key):
        return answer
    question = f"{key} ({hint})" if hint else key
    try:
        return str(typer.prompt(question, default=default, hide_input=is_secret)).strip()
    except typer.Abort:
        if default is None or sys.stdin.isatty():
            raise
        return default
