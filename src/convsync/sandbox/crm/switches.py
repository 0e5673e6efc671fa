"""What can be made to happen to a CRM of the sandbox, each by one switch under `/crms/NAME/`.

The docstring of a switch is what `convsync sandbox set` prints of it. ValueError, TypeError or
KeyError where the JSON is not what it takes.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from convsync.sandbox.crm.book import Outcome, Stage, Telling
from convsync.sandbox.crm.server import Poison, Reply
from convsync.sandbox.crm.vendors import CrmOfVendor
from convsync.sandbox.untidy import Untidy, make_untidy, untidy_by_default
from convsync.sandbox.world_csv import deals_in_csv

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A switch that is turned: of which CRM, to what, and when by the sandbox's clock."""

    crm: CrmOfVendor
    body: bytes
    query: Mapping[str, str]
    now: datetime

    @property
    def order(self) -> Json:
        """Return what to set it to."""
        return json.loads(self.body)


def load_csv(turn: Turn) -> Json:
    """An export as `convsync sandbox` documents it; its local times are Europe/Berlin's."""
    zone = ZoneInfo(turn.query.get("time_zone", "Europe/Berlin"))
    rows = csv.DictReader(io.StringIO(turn.body.decode("utf-8-sig")))
    return {"deals": turn.crm.feed.take(deals_in_csv(rows, zone), turn.now)}


def add_faults(turn: Turn) -> Json:
    """`[{"request": 3, "status": 429, "headers": {}, "body": {}}]`; the next request is 1."""
    server = turn.crm.server
    for fault in turn.order:
        number = int(fault.pop("request"))
        server.faults[number] = Reply(**fault)
    return {"planned": len(server.faults)}


def add_poisons(turn: Turn) -> Json:
    """`[{"path": "/batch/read$", "holding": ID, "status": 400, "body": {}}]`; [] heals all.

    With `times` it answers so many requests, or parts of batches, and is over.
    """
    server = turn.crm.server
    server.poisons = [
        Poison(
            path=one.pop("path"),
            holding=one.pop("holding", ""),
            times=one.pop("times", None),
            reply=Reply(**one),
        )
        for one in turn.order
    ]
    return {"poisoned": len(server.poisons)}


def tell_less(turn: Turn) -> Json:
    """`{"telling": "lags"}`: how much histories tell; records always tell the present."""
    turn.crm.book.telling = Telling(turn.order["telling"])
    return {}


def add_edits(turn: Turn) -> Json:
    """`[{"deal": ID, "kind": "moved", "stage": "won", "at": …}]`, by the CRM's own IDs.

    Kinds are moved, merged (`into`), deleted, restored, archived, hidden and shown. Several
    moves at one instant have equal stamps, in the order given.
    """
    return {"edited": [_EDITS[edit["kind"]](turn.crm, edit) for edit in turn.order]}


def set_stages(turn: Turn) -> Json:
    """`[{"key": "setup", "name": "Set up", "position": 1, "pipeline": "Onboarding"}]`.

    Those of a known key are replaced, so that a stage can be renamed; others are added.
    """
    book = turn.crm.book
    given = [Stage(**{**one, "outcome": Outcome(one.get("outcome", "open"))}) for one in turn.order]
    there = {stage.key: stage for stage in (*book.stages, *given)}
    book.stages = tuple(there.values())
    return {"stages": len(there)}


def set_stuck(turn: Turn) -> Json:
    """`{"path": "/search$"}`: such paths repeat their first answer; `null` for it ends that."""
    turn.crm.server.stuck = turn.order["path"]
    return {}


def be_untidy(turn: Turn) -> Json:
    """`{"at": …, "handed_over": true, "merged": true, "at_once": true, "limited": true}`.

    With `at` alone, what config/sandbox/untidy.toml says has happened by then.
    """
    order = turn.order
    at = datetime.fromisoformat(order.pop("at"))
    what = Untidy(**order) if order else untidy_by_default()
    return {"made": make_untidy(turn.crm, what, at)}


def set_writing(turn: Turn) -> Json:
    """`{"may_write": false, "lost_answers": 1}`: a missing right; changes that are not answered."""
    server = turn.crm.server
    server.may_write = bool(turn.order.get("may_write", server.may_write))
    server.lost_answers = int(turn.order.get("lost_answers", server.lost_answers))
    return {}


SWITCHES: Mapping[str, Callable[[Turn], Json]] = {
    "deals.csv": load_csv,
    "faults": add_faults,
    "poisons": add_poisons,
    "history": tell_less,
    "edits": add_edits,
    "stages": set_stages,
    "stuck": set_stuck,
    "untidy": be_untidy,
    "writing": set_writing,
}
_EDITS: Mapping[str, Callable[[CrmOfVendor, Mapping[str, Any]], str]] = {
    "moved": lambda crm, edit: crm.book.move(edit["deal"], edit["stage"], _at(edit)).deal_id,
    "merged": lambda crm, edit: crm.merge(edit["deal"], edit["into"], _at(edit)).deal_id,
    "deleted": lambda crm, edit: crm.book.delete(edit["deal"], _at(edit)).deal_id,
    "restored": lambda crm, edit: crm.book.restore(edit["deal"], _at(edit)).deal_id,
    "archived": lambda crm, edit: crm.archive(edit["deal"], _at(edit)).deal_id,
    "hidden": lambda crm, edit: crm.book.hide(edit["deal"]).deal_id,
    "shown": lambda crm, edit: crm.book.show(edit["deal"]).deal_id,
}
"""What people do to single deals; each returns the ID of the deal as it is afterwards."""


def _at(edit: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(edit["at"])
