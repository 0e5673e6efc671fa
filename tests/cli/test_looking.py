"""`explain`, `status`, `audit`, `check`, `clicks` and `db`: what a person sees of the ledger."""

import json

import pytest

from convsync.sandbox.account import Action
from convsync.sandbox.faults import PlannedFault
from tests.cli.office import ACCOUNT, NEXT_NIGHT, NIGHT, THIRD_NIGHT, Office, rows_of, run

FORMATS = ("table", "json", "csv")


# --- explain -------------------------------------------------------------------------------------


def test_a_sent_deal_is_explained_with_its_click_its_value_and_its_order_id(office: Office) -> None:
    office.deal()
    office.night()
    said = office.types("explain", "D-1")
    (order_id,) = office.counted("333")
    assert said.code == 0
    assert "click 1: gclid click-of-D-1 2026-02-20 09:00:00+01:00, found on the deal" in said.out
    assert "accepted (count), 1,000.00 EUR" in said.out
    assert f"order ID {order_id}" in said.out


def test_a_click_on_the_deal_and_in_the_log_is_explained_as_one(office: Office) -> None:
    office.deal()
    office.night()
    assert office.types("explain", "D-1").out.count("click-of-D-1") == 1


def test_a_waiting_deal_is_explained_with_what_it_waits_for_and_until_when(office: Office) -> None:
    office.deal(gclid="", won_date="")
    office.night()
    said = office.types("explain", "D-1")
    assert "no click is known" in said.out
    assert "held (count), until 2026-05-21" in said.out
    assert "No ad click is known yet" in said.out
    assert "→ Nothing. If it came from an ad" in said.out


def test_what_was_refused_after_a_lost_answer_is_explained_as_perhaps_counted(
    office: Office,
) -> None:
    office.deal(mql_date="")
    office.sandbox.platform.faults.add(
        PlannedFault(on="ingest", request=1, kind="unavailable_after")
    )
    office.night()
    office.sandbox.platform.verdicts = {"click-of-D-1": "PROCESSING_ERROR_REASON_INVALID_GCLID"}
    office.night(NEXT_NIGHT)
    assert "the platform may count it" not in office.types("explain", "D-1").out
    office.night(THIRD_NIGHT)
    said = office.types("explain", "D-1")
    assert "rejected (count), 1,000.00 EUR, PROCESSING_ERROR_REASON_INVALID_GCLID" in said.out
    assert "the platform may count it nevertheless." in said.out
    assert "PROCESSING_ERROR_REASON_INVALID_GCLID: The gclid cannot be decoded." in said.out
    assert "→ Make sure that the form and the CRM store click IDs complete" in said.out
    rows = json.loads(office.types("explain", "D-1", "--format", "json").out)
    (row,) = (row for row in rows if row["rule"] == "won")
    assert row["may_be_counted"] is True
    assert row["code_means"] == "The gclid cannot be decoded."
    assert row["code_fix"].startswith("Make sure that the form")


def test_what_the_account_blocks_is_explained_with_what_to_put_right(office: Office) -> None:
    office.sandbox.platform.set_actions([Action(account=ACCOUNT, id="111")])
    office.deal(mql_date="")
    office.night()
    said = office.types("explain", "D-1")
    assert "INVALID_CONVERSION_ACTION_ID: The account has no such conversion action." in said.out
    assert "→ Check the rule's action_id under Goals › Conversions" in said.out


def test_a_sale_long_after_its_click_is_explained_with_the_milestone_that_was_in_time(
    office: Office,
) -> None:
    office.configure("action_id = 333", "action_id = 333\nlookback_days = 5")
    office.deal()
    office.night()
    said = office.types("explain", "D-1")
    assert "longer before the milestone than the rule's lookback window" in said.out
    assert "It was in time for the rule mql, and sent under it." in said.out
    (won,) = (
        line
        for line in json.loads(office.types("explain", "D-1", "--format", "json").out)
        if line["rule"] == "won"
    )
    assert (won["reason"], won["caught_earlier"]) == ("click_outside_lookback", ["mql"])
    assert "1 too late for won were in time for mql" in office.types("status").out


