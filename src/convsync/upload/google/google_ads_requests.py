"""Requests to the Google Ads API: a batch as raw requests, the same for the same batch.

Requests are built as raw protobuf, which is ten times cheaper than the client's own classes. Custom
variables go out under their numbers, which the configuration names: looking them up by name would
cost a request a night, and a read that uploads otherwise do without.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from convsync.errors import OperatorError
from convsync.model.click import ClickId, ClickIdKind
from convsync.model.consent import ConsentStatus
from convsync.model.statement import Batch, Operation, Statement
from convsync.upload.google.google_ads_api import Api, Customer
from convsync.upload.google.takes import CLICK_IDS

MAX_IDENTIFIERS = 5
_MOST_JOBS = 2**31


def upload_request_of(batch: Batch, customer: Customer, api: Api) -> Any:
    """Return the raw request that counts a batch, the same for the same batch."""
    request = api.raw_upload_request()
    _set_head(request, batch, customer)
    action = action_name(batch, customer)
    moments = _moments(batch.statements)
    for statement, moment in zip(batch.statements, moments, strict=True):
        row = request.conversions.add()
        row.conversion_action = action
        row.conversion_date_time = moment
        row.order_id = statement.order_id
        row.conversion_value = float(statement.value.amount)
        row.currency_code = statement.value.currency
        if click_id := statement.click_id:
            setattr(row, _FIELD[click_id.kind], click_id.value)
        if (status := statement.consent.ad_user_data) is not ConsentStatus.UNSPECIFIED:
            row.consent.ad_user_data = api.consent[status]  # ad_personalization is refused here
        if statement.identifiers:
            _add_identifiers(row.user_identifiers, statement)
        if statement.customer_type and (kind := api.customer_type.get(statement.customer_type)):
            row.customer_type = kind
        if statement.variables and not (click_id and click_id.kind in _WITHOUT_VARIABLES):
            _add_variables(row.custom_variables, statement, customer)
    return request


def adjustments_request_of(batch: Batch, customer: Customer, api: Api, now: datetime) -> Any:
    """Return the raw request that restates and takes back what a batch says, as of `now`.

    Google keeps one restatement for each time of adjustment, so a later one needs a later `now`.
    """
    request = api.raw_adjustments_request()
    _set_head(request, batch, customer)
    action = action_name(batch, customer)
    for statement in batch.statements:
        row = request.conversion_adjustments.add()
        row.order_id = statement.order_id
        row.conversion_action = action
        row.adjustment_date_time = _moment(now)
        row.adjustment_type = api.adjustment_type[statement.operation]
        if statement.operation is Operation.RESTATE:
            row.restatement_value.adjusted_value = float(statement.value.amount)
            row.restatement_value.currency_code = statement.value.currency
    return request


def action_name(batch: Batch, customer: Customer) -> str:
    """Return the resource name of a batch's conversion action."""
    return f"customers/{customer.customer_id}/conversionActions/{batch.action.action_id}"


def _set_head(request: Any, batch: Batch, customer: Customer) -> None:
    request.customer_id = customer.customer_id
    request.partial_failure = True
    if 0 < batch.number < _MOST_JOBS:
        request.job_id = batch.number  # upload diagnostics are told apart by it


_FIELD = {kind: kind.value for kind in CLICK_IDS}
_WITHOUT_VARIABLES = frozenset({ClickIdKind.GBRAID, ClickIdKind.WBRAID})
"""Google takes no custom variables beside a braid, and would refuse the conversion for them."""


def _moment(at: datetime) -> str:
    """Return an instant as Google reads it, the zone included: 2026-03-02 15:00:00+00:00."""
    return at.astimezone(UTC).isoformat(" ", "seconds")


def _moments(statements: Sequence[Statement]) -> Iterator[str]:
    """Yield each conversion's time, a second earlier for another deal of the same click.

    To Google what one click led to in one second is one conversion, whatever its order ID; two
    deals of one person closed on the same bare date would be refused as duplicates, both of them.
    """
    taken: set[tuple[ClickId, str]] = set()
    for statement in statements:
        at = statement.event_at
        moment = _moment(at)
        if click_id := statement.click_id:
            while (click_id, moment) in taken:
                at -= timedelta(seconds=1)
                moment = _moment(at)
            taken.add((click_id, moment))
        yield moment


def _add_identifiers(rows: Any, statement: Statement) -> None:
    who = statement.identifiers
    for email in who.emails[:MAX_IDENTIFIERS]:
        rows.add().hashed_email = email
    for phone in who.phones[: MAX_IDENTIFIERS - len(rows)]:
        rows.add().hashed_phone_number = phone


def _add_variables(rows: Any, statement: Statement, customer: Customer) -> None:
    for name, value in statement.variables.items():
        if name not in customer.variables:
            raise OperatorError(
                f"The custom variable '{name}' has no number: name it in the destination's "
                "custom_variables, or remove it from the rule."
            )
        row = rows.add()
        number = customer.variables[name]
        row.conversion_custom_variable = (
            f"customers/{customer.customer_id}/conversionCustomVariables/{number}"
        )
        row.value = value
