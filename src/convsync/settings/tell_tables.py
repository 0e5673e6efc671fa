"""The tables that say who in sales hears that a known person is back, and what they hear."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SecretStr

from convsync.model.comeback import ComebackKind, Shown
from convsync.settings.values import Name, Table, Words


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Kinds = Annotated[tuple[ComebackKind, ...], BeforeValidator(_listed)]
Parts = Annotated[tuple[Shown, ...], BeforeValidator(_listed)]


class RouteTable(Table):
    """A channel to sales. `urls` are Apprise's, and a secret: CONVSYNC_TELL__ROUTES__NAME__URLS.

    `owners` are the owners whose deals it covers, as the CRM names them; without owners it covers
    all deals that no other route does. `shows` is what a message may contain: stage and campaign
    name nobody; the deal's number, its owner and its last steps are for channels that may show
    them.
    """

    urls: SecretStr
    owners: Words = ()
    shows: Parts = (Shown.STAGE, Shown.CAMPAIGN)


class TellTable(Table):
    """What sales is notified of at the end of each run: in one message, or one per comeback.

    `owner` is the segment that names a deal's owner. `nurtured` are audiences whose people return
    when their deal reaches a milestone. `again_after_hours` is how long somebody must have been
    known to count as coming back.
    """

    routes: dict[Name, RouteTable] = Field(default_factory=dict)
    events: Kinds = tuple(ComebackKind)
    owner: str | None = None
    when: Literal["digest", "at_once"] = "digest"
    nurtured: Words = ()
    again_after_hours: float = Field(default=24, ge=0, le=24 * 366)
