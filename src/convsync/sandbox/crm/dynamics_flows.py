"""The business process flows of a Dynamics 365 environment, each a table that is audited.

The first pipeline of a book is the sales process of every opportunity. Stages of any other are in a
second flow, which an opportunity enters beside the first and runs through apart from it, as
approvals and hand-overs do. Such a table is there only where a book has such stages.
https://learn.microsoft.com/power-automate/business-process-flows-overview
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from convsync.sandbox.crm.book import CrmBook, Deal, Outcome, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A flow's table, its entity set, and what the IDs of its rows and their audits begin with."""

    table: str
    records: str
    instances: str
    audits: str


SALES: Final = Flow(
    table="opportunitysalesprocess",
    records="opportunitysalesprocesses",
    instances="b9f1",
    audits="a0d1",
)
BESIDE: Final = Flow(
    table="new_besideprocess", records="new_besideprocesses", instances="b9f2", audits="a0d2"
)
FLOWS: Final = {flow.records: flow for flow in (SALES, BESIDE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageChange:
    """A deal's flow came into a stage; `number` counts the changes of that flow from 0."""

    stage: str
    at: datetime
    number: int = 0


def flows_of(book: CrmBook) -> Sequence[Flow]:
    """Return the flows that opportunities of a book may go through."""
    has_others = any(flow_of(book, stage) is BESIDE for stage in book.stages)
    return (SALES, BESIDE) if has_others else (SALES,)


def flow_of(book: CrmBook, stage: Stage) -> Flow:
    """Return the flow that a stage is part of."""
    return SALES if stage.pipeline == book.stages[0].pipeline else BESIDE


def state_of(book: CrmBook, deal: Deal) -> Outcome:
    """Return whether a deal is open, won or lost, whatever it goes through beside the sale."""
    return book.stage(of_sales(book, deal)[-1][0]).outcome


def of_sales(book: CrmBook, deal: Deal) -> Sequence[tuple[str, datetime]]:
    """Return what a deal entered of the sales process, closings included, and when."""
    own = [(key, at) for key, at in deal.entered if flow_of(book, book.stage(key)) is SALES]
    return own or [(book.stages[0].key, deal.created_at)]


def moves_in(book: CrmBook, deal: Deal, flow: Flow) -> Sequence[StageChange]:
    """Return the open stages of a flow that a deal came into, none for a flow it never entered.

    Closing and taking up again are no moves.
    """
    moves: list[StageChange] = []
    for key, at in deal.entered:
        stage = book.stage(key)
        is_of_flow = stage.outcome is Outcome.OPEN and flow_of(book, stage) is flow
        if is_of_flow and (not moves or moves[-1].stage != key):
            moves.append(StageChange(stage=key, at=at, number=len(moves)))
    if flow is SALES and not moves:
        return [StageChange(stage=book.stages[0].key, at=deal.created_at)]
    return moves


def told_in(book: CrmBook, deal: Deal, flow: Flow) -> Iterator[StageChange]:
    """Yield those changes of a flow that the history tells of."""
    told = {at for _, at in book.told(deal)}
    return (move for move in moves_in(book, deal, flow) if move.at in told)
