"""All that is particular to one CRM outside its adapter, in one value.

The union of tables in the config, the questions of `init`, what opens the adapter, its row
and the columns of its table of promises follow from it. It stands with the settings, because the
config's union does; nothing of an adapter is imported before it is opened.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

from pydantic import SecretStr, ValidationError

from convsync.errors import OperatorError
from convsync.settings.crm_tables import AnyCrmDeals

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping
    from convsync.http import Authorisation, Http, Judge
    from convsync.pace import Limit
    from convsync.retrying import RetryPolicy
    from convsync.signing_in.tokens import Fetch, TokenKeeper
    from convsync.signing_in.way import Way

T = TypeVar("T", bound=AnyCrmDeals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What every adapter is opened with; `folder` is the config's."""

    folder: Path
    token_file: Path | None
    policy: "RetryPolicy"

    def http(
        self,
        name: str,
        url: "str | Callable[[], str]",
        judge: "Judge",
        authorisation: "Authorisation | None" = None,
        *,
        limits: "Sequence[Limit]" = (),
        at_once: int = 1,
    ) -> "Http":
        """Return a session with one of the vendor's servers, which takes so much and no more."""
        from convsync.http import Http
        from convsync.pace import Pace

        return Http(
            name=name,
            base_url=url,
            judge=judge,
            policy=self.policy,
            authorisation=authorisation,
            pace=Pace(limits, at_once=at_once, ticks=self.policy.ticks),
        )

    def keeper(self, fetch: "Fetch") -> "TokenKeeper":
        """Return what keeps the access tokens that `fetch` gets."""
        from convsync.signing_in.tokens import TokenKeeper

        return TokenKeeper(fetch, file=self.token_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Generic[T]):
    """How a person lets an app in: what of the table the app is known by, and the vendor's way.

    `way` is handed a table whose refresh token is not there yet.
    """

    keys: Sequence[str]
    way: "Callable[[T], Way]" = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmDescriptor(Generic[T]):
    """One CRM: its table in the config, and everything that follows from there being one.

    `sign_in` are the keys that `init` asks for, for the simplest way in; `hints` say what to
    answer, and `is_asked` which of them earlier answers leave open. `columns` are those of
    the docs' table of promises, by the test class that fills them. `keeps_no_trace`: the CRM tells
    nothing of deleted deals, so that it is asked for each. `consent` is there where a person can
    sign in on a page of the vendor's.
    """

    name: str
    read_by: str
    table: type[T]
    sign_in: Sequence[str]
    hints: Mapping[str, str] = field(default_factory=dict)
    is_asked: Callable[[str, Mapping[str, str]], bool] = lambda _key, _known: True
    open: "Callable[[T, CrmMapping, Connection], Crm]" = field(repr=False)
    columns: Mapping[str, str]
    keeps_no_trace: bool = False
    consent: Consent[T] | None = None

    @property
    def kind(self) -> str:
        """Return its word in the config, and the name of its example and its page."""
        (kind,) = get_args(self.table.model_fields["kind"].annotation)
        return str(kind)

    def sketched(self, values: Mapping[str, Any]) -> T:
        """Return a table that can sign in, before anybody has said what its stages mean.

        Raises OperatorError with what of it is wrong; values are not repeated.
        """
        try:
            return self.table.model_validate(
                {**values, "kind": self.kind, "milestones": {"mql": {"created": True}}}
            )
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, detail['loc'])) or self.kind}: {detail['msg']}"
                for detail in error.errors(include_url=False, include_input=False)
            )
        raise OperatorError(f"These settings cannot sign in to {self.name}: {problems}.")

    @property
    def row(self) -> str:
        """Return its row in the table of CRMs of docs/sources.md."""
        page = f"{self.kind}.md"
        return f"| {self.name} | {self.read_by} | [{page}]({page}) |"


def revealed(secret: SecretStr | None) -> str:
    """Return a secret that the table is known to have."""
    assert secret is not None, "settings see to that"
    return secret.get_secret_value()
