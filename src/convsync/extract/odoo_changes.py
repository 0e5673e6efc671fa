"""The changes that messages on Odoo's leads tell of: when stages were entered, and leads archived.

Only administrators may read them. A merge moves the losers' messages to the survivor, so that a
lead may have been given changes of others.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, Final

from convsync.extract.odoo_models import CHANGE, LEAD_MODEL, MESSAGE, Models
from convsync.extract.odoo_records import Told, TrackedChange, instant_of, key_of

_OF_PEOPLE: Final = ("email", "comment", "user_notification")
"""The types of messages that tell of no change. The last must not even be asked for: Odoo counts
notes to others into a page and then leaves them out, so that a full page looks like the last one.
https://github.com/odoo/odoo/blob/19.0/addons/mail/models/mail_message.py
"""
_TRACKED: Final = ("stage_id", "active")
_A_THREAD: Final = 5_000


class TrackedChanges:
    """The tracked changes of one Odoo database."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._tracked: dict[Any, str] = {}

    def told_of(self, ids: Sequence[int]) -> Mapping[int, Told]:
        """Return the tracked changes of leads, and those they were given, each oldest first.

        A merge moves the losers' messages to the survivor and gives each a subject, "From …" in the
        user's language; a message about a change has none of its own. People's are left unread.
        https://github.com/odoo/odoo/blob/19.0/addons/mail/models/mail_tracking_value.py
        """
        if not ids:
            return {}
        domain = [
            ["model", "=", LEAD_MODEL],
            ["res_id", "in", list(ids)],
            ["message_type", "not in", list(_OF_PEOPLE)],
        ]
        own: defaultdict[int, list[TrackedChange]] = defaultdict(list)
        given: defaultdict[int, list[TrackedChange]] = defaultdict(list)
        for messages in self._models.pages(MESSAGE, domain, ["res_id", "subject"], _A_THREAD):
            of = {one["id"]: (one["res_id"], given if one["subject"] else own) for one in messages}
            for message, change in self._changes_told_by(list(of)):
                lead, changes = of[message]
                changes[lead].append(change)
        by_time = attrgetter("at")
        return {
            lead: Told(sorted(own[lead], key=by_time), sorted(given[lead], key=by_time))
            for lead in {*own, *given}
        }

    def _changes_told_by(self, messages: Sequence[int]) -> Iterator[tuple[int, TrackedChange]]:
        """Yield the changes that messages tell of, by record ID, each with its message."""
        if not messages:
            return
        reference, tracked = self._reference, self._tracked_fields()
        domain = [["mail_message_id", "in", messages], [reference, "in", list(tracked)]]
        values = ["old_value_integer", "new_value_integer"]
        columns = ["mail_message_id", reference, *values, "create_date"]
        for page in self._models.pages(CHANGE, domain, columns, _A_THREAD):
            for row in page:
                field, at = tracked[key_of(row[reference])], instant_of(row["create_date"])
                if at is not None:
                    yield (
                        key_of(row["mail_message_id"]),
                        TrackedChange(at, field, *(row[v] for v in values)),
                    )

    @property
    def _reference(self) -> str:
        """Return what a tracked change names its field in: `field_id` from Odoo 17 on."""
        return "field_id" if "field_id" in self._models.described(CHANGE) else "field"

    def _tracked_fields(self) -> Mapping[Any, str]:
        """Return the fields by what a tracked change calls them: their names up to Odoo 13."""
        if not self._tracked:
            if self._models.described(CHANGE)[self._reference]["type"] == "char":
                self._tracked = {name: name for name in _TRACKED}
            else:
                domain = [["model", "=", LEAD_MODEL], ["name", "in", list(_TRACKED)]]
                rows = self._models.found("ir.model.fields", domain, ["name"])
                self._tracked = {row["id"]: row["name"] for row in rows}
        return self._tracked

    def raise_unless_readable(self) -> None:
        """Find out now, not in the middle of the night. A description is given to anybody."""
        self._models.found(CHANGE, [], ["id"], limit=1)
