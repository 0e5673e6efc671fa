"""What Microsoft Advertising accepts, known beforehand.

- There is no order ID: a conversion is known by its msclkid, the goal's name and its time, so that
  a repeat of it counts nothing new
  (https://learn.microsoft.com/en-us/advertising/campaign-management-service/offlineconversion). For
  a row that has hashes alone, that is not documented: such a request is not repeated.
- Values can be restated, and conversions retracted, for 90 days, where they began with a msclkid.
  How one known by hashes alone would be found is not documented.
- What is adjusted before Microsoft has processed the conversion is dropped without a word
  (`AdjustmentOriginalNotFound`), so an adjustment waits for `corrects_after`.
- Phones are E.164 before they are hashed. Of e-mails only lower case and trimming are known, not
  whether dots and what follows a `+` are dropped, so both forms can be set.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from convsync.model.click import ClickIdKind
from convsync.model.identifiers import Form, HashForms
from convsync.model.statement import Operation, Statement
from convsync.model.takes import ConversionKey, Repeats, Takes, Way

WINDOW: Final = timedelta(days=90)
PROCESSED_AFTER: Final = timedelta(hours=6)
MOST_IDENTIFIERS: Final = 2
"""An e-mail and a phone: a row has room for one of each."""

ADJUSTMENT_WITHOUT_CLICK: Final = "ADJUSTMENT_WITHOUT_CLICK"


@dataclass(frozen=True, slots=True, kw_only=True)
class MicrosoftTakes(Takes):
    """What Microsoft takes; with `adjusts_identifiers` also adjustments of rows without a click."""

    adjusts_identifiers: bool = False

    def refusal_of(self, statement: Statement, now: datetime) -> str | None:
        """Return the code for which Microsoft would refuse a statement; see Takes."""
        is_adjustment = statement.operation is not Operation.COUNT
        if is_adjustment and statement.click_id is None and not self.adjusts_identifiers:
            return ADJUSTMENT_WITHOUT_CLICK
        return Takes.refusal_of(self, statement, now)


def microsoft(
    *,
    email_form: Form = Form.PLAIN,
    repeats_identifiers: bool = False,
    adjusts_identifiers: bool = False,
    corrects_after: timedelta = PROCESSED_AFTER,
) -> MicrosoftTakes:
    """Return what Microsoft takes, with what is not documented as it was chosen."""
    way = [Way(within=WINDOW, needs_a_key=True)]
    return MicrosoftTakes(
        click_ids=frozenset({ClickIdKind.MSCLKID}),
        identifiers=MOST_IDENTIFIERS,
        hash_forms=HashForms(emails=email_form, phones=Form.GOOGLE),
        corrections={Operation.RESTATE: way, Operation.RETRACT: way},
        corrects_after=corrects_after,
        counts_within=WINDOW,
        key=ConversionKey.CLICK_AND_TIME,
        repeats=Repeats(without_click=repeats_identifiers),
        adjusts_identifiers=adjusts_identifiers,
    )