def test_an_unknown_deal_ends_with_2(office: Office) -> None:
    office.deal()
    office.night()
    for command in (("explain",), ("audit", "show")):
        said = office.types(*command, "d-1")
        assert (said.code, said.out) == (2, "")
        assert "deal d-1" in said.err.lower()


def test_a_deal_that_could_not_be_read_is_explained_with_its_line(office: Office) -> None:
    office.deal(amount="a lot")
    office.night()
    said = office.types("explain", "D-1")
    assert said.code == 2
    assert "deals.csv:2: column 'Amount'" in said.err


def test_a_deal_whose_latest_record_cannot_be_read_says_so(office: Office) -> None:
    office.deal()
    office.night()
    office.deal(amount="a lot")
    office.night(NEXT_NIGHT)
    said = office.types("explain", "D-1")
    assert said.code == 0
    assert "could not be read, and is left out: crm, deals.csv:2: column 'Amount'" in said.out


# --- status --------------------------------------------------------------------------------------


def test_a_row_that_cannot_be_read_is_shown_until_it_is_fixed(office: Office) -> None:
    office.deal()
    office.deal("D-2", amount="a lot")
    said = office.night()
    assert "1 record could not be read" in said.err
    shown = office.types("status")
    assert "1 record in quarantine" in shown.out
    assert "deals.csv:3" in shown.out
    assert "a lot" not in shown.out
    office.deal("D-2", amount="900")
    office.night(NEXT_NIGHT)
    assert "0 records in quarantine" in office.types("status").out


def test_status_as_json_keeps_numbers_and_times(office: Office) -> None:
    office.deal()
    office.deal("D-2", amount="a lot")
    office.night()
    found = json.loads(office.types("status", "--format", "json").out)
    assert found["account"]["sent"] == {"accepted": 2}
    assert found["account"]["is_balanced"] is True
    assert found["quarantine"][0]["since"] == "2026-03-03T01:00:00+00:00"
    assert found["runs"][0]["exit_code"] == 1, "a record is newly unreadable"
    assert found["runs"][0]["finished_at"].endswith("+00:00")


PERIODS = [
    pytest.param(("--from", "2026-03-02"), 2, id="from a day on"),
    pytest.param(("--to", "2026-03-01"), 0, id="up to a day"),
    pytest.param(("--from", "2026-03-02", "--to", "2026-03-02"), 2, id="one day, included"),
]


@pytest.mark.parametrize(("days", "sent"), PERIODS)
def test_the_account_of_a_period_holds_the_milestones_reached_in_it(
    office: Office, days: tuple[str, ...], sent: int
) -> None:
    office.deal(mql_date="2026-03-02 10:00:00")
    office.night()
    account = json.loads(office.types("status", *days, "--format", "json").out)["account"]
    assert account["is_balanced"] is True
    assert sum(account["sent"].values()) == sent


def test_a_vendors_code_is_shown_in_the_vendors_spelling(office: Office) -> None:
    office.deal()
    code = "PROCESSING_ERROR_REASON_SOMETHING_NEW"
    office.sandbox.platform.verdicts = {"click-of-D-1": code}
    office.night()
    office.night(NEXT_NIGHT)
    assert code in office.types("explain", "D-1").out


# --- every listing, in every format --------------------------------------------------------------

LISTINGS = ("status", f"check --as-of {NIGHT}", "explain D-1", "audit list", "audit show D-1")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("listing", LISTINGS)
def test_a_listing_comes_in_every_format(office: Office, listing: str, form: str) -> None:
    office.deal()
    office.night()
    said = office.types(*listing.split(), "--format", form)
    assert (said.code, said.err) == (0, "")
    match form:
        case "json":
            assert json.loads(said.out)
        case "csv":
            rows = list(rows_of(said.out))
            assert rows
            assert all(None not in row and None not in row.values() for row in rows)
        case _:
            assert said.out


def test_what_looks_like_markup_is_printed_as_it_is(office: Office) -> None:
    """Rich would take [store] for a style, and :12: for an emoji."""
    office.configure("sqlite:///convsync.db", "sqlite:///no/such/folder.db")
    office.configure('deal_id = "Deal ID"', 'deal_id = "[bold] :smile:"')
    said = office.types("check")
    assert "'[bold] :smile:' is missing" in said.out


