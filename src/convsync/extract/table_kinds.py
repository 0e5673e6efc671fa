"""Recognises tables without deals by their column names: histories, links, lists of stages.

A warehouse keeps a CRM in many tables, and the one with the deals in it is easily missed. What a
table looks like is said, and it is proposed as it stands all the same: a person may know better.
"""

import re
from collections.abc import Collection
from typing import Final

_ID: Final = re.compile(r"\bids?$")
_OF_DEALS: Final = re.compile(r"\b(?:deal|opportunity|lead|mql)\b.*\bids?$")
_CHANGES: Final = (
    *(frozenset({name, "value"}) for name in ("name", "field", "property", "fivetran active")),
    frozenset({"adjustment time", "adjustment type"}),
    *(frozenset({f"old {of}", f"new {of}"}) for of in ("value", "stage", "status")),
    *(frozenset({f"from {of}", f"to {of}"}) for of in ("stage", "status")),
)
"""Columns that stand beside each other where each row is a change."""
_OTHERS: Final = re.compile(r"^(stage|pipeline|user|owner|account|company|product) (?:id|number)$")
OF_LOADERS: Final = re.compile(
    r"^(?:fivetran|airbyte|ab|sdc|dlt)\b|\b(?:synced|loaded|ingested|extracted)(?: at| on)?$"
)
"""Columns that a loader adds: when it copied a row says nothing of the deal."""
_SAYS_LITTLE: Final = re.compile(r"^(?:type|category|label)\b")
_JOIN: Final = (
    'join what is needed of it to the table of deals, in a query of kind = "sql" (DuckDB reads CSV'
    " files as well)"
)


def doubt_of_deals(names: Collection[str], deal_id: str) -> str | None:
    """Return what a table without deals looks like, and what to do; None where it may hold deals.

    Names are the columns', in words of lower case; `deal_id` is the one taken for the deal's ID.
    """
    own = {name for name in names if not OF_LOADERS.search(name)}
    if any(together <= {*names} for together in _CHANGES):
        looks_like = "changes: a deal needs one row, with the time it reached each milestone"
    elif _are_links(own):
        looks_like = "links between records"
    elif other := _OTHERS.match(deal_id):
        looks_like = f"a list of every {other[1]}"
    else:
        return None
    return f"the rows look like {looks_like}; {_JOIN}"


def _are_links(names: Collection[str]) -> bool:
    """True where a table holds hardly more than two IDs, one of them a deal's."""
    ids = [name for name in names if _ID.search(name)]
    rest = [name for name in names if name not in ids and not _SAYS_LITTLE.match(name)]
    return len(ids) > 1 and not rest and any(map(_OF_DEALS.search, ids))
