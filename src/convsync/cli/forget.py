"""`forget`: erases a person everywhere, and remembers not to read them again."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import addresses, output
from convsync.cli.options import DEFAULT_CONFIG, AsOf, By, Config
from convsync.cli.progress import showing_progress
from convsync.cli.runs import services_for
from convsync.errors import OperatorError
from convsync.plain_text import several

if TYPE_CHECKING:
    from convsync.privacy.forgetting import Whom
    from convsync.store.erasing import FoundPeople

Deals = Annotated[
    list[str] | None,
    typer.Option("--deal", metavar="ID", help="The person behind this deal; repeatable."),
]
FromStdin = Annotated[
    bool,
    typer.Option(
        "--email-stdin",
        help="Whoever has an e-mail address typed or piped in, one per line; an argument"
        " would stay in the shell's history.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Erase without asking.")]


def forget(
    deal: Deals = None,
    config: Config = DEFAULT_CONFIG,
    as_of: AsOf = None,
    by: By = None,
    *,
    email_stdin: FromStdin = False,
    yes: Yes = False,
) -> None:
    """Erase a person for good. Order IDs and amounts stay, and so does what Google counts."""
    from convsync import pipeline
    from convsync.privacy.forgetting import Whom

    if not deal and not email_stdin:
        raise OperatorError(
            "Whom? Name a deal with --deal ID, or give an address with --email-stdin."
        )
    digests = addresses.digests_from_stdin() if email_stdin else frozenset[bytes]()
    whom = Whom(deal_ids=frozenset(deal or ()), digests=digests)
    with (
        showing_progress() as progress,
        services_for(config, as_of, progress, by=by) as services,
    ):
        found = pipeline.find_people(services, whom)
        _require_known(found, whom)
        with progress.paused():
            if not yes and not _agreed(found, is_stdin_used=email_stdin):
                output.note("Nothing was erased.")
                return
        done = pipeline.forget(services, whom)
    typer.echo(
        f"Erased from {several(done.deals, 'deal')}, with {several(done.clicks, 'click ID')}. Order"
        f" IDs and amounts of {several(done.conversions, 'conversion')} stay, and nothing more is"
        " sent of them."
    )


def _require_known(found: "FoundPeople", whom: "Whom") -> None:
    """Raise OperatorError for deals that are not kept: a wrong number would pass for erased.

    An address may be erased that is not kept: what a source still has of it is not read any more.
    """
    there = {one.deal.deal_id for one in found.deals}
    if missing := sorted(whom.deal_ids - there):
        raise OperatorError(f"There is no deal {', '.join(missing)}. Nothing was erased.")


def _agreed(found: "FoundPeople", *, is_stdin_used: bool) -> bool:
    """Show what would be erased, and ask; anything but a yes is a no.

    Raises OperatorError where there is nobody to ask.
    """
    names = ", ".join(sorted(one.deal.deal_id for one in found.deals)) or "none"
    output.note(f"Deals of this person: {names}. Click IDs: {len(found.clicks):,}.")
    if is_stdin_used or not sys.stdin.isatty():
        raise OperatorError("Nobody can be asked here, so nothing was erased: pass --yes to erase.")
    return typer.confirm("Erase all of it for good?", err=True)
