"""`auth`: signing in at a vendor, once, so that every night has a token.

A command per vendor opens the vendor's page, receives its answer on this machine, keeps the refresh
token where secrets are kept, and ends with a call that proves it. `auth list` shows what is kept,
`auth revoke` gives it back. The app's ID and secret are kept beside the token, which is of no use
without them.
"""

import os
import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import output
from convsync.cli.asking import Set, answers_of, asked
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.errors import OperatorError
from convsync.signing_in.vendors import VENDORS

if TYPE_CHECKING:
    from convsync.settings.kept_secrets import Keeper
    from convsync.signing_in.agreement import Granted
    from convsync.signing_in.way import Answers, App, Entrance, Way

app = typer.Typer(
    help="Sign in to a CRM or an ad platform on the vendor's page, and keep the token.",
    no_args_is_help=True,
)
_PATIENCE_S = 300.0
"""How long a person has to answer on the vendor's page."""

Name = Annotated[
    str | None,
    typer.Option(
        "--name", metavar="NAME", help="Which source or destination, if the config has several."
    ),
]
NoBrowser = Annotated[
    bool,
    typer.Option(
        "--no-browser", help="Open the page elsewhere, and paste the URL it ends at here."
    ),
]
Device = Annotated[
    bool, typer.Option("--device", help="Show a code to type on another machine (Dynamics).")
]
Port = Annotated[
    int,
    typer.Option(
        "--port", metavar="PORT", help="The port on localhost that the browser returns to."
    ),
]


def _sign_in(
    context: typer.Context,
    config: Config = DEFAULT_CONFIG,
    name: Name = None,
    set_: Set = [],  # noqa: B006 (typer's way to say none)
    *,
    no_browser: NoBrowser = False,
    device: Device = False,
    port: Port = 8478,
) -> None:
    """Ask on the vendor's page, keep the refresh token, and prove it by a call."""
    from convsync.wiring.entrances import entrance_to

    vendor = str(context.info_name)
    entrance = entrance_to(vendor, config, name)
    given = {**entrance.known, **answers_of(set_)}
    answers = given | {
        key: asked(key, given, is_secret=key in entrance.secret_keys) for key in entrance.keys
    }
    way = entrance.way(answers)
    keeper = _keeper(config)
    _show_scopes(way)
    granted = _agreed(way, _app_of(answers), port, no_browser=no_browser, device=device)
    if granted.missing:
        raise OperatorError(
            f"{way.vendor} left out {', '.join(granted.missing)}. Start again, and agree to all."
        )
    complete = {**answers, "refresh_token": granted.refresh_token}
    shown = entrance.prove(complete)
    _keep(keeper, entrance, vendor, granted, complete)
    typer.echo(f"{shown} It is stored in {keeper}, and expires {way.ends}.")
    typer.echo(entrance.hint, nl=False)


for _vendor, _title in VENDORS.items():
    app.command(_vendor, help=f"Sign in to {_title}.")(_sign_in)


@app.command("list")
def list_(config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE) -> None:
    """List the sign-ins whose tokens are stored here, and when each expires."""
    from convsync.settings.kept_secrets import sign_ins

    keeper = _keeper(config)
    columns = ("table", "vendor", "agreed_at", "ends_at", "ends")
    rows = [
        {
            "table": one.place,
            "vendor": one.vendor,
            "agreed_at": one.agreed_at,
            "ends_at": one.ends_at,
            "ends": one.ends,
        }
        for one in sign_ins(keeper)
    ]
    if not rows and form is Format.TABLE:
        typer.echo(f"No sign-in is kept in {keeper}. `convsync auth VENDOR` makes one.")
        return
    output.show(rows, columns, form)


