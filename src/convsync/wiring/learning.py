"""Settings → how values are learned."""

from typing import TYPE_CHECKING

from convsync.errors import OperatorError
from convsync.model.deal import LOST, WON
from convsync.opening import absurd_above, company_zone
from convsync.settings import Settings
from convsync.wiring.rules import funnel_of

if TYPE_CHECKING:
    from convsync.values.history import LearningTerms


def learning_terms_of(settings: Settings) -> "LearningTerms":
    """Return how values are learned.

    Raises OperatorError where nothing says in which currency, or no milestone comes before a sale.
    """
    from convsync.values.history import LearningTerms
    from convsync.values.leads import Terms

    table = settings.values
    currency = table.currency or settings.company.currency
    if currency is None:
        raise OperatorError("Values need one currency: set [values] currency, or the company's.")
    milestones = [name for name in funnel_of(settings) if name not in {WON, LOST}]
    if not milestones:
        raise OperatorError(
            "No source maps a milestone before the sale, so there is nothing to value:"
            " map `mql`, `sql` or `opportunity` in a source's milestones."
        )
    return LearningTerms(
        terms=Terms(
            milestones=tuple(milestones),
            by=tuple(table.by),
            window_days=table.window_days,
            half_life_days=table.half_life_days,
            currency=currency,
        ),
        zone=company_zone(settings),
        absurd_above=absurd_above(settings),
    )
