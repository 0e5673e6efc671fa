"""All that is particular to one CRM outside its adapter, in one value.

The union of tables in the config, the questions of `init`, what opens the adapter, README's row
and the columns of its table of promises follow from it. It stands with the settings, because the
config's union does; nothing of an adapter is imported before it is opened.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar, get_args

from pydantic import SecretStr

from convsync.settings.crm_tables import AnyCrmDeals

if TYPE_CHECKING:
    from convsync.extract.crm_adapter import Crm
    from convsync.extract.mapping import CrmMapping
    from convsync.extract.oauth import Fetch, TokenKeeper
    from convsync.http import Authorisation, Http, Judge
    from convsync.pace import Limit
    from convsync.retrying import RetryPolicy

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
        from convsync.extract.oauth import TokenKeeper

        return TokenKeeper(fetch, file=self.token_file)


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmDescriptor(Generic[T]):
    """One CRM: its table in the config, and everything that follows from there being one.

    `sign_in` are the keys that `init` asks for, for the simplest way in. `columns` are those of
    README's table of promises, by the test class that fills them. `keeps_no_trace`: the CRM tells
    nothing of deleted deals, so that it is asked for each.
    """

    name: str
    read_by: str
    table: type[T]
    sign_in: Sequence[str]
    open: "Callable[[T, CrmMapping, Connection], Crm]" = field(repr=False)
    columns: Mapping[str, str]
    keeps_no_trace: bool = False

    @property
    def kind(self) -> str:
        """Return its word in the config, and the name of its example and its page."""
        (kind,) = get_args(self.table.model_fields["kind"].annotation)
        return str(kind)

    @property
    def readme_row(self) -> str:
        """Return its row in README's table of CRMs."""
        page = f"docs/{self.kind}.md"
        return f"| {self.name} | {self.read_by} | [{page}]({page}) |"


def revealed(secret: SecretStr | None) -> str:
    """Return a secret that the table is known to have."""
    assert secret is not None, "settings see to that"
    return secret.get_secret_value()
