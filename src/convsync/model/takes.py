"""What a destination accepts, so that matching and planning can ask before anything is sent.

A destination declares its vendor's rules as one value. A way is how a platform takes a correction:
most have one; where there are several (a retraction, and a value of zero for what is too old to be
retracted), the first that takes the statement is gone. What no way takes is known beforehand under
a code of ours, which stands in `CODES` with what can be done about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, auto

from convsync.model.click import ClickId, ClickIdKind
from convsync.model.identifiers import GOOGLES_FORMS, HashForms
from convsync.model.money import MOST
from convsync.model.statement import Operation, Statement
from convsync.model.stored_statements import StatementColumns

OPERATION_NOT_TAKEN = "OPERATION_NOT_TAKEN"
CLICK_NOT_TAKEN = "CLICK_NOT_TAKEN"
IDENTIFIERS_NOT_TAKEN = "IDENTIFIERS_NOT_TAKEN"
NO_IDENTIFIERS_LEFT = "NO_IDENTIFIERS_LEFT"
CLICK_CANNOT_BE_CORRECTED = "CLICK_CANNOT_BE_CORRECTED"
TOO_OLD_TO_COUNT = "TOO_OLD_TO_COUNT"
TOO_OLD_TO_CORRECT = "TOO_OLD_TO_CORRECT"
VALUE_NOT_TAKEN = "VALUE_NOT_TAKEN"
TIME_CANNOT_BE_CORRECTED = "TIME_CANNOT_BE_CORRECTED"


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """What a code says, in a sentence, and what can be done about it ("" where nothing can)."""

    sentence: str
    fix: str = ""


CODES: Mapping[str, CodeMeaning] = {
    OPERATION_NOT_TAKEN: CodeMeaning(
        "This platform cannot do that with a conversion: what was counted there stays counted.",
        "Nothing here; correct it in the platform's own reports, if it matters.",
    ),
    CLICK_NOT_TAKEN: CodeMeaning(
        "The click belongs to another ad network than the destination reports to.",
        "Give the milestone a rule for that network's destination.",
    ),
    IDENTIFIERS_NOT_TAKEN: CodeMeaning(
        "There is no click ID, and this platform accepts no hashed e-mail or phone instead."
    ),
    NO_IDENTIFIERS_LEFT: CodeMeaning(
        "The conversion was counted by hashed e-mail or phone alone, which may no longer be sent, "
        "and nothing else identifies it to the platform. Its value stays as it was counted.",
        "Nothing, if consent was withdrawn. A retraction by order ID needs no identifiers: set "
        "the destination's retract_with, for conversions that are not too old.",
    ),
    CLICK_CANNOT_BE_CORRECTED: CodeMeaning(
        "The platform does not correct conversions with a click ID of this kind, such as a wbraid. "
        "The conversion stays as it was counted.",
        "Nothing: conversions of such clicks can be counted, but not corrected.",
    ),
    TOO_OLD_TO_COUNT: CodeMeaning(
        "The milestone is now older than the platform accepts, so the report comes too late.",
        "Run convsync every night; what is this old can no longer be reported.",
    ),
    TOO_OLD_TO_CORRECT: CodeMeaning(
        "The conversion is older than the platform corrects. It stays as it was counted.",
        "Nothing: count an earlier milestone, if deals often change this late.",
    ),
    VALUE_NOT_TAKEN: CodeMeaning(
        "The value is larger than the platform accepts.",
        "Correct the amount in the CRM, or set the rule's amounts.absurd_above.",
    ),
    TIME_CANNOT_BE_CORRECTED: CodeMeaning(
        "The conversion was counted at an estimated time, and the CRM's history now says another. "
        "No platform changes the time of a conversion, and under its order ID it cannot be counted "
        "again.",
        "Nothing: value and click are right. If it happens often, raise the source's lag_minutes.",
    ),
}
"""Our own codes, for what is refused without a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A way in which a platform corrects: of what, and for how long after the event.

    `within` is None where no limit is known. `except_clicks` are kinds of click whose conversions
    it does not correct; `needs_a_key` says that it finds a conversion by its click or identifiers.
    """

    within: timedelta | None = None
    except_clicks: frozenset[ClickIdKind] = frozenset()
    needs_a_key: bool = False

    def refusal_of(self, statement: Statement, now: datetime) -> str | None:
        """Return our code for why this way does not take a correction, None where it does."""
        click_id = statement.click_id
        if click_id is not None and click_id.kind in self.except_clicks:
            return CLICK_CANNOT_BE_CORRECTED
        if self.within is not None and now - statement.event_at > self.within:
            return TOO_OLD_TO_CORRECT
        if self.needs_a_key and click_id is None and not statement.identifiers:
            return NO_IDENTIFIERS_LEFT
        return None


class ConversionKey(Enum):
    """By what a platform knows a conversion, so that a repeat of it is no second one."""

    ORDER_ID = auto()
    CLICK_AND_TIME = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Whether a request whose answer was lost may be sent again, word for word.

    It may be `within` so long of when it first left (None: at any time, zero: never). A platform
    that knows a conversion by its click may not know one that has none, unless `without_click`.
    """

    within: timedelta | None = None
    without_click: bool = True

    def may_repeat(self, statement: Statement, left_at: datetime, now: datetime) -> bool:
        """True where a repeat is no second conversion."""
        if statement.click_id is None and not self.without_click:
            return False
        return self.within is None or now - left_at < self.within

    def knows(self, statement: Statement | None) -> bool:
        """True where the platform knows a repeat of a statement whenever it comes."""
        has_click = statement is not None and statement.click_id is not None
        return self.within is None and (self.without_click or has_click)

    @property
    def are_always_safe(self) -> bool:
        """True where whatever was sent may be sent again at any time."""
        return self.within is None and self.without_click


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What a destination takes.

    `click_ids` are the kinds of click ID it takes, with the time of the click where it
    `asks_when_clicked`; `identifiers` how many hashed e-mails and phones of one conversion, in
    which `hash_forms`, 0 where it takes no conversion without a click. `corrections` holds
    the ways of each operation that corrects: no entry, no such correction. A milestone counts
    `counts_within` so long after it was reached (None: no limit but the click's). Verdicts are
    asked for at `first_poll` after the upload and then less and less often, at `longest_poll` at
    least; None: the answer to the upload is the verdict. It takes no correction of what it
    was sent before `corrects_after`. `key` is what it knows a conversion by, and `repeats` says
    when it knows a repeat for one.
    """

    click_ids: frozenset[ClickIdKind]
    asks_when_clicked: bool = False
    identifiers: int = 0
    hash_forms: HashForms = GOOGLES_FORMS
    corrections: Mapping[Operation, Sequence[Way]] = field(default_factory=dict)
    counts_within: timedelta | None = None
    largest_value: Decimal = MOST
    first_poll: timedelta | None = None
    longest_poll: timedelta = timedelta(hours=12)
    corrects_after: timedelta = timedelta(0)
    key: ConversionKey = ConversionKey.ORDER_ID
    repeats: Repeats = Repeats()

    @property
    def finality(self) -> str:
        """Return what cannot be undone once it is sent, "" where everything can be for a while."""
        is_taken_back = Operation.RETRACT in self.corrections
        is_corrected = Operation.RESTATE in self.corrections
        match is_taken_back, is_corrected:
            case True, True:
                return ""
            case True, False:
                return "cannot be given another value once it is sent"
            case False, True:
                return "cannot be taken back once it is sent"
            case _:
                return "cannot be taken back or corrected once it is sent"

    def refusal_of(self, statement: Statement, now: datetime) -> str | None:
        """Return our code for why the platform would refuse a statement, None where it may not.

        A code stands in `CODES`. What the platform refuses for reasons that only it knows is not
        foreseen here.
        """
        click_id, amount = statement.click_id, statement.value.amount
        if statement.operation is Operation.COUNT:
            return self.refusal_to_count(click_id, amount, statement.event_at, now)
        if code := self._refusal_of_anything(click_id, amount):
            return code
        ways = self.corrections.get(statement.operation, ())
        refusals = [way.refusal_of(statement, now) for way in ways]
        if None in refusals:
            return None
        return refusals[-1] if refusals else OPERATION_NOT_TAKEN

    def surely_takes(self, said: StatementColumns) -> bool:
        """True where all of these count a click that is taken, as most do: `refusal_of` has none.

        It is asked of all at once, and makes a statement of none.
        """
        return (
            self.counts_within is None
            and {*said.operations} == {Operation.COUNT}
            and {*said.click_kinds} <= self.click_ids
            and None not in said.click_ids
            and max(said.values) <= self.largest_value.scaleb(6)
        )

    def refusal_to_count(
        self, click_id: ClickId | None, amount: Decimal, event_at: datetime, now: datetime
    ) -> str | None:
        """Return our code for why the platform would refuse to count what happened at an instant.

        `amount` is what it is worth, and `click_id` None where identifiers stand in for a click.
        """
        if code := self._refusal_of_anything(click_id, amount):
            return code
        if click_id is None and not self.identifiers:
            return IDENTIFIERS_NOT_TAKEN
        if self.counts_within is not None and now - event_at > self.counts_within:
            return TOO_OLD_TO_COUNT
        return None

    def _refusal_of_anything(self, click_id: ClickId | None, amount: Decimal) -> str | None:
        if click_id is not None and click_id.kind not in self.click_ids:
            return CLICK_NOT_TAKEN
        return VALUE_NOT_TAKEN if amount > self.largest_value else None

    def next_poll(self, answered_at: datetime, now: datetime) -> datetime:
        """Return when to ask for a verdict: after as long as it has taken so far, within bounds.

        Only where `first_poll` is set; `answered_at` is when the upload was answered.
        """
        assert self.first_poll is not None, "the answer to the upload was the verdict"
        return now + min(max(now - answered_at, self.first_poll), self.longest_poll)
