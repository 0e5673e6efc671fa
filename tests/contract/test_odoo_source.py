"""Odoo: the suite of every source and of every CRM over both its APIs, and what is its own."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
import responses

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract import odoo_api
from convsync.extract.crm import ForgetfulCrmDeals
from convsync.extract.crm_adapter import Crm
from convsync.extract.funnel import Entered, MilestoneStages, StageOutcome
from convsync.extract.mapping import CellFormat, CrmMapping, MilestoneField, RecordFields
from convsync.extract.odoo import Odoo, OdooHistory
from convsync.extract.odoo_api import Json2, JsonRpc, Transport
from convsync.extract.odoo_records import TrackedChange, stages_entered
from convsync.http import FixedHeader, Http
from convsync.model.deal import Deal
from convsync.model.identifiers import hashed
from convsync.sandbox.crm.odoo import DATABASE, KEY, USER, OdooServer
from convsync.sandbox.crm.server import Reply
from tests.contract.crm_suite import CrmOffice, CrmSourceContract, mock
from tests.contract.source_suite import (
    CREATED,
    SQL_AT,
    TOUCHED,
    WINDOW,
    WON_AT,
    put_deal,
    put_person,
    read,
)

__all__ = ["mock"]


class OdooOffice(CrmOffice):
    """A company on Odoo 19, by JSON-2."""

    base_url = "https://acme.odoo.com"
    a_page = 100
    a_cap = 501
    calls_for_200 = 18
    listing = r"/crm\.lead/search_read$"
    deal = RecordFields(gclid="x_gclid")
    contact = RecordFields(
        emails=("email",), phones=("phone",), gclid="x_gclid", ad_user_data="x_ads_consent"
    )
    region = "x_region"
    lost = "Lost"
    has_several_contacts = False
    renews_tokens = False
    says_nothing_of_amounts = True
    right_missing = Reply(
        status=403, body={"name": "odoo.exceptions.AccessError", "message": "not allowed"}
    )
    daily_limit = Reply(status=429, headers={"Retry-After": "7200"})
    server: OdooServer
    source_class = ForgetfulCrmDeals
    server_class = OdooServer
    database = DATABASE
    key = KEY
    history: OdooHistory = "tracking"

    def make_http(self) -> Http:
        return Http(
            name="Odoo",
            base_url=self.base_url,
            authorisation=FixedHeader("Authorization", f"bearer {self.key}"),
            judge=odoo_api.judge,
            policy=self.policy,
            pace=self.pace(),
        )

    def transport(self) -> Transport:
        return Json2(self.http, self.database)

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return Odoo(self.transport(), mapping, history=self.history, a_page=self.a_page)

    def expire_tokens(self) -> None:
        raise AssertionError("an API key is not renewed")

    def record_id(self, number: int) -> str:
        return str(number)


class OldOdooOffice(OdooOffice):
    """A company on Odoo 18, by JSON-RPC."""

    listing = r"/jsonrpc$"
    right_missing = Reply(
        body={"jsonrpc": "2.0", "error": {"data": {"name": "odoo.exceptions.AccessError"}}}
    )
    error_inside_200 = Reply(
        body={"jsonrpc": "2.0", "error": {"code": 200, "data": {"name": "builtins.ValueError"}}}
    )

    def make_http(self) -> Http:
        return replace(super().make_http(), authorisation=None)

    def transport(self) -> Transport:
        return JsonRpc(self.http, self.database, USER, self.key)


WON = {"won": MilestoneStages(outcome=StageOutcome.WON)}
LOST = {"lost": MilestoneStages(outcome=StageOutcome.LOST)}
A_SECOND = timedelta(seconds=1)


def milestones(deal: Deal) -> list[tuple[str, datetime]]:
    return [(one.name, one.reached_at) for one in deal.milestones]


class OdooContract(CrmSourceContract):
    """The suite, and what is peculiar to Odoo, whichever way it is asked."""

    def test_a_leads_own_address_is_the_deals(self, office: OdooOffice) -> None:
        put_deal(office, fields={"email": '"Jane" <jane@example.com>', "phone": "0151 12345678"})
        own = RecordFields(emails=("email_from",), phones=("phone",))
        (deal,) = read(office.source(CrmMapping(milestones=WON, deal=own)))
        assert deal.identifiers.emails == (hashed("jane@example.com"),)
        assert deal.identifiers.phones == (hashed("+4915112345678"),)

    def test_a_mapped_moment_is_utc_whatever_the_zone_of_the_company(
        self, office: OdooOffice
    ) -> None:
        put_deal(office, fields={"met_at": "2026-02-20 09:00:00"})
        mapping = CrmMapping(milestones={"sql": MilestoneField("x_met_at")})
        berlin = CellFormat(time_zone=ZoneInfo("Europe/Berlin"))
        source = ForgetfulCrmDeals("crm", office.make_crm(mapping), mapping, berlin)
        met_at = datetime(2026, 2, 20, 9, tzinfo=UTC)
        assert milestones(read(source)[0]) == [("sql", met_at)]

    def test_a_person_is_known_by_an_id_and_not_by_a_name(self, office: OdooOffice) -> None:
        put_deal(office, owner="Ann Sales", people=(put_person(office),))
        segments = {"who": "partner_id", "rep": "user_id", "team": "team_id", "at": "stage_id"}
        (deal,) = read(office.source(CrmMapping(milestones=WON, segments=segments)))
        assert deal.segments["who"] == office.record_id(901)
        assert deal.segments["rep"] == deal.segments["owner"] == "7"
        assert (deal.segments["team"], deal.segments["at"]) == ("Sales Pipeline", "Closed Won")

    def test_two_tags_are_both_told(self, office: OdooOffice) -> None:
        put_deal(office, fields={"tags": "3 9"})
        (deal,) = read(office.source(CrmMapping(milestones=WON, segments={"tags": "tag_ids"})))
        assert deal.segments["tags"] == "3;9"

    def test_two_moves_within_one_second_keep_their_order(self, office: OdooOffice) -> None:
        put_deal(office, entered=(("opportunity", CREATED), ("won", WON_AT), ("sql", WON_AT)))
        (deal,) = read(office.source())
        assert milestones(deal) == [("sql", WON_AT)]

    def test_an_edit_is_seen_in_the_last_second_of_a_window(self, office: OdooOffice) -> None:
        put_deal(office, modified_at=WINDOW.until - timedelta(microseconds=1))
        assert len(read(office.source())) == 1

    # Who may see what

    def test_who_may_not_read_changes_is_told_before_the_night(self, office: OdooOffice) -> None:
        office.server.is_admin = False
        with pytest.raises(OperatorError, match=r'Administration / Settings.*history = "fields"'):
            office.source().check_columns()

    def test_without_changes_a_lead_is_won_since_it_is_in_its_stage(
        self, office: OdooOffice
    ) -> None:
        office.server.is_admin = False
        office.history = "fields"
        put_deal(office)
        (deal,) = read(office.source())
        assert milestones(deal) == [("won", WON_AT)]

    def test_without_changes_a_lead_is_lost_since_it_was_closed(self, office: OdooOffice) -> None:
        office.server.is_admin = False
        office.history = "fields"
        put_deal(office, entered=(("mql", CREATED), ("sql", SQL_AT), ("lost", WON_AT)))
        (deal,) = read(office.source(CrmMapping(milestones={**office.milestones, **LOST})))
        assert milestones(deal) == [("sql", SQL_AT), ("lost", WON_AT)]

    def test_a_model_that_may_not_be_read_is_named_with_its_right(self, office: OdooOffice) -> None:
        office.fail(office.right_missing)
        with pytest.raises(OperatorError, match=r"crm\.lead.*User: All Documents"):
            office.source().check_columns()

    def test_a_wrong_key_is_for_a_person_to_fix(self, office: OdooOffice) -> None:
        office.key = "wrong"
        office.http = office.make_http()
        with pytest.raises(OperatorError, match="key"):
            read(office.source())

    def test_a_wrong_database_is_for_a_person_to_fix(self, office: OdooOffice) -> None:
        office.database = "nobody"
        with pytest.raises(OperatorError, match="database"):
            read(office.source())
        assert office.waits == []

    # Won, lost, merged

    def test_a_lead_that_was_lost_and_taken_up_again_is_not_lost(self, office: OdooOffice) -> None:
        put_deal(
            office, entered=(("mql", CREATED), ("sql", SQL_AT), ("lost", WON_AT), ("sql", TOUCHED))
        )
        (deal,) = read(office.source(CrmMapping(milestones={**office.milestones, **LOST})))
        assert milestones(deal) == [("sql", SQL_AT)]

    @pytest.mark.parametrize("loser_moved", [SQL_AT - A_SECOND, SQL_AT + A_SECOND])
    def test_the_changes_of_what_was_merged_into_a_lead_are_not_its_own(
        self, office: OdooOffice, loser_moved: datetime
    ) -> None:
        put_deal(office, 1, entered=(("mql", CREATED), ("sql", loser_moved)))
        put_deal(office, 2)
        office.book.merge(office.record_id(1), office.record_id(2), TOUCHED)
        (deal,) = read(office.source())
        assert milestones(deal) == [("sql", SQL_AT), ("won", WON_AT)]

    def test_the_stages_of_a_loser_that_were_skipped_are_not_reached(
        self, office: OdooOffice
    ) -> None:
        put_deal(office, 1)
        put_deal(office, 2, entered=(("mql", CREATED), ("sql", SQL_AT)))
        office.book.merge(office.record_id(1), office.record_id(2), TOUCHED)
        (deal,) = read(office.source())
        assert milestones(deal) == [("sql", SQL_AT)]

    def test_a_thread_longer_than_its_page_is_read_to_its_end(
        self, office: OdooOffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("convsync.extract.odoo_changes._A_THREAD", 2)
        for number in (1, 2, 3):
            put_deal(office, number)
        assert {tuple(milestones(deal)) for deal in read(office.source())} == {
            (("sql", SQL_AT), ("won", WON_AT))
        }

    def test_more_known_deals_than_are_asked_for_at_once_are_all_asked_for(
        self, office: OdooOffice, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("convsync.extract.odoo._A_LIST", 2)
        put_deal(office, 3, entered=(("mql", CREATED), ("lost", WON_AT)))
        source = office.source()
        assert isinstance(source, ForgetfulCrmDeals)
        gone = [one.deal_id for one in source.departed_among(["1", "2", "3", "4", "5"])]
        assert gone == ["1", "2", "4", "5"], "what is lost is archived, and there"


class TestOdoo(OdooContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> OdooOffice:
        return OdooOffice(mock)

    def test_an_odoo_without_json_2_is_named_as_one(self, office: OdooOffice) -> None:
        office.server.version = 18
        with pytest.raises(OperatorError, match="json2 from Odoo 19 on"):
            office.source().check_columns()

    def test_a_field_that_went_meanwhile_is_not_asked_for_again(self, office: OdooOffice) -> None:
        gone = {"name": "builtins.ValueError", "message": "Invalid field 'x_gclid' on 'crm.lead'"}
        office.fail(Reply(status=500, body=gone))
        with pytest.raises(UnexpectedResponseError, match=r"builtins\.ValueError"):
            read(office.source())
        assert office.waits == []


class TestOldOdoo(OdooContract):
    """The same promises over JSON-RPC."""

    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> OldOdooOffice:
        return OldOdooOffice(mock)

    @pytest.mark.parametrize("version", range(11, 20))
    def test_a_deal_reads_the_same_from_every_version(
        self, office: OldOdooOffice, version: int
    ) -> None:
        office.server.version = version
        put_deal(office, 1, lost_reason="Too expensive")
        put_deal(office, 2, entered=(("mql", CREATED), ("sql", SQL_AT), ("lost", WON_AT)))
        reason = "lost_reason_id" if version >= 16 else "lost_reason"
        mapping = CrmMapping(
            milestones={**office.milestones, **LOST}, segments={"lost_reason": reason}
        )
        won, lost = read(office.source(mapping))
        assert milestones(won) == [("sql", SQL_AT), ("won", WON_AT)]
        assert milestones(lost) == [("sql", SQL_AT), ("lost", WON_AT)]
        assert won.amount == lost.amount == Decimal("1200.50")
        assert won.segments["lost_reason"] == "Too expensive"

    @pytest.mark.parametrize("version", [12, 18])
    def test_won_is_what_each_version_marks_so(self, office: OldOdooOffice, version: int) -> None:
        office.server.version = version
        put_deal(office)
        (deal,) = read(office.source(CrmMapping(milestones=WON)))
        assert milestones(deal) == [("won", WON_AT)]

    @pytest.mark.parametrize(
        "why", ["SerializationFailure", "DeadlockDetected", "LockNotAvailable"]
    )
    def test_a_busy_database_is_asked_again(self, office: OldOdooOffice, why: str) -> None:
        busy = {"data": {"name": f"psycopg2.errors.{why}"}}
        office.fail(*[Reply(body={"jsonrpc": "2.0", "error": busy})] * 100)
        with pytest.raises(TransientError, match="busy"):
            read(office.source())


class TestEntered:
    """What a lead's own stamps say where no change leads to its stage."""

    RECORD: ClassVar = {
        "stage_id": [3, "Won"],
        "active": True,
        "probability": 100.0,
        "date_closed": "2026-02-28 10:00:00",
        "date_last_stage_update": "2026-02-28 10:00:00",
        "create_date": "2026-02-01 08:00:00",
        "write_date": "2026-03-01 12:00:00",
    }

    def test_a_lead_that_was_never_tracked_is_in_its_stage_since_it_came_there(self) -> None:
        (entered,) = stages_entered(self.RECORD, [], is_tracked=False)
        assert entered == Entered("3", WON_AT)
        assert stages_entered(self.RECORD, []) == [replace(entered, is_estimated=True)]

    def test_a_move_that_was_not_tracked_comes_after_those_that_were(self) -> None:
        changes = [TrackedChange(SQL_AT, "stage_id", 1, 2)]
        assert stages_entered(self.RECORD, changes) == [
            Entered("1", CREATED),
            Entered("2", SQL_AT),
            Entered("3", WON_AT, is_estimated=True),
        ]

    def test_what_was_archived_with_a_chance_left_is_not_lost(self) -> None:
        record = {**self.RECORD, "active": False, "probability": 40.0}
        changes = [TrackedChange(TOUCHED, "active", 1, 0)]
        assert [one.stage_id for one in stages_entered(record, changes)] == ["3", "lost", "3"]

    def test_no_stage_is_written_as_zero_and_dates_nothing(self) -> None:
        changes = [
            TrackedChange(CREATED, "active", 0, 1),
            TrackedChange(SQL_AT, "stage_id", 0, 2),
            TrackedChange(SQL_AT, "stage_id", 2, 0),
            TrackedChange(WON_AT, "stage_id", 0, 3),
        ]
        assert stages_entered(self.RECORD, changes) == [Entered("2", SQL_AT), Entered("3", WON_AT)]

    @pytest.mark.parametrize("changes", [[], [TrackedChange(TOUCHED, "active", 1, 0)]])
    @pytest.mark.parametrize(("reason", "last"), [(False, "3"), ([4, "Cancelled"], "lost")])
    def test_a_won_lead_that_was_archived_is_lost_only_for_a_reason(
        self, changes: list[TrackedChange], reason: object, last: str
    ) -> None:
        put_away = {"active": False, "probability": 0.0, "lost_reason_id": reason}
        entered = stages_entered({**self.RECORD, **put_away}, changes, won={3})
        assert entered[-1].stage_id == last

    def test_what_was_lost_untracked_is_lost_since_it_was_closed(self) -> None:
        record = {**self.RECORD, "active": False, "probability": 0.0, "stage_id": [2, "SQL"]}
        changes = [TrackedChange(SQL_AT, "stage_id", 1, 2)]
        assert stages_entered(record, changes)[-1] == Entered("lost", WON_AT, is_estimated=True)

    def test_a_lead_without_a_stage_has_been_in_none(self) -> None:
        assert stages_entered({**self.RECORD, "stage_id": False}, []) == []
