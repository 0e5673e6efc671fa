"""A company to live with: a CRM that is filled, clicks that were logged, a config that is ready.

What a newcomer needs to try every command without an account anywhere. The company's deals go on
happening: the CRM shows what has happened by the sandbox's clock, and a month is still to come.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from convsync.process.guides import located
from convsync.sandbox.account import Action
from convsync.sandbox.crm.vendors import SERVERS
from convsync.sandbox.untidy import make_untidy, untidy_by_default
from convsync.sandbox.world import World
from convsync.sandbox.world_csv import write_clicks_csv

if TYPE_CHECKING:
    from convsync.sandbox.server import Sandbox

DEALS: Final = 600
_PAST, _TO_COME = timedelta(days=120), timedelta(days=30)
_BETWEEN_NIGHTS = timedelta(days=7)
"""Between the two nights to try, so that the second has something to send."""
_FOLLOWS: Final = """\
# The sandbox's clock stands at each command's --as-of, and goes with this machine's without one.

[sandbox]
url = "http://127.0.0.1:8470"
"""
_READ: Final = """\
# Reads the same account by the Google Ads API: its settings, its clicks' campaigns, what they cost.

[destinations.ads]
kind = "google_ads"
customer_id = "123-456-7890"
credentials = "none"
endpoint = "127.0.0.1:8471"
plaintext = true
"""
_SENDS: Final = 'kind = "data_manager"\n'
_COUNTS: Final = 'milestone = "'
_ACTIONS: Final = {"111": "Qualified by marketing", "222": "Qualified by sales", "333": "Sale"}
_ACCOUNT: Final = "1234567890"
_HTTP, _GRPC = "http://127.0.0.1:8470", "127.0.0.1:8471"
"""The addresses in the example configs, which those of this sandbox stand in for."""


def config_for(crm: str, addresses: Mapping[str, str]) -> str:
    """Return config/sandbox.toml with a CRM as its source of deals, at a sandbox's addresses.

    Its ad account can be read, too, which the Data Manager API alone does not allow. `addresses`
    are those that `convsync sandbox` prints, by name.
    """
    whole = Path(located("config/sandbox.toml")).read_text(encoding="utf-8")
    source = Path(located(f"config/sandbox/{crm}.toml")).read_text(encoding="utf-8")
    before, after = whole.index("[deals.crm]"), whole.index("[clicks.site]")
    rest = whole[after:].replace(_SENDS, f'{_SENDS}read_with = "ads"\n')
    rest = rest.replace(_COUNTS, f'destination = "google"\n{_COUNTS}')
    config = f"{whole[:before]}{source}{rest}\n{_READ}\n{_FOLLOWS}"
    return config.replace(_HTTP, addresses["http"]).replace(_GRPC, addresses["grpc"])


def demo_actions() -> Sequence[Action]:
    """Return the conversion actions that the rules of config/sandbox.toml count towards."""
    return [Action(account=_ACCOUNT, id=number, name=name) for number, name in _ACTIONS.items()]


def settle_in(crm: str, folder: Path, deals: int = DEALS) -> Callable[["Sandbox"], str]:
    """Return what fills a sandbox that has started, and tells how to go on.

    The config and the click log are written into `folder`; a config that is there is kept. Raises
    ValueError for a CRM that is not played, and when called OSError where `folder` cannot be
    written.
    """
    if crm not in SERVERS:
        raise ValueError(f"the sandbox plays {', '.join(SERVERS)}")

    def fill(sandbox: "Sandbox") -> str:
        now = sandbox.platform.clock.now()
        world = World(seed=7, deals=deals, ends_at=now + _TO_COME, days=(_PAST + _TO_COME).days)
        sandbox.crms.follow(world, None)
        sandbox.platform.advertise(world)
        sandbox.platform.set_actions(demo_actions())
        make_untidy(sandbox.crms[crm], untidy_by_default(), now - _BETWEEN_NIGHTS)
        folder.mkdir(parents=True, exist_ok=True)
        clicks = write_clicks_csv(folder / "clicks.csv", world, now)
        config = folder / "convsync.toml"
        if not config.exists():
            config.write_text(config_for(crm, sandbox.addresses), encoding="utf-8")
        return _welcome(folder, f"{deals:,} deals in {crm} and {clicks:,} clicks", sandbox)

    return fill


def _welcome(folder: Path, what: str, sandbox: "Sandbox") -> str:
    now = sandbox.platform.clock.now()
    first, today = (at.isoformat(timespec="minutes") for at in (now - _BETWEEN_NIGHTS, now))
    elsewhere = sandbox.http_url != _HTTP  # which `convsync sandbox set` and `show` take it for
    named = f"\n  export CONVSYNC_SANDBOX_URL={sandbox.http_url}" if elsewhere else ""
    return f"""\
A company with {what}, and both Google APIs, at {sandbox.http_url}.
It is {today} there, and what --as-of says while a command says so. Ctrl-C ends it.
In another terminal:

  cd {folder}{named}
  1  convsync db upgrade && convsync check      # is everything there?
  2  convsync plan --deals --as-of {first}    # what would be sent, and why the rest is not
  3  convsync run --as-of {first} && convsync status    # a night of last week, and its account
  4  convsync explain DEAL                      # one deal from its click on, from the list above
  5  convsync sandbox set faults '[{{"on": "ingest", "request": 1, "kind": "unavailable_after"}}]'
     convsync run --as-of {today}    # a week later, and an answer is lost
  6  convsync sandbox show books && convsync audit verify   # what Google counted; is the log whole?
  7  convsync clicks enrich && convsync costs fetch
     convsync report campaigns && convsync report trend   # which campaigns sell, and is it better?

`convsync sandbox set` alone lists everything else that can be made to go wrong.
"""
