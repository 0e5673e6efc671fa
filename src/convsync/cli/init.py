"""`init`: a first configuration from the CRM's own stages and fields."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli import first_config, init_table
from convsync.cli.asking import Set, answers_of, asked
from convsync.cli.options import DEFAULT_CONFIG
from convsync.errors import OperatorError
from convsync.process.guides import located

if TYPE_CHECKING:
    from convsync.extract.proposal import Proposal
    from convsync.settings.crm_tables import AnyCrmDeals

Crm = Annotated[
    str | None, typer.Option("--crm", metavar="NAME", help="hubspot, salesforce, pipedrive, …")
]
Platform = Annotated[
    str,
    typer.Option("--destination", metavar="NAME", help="The ad platform: google, microsoft, …"),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]

Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", metavar="KIND", help="csv or sql: read deals from a file or a database instead."
    ),
]
Where = Annotated[
    str | None, typer.Argument(metavar="[FILE|URL]", help="The export, or the database's URL.")
]
Query = Annotated[
    str | None, typer.Option("--query", metavar="SQL", help="The table or query of --kind sql.")
]

_SECRETS = "CONVSYNC_DEALS__CRM__"


def init(
    where: Where = None,
    crm: Crm = None,
    kind: Kind = None,
    query: Query = None,
    destination: Platform = "google",
    set_: Set = [],  # noqa: B006 (typer's way to say none)
    output: Output = DEFAULT_CONFIG,
    *,
    force: Overwrite = False,
) -> None:
    """Ask which CRM, read its stages and fields, and write a commented configuration.

    With --kind, read the header and rows of an export, or a table or query instead. A click log
    is added to the existing file, or starts one to which the next `init` adds the deals.
    Secrets are asked for and used once, but not written. Set them as variables afterwards.
    """
    from convsync.extract.mapping import CrmMapping
    from convsync.extract.proposal import propose
    from convsync.retrying import RetryPolicy
    from convsync.settings import load_settings
    from convsync.wiring.crm import crm_of

    if kind is not None:
        init_table.written_for(kind, where, query, output, destination, force=force)
        return
    kept = first_config.clicks_kept(output, force=force)
    table, secrets = _asked(crm, answers_of(set_), output)
    folder = output.resolve().parent
    proposal = propose(crm_of(table, CrmMapping(milestones={}), folder, RetryPolicy()))
    first_config.write(output, _lines(table, proposal, destination), kept)
    os.environ.update({f"{_SECRETS}{key.upper()}": value for key, value in secrets.items()})
    load_settings(output)
    typer.echo(f"{output} is written. Look at every line of it, then:")
    for key in secrets:
        typer.echo(f"  export {_SECRETS}{key.upper()}=…   # or a file of that name")
    typer.echo("  convsync db upgrade && convsync check && convsync plan")


def _asked(
    crm: str | None, answers: Mapping[str, str], output: Path
) -> tuple["AnyCrmDeals", dict[str, str]]:
    """Return the CRM's table, without milestones of its own yet, and which of it is secret."""
    from pydantic import SecretStr

    from convsync.settings.crms import CRMS
    from convsync.settings.loading import written_tables

    kind = crm or typer.prompt(f"Which CRM? ({', '.join(CRMS)})").strip().lower()
    if kind not in CRMS:
        raise OperatorError(f"'{kind}' is not a CRM convsync reads: {', '.join(CRMS)}.")
    described = CRMS[kind]
    known = {**written_tables(output).get("deals", {}).get("crm", {}), **answers}
    keys = described.sign_in
    if described.consent and "refresh_token" in known:  # `auth` has been here
        keys = (*described.consent.keys, "refresh_token")
    plain: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for key in keys:
        if not described.is_asked(key, {**known, **plain}):
            continue
        is_secret = SecretStr in _types_of(described.table, key)
        default = described.table.model_fields[key].default if key in described.hints else None
        answer = asked(
            key, known, is_secret=is_secret, default=default, hint=described.hints.get(key)
        )
        (secrets if is_secret else plain)[key] = answer
    extra = {key: value for key, value in answers.items() if key not in keys}
    table: AnyCrmDeals = described.sketched({**plain, **secrets, **extra})
    return table, secrets


def _types_of(model: type["AnyCrmDeals"], key: str) -> tuple[Any, ...]:
    from typing import get_args

    annotation = model.model_fields[key].annotation
    return (annotation, *get_args(annotation))


def _lines(table: "AnyCrmDeals", proposal: "Proposal", destination: str) -> Iterator[str]:
    from pydantic import SecretStr

    counted = _counted(proposal)
    yield from first_config.head(
        [
            f"{located('config/csv.toml')} explains all keys,",
            f"{located(f'config/{table.kind}.toml')} those of this CRM.",
        ]
    )
    yield from first_config.agreements(counted)
    yield ""
    yield "[deals.crm]"
    for key, value in table.model_dump(exclude_unset=True).items():
        if isinstance(value, str | bool | int) and not isinstance(value, SecretStr):
            yield f"{key} = {first_config.quoted(value)}"
    yield f"# Secrets stay outside: {_SECRETS}… variables, or files in CONVSYNC_SECRETS_DIR."
    yield ""
    yield from _milestones(proposal)
    for kind, fields in proposal.records.items():
        if fields:
            yield ""
            yield f"[deals.crm.{kind}]"
            for key, names in fields.items():
                yield f"{key} = {first_config.quoted(names[0] if len(names) == 1 else names)}"
    yield ""
    yield "[deals.crm.consent]   # the words of the consent field; any other says nothing"
    yield 'granted = ["yes", "true"]'
    yield 'denied = ["no", "false"]'
    if proposal.segments:
        yield ""
        yield "[deals.crm.segments]"
        for name, field in proposal.segments.items():
            yield f"{name} = {first_config.quoted(field)}"
    yield from first_config.rules(counted, destination)


def _milestones(proposal: "Proposal") -> Iterator[str]:
    yield "# In the funnel's order. The stages there are:"
    for stage in proposal.stages:
        outcome = "" if stage.outcome.value == "open" else f" ({stage.outcome.value})"
        yield f"#   {stage.pipeline}: {stage.name}{outcome}".replace("\n", " ")
    yield "[deals.crm.milestones]"
    yield "mql = { created = true }"
    for name, stages in proposal.milestones.items():
        if stages:
            called = [
                f"{one.pipeline}: {one.name}" for one in proposal.stages if one.stage_id in stages
            ]
            yield f"# {', '.join(called)}: by their IDs, which survive a new name".replace(
                "\n", " "
            )
            yield f"{name} = {first_config.quoted(list(stages))}"
        else:
            yield f'# {name} = ["…"]   # no stage looks like it'
    yield 'won = { outcome = "won" }'
    yield 'lost = { outcome = "lost" }'


def _counted(proposal: "Proposal") -> list[str]:
    return [*(name for name, stages in proposal.milestones.items() if stages), "won"]
