"""Settings → what is written back into which CRM, and by which adapter."""

from collections.abc import Sequence
from functools import partial

from convsync.errors import OperatorError
from convsync.extract.field_writer import FieldWriter, WriteBackTerms, WritesFields
from convsync.extract.source import DealSource
from convsync.settings import Settings
from convsync.settings.write_back_tables import WritableCrmDeals


def write_backs_of(settings: Settings, sources: Sequence[DealSource]) -> Sequence[WriteBackTerms]:
    """Return what goes back into the CRM of each source that wants it, in the file's order."""
    by_name = {source.name: source for source in sources}
    return [
        WriteBackTerms(
            source=name,
            fields=table.write_back.fields,
            most_deals=table.write_back.most_deals,
            open_writer=partial(_opened, by_name[name]),
        )
        for name, table in settings.deals.items()
        if isinstance(table, WritableCrmDeals) and table.write_back is not None
    ]


def _opened(source: DealSource) -> FieldWriter:
    from convsync.extract.crm import CrmDeals

    if isinstance(source, CrmDeals) and isinstance(source.crm, WritesFields):
        return source.crm.field_writer()
    raise OperatorError(f"Nothing can be written back into source '{source.name}'.")
