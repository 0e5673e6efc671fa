"""A file that is cut off inside its last cell: only the missing line break shows it."""

import json

import pytest

from tests.cli.office import NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office

EXPORT = """
kind = "csv"
path = "export.csv"

[deals.crm.columns]
deal_id = "id"
gclid = "gclid"
amount = "amount"

[deals.crm.milestones]
won = "won"

"""
HEADER = "id,gclid,won,amount\n"
FIRST, SECOND = (f"D-{n},click-of-D-{n},2026-03-01 10:00:00,{n}200" for n in (1, 2))
WHOLE = f"{HEADER}{FIRST}\n{SECOND}\n"
CUT = WHOLE[:-3]


@pytest.fixture
def exports(office: Office) -> Office:
    """A company whose export ends with the amount."""
    office.cut("[milestones.mql]", "[milestones.won]")
    office.cut("[deals.crm]", "[clicks.site]")
    office.cut("[rules.mql]", "[rules.won]")
    office.configure("[clicks.site]", f"[deals.crm]{EXPORT}[clicks.site]")
    return office


def night(office: Office, export: str, at: str) -> int:
    """Run over an export, and return the exit code."""
    (office.folder / "export.csv").write_text(export, encoding="utf-8")
    return office.night(at).code


def problems(office: Office) -> list[str]:
    """Return what is wrong with the rows that could not be read."""
    listed = office.types("quarantine", "list", "--format", "json").out
    return [entry["problem"] for entry in json.loads(listed)]


def test_a_last_row_without_its_line_break_is_held_back_if_the_file_had_one_before(
    exports: Office,
) -> None:
    assert night(exports, WHOLE, NIGHT) == 0
    assert night(exports, CUT, NEXT_NIGHT) == 1
    assert exports.values("333") == [1200, 2200]
    assert "cut off" in problems(exports)[0]
    assert night(exports, WHOLE, THIRD_NIGHT) == 0
    assert problems(exports) == []


def test_a_last_row_without_its_line_break_is_read_where_the_file_always_ends_so(
    exports: Office,
) -> None:
    assert night(exports, f"{HEADER}{FIRST}", NIGHT) == 0
    assert night(exports, f"{HEADER}{FIRST}\n{SECOND}", NEXT_NIGHT) == 0
    assert exports.values("333") == [1200, 2200]


def test_a_last_row_without_its_line_break_is_read_by_the_second_run_that_finds_the_file_so(
    exports: Office,
) -> None:
    assert night(exports, f"{HEADER}{FIRST}\n", NIGHT) == 0
    assert night(exports, f"{HEADER}{FIRST}\n{SECOND}", NEXT_NIGHT) == 1
    assert exports.values("333") == [1200]
    assert night(exports, f"{HEADER}{FIRST}\n{SECOND}", THIRD_NIGHT) == 0
    assert exports.values("333") == [1200, 2200]


def test_nothing_behind_the_place_where_a_complete_export_is_cut_off_is_taken_for_deleted(
    exports: Office,
) -> None:
    exports.configure('path = "export.csv"', 'path = "export.csv"\ncomplete = true')
    assert night(exports, WHOLE, NIGHT) == 0
    assert night(exports, f"{HEADER}{FIRST}", NEXT_NIGHT) == 1
    assert exports.values("333") == [1200, 2200]


def test_check_warns_before_the_first_run_if_the_last_row_has_no_line_break(
    exports: Office,
) -> None:
    def warnings() -> list[str]:
        checked = json.loads(exports.types("check", "--as-of", NIGHT, "--format", "json").out)
        return [json.dumps(one) for one in checked if one["result"] == "warning"]

    (exports.folder / "export.csv").write_text(CUT, encoding="utf-8")
    assert [one for one in warnings() if "no line break" in one]
    night(exports, CUT, NIGHT)
    assert not [one for one in warnings() if "no line break" in one]


def test_half_a_line_at_the_end_of_a_click_log_is_left_to_the_next_run(exports: Office) -> None:
    exports.configure('gclid = "gclid"\namount', 'crm_key = "id"\namount')
    exports.cut("[clicks.site]", "[rules.won]")
    log = '[clicks.site]\nkind = "csv"\npath = "log.csv"\n[clicks.site.columns]\n'
    log += 'clicked_at = "at"\ncrm_key = "deal"\ngclid = "gclid"\n'
    exports.configure(
        "[rules.",
        f"{log}[rules.",
    )
    lines = [f"2026-02-20T08:00:00Z,D-{n},gclid-number-{n}" for n in (1, 2)]
    (exports.folder / "log.csv").write_text(f"at,deal,gclid\n{lines[0]}\n", encoding="utf-8")
    assert night(exports, WHOLE, NIGHT) == 0
    half = f"at,deal,gclid\n{lines[0]}\n{lines[1][:-4]}"
    (exports.folder / "log.csv").write_text(half, encoding="utf-8")
    assert night(exports, WHOLE, NEXT_NIGHT) == 0
    assert exports.values("333") == [1200]
    (exports.folder / "log.csv").write_text("\n".join(["at,deal,gclid", *lines]), encoding="utf-8")
    night(exports, WHOLE, THIRD_NIGHT)
    assert exports.values("333") == [1200, 2200]
