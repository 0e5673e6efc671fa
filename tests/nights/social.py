"""A company that reports to a platform that takes nothing back, instead of to Google."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convsync.model.statement import order_id_of
from convsync.sandbox.linkedin.room import LinkedInRoom
from convsync.sandbox.meta.room import MetaRoom
from convsync.sandbox.server import Sandbox
from tests.nights.company import Company

TO_GOOGLE = """[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
credentials = "none"
endpoint = "GRPC"
rest_endpoint = "HTTP"
plaintext = true
enhanced_conversions = true
requests_in_flight = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Social:
    """One such platform: its table, its clicks, its calls, and how often its books count what.

    `code` is one for which it refuses a click. `knows_repeats` says whether a request that was not
    answered is sent again, and `unsure_at_most` what share of conversions may stay unsure where
    every fifth request fails.
    """

    name: str
    click: str
    table: str
    call: str
    code: str
    knows_repeats: bool
    unsure_at_most: float
    counts: Callable[[Any, str, str], int]

    def __str__(self) -> str:
        return self.name

    def configure(self, company: Company, *changes: tuple[str, str], more: str = "") -> None:
        """Let a company report to it."""
        company.configure(
            (TO_GOOGLE, self.table),
            ('gclid = "gclid"', f'{self.click} = "gclid"'),
            *changes,
            more=more,
        )

    def room(self, sandbox: Sandbox) -> Any:
        return sandbox.platform.rooms[self.name]

    def refuse(self, sandbox: Sandbox, clicks: Mapping[str, str]) -> None:
        self.room(sandbox).account.refusals.update(clicks)

    def times(self, company: Company, deal_id: str, rule: str = "won") -> int:
        """Return how often the platform counts a deal under a rule."""
        assert company.sandbox is not None
        return self.counts(self.room(company.sandbox), order_id_of("crm", deal_id, rule), rule)


ACTIONS = {"mql": "111", "won": "222"}
DATASET = "1234567890123456"


def _counted_by_meta(room: MetaRoom, order_id: str, rule: str) -> int:
    event = room.books.counted[f"{DATASET}/{ACTIONS[rule]}"].get(order_id)
    return event.count if event else 0


META = Social(
    name="meta",
    click="fbclid",
    table=f"""[destinations.meta]
kind = "meta"
dataset_id = {DATASET}
access_token = "a-token"
crm_name = "Export"
url = "HTTP"
enhanced_conversions = true
requests_in_flight = 1
""",
    call="meta_events",
    code="100/2804001",
    knows_repeats=True,
    unsure_at_most=0.01,
    counts=_counted_by_meta,
)

AD_ACCOUNT = "507404993"


def _counted_by_linkedin(room: LinkedInRoom, order_id: str, rule: str) -> int:
    event = room.books.counted[ACTIONS[rule]].get(order_id)
    return event.count if event else 0


LINKEDIN = Social(
    name="linkedin",
    click="li_fat_id",
    table=f"""[destinations.linkedin]
kind = "linkedin"
account_id = {AD_ACCOUNT}
access_token = "a-token"
api_version = "202603"
url = "HTTP"
enhanced_conversions = true
requests_in_flight = 1
""",
    call="linkedin_events",
    code="422 /user/userIds/0/idValue",
    knows_repeats=False,
    unsure_at_most=0.25,
    counts=_counted_by_linkedin,
)

SOCIAL = (META, LINKEDIN)
