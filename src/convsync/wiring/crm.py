"""Settings → the sources over a CRM's API; how each is opened, its descriptor says."""

from pathlib import Path

from convsync.extract.crm import CrmDeals, ForgetfulCrmDeals
from convsync.extract.crm_adapter import Crm
from convsync.extract.funnel import MilestoneStages, StageOutcome
from convsync.extract.mapping import (
    CellFormat,
    CrmMapping,
    DealFields,
    MilestoneField,
    OnCreation,
    RecordFields,
)
from convsync.retrying import RetryPolicy
from convsync.settings import Settings, crm_tables
from convsync.settings.crms import CRMS
from convsync.settings.crms.descriptor import Connection
from convsync.wiring.destinations import keeps_plain_hashes
from convsync.wiring.values import customer_words, date_columns, joins_plain_hashes, mapped, minutes


def crm_source(
    name: str, table: crm_tables.AnyCrmDeals, settings: Settings, policy: RetryPolicy
) -> CrmDeals:
    """Return the source of one CRM's deals. Nothing is asked of it yet."""
    mapping = mapping_of(table)
    company = settings.company
    cells = CellFormat(
        time_zone=table.time_zone or company.time_zone,
        date_formats=table.date_formats,
        date_columns=_date_columns(table),
        value_separator=table.value_separator,
        blank_words=frozenset(table.blank_words),
        emails_are_hashed=table.emails_are_hashed,
        phones_are_hashed=table.phones_are_hashed,
        joins_plain_hashes=joins_plain_hashes(settings),
        keeps_plain_hashes=keeps_plain_hashes(settings.destinations),
        currency=table.currency,
        phone_region=table.country or company.country,
        granted_words=frozenset(table.consent.granted),
        denied_words=frozenset(table.consent.denied),
        unspecified_words=frozenset(table.consent.unspecified),
        customer_words=customer_words(table.customer_type),
    )
    source = ForgetfulCrmDeals if CRMS[table.kind].keeps_no_trace else CrmDeals
    return source(
        name,
        crm_of(table, mapping, settings.folder, policy),
        mapping,
        cells,
        lag=minutes(table.lag_minutes),
        overlap=minutes(table.overlap_minutes),
    )


def _date_columns(table: crm_tables.AnyCrmDeals) -> frozenset[str]:
    fields = {how.field for how in table.milestones.values() if how.field and how.is_date}
    return date_columns(table.deal, table.contact, table.lead) | fields


def crm_of(
    table: crm_tables.AnyCrmDeals, mapping: CrmMapping, folder: Path, policy: RetryPolicy
) -> Crm:
    """Return a vendor's adapter, signed in as its table says."""
    file = None if table.token_file is None else folder / table.token_file
    connection = Connection(folder=folder, token_file=file, policy=policy)
    return CRMS[table.kind].open(table, mapping, connection)


def mapping_of(table: crm_tables.AnyCrmDeals) -> CrmMapping:
    """Return what the stages and fields of a CRM mean."""
    return CrmMapping(
        milestones={name: _milestone(how) for name, how in table.milestones.items()},
        deal=RecordFields(**mapped(table.deal, RecordFields)),
        contact=RecordFields(**mapped(table.contact, RecordFields)),
        lead=RecordFields(**mapped(table.lead, RecordFields)),
        segments=table.segments,
        **mapped(table.deal, DealFields),
    )


def _milestone(how: crm_tables.CrmMilestone) -> MilestoneStages | MilestoneField | OnCreation:
    if how.created:
        return OnCreation()
    if how.field is not None:
        return MilestoneField(how.field)
    outcome = None if how.outcome is None else StageOutcome(how.outcome)
    return MilestoneStages(stages=how.stages, outcome=outcome)
