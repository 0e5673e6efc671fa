"""What a new field of a deal costs: the hub's list of files, held to a field that is there."""

import re
from pathlib import Path

from convsync.extract import deal_reader

PRODUCT = Path(deal_reader.__file__).parents[1]
LISTED = re.findall(r"(?m)^    (\w+/\w+\.py) ", deal_reader.__doc__ or "")


def test_a_new_field_touches_few_files() -> None:
    assert 0 < len(LISTED) < 10, "with the migration it is at most ten"


def test_every_file_listed_for_a_deal_field_handles_an_existing_field() -> None:
    without = [name for name in LISTED if "customer_type" not in (PRODUCT / name).read_text()]
    assert without == []


def test_a_reader_of_one_kind_of_source_knows_no_single_field() -> None:
    """Else each kind of source would need a line for a new one."""
    for name in ("rows.py", "crm.py", "csv_file.py", "sql.py", "layout.py", "record_reader.py"):
        assert "customer_type" not in (PRODUCT / "extract" / name).read_text(), name