def test_a_table_is_not_wrapped_where_nobody_is_looking(office: Office) -> None:
    office.deal()
    office.night()
    lines = office.types("audit", "list").out.splitlines()
    assert len(lines) == 1 + office.sql("SELECT count(*) FROM audit_events")[0][0]


# --- audit ---------------------------------------------------------------------------------------


def test_the_latest_events_are_listed_oldest_first(office: Office) -> None:
    office.deal()
    office.night()
    events = json.loads(office.types("audit", "list", "--last", "3", "--format", "json").out)
    assert [event["event"] for event in events] == ["reserved", "accepted", "run_finished"]
    assert events[1]["detail"]["state"] == "accepted"
    assert events[1]["number"] + 1 == events[2]["number"]
    (planned,) = json.loads(
        office.types("audit", "list", "--event", "planned", "--last", "1", "--format", "json").out
    )
    assert planned["detail"]["value"] == "1000.00"


def test_events_can_be_picked_by_run_and_kind(office: Office) -> None:
    office.deal()
    office.night()
    office.night(NEXT_NIGHT)
    words = ("audit", "list", "--run", "2", "--event", "confirmed", "--format", "json")
    events = json.loads(office.types(*words).out)
    assert {(event["run"], event["event"], event["deal"]) for event in events} == {
        (2, "confirmed", None)
    }
    assert [event["detail"]["rows"] for event in events] == [1, 1]


def test_a_kind_of_event_that_does_not_exist_is_a_mistake(office: Office) -> None:
    said = office.types("audit", "list", "--event", "sent")
    assert said.code == 2
    assert "there are: run_started, " in said.err


def test_a_deals_whole_story_is_shown(office: Office) -> None:
    office.deal()
    office.deal("D-2")
    office.night()
    office.night(NEXT_NIGHT)
    rows = list(rows_of(office.types("audit", "show", "D-1", "--format", "csv").out))
    assert [row["event"] for row in rows] == [
        "planned",
        "planned",
        "reserved",
        "accepted",
        "reserved",
        "accepted",
        "confirmed",
        "confirmed",
    ]
    assert {row["deal"] for row in rows} == {"D-1"}
    (order_id,) = {row["order_id"] for row in rows if '"won"' in row["detail"]}
    of_order = list(rows_of(office.types("audit", "show", order_id, "--format", "csv").out))
    assert [row["event"] for row in of_order] == ["planned", "reserved", "accepted", "confirmed"]
    assert {row["order_id"] for row in of_order} == {order_id}


def asked_for(office: Office, *words: str) -> list[str]:
    """Return the events that `audit list` shows."""
    found = office.types("audit", "list", *words, "--format", "json")
    assert (found.code, found.err) == (0, "")
    return [event["event"] for event in json.loads(found.out)]


def test_events_are_narrowed_by_every_option(office: Office) -> None:
    office.deal()
    office.deal("D-2", amount="4711", mql_date="")
    office.night()
    office.deal("D-2", amount="5000", mql_date="", last_modified="2026-03-03 18:00:00")
    office.night(NEXT_NIGHT)
    ((request,),) = office.sql("SELECT request_id FROM batches WHERE action_id = '333' LIMIT 1")
    (order_id,) = (k for k, one in office.counted("333").items() if one["value"] == 5000)
    sold = ["planned", "reserved", "accepted"]
    restated = ["confirmed", "restated", "reserved", "accepted"]
    assert asked_for(office, "--deal", "D-2") == [*sold, *restated]
    assert asked_for(office, "--order", order_id) == [*sold, *restated]
    assert asked_for(office, "--click", "click-of-D-2") == [*sold, *restated]
    assert asked_for(office, "--value", "4711") == [*sold, *restated]
    assert asked_for(office, "--value-above", "4999") == [*sold, *restated]
    assert asked_for(office, "--value-above", "5000") == []
    assert asked_for(office, "--event", "restated") == ["restated"]
    assert asked_for(office, "--request", request, "--deal", "D-2") == [*sold[1:], "confirmed"]
    assert asked_for(office, "--deal", "D-2", "--run", "2") == restated
    assert asked_for(office, "--deal", "D-2", "--day", "2026-03-04") == restated
    assert asked_for(office, "--deal", "D-2", "--state", "confirmed") == ["confirmed"]
    assert asked_for(office, "--deal", "D-1", "--rule", "mql") == [*sold, "confirmed"]
    assert asked_for(office, "--code", "NO_SUCH") == []


