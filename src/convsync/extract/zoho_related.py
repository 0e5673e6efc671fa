"""Lists that Zoho returns for one deal at a time: its stage history, the contacts in roles.

One that cannot be had for good is its deal's problem: the others are read, and it is asked for
again on later nights.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from convsync.errors import UnexpectedResponseError
from convsync.extract.malformed import OwnCalls
from convsync.extract.zoho_api import Api, ZohoRecord
from convsync.extract.zoho_records import id_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedLists:
    """A list of each deal that is still there, and why those of some cannot be had."""

    found: Mapping[str, Sequence[ZohoRecord]]
    failed: Mapping[str, UnexpectedResponseError] = field(default_factory=dict)


def related_lists(
    api: Api, deal_ids: Iterable[str], what: str, columns: str, own: OwnCalls
) -> RelatedLists:
    """Return a related list of each deal. Raises what most of them fail with."""
    ids = [*deal_ids]
    reads = [partial(own.tried, partial(api.related, one, what, columns)) for one in ids]
    answers = dict(zip(ids, api.together(reads), strict=True))
    return RelatedLists(
        found={one: rows for one, rows in answers.items() if isinstance(rows, list)},
        failed={
            one: error
            for one, error in answers.items()
            if isinstance(error, UnexpectedResponseError)
        },
    )


def contacts_in(row: ZohoRecord, roles: RelatedLists | None) -> list[str]:
    """Return the IDs of a deal's contacts, its own first."""
    listed = roles.found[row["id"]] if roles else ()
    named = (id_of(row.get("Contact_Name")), *(role["id"] for role in listed))
    return [*filter(None, dict.fromkeys(named))]
