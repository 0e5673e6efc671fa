"""Twenty thousand deals of each CRM, edited at random between its requests, across two runs.

A soak: `make soak` runs it, the quick suite does not. In the end every deal's final state is in the
store, and no watermark has passed a deal that was not read.
"""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from convsync.store import runs
from tests.contract.source_suite import TOUCHED, put_deal, put_person
from tests.nights.test_edited_while_read import OFFICES, EditedWhileRead

DEALS = 20_000
EDITS_A_REQUEST = 2


@pytest.mark.slow
@pytest.mark.parametrize("crm", sorted(OFFICES))
def test_every_final_state_of_twenty_thousand_edited_deals_is_in_the_store(crm: str) -> None:
    class Company(EditedWhileRead):
        office_class = OFFICES[crm]

    company, random = Company(), Random(crm)
    office = company.office
    for number in range(1, DEALS + 1):
        contact = put_person(office, 500_000 + number) if number % 20 == 0 else None
        put_deal(office, number, modified_at=TOUCHED, people=(contact,) if contact else ())
    edited: set[int] = set()

    def edit(_: int) -> None:
        for number in (random.randint(1, DEALS) for _ in range(EDITS_A_REQUEST)):
            deal_id = office.record_id(number)
            amount = Decimal(random.randint(1, 10_000))
            edited.add(number)
            match number % 10, office.book.deal(deal_id):
                case _, None:
                    pass  # deleted before
                case 0, deal if deal and deal.people:
                    office.book.edit_person(deal.people[0], office.now, gclid=f"G-{number}")
                case 1, _:
                    office.book.delete(deal_id, office.now)
                case 2, _:
                    office.book.move(deal_id, "sql", office.now)
                case _:
                    office.book.edit(deal_id, office.now, amount=amount)

    office.over_http.before_each = edit
    company.night()
    assert len(edited) > 20, "there was work while it was read"
    with company.database.reading() as connection:
        watermark = runs.watermark(connection, "crm")
    assert watermark is not None
    overlap = office.make_crm(office.mapping).overlap
    company.everything_is_stored_up_to(watermark - overlap)

    office.over_http.before_each = lambda _: None
    company.night()
    company.everything_is_stored_up_to(office.now + timedelta(days=1))
    company.everything_deleted_is_gone()
    company.close()
