"""`init`: a first configuration, out of what the CRM itself says of its stages and fields."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from convsync.cli.options import DEFAULT_CONFIG
from convsync.errors import OperatorError
from convsync.guides import located

if TYPE_CHECKING:
    from convsync.extract.proposal import Proposal
    from convsync.settings.crm_tables import AnyCrmDeals

Crm = Annotated[
    str | None, typer.Option("--crm", metavar="NAME", help="hubspot, salesforce, pipedrive, …")
]
Set = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Answer a question, e.g. url=https://…"),
]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")]
Overwrite = Annotated[bool, typer.Option("--force", help="Overwrite the file.")]

_SECRETS = "CONVSYNC_DEALS__CRM__"
_DEFINITIONS = {
    "mql": ("A contact fits our target group and asked for something.", "marketing"),
    "sql": ("Sales has spoken to them: there is a need and somebody who decides.", "sales"),
    "opportunity": ("An offer is on the table.", "sales"),
    "won": ("The contract is signed.", "sales"),
}


def init(
    crm: Crm = None,
    set_: Set = [],  # noqa: B006 (typer's way to say none)
    output: Output = DEFAULT_CONFIG,
    *,
    force: Overwrite = False,
) -> None:
    """Ask which CRM, read its stages and fields, and write a commented configuration.

    Secrets are asked for and used once; they are not written. Set them as variables afterwards.
    """
    from convsync.extract.mapping import CrmMapping
    from convsync.extract.proposal import propose
    from convsync.retrying import RetryPolicy
    from convsync.settings import load_settings
    from convsync.wiring.crm import crm_of

    if output.exists() and not force:
        raise OperatorError(f"{output} already exists. Name another, or overwrite it with --force.")
    table, secrets = _asked(crm, _answers(set_))
    folder = output.resolve().parent
    proposal = propose(crm_of(table, CrmMapping(milestones={}), folder, RetryPolicy()))
    output.write_text(_config(table, proposal), encoding="utf-8")
    os.environ.update({f"{_SECRETS}{key.upper()}": value for key, value in secrets.items()})
    load_settings(output)
    typer.echo(f"{output} is written. Look at every line of it, then:")
    for key in secrets:
        typer.echo(f"  export {_SECRETS}{key.upper()}=…   # or a file of that name")
    typer.echo("  convsync db upgrade && convsync check && convsync plan")


def _answers(pairs: list[str]) -> dict[str, str]:
    answers = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise OperatorError(f"--set {pair}: write KEY=VALUE.")
        answers[key.strip()] = value.strip()
    return answers


def _asked(crm: str | None, answers: Mapping[str, str]) -> tuple["AnyCrmDeals", dict[str, str]]:
    """Return the CRM's table, without milestones of its own yet, and which of it is secret."""
    from pydantic import SecretStr, ValidationError

    from convsync.settings.crms import CRMS

    kind = crm or typer.prompt(f"Which CRM? ({', '.join(CRMS)})").strip().lower()
    if kind not in CRMS:
        raise OperatorError(f"'{kind}' is not a CRM convsync reads: {', '.join(CRMS)}.")
    described = CRMS[kind]
    plain: dict[str, str] = {}
    secrets: dict[str, str] = {}
    for key in described.sign_in:
        is_secret = SecretStr in _types_of(described.table, key)
        known = answers.get(key) or os.environ.get(f"{_SECRETS}{key.upper()}")
        value = known or typer.prompt(key, hide_input=is_secret)
        (secrets if is_secret else plain)[key] = value
    extra = {key: value for key, value in answers.items() if key not in described.sign_in}
    milestones = {"mql": {"created": True}}
    try:
        table: AnyCrmDeals = described.table.model_validate(
            {"kind": kind, "milestones": milestones, **plain, **secrets, **extra}
        )
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, detail['loc'])) or kind}: {detail['msg']}"
            for detail in error.errors(include_url=False, include_input=False)
        )
        raise OperatorError(
            f"These settings cannot sign in to {described.name}: {problems}."
        ) from None
    return table, secrets


def _types_of(model: type["AnyCrmDeals"], key: str) -> tuple[Any, ...]:
    from typing import get_args

    annotation = model.model_fields[key].annotation
    return (annotation, *get_args(annotation))


def _config(table: "AnyCrmDeals", proposal: "Proposal") -> str:
    return "\n".join(_lines(table, proposal)) + "\n"


def _lines(table: "AnyCrmDeals", proposal: "Proposal") -> Iterator[str]:
    from pydantic import SecretStr

    yield "# Written by `convsync init`. Every line is a proposal: look at it, and correct it."
    yield f"# {located('config/csv.toml')} explains all keys,"
    yield f"# {located(f'config/{table.kind}.toml')} those of this CRM."
    yield ""
    yield "[company]"
    yield 'time_zone = "UTC"   # whose calendar --from and --to mean, e.g. "Europe/Berlin"'
    yield '# country = "DE"    # whose national form phone numbers have'
    for name, (definition, owner) in _DEFINITIONS.items():
        if name in _counted(proposal):
            yield ""
            yield f"[milestones.{name}]   # what marketing and sales agree on"
            yield f"definition = {_quoted(definition)}"
            yield f"owner = {_quoted(owner)}"
    yield ""
    yield "[deals.crm]"
    for key, value in table.model_dump(exclude_unset=True).items():
        if isinstance(value, str | bool | int) and not isinstance(value, SecretStr):
            yield f"{key} = {_quoted(value)}"
    yield f"# Secrets stay outside: {_SECRETS}… variables, or files in CONVSYNC_SECRETS_DIR."
    yield ""
    yield from _milestones(proposal)
    for kind, fields in proposal.records.items():
        if fields:
            yield ""
            yield f"[deals.crm.{kind}]"
            for key, names in fields.items():
                yield f"{key} = {_quoted(names[0] if len(names) == 1 else names)}"
    yield ""
    yield "[deals.crm.consent]   # the words of the consent field; any other says nothing"
    yield 'granted = ["yes", "true"]'
    yield 'denied = ["no", "false"]'
    if proposal.segments:
        yield ""
        yield "[deals.crm.segments]"
        yield from (f"{name} = {_quoted(field)}" for name, field in proposal.segments.items())
    yield from _rules(proposal)


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
            yield f"{name} = {_quoted(list(stages))}"
        else:
            yield f'# {name} = ["…"]   # no stage looks like it'
    yield 'won = { outcome = "won" }'
    yield 'lost = { outcome = "lost" }'


def _rules(proposal: "Proposal") -> Iterator[str]:
    for milestone in _counted(proposal):
        yield ""
        yield f"[rules.{milestone}]"
        yield f'milestone = "{milestone}"'
        yield "action_id = 0   # the number of its conversion action, from Google Ads"
        if milestone == "won":
            yield 'value = { kind = "amount" }'
        else:
            yield 'value = { kind = "fixed", amount = 1, currency = "EUR" }   # agree on a sum'
    yield ""
    yield "[destinations.google]"
    yield 'kind = "data_manager"'
    yield 'operating_account = "000-000-0000"   # the ad account that owns the actions'


def _counted(proposal: "Proposal") -> list[str]:
    return [*(name for name, stages in proposal.milestones.items() if stages), "won"]


def _quoted(value: Any) -> str:
    """Return a value as TOML: JSON's texts, numbers and lists of texts are TOML's too."""
    return json.dumps(value, ensure_ascii=False)
