"""What happened, in words a person can read and a program can replay.

An event about a conversion says, in `detail`, every field of its ledger entry that changed and what
it became: whoever applies all events in order has the ledger. What else stands in `detail` explains
the change and changes nothing.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class EventKind(StrEnum):
    """What can happen: in a run's life, to what was read, to a conversion, and to an audience."""

    RUN_STARTED = "run_started"
    RUN_FINISHED = "run_finished"
    CLICKS_IMPORTED = "clicks_imported"
    DEAL_GONE = "deal_gone"
    DEAL_RETURNED = "deal_returned"
    CONSENT_SAID = "consent_said"
    PLANNED = "planned"
    RESTATED = "restated"
    RETRACTED = "retracted"
    HELD = "held"
    NOT_SENT = "not_sent"
    KEPT = "kept"
    UNCORRECTABLE = "uncorrectable"
    WITHHELD = "withheld"
    RESERVED = "reserved"
    RESENT = "resent"
    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    BLOCKED = "blocked"
    UNMATCHED = "unmatched"
    DEFERRED = "deferred"
    UNTRIED = "untried"
    SHIFTED = "shifted"
    RELEASED = "released"
    RETRIED = "retried"
    UNSURE = "unsure"
    MERGED_AWAY = "merged_away"
    MERGED_IN = "merged_in"
    RULE_MOVED = "rule_moved"
    SOURCE_MOVED = "source_moved"
    RESTORE_ACCEPTED = "restore_accepted"
    PERSON_FORGOTTEN = "person_forgotten"
    IDENTIFIERS_ERASED = "identifiers_erased"
    PLAN_REFUSED = "plan_refused"
    PLAN_FORCED = "plan_forced"
    PLAN_RELEASED = "plan_released"
    CARRIED = "carried"
    RUNS_CARRIED = "runs_carried"
    LOG_SEALED = "log_sealed"
    VALUES_LEARNED = "values_learned"
    VALUES_ACCEPTED = "values_accepted"
    LIST_MADE = "list_made"
    LIST_CLEARED = "list_cleared"
    MEMBERS_SENT = "members_sent"
    MEMBERS_SETTLED = "members_settled"
    FIELDS_WRITTEN = "fields_written"
    FIELDS_LEFT = "fields_left"
    ALERT_ACKNOWLEDGED = "alert_acknowledged"
    ALERT_REOPENED = "alert_reopened"
    KEY_ALLOWED = "key_allowed"
    KEY_DISALLOWED = "key_disallowed"
    STOP_ASKED = "stop_asked"


class Event(Struct, frozen=True):
    """One thing that happened, to a conversion where it names one. `detail` must be JSON's.

    One that names a deal says in which row that is stored.
    """

    kind: EventKind
    detail: Mapping[str, Any] = field(default_factory=dict)
    source: str | None = None
    deal_id: str | None = None
    order_id: str | None = None
    deal_row: int | None = None
