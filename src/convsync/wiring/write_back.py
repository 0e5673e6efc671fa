"""Settings → what is written back into which CRM, and by what."""

from collections.abc import Callable, Sequence

from convsync.errors import OperatorError
from convsync.extract.crm import CrmDeals
from convsync.extract.field_writer import FieldWriter, WritesFields
from convsync.extract.source import DealSource
from convsync.model.write_back import WriteBackTerms
from convsync.settings import Settings
from convsync.settings.write_back_tables import WritableCrmDeals


def write_backs_of(settings: Settings) -> Sequence[WriteBackTerms]:
    """Return what goes back into the CRM of each source that wants it, in the file's order."""
    return [
        WriteBackTerms(
            source=name, fields=table.write_back.fields, most_deals=table.write_back.most_deals
        )
        for name, table in settings.deals.items()
        if isinstance(table, WritableCrmDeals) and table.write_back is not None
    ]


def field_writers_of(sources: Sequence[DealSource]) -> Callable[[str], FieldWriter]:
    """Return what opens the writer of a source by its name."""
    by_name = {source.name: source for source in sources}

    def open_writer(name: str) -> FieldWriter:
        source = by_name[name]
        if isinstance(source, CrmDeals) and isinstance(source.crm, WritesFields):
            return source.crm.field_writer()
        raise OperatorError(f"Nothing can be written back into source '{name}'.")

    return open_writer
