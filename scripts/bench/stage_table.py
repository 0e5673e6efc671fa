"""Which code belongs to which stage of a night.

A thread is in the first stage of the table that has a function anywhere on its stack: a row that is
inserted while a batch is reserved belongs to `reserve`, a commit to `commits`, whoever makes it.
`module` stands for all of a module and those below it, `module:name` for one function or class.
What is on no line, such as the interpreter and the command line, is `start`.
"""

from collections.abc import Mapping
from functools import cache

START, THE_REST, OTHER_THREADS = "start", "the rest of the run", "other threads"
STAGES: Mapping[str, tuple[str, ...]] = {
    START: ("importlib._bootstrap", "convsync.settings", "convsync.wiring"),
    "commits": (
        "sqlalchemy.engine.default:DefaultDialect.do_commit",
        "convsync.store.database:Database.close",
    ),
    "protobuf": (
        "convsync.upload.google.data_manager_events",
        "convsync.upload.google.data_manager_requests",
    ),
    "audit": ("convsync.audit:record", "convsync.store.audit_log", "convsync.model.chain"),
    "reserve": ("convsync.outbox:Outbox._reserve", "convsync.outbox:Outbox._next_action"),
    "settle": (
        "convsync.sending.settling",
        "convsync.outbox:Outbox._settle_and_reserve",
        "convsync.outbox:Outbox.confirm",
    ),
    "upload": ("convsync.upload", "convsync.sending.calls", "convsync.outbox:Outbox._dispatch"),
    "deal content and digests": ("convsync.store.deal_row",),
    "parse": ("convsync.extract",),
    "insert deals": ("convsync.store.deals",),
    "match": ("convsync.match", "convsync.store.clicks"),
    "value": ("convsync.value",),
    "ledger insert": ("convsync.store.ledger:write", "convsync.store.new_entries"),
    "plan": (
        "convsync.plan",
        "convsync.decide",
        "convsync.reconcile",
        "convsync.usual",
        "convsync.running.planning:ChunkPlanner.reconcile",
    ),
    "closing": (
        "convsync.running.conclusion:Conclusion.finish",
        "convsync.report",
        "convsync.store.account",
    ),
    THE_REST: ("convsync.pipeline",),
}


@cache
def stage_names() -> tuple[str, ...]:
    """Return the stages in the order in which they are looked for."""
    return tuple(STAGES)


def rank_of(module: str, name: str) -> int | None:
    """Return the place in the table of the first stage that a function belongs to, if any."""
    for rank, places in enumerate(STAGES.values()):
        if any(_is_at(place, module, name) for place in places):
            return rank
    return None


def _is_at(place: str, module: str, name: str) -> bool:
    whole, _, function = place.partition(":")
    if function:
        return module == whole and f"{name}.".startswith(f"{function}.")
    return f"{module}.".startswith(f"{whole}.")
