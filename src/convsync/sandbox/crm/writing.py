"""Fields of deals that a program may write into, alike in all CRMs that take it.

A vendor's server says in its own words who may write, what fits and what became of it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from convsync.sandbox.crm.book import CrmBook, Deal
from convsync.sandbox.crm.server import CrmServer, Field, Reply

WRITABLE: Final = {
    "written_click": "Ad click",
    "written_campaign": "Ad campaign",
    "written_keyword": "Ad keyword",
    "written_first_click": "First ad click",
    "written_platform": "Ad platform",
    "written_score": "Lead score",
}
"""The book's words for the fields that are there to be written into, and their labels."""
NUMBER: Final = "written_score"
"""The one among them that is a number."""
LONGEST: Final = 255


def own_names(fields: Sequence[Field]) -> Mapping[str, str]:
    """Return the book's word for each field of deals that may be written into, by the vendor's."""
    return {one.name: one.own for one in fields if one.kind == "deal" and one.own in WRITABLE}


def fits(own: str, value: object) -> bool:
    """Return whether a field takes a value as JSON has it: a number, or a text that is not long."""
    if own == NUMBER:
        return isinstance(value, int | float)
    return isinstance(value, str) and len(value) <= LONGEST


def put_down(server: CrmServer, deal: Deal, values: Mapping[str, object]) -> Deal:
    """Write values into a deal, by the book's words; that moves its stamp, as a person's edit."""
    book: CrmBook = server.book
    texts = {own: str(value) for own, value in values.items()}
    return book.edit(deal.deal_id, server.now(), fields=texts)


def answered(server: CrmServer, reply: Reply) -> Reply:
    """Return the answer to what was written, unless it is one of those that get lost."""
    if not server.lost_answers:
        return reply
    server.lost_answers -= 1
    return Reply(status=504)
