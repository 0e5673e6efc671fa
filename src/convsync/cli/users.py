"""`users`: who may sign in to the page, and whether they may also decide what is sent."""

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from convsync.cli import options, output
from convsync.cli.options import DEFAULT_CONFIG, Config, Format, FormatOption
from convsync.errors import OperatorError
from convsync.model.user import Role, User

if TYPE_CHECKING:
    from convsync.settings import Settings

app = typer.Typer(help="Who may sign in to the page.", no_args_is_help=True)

_COLUMNS = ("name", "role", "added_at")
_LONGEST_NAME = 100

Name = Annotated[str, typer.Argument(metavar="NAME", help="The name they sign in with.")]
RoleOption = Annotated[
    Role, typer.Option("--role", help="viewer looks; operator also decides what is sent.")
]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from stdin instead of asking.")
]


@app.callback()
def _users() -> None:
    """Who may sign in to the page."""
    require_installed()


@app.command("add")
def add(
    name: Name,
    role: RoleOption = Role.VIEWER,
    config: Config = DEFAULT_CONFIG,
    *,
    password_stdin: PasswordStdin = False,
) -> None:
    """Let somebody sign in, with a password that the command asks for."""
    from convsync.clock import system_clock
    from convsync.store import users
    from convsync.web import passwords

    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise OperatorError(f"A name must have 1 to {_LONGEST_NAME} visible characters.")
    kept = passwords.hash_of(_password(from_stdin=password_stdin))
    user = User(name=name.strip(), role=role)
    with (
        options.ledger(options.load(config)) as database,
        database.transaction("add user") as connection,
    ):
        is_new = users.add(connection, user, kept, system_clock())
    if not is_new:
        raise OperatorError(
            f"{user.name} may sign in already; `convsync users password {user.name}` changes"
            " their password."
        )
    typer.echo(f"{user.name} may sign in as {user.role}.")


@app.command("password")
def password(
    name: Name, config: Config = DEFAULT_CONFIG, *, password_stdin: PasswordStdin = False
) -> None:
    """Change somebody's password, and sign them out everywhere."""
    from convsync.store import users
    from convsync.web import passwords

    kept = passwords.hash_of(_password(from_stdin=password_stdin))
    with (
        options.ledger(options.load(config)) as database,
        database.transaction("set password") as connection,
    ):
        is_known = users.set_password(connection, name, kept)
    _require_known(name, is_known=is_known)
    typer.echo(f"{name} has another password, and is signed out.")


@app.command("remove")
def remove(name: Name, config: Config = DEFAULT_CONFIG) -> None:
    """Revoke somebody's access, and sign them out."""
    from convsync.store import users

    with (
        options.ledger(options.load(config)) as database,
        database.transaction("remove user") as connection,
    ):
        is_known = users.remove(connection, name)
    _require_known(name, is_known=is_known)
    typer.echo(f"{name} may sign in no longer.")


@app.command("list")
def list_users(config: Config = DEFAULT_CONFIG, form: FormatOption = Format.TABLE) -> None:
    """List who may sign in, and with what role."""
    from convsync.store import users

    with options.ledger(options.load(config)) as database, database.reading() as connection:
        found = users.listed(connection)
    rows = [
        {"name": one.user.name, "role": one.user.role.value, "added_at": one.added_at}
        for one in found
    ]
    output.show(rows, _COLUMNS, form)


def require_installed() -> None:
    """Raise OperatorError where the libraries of the page are missing."""
    if any(find_spec(one) is None for one in ("argon2", "babel", "jinja2", "joserfc")):
        raise OperatorError("The page needs more libraries: pip install 'convsync[serve]'.")


def require_somebody(settings: "Settings") -> None:
    """Raise OperatorError where nobody could sign in."""
    from convsync.store import users

    if settings.serve.proxy or settings.serve.oidc:
        return
    with options.ledger(settings) as database, database.reading() as connection:
        if not users.listed(connection):
            raise OperatorError("Nobody may sign in yet: convsync users add NAME --role operator")


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise OperatorError("Nobody can be asked for a password here: pass --password-stdin.")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _require_known(name: str, *, is_known: bool) -> None:
    if not is_known:
        raise OperatorError(f"There is no user {name}; `convsync users list` shows everybody.")