@app.command()
def revoke(
    place: Annotated[str, typer.Argument(metavar="TABLE", help="As in `auth list`: deals.crm.")],
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Revoke a token at its vendor, if the vendor supports that, and delete it here."""
    from convsync.settings.kept_secrets import forget_sign_in, sign_ins, variable
    from convsync.signing_in.agreement import give_back
    from convsync.wiring.entrances import entrance_to

    keeper = _keeper(config)
    kept = {one.place: one for one in sign_ins(keeper)}
    if place not in kept:
        raise OperatorError(
            f"{keeper} has no sign-in for {place}; it has {', '.join(kept) or 'none'}."
        )
    one = kept[place]
    entrance = entrance_to(one.command, config, place.partition(".")[2])
    secrets = keeper.read()
    kept_here = {key: secrets[name] for key in _KEPT if (name := variable(place, key)) in secrets}
    way = entrance.way({**entrance.known, **kept_here})
    is_back = give_back(way, _app_of(kept_here), kept_here[_TOKEN])
    forget_sign_in(keeper, one)
    if is_back:
        typer.echo(f"{way.vendor} has taken the token of {place} back; it is kept no longer.")
    else:
        typer.echo(
            f"The token of {place} is kept no longer. {way.vendor} takes none back: it ends"
            f" {way.ends}."
        )


_TOKEN = "refresh_token"  # noqa: S105 - the name of a key
_KEPT = ("client_id", "client_secret", _TOKEN)
"""What is kept; addresses stand in the config."""


def _keeper(config: Path) -> "Keeper":
    """Return where secrets are kept: where they are read from, or a folder beside the config."""
    from convsync.settings.kept_secrets import KEYRING, SECRETS_DIR, Folder, Keyring

    if service := os.environ.get(KEYRING):
        return Keyring(service)
    folder = os.environ.get(SECRETS_DIR)
    if folder is None:
        beside = config.resolve().parent / "secrets"
        output.note(
            f"{SECRETS_DIR} is not set: secrets are kept in {beside}. Set it, so that a run finds"
            f" them: export {SECRETS_DIR}={beside}"
        )
        return Folder(beside)
    return Folder(Path(folder))


def _show_scopes(way: "Way") -> None:
    what = "asks for" if way.sends_scopes else "needs these scopes of its app"
    typer.echo(f"convsync {what}, to read and for nothing else:")
    for scope, why in way.scopes.items():
        typer.echo(f"  {scope}: {why}")


def _app_of(answers: "Answers") -> "App":
    from convsync.signing_in.way import App

    return App(client_id=answers["client_id"], client_secret=answers.get("client_secret") or None)


def _agreed(
    way: "Way", known_app: "App", port: int, *, no_browser: bool, device: bool
) -> "Granted":
    from convsync.signing_in.agreement import Agreement
    from convsync.signing_in.callback import Callback, redirect_uri

    if device or no_browser:
        agreement = Agreement(way, known_app, redirect_uri(port))
        if device:
            return agreement.by_device(_show_code, time.sleep)
        typer.echo(f"Open this page, and agree:\n{agreement.url()}")
        address = typer.prompt(
            f"It ends at an address that begins with {redirect_uri(port)} and cannot be shown."
            " Paste it here",
            hide_input=True,
        )
        return agreement.exchange(address.strip())
    with Callback(port) as callback:
        agreement = Agreement(way, known_app, callback.redirect_uri)
        typer.echo(f"A browser opens this page; agree there:\n{agreement.url()}")
        webbrowser.open(agreement.url())
        return agreement.exchange(callback.wait(agreement.state, _PATIENCE_S))


def _show_code(address: str, code: str) -> None:
    typer.echo(f"On any machine open {address} and type {code}")


def _keep(
    keeper: "Keeper", entrance: "Entrance", command: str, granted: "Granted", answers: "Answers"
) -> None:
    from convsync.clock import system_clock
    from convsync.settings.kept_secrets import SignIn, keep_sign_in, variable

    way = entrance.way(answers)
    for place in entrance.places:
        secrets = {variable(place, key): answers[key] for key in _KEPT if answers.get(key)}
        sign_in = SignIn(
            place=place,
            command=command,
            vendor=way.vendor,
            names=tuple(secrets),
            agreed_at=system_clock(),
            ends_at=granted.ends_at,
            ends=way.ends,
        )
        keep_sign_in(keeper, sign_in, secrets)