WRONG_WORDS = [
    pytest.param(("--state", "sent"), "there are: planned, held,", id="state"),
    pytest.param(("--event", "sent"), "there are: run_started,", id="event"),
    pytest.param(("--value", "much"), "--value much is not an amount", id="amount"),
    pytest.param(("--value", "NaN"), "--value NaN is not an amount", id="no number"),
    pytest.param(("--day", "today"), "--day today is not a day", id="day"),
]


@pytest.mark.parametrize(("words", "said"), WRONG_WORDS)
def test_a_word_that_there_is_not_is_answered_with_those_there_are(
    office: Office, words: tuple[str, ...], said: str
) -> None:
    found = office.types("audit", "list", *words)
    assert found.code == 2
    assert said in found.err


def test_the_log_is_exported_with_a_column_for_each_thing(office: Office) -> None:
    office.deal("=1+1")
    office.night()
    events = office.sql("SELECT count(*) FROM audit_events")[0][0]
    csv_file, lines_file = office.folder / "log.csv", office.folder / "log.jsonl"
    assert f"{events:,} rows written" in office.types("audit", "export", str(csv_file)).err
    assert office.types("audit", "export", str(lines_file)).code == 0
    rows = list(rows_of(csv_file.read_text(encoding="utf-8")))
    lines = [json.loads(line) for line in lines_file.read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(lines) == events
    won = next(row for row in rows if row["rule"] == "won")
    assert (won["deal"], won["event"], won["value"]) == ("'=1+1", "planned", "1000.00")
    assert (won["currency"], won["state"], won["operation"]) == ("EUR", "planned", "count")
    assert next(line for line in lines if line.get("rule") == "won")["deal"] == "=1+1"
    said = office.types("audit", "export", "-", "--format", "jsonl", "--deal", "=1+1")
    assert {json.loads(line)["deal"] for line in said.out.splitlines()} == {"=1+1"}


def test_the_log_is_exported_with_typed_columns(office: Office) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    office.deal()
    office.night()
    file = office.folder / "log.parquet"
    assert office.types("audit", "export", str(file)).code == 0
    table = parquet.read_table(file)
    assert table.num_rows == office.sql("SELECT count(*) FROM audit_events")[0][0]
    (won,) = (row for row in table.to_pylist() if row["rule"] == "won")
    assert (won["value"], won["at"].isoformat()) == (1000, "2026-03-03T01:00:00+00:00")


EXPORTS = [
    pytest.param(("log.xlsx",), "use the suffix .csv, .jsonl, .parquet", id="no such format"),
    pytest.param(("no/such/folder/log.csv",), "cannot be written", id="no such folder"),
    pytest.param(("-", "--format", "parquet"), "cannot go to stdout", id="parquet to stdout"),
]


@pytest.mark.parametrize(("words", "said"), EXPORTS)
def test_an_export_that_cannot_be_written_says_why(
    office: Office, words: tuple[str, ...], said: str
) -> None:
    found = office.types("audit", "export", *words)
    assert found.code == 2
    assert said in found.err


def test_an_untouched_log_is_verified(office: Office) -> None:
    office.deal()
    office.night()
    said = office.types("audit", "verify")
    assert said.code == 0
    assert "every one is as it was written" in said.out


@pytest.mark.long
@pytest.mark.parametrize(
    ("statements", "found"),
    [
        pytest.param(
            ["UPDATE audit_events SET detail = replace(detail, '1000.00', '1.00')"],
            "or its digest was edited",
            id="an amount is edited",
        ),
        pytest.param(
            ["UPDATE audit_events SET deal_id = 'D-9', deal = 1 WHERE number = 5"],
            "event 5 or its digest was edited",
            id="another deal",
        ),
        pytest.param(
            ["UPDATE audit_events SET at = at + 1000000 WHERE number = 5"],
            "event 5 or its digest was edited",
            id="another time",
        ),
        pytest.param(
            ["DELETE FROM audit_events WHERE number = 5"], "event 5 is missing", id="one is removed"
        ),
        pytest.param(
            ["DELETE FROM audit_events WHERE number > 8"], "the log ends here", id="a cut tail"
        ),
        pytest.param(
            [
                "DELETE FROM audit_events WHERE number > 8",
                """UPDATE audit_head SET number = 8, digest = (
                    SELECT digest FROM audit_events WHERE number = 8
                )""",
            ],
            "the log ends here",
            id="a cut tail, and the head with it",
        ),
        pytest.param(["DELETE FROM audit_events"], "the log ends here", id="all of it is gone"),
        pytest.param(
            [
                """UPDATE audit_head SET number = 8, digest = (
                    SELECT digest FROM audit_events WHERE number = 8
                )""",
                "UPDATE runs SET audit_number = NULL, audit_digest = NULL",
            ],
            "broken at event 9: the log's head is event 8",
            id="events behind the head",
        ),
    ],
)
def test_audit_verify_finds_every_edit_of_the_log(
    office: Office, statements: list[str], found: str
) -> None:
    office.deal()
    office.night()
    before = office.tables()
    for trigger in ("update", "delete", "replace"):  # whoever may edit may drop these, too
        office.sql(f"DROP TRIGGER audit_events_no_{trigger}")
    for statement in statements:
        office.sql(statement)
    assert office.tables() != before
    said = office.types("audit", "verify")
    assert said.code == 1
    assert found in said.out


def test_an_edited_stored_sum_is_detected_and_recomputed(office: Office) -> None:
    office.deal()
    office.night()
    office.sql("UPDATE ledger_sums SET rows = rows + 7 WHERE rows > 0 AND rule = 'won'")
    said = office.types("audit", "verify")
    assert said.code == 1
    assert "sum of conversions (rule won" in said.out
    assert "kept as 8" in said.out
    assert "1 kept sums are not what the rows add up to" in said.out
    assert "1 sums were wrong" in office.types("db", "recount").out
    assert office.types("audit", "verify").code == 0


def test_an_edited_ledger_row_is_detected_with_its_effect_on_the_sums(
    office: Office,
) -> None:
    office.deal()
    office.night()
    office.sql("UPDATE ledger SET code = 'X', state = 'rejected' WHERE rule = 'won'")
    said = office.types("audit", "verify")
    assert said.code == 1
    assert "REJECTED: 'rejected'>, and the audit log says 'accepted'" in said.out
    assert "sum of conversions" in said.out


# --- check ---------------------------------------------------------------------------------------


def test_a_sound_set_up_has_nothing_to_find(office: Office) -> None:
    before = office.tables()
    said = office.types("check", "--format", "json")
    assert said.code == 0
    checked = {row["check"].split()[0]: row["result"] for row in json.loads(said.out)}
    assert checked == {
        "database": "ok",
        "source": "ok",
        "records": "ok",
        "clock": "ok",
        "account": "info",  # what the Data Manager API cannot be asked
        "rule": "ok",
    }
    assert office.tables() == before
    assert office.counted("333") == {}


def test_everything_that_is_wrong_is_found_at_once(new_office: Office) -> None:
    office = new_office
    office.configure('deal_id = "Deal ID"', 'deal_id = "DealId"')
    office.configure('crm_key = "Deal ID"', 'crm_key = "Deal"')
    office.configure(f'endpoint = "{office.sandbox.grpc_address}"', 'endpoint = "127.0.0.1:1"')
    said = office.types("check", "--format", "json")
    assert said.code == 2
    failed = {
        row["check"]: row["detail"] for row in json.loads(said.out) if row["result"] == "failed"
    }
    assert len(failed) == 6
    assert "has no tables" in failed[f"database sqlite:///{office.folder}/convsync.db"]
    assert "column 'DealId' is missing. The columns there are: 'Deal ID'" in failed["source crm"]
    assert "column 'Deal' is missing" in failed["source site"]
    assert "UNAVAILABLE" in failed["rule won at google"]


def test_an_action_that_cannot_be_uploaded_to_is_found(office: Office) -> None:
    actions = [Action(account="1234567890", id=number) for number in ("111", "222")]
    office.sandbox.platform.set_actions(actions)
    said = office.types("check", "--format", "json")
    assert said.code == 2
    assert [row["check"] for row in json.loads(said.out) if row["result"] == "failed"] == [
        "rule won at google"
    ]


# --- clicks --------------------------------------------------------------------------------------


IMPORT = ("clicks", "import", "--as-of", NEXT_NIGHT)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_clicks_again_change_nothing(office: Office, form: str) -> None:
    office.deal()
    office.deal("D-2")
    office.write_files()
    words = (*IMPORT, str(office.folder / "clicks.csv"), "--format", form)
    first, second = office.types(*words), office.types(*words)
    assert (first.code, second.code) == (0, 0)
    shown = []
    for said in (first, second):
        match form:
            case "json":
                (row,) = json.loads(said.out)
            case "csv":
                (row,) = rows_of(said.out)
            case _:
                row = dict(zip(*(line.split() for line in said.out.splitlines()), strict=True))
        shown.append({name: int(count) for name, count in row.items()})
    assert shown == [
        {"new": 2, "earlier": 0, "known": 0, "passed_over": 0, "unreadable": 0},
        {"new": 0, "earlier": 0, "known": 0, "passed_over": 3, "unreadable": 0},
    ]


def test_imported_clicks_are_found_by_the_next_run(office: Office) -> None:
    office.configure('path = "clicks.csv"\n', "")
    office.deal(gclid="", visitor_id="V-1", won_date="")
    office.night()
    assert office.values("111") == []
    office.clicks["D-1"] = {
        "Clicked at": "2026-02-20T08:00:00Z",
        "GCLID": "late",
        "Visitor ID": "V-1",
    }
    office.write_files()
    assert office.types(*IMPORT, str(office.folder / "clicks.csv")).code == 0
    office.night(NEXT_NIGHT)
    assert office.values("111") == [20]


def test_an_import_that_fails_is_an_import_that_has_ended(office: Office) -> None:
    missing = office.folder / "other.csv"
    said = office.types("clicks", "import", str(missing))
    assert said.code == 2
    assert str(missing) in said.err
    (imported,) = json.loads(office.types("status", "--format", "json").out)["runs"]
    assert (imported["command"], imported["exit_code"]) == ("clicks import", 2)
    assert str(missing) in imported["message"]


def test_an_import_names_the_mappings_there_are(office: Office) -> None:
    said = office.types("clicks", "import", "x.csv", "--as", "shop")
    assert said.code == 2
    assert "Name one with --as: site." in said.err


# --- db ------------------------------------------------------------------------------------------


def test_the_tables_are_made_once(new_office: Office) -> None:
    assert new_office.types("db", "current").out == "none\n"
    first, second = (new_office.types("db", "upgrade") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "revision none → " in first.out
    assert "already" in second.out
    assert new_office.types("db", "current").out.strip() in first.out


def test_a_database_of_a_newer_version_is_left_alone(office: Office) -> None:
    office.sql("UPDATE alembic_version SET version_num = '9999'")
    before = office.tables()
    assert office.types("status").code == 2
    said = office.types("db", "upgrade")
    assert said.code == 2
    assert "newer convsync" in said.err
    assert office.tables() == before


# --- sandbox -------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", ["--http-port", "--grpc-port"])
def test_a_sandbox_on_a_taken_port_says_so(office: Office, port: str) -> None:
    urls = {"--http-port": office.sandbox.http_url, "--grpc-port": office.sandbox.grpc_address}
    other = "--grpc-port" if port == "--http-port" else "--http-port"
    said = run("sandbox", port, urls[port].rpartition(":")[2], other, "0")
    assert said.code == 2
    assert "cannot listen" in said.err


def test_a_sandbox_that_others_can_reach_needs_a_token() -> None:
    said = run("sandbox", "--host", "0.0.0.0", "--http-port", "0", "--grpc-port", "0")
    assert said.code == 2
    assert "token" in said.err


def test_a_period_that_ends_before_it_begins_is_refused(office: Office) -> None:
    office.night()
    said = office.types("status", "--from", "2026-03-03", "--to", "2026-03-01")
    assert (said.code, said.out) == (2, "")
    assert "--to 2026-03-01 is before --from 2026-03-03." in said.err
