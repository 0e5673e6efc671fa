"""Dynamics 365: the suite of every source and of every CRM, and what is peculiar to Dynamics."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import responses

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract import dynamics_api
from convsync.extract.crm import ForgetfulCrmDeals
from convsync.extract.crm_adapter import Crm
from convsync.extract.dynamics import Dynamics
from convsync.extract.dynamics_api import Api
from convsync.extract.dynamics_history import History, Past
from convsync.extract.funnel import MilestoneStages
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.source import Bookmark, KeepsNoTrace, Quarantined
from convsync.http import Http
from convsync.model.click import MatchBasis
from convsync.model.deal import Deal
from convsync.model.key import Key, KeyKind
from convsync.sandbox.crm.book import Stage
from convsync.sandbox.crm.dynamics import CLIENT_ID, CLIENT_SECRET, TENANT, DynamicsServer
from convsync.sandbox.crm.dynamics_flows import BESIDE, SALES
from convsync.sandbox.crm.server import Reply
from convsync.signing_in.tokens import TokenKeeper
from tests.contract.crm_suite import CrmOffice, CrmSourceContract, mock, put_lead
from tests.contract.source_suite import (
    CREATED,
    SQL_AT,
    TOUCHED,
    WINDOW,
    WON_AT,
    WON_DEAL,
    gone,
    put_deal,
    put_person,
    read,
)

__all__ = ["mock"]

LATER = datetime(2026, 2, 20, 11, tzinfo=UTC)
URL = "https://contoso.crm4.dynamics.com"
PERSON = RecordFields(
    emails=("emailaddress1",),
    phones=("telephone1",),
    gclid="new_gclid",
    ad_user_data="new_adconsent",
)


def error(status: int, code: str, message: str) -> Reply:
    return Reply(status=status, body={"error": {"code": code, "message": message}})


class DynamicsOffice(CrmOffice):
    base_url = URL
    a_page = 50
    a_cap = 2 * a_page + 1
    calls_for_200 = 50
    listing = r"/opportunities$"
    deal = RecordFields(gclid="new_gclid")
    contact = lead = PERSON
    region = "new_region"
    won, lost = "Won", "Lost"
    right_missing = error(
        403,
        "0x80040220",
        "Principal user (Id=4026be43-6b69-e111-8f65-78e7d1620f5e, type=8) is missing"
        " prvReadOpportunity privilege (Id=…) on OTC=3 for entity 'opportunity'.",
    )
    daily_limit = Reply(
        status=429,
        headers={"Retry-After": "3600"},
        body={"error": {"code": "0x80072322", "message": "Number of requests exceeded the limit"}},
    )
    source_class = ForgetfulCrmDeals
    server_class = DynamicsServer
    server: DynamicsServer
    has_stakeholders = True
    secret = CLIENT_SECRET

    def __init__(self, mock: responses.RequestsMock) -> None:
        super().__init__(mock)
        self.read_history: dict[str, Any] = {}

    def make_http(self) -> Http:
        login = Http(
            name="Entra",
            base_url=URL,
            policy=self.policy,
            judge=dynamics_api.judge_login,
            pace=self.pace(),
        )
        fetch = dynamics_api.client_credentials(login, TENANT, CLIENT_ID, self.secret, URL)
        return Http(
            name="Dynamics 365",
            base_url=f"{URL}/{dynamics_api.PATH}",
            authorisation=TokenKeeper(fetch, clock=lambda: self.now),
            judge=dynamics_api.judge,
            policy=self.policy,
            pace=self.pace(dynamics_api.LIMITS, dynamics_api.AT_ONCE),
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        api = Api(self.http, a_page=self.a_page)
        history = History(api, **self.read_history)
        return Dynamics(api, history, mapping, has_stakeholders=self.has_stakeholders)

    def expire_tokens(self) -> None:
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return self.server.record_id("deal", number)


def with_opportunity(office: DynamicsOffice) -> CrmMapping:
    """Return the mapping with one more milestone, between the two."""
    sql, won = office.milestones.items()
    more = ("opportunity", MilestoneStages(stages=("Opportunity",)))
    return replace(office.mapping, milestones=dict((sql, more, won)))


def reached(deal: Deal) -> dict[str, datetime]:
    return {one.name: one.reached_at for one in deal.milestones}


def clicks(deal: Deal) -> set[str]:
    return {candidate.click.click_id.value for candidate in deal.clicks}


class TestDynamics(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> DynamicsOffice:
        return DynamicsOffice(mock)

    # What deals went through

    def test_a_deal_won_again_is_won_since_the_last_time(self, office: DynamicsOffice) -> None:
        again = (*WON_DEAL, ("sql", WON_AT), ("won", TOUCHED))
        put_deal(office, entered=again)
        (deal,) = read(office.source())
        assert reached(deal) == {"sql": SQL_AT, "won": TOUCHED}

    def test_every_stage_counts_from_when_the_audit_log_saw_it_begin(
        self, office: DynamicsOffice
    ) -> None:
        put_deal(office, entered=(*WON_DEAL[:2], ("opportunity", LATER), ("won", WON_AT)))
        (deal,) = read(office.source(with_opportunity(office)))
        assert reached(deal) == {"sql": SQL_AT, "opportunity": LATER, "won": WON_AT}

    @pytest.mark.parametrize("is_asked", [True, False], ids=["nothing audited", "not asked"])
    def test_without_an_audit_a_stage_was_passed_when_the_active_one_began(
        self, office: DynamicsOffice, is_asked: bool
    ) -> None:
        office.server.rows.is_audited = not is_asked
        office.read_history["has_audit"] = is_asked
        put_deal(office, entered=(*WON_DEAL[:2], ("opportunity", LATER)))
        (deal,) = read(office.source(with_opportunity(office)))
        assert reached(deal) == {"sql": LATER, "opportunity": LATER}
        assert bool(office.asked("audits")) == is_asked

    def test_a_close_that_was_put_back_comes_after_every_stage(
        self, office: DynamicsOffice
    ) -> None:
        office.read_history["close_time"] = "actualend"  # the sandbox's is midnight of that day
        put_deal(office, entered=(("mql", CREATED), ("sql", SQL_AT), ("won", SQL_AT)))
        (deal,) = read(office.source())
        midnight = SQL_AT.replace(hour=0, minute=0)
        assert reached(deal) == {"sql": midnight, "won": midnight}
        assert {one.name for one in deal.milestones if one.is_estimated} == {"sql"}

    def test_the_time_of_an_earlier_loss_is_not_that_of_the_win(
        self, office: DynamicsOffice
    ) -> None:
        history = History(Api(office.http), close_time="actualend")
        typed = {"opportunitystatecode": 1, "actualend": "2026-02-10T00:00:00Z"}
        lost = {"opportunitystatecode": 2, "actualend": "2026-02-20T00:00:00Z"}
        row = {"statecode": 1, "actualclosedate": None, "modifiedon": "2026-03-01T12:00:00Z"}
        for closings in ([typed, lost], [{**typed, "opportunitystatecode": None}, lost]):
            (won,) = history.entered(row, Past(closings=closings))
            assert won.at == datetime(2026, 2, 10, tzinfo=UTC)

    def test_a_close_that_no_activity_tells_of_was_on_its_day(self, office: DynamicsOffice) -> None:
        put_deal(office)
        office.server.refused["opportunitycloses"] = Reply(body={"value": []})
        (deal,) = read(office.source())
        assert reached(deal)["won"] == WON_AT.replace(hour=23, minute=59, second=59)

    def test_a_currency_that_may_not_be_read_is_not_taken_for_the_companys_own(
        self, office: DynamicsOffice
    ) -> None:
        put_deal(office, currency="USD")
        office.server.refused["transactioncurrencies"] = Reply(body={"value": []})
        (record,) = [
            one for one in office.source().read_changed(WINDOW) if isinstance(one, Quarantined)
        ]
        assert record.deal_id == office.record_id(1)
        assert "grant the right to read currencies" in record.problem

    def test_a_state_that_nobody_knows_is_not_taken_for_open(self, office: DynamicsOffice) -> None:
        put_deal(office)
        office.server.rows.new_states[office.record_id(1)] = 7
        (record,) = [
            one for one in office.source().read_changed(WINDOW) if isinstance(one, Quarantined)
        ]
        assert "a status code that is none of Dynamics'" in record.problem

    def test_stages_stand_in_the_order_they_are_named_in(self, office: DynamicsOffice) -> None:
        office.read_history["stage_order"] = ("Opportunity", "SQL")
        stages = sorted(office.make_crm(office.mapping).stages(), key=lambda one: one.position)
        by_process = [one.name for one in stages if one.pipeline == "Sales Pipeline"]
        assert by_process == ["Opportunity", "SQL", "MQL"]

    def test_stages_of_leads_and_of_other_processes_are_left_out(
        self, office: DynamicsOffice
    ) -> None:
        names = {stage.name for stage in office.make_crm(office.mapping).stages()}
        assert names == {"MQL", "SQL", "Opportunity", "Won", "Lost"}
        office.read_history["processes"] = ("new_anotherprocess",)
        names = {stage.name for stage in office.make_crm(office.mapping).stages()}
        assert names == {"Won", "Lost"}

    def test_a_right_that_is_missing_inside_a_batch_is_named(self, office: DynamicsOffice) -> None:
        put_deal(office)
        office.server.refused["RetrieveAuditDetails"] = error(
            403, "0x80040220", "… is missing prvReadRecordAuditHistory privilege"
        )
        with pytest.raises(OperatorError, match="prvReadRecordAuditHistory"):
            read(office.source())

    def test_a_limit_reached_inside_a_batch_is_waited_for_as_it_asks(
        self, office: DynamicsOffice
    ) -> None:
        put_deal(office)
        office.server.refused["RetrieveAuditDetails"] = replace(
            error(429, "0x80072322", "Number of requests exceeded the limit"),
            headers={"Retry-After": "17"},
        )

        def is_over(_: int) -> None:
            if office.waits:
                office.server.refused.clear()

        office.over_http.before_each = is_over
        (deal,) = read(office.source())
        assert [one.name for one in deal.milestones] == ["sql", "won"]
        assert office.ticks >= 17

    # Who is behind them

    def test_a_click_id_on_the_lead_was_seen_when_the_lead_was_made(
        self, office: DynamicsOffice
    ) -> None:
        put_deal(office, people=(put_lead(office, fields={"gclid": "G-lead"}),))
        (deal,) = read(office.source())
        (candidate,) = deal.clicks
        assert candidate.basis is MatchBasis.LEAD
        assert candidate.click.clicked_at == CREATED

    def test_a_contact_that_was_merged_away_still_tells_its_click(
        self, office: DynamicsOffice
    ) -> None:
        survivor = put_person(office, 901, fields={"email": "a@example.com"})
        put_person(office, 902, fields={"gclid": "G-merged", "merged_into": survivor})
        put_deal(office, people=(survivor,))
        (deal,) = read(office.source())
        assert clicks(deal) == {"G-merged"}
        assert Key(KeyKind.CRM, office.record_id(902)) in deal.keys

    @pytest.mark.parametrize("place", [1, 2, 3], ids=["own", "customer", "stakeholder"])
    def test_a_deal_is_read_again_whichever_of_its_contacts_changes(
        self, office: DynamicsOffice, place: int
    ) -> None:
        people = tuple(put_person(office, 900 + number) for number in (1, 2, 3))
        put_deal(office, modified_at=CREATED, people=people)
        office.book.edit_person(people[place - 1], TOUCHED, gclid="late-click")
        (deal,) = read(office.source())
        assert clicks(deal) == {"late-click"}

    def test_a_deal_is_read_again_when_its_lead_changes(self, office: DynamicsOffice) -> None:
        lead = put_lead(office)
        put_deal(office, modified_at=CREATED, people=(lead,))
        office.book.edit_person(lead, TOUCHED, gclid="late-click")
        (deal,) = read(office.source())
        assert clicks(deal) == {"late-click"}

    def test_a_deal_is_read_again_when_its_process_moves(self, office: DynamicsOffice) -> None:
        put_deal(office, modified_at=CREATED, entered=(("mql", CREATED), ("sql", TOUCHED)))
        (deal,) = read(office.source())
        assert reached(deal) == {"sql": TOUCHED}

    def test_a_process_flow_beside_the_sale_is_followed_separately(
        self, office: DynamicsOffice
    ) -> None:
        approval = ("check", "signed")
        office.book.stages = (
            *office.book.stages,
            *(Stage(key=key, name=key, position=n, pipeline="Approval")
              for n, key in enumerate(approval, 1)),
        )  # fmt: skip
        days = [CREATED + timedelta(days=day) for day in range(5)]
        stages = ("mql", "check", "sql", "signed", "won")
        put_deal(office, modified_at=TOUCHED, entered=tuple(zip(stages, days, strict=True)))
        signed = {"approved": MilestoneStages(stages=("signed",)), **office.milestones}
        (deal,) = read(office.source(replace(office.mapping, milestones=signed)))
        assert reached(deal) == {"sql": days[2], "approved": days[3], "won": days[4]}
        assert office.asked(SALES.records)
        assert office.asked(BESIDE.records)

    def test_what_is_not_mapped_or_wanted_is_not_asked_for(self, office: DynamicsOffice) -> None:
        office.has_stakeholders = False
        put_deal(office, people=(put_person(office), put_lead(office)))
        mapping = replace(office.mapping, lead=RecordFields())
        (deal,) = read(office.source(mapping))
        assert Key(KeyKind.CRM, office.record_id(801)) in deal.keys
        assert not office.asked("leads")
        assert not office.asked("connections")

    # What they hold

    def test_choices_and_lookups_are_read_as_people_see_them(self, office: DynamicsOffice) -> None:
        put_deal(office, fields={"vertical": "Solar", "origin": "Trade fair"})
        segments = {"vertical": "new_vertical", "origin": "new_originid"}
        (deal,) = read(office.source(replace(office.mapping, segments=segments)))
        assert (deal.segments["vertical"], deal.segments["origin"]) == ("Solar", "Trade fair")

    def test_a_person_is_known_by_an_id_and_not_by_a_name(self, office: DynamicsOffice) -> None:
        put_deal(office, people=(put_person(office),), owner="4026be43")
        segments = {"who": "parentcontactid", "seller": "ownerid"}
        (deal,) = read(office.source(replace(office.mapping, segments=segments)))
        assert (deal.segments["who"], deal.segments["seller"]) == (
            office.record_id(901),
            "4026be43",
        )

    def test_a_lost_deal_tells_why_where_that_is_mapped(self, office: DynamicsOffice) -> None:
        put_deal(office, 1, entered=(*WON_DEAL[:2], ("lost", WON_AT)), lost_reason="Too dear")
        mapping = replace(office.mapping, segments={"lost_reason": "statuscode"})
        (deal,) = read(office.source(mapping))
        assert deal.segments["lost_reason"] == "Too dear"

    def test_a_deal_that_is_not_won_is_worth_what_is_estimated(
        self, office: DynamicsOffice
    ) -> None:
        put_deal(office, entered=WON_DEAL[:2], amount=Decimal("900.10"), currency="GBP")
        (deal,) = read(office.source())
        assert (deal.amount, deal.currency) == (Decimal("900.10"), "GBP")

    def test_columns_that_only_name_others_are_not_listed(self, office: DynamicsOffice) -> None:
        fields = office.make_crm(office.mapping).fields()
        assert "owneridname" not in {field.name for field in fields}
        assert {field.longest for field in fields if field.name == "new_gclid"} == {255}

    # What is gone

    def test_a_deal_that_may_not_be_read_is_not_gone(self, office: DynamicsOffice) -> None:
        ids = [office.record_id(number) for number in (1, 2, 3)]
        for number in (1, 2, 3):
            put_deal(office, number)
        office.server.rows.unreadable.add(ids[0])
        office.book.delete(ids[1], TOUCHED)
        assert gone(office.source(), ids) == {ids[1]}

    def test_only_deals_that_are_missing_are_asked_for_one_by_one(
        self, office: DynamicsOffice
    ) -> None:
        ids = [office.record_id(number) for number in range(1, 501)]
        for number in range(1, 501):
            put_deal(office, number)
        source = office.source()
        assert isinstance(source, KeepsNoTrace)
        assert list(source.departed_among(ids)) == []
        assert office.over_http.count <= 13, "a token, and a page of 50 each"
        assert not office.asked("batch")

    # How it is asked

    @pytest.mark.parametrize(("has_audit", "most"), [(True, 64), (False, 40)])
    def test_a_thousand_deals_cost_few_calls_in_pages_of_the_usual_size(
        self, office: DynamicsOffice, has_audit: bool, most: int
    ) -> None:
        office.a_page = dynamics_api.A_PAGE
        office.read_history["has_audit"] = has_audit
        for number in range(1, 1_001):
            person = put_person(office, 10_000 + number, fields={"email": f"p{number}@example.com"})
            put_deal(office, number, people=(person,))
        assert len(read(office.source())) == 1_000
        assert office.over_http.count <= most

    def test_a_bookmark_of_another_question_begins_the_window_again(
        self, office: DynamicsOffice
    ) -> None:
        for number in range(1, office.a_page + 2):
            put_deal(office, number)
        bookmark = next(
            one for one in office.source().read_changed(WINDOW) if isinstance(one, Bookmark)
        )
        wider = replace(office.mapping, segments={"region": "new_region", "type": "new_dealtype"})
        for mapping, left in ((office.mapping, 1), (wider, office.a_page + 1)):
            found = office.source(mapping).read_changed(WINDOW, bookmark)
            assert len([one for one in found if isinstance(one, Deal)]) == left

    def test_a_bookmark_that_is_no_longer_taken_begins_the_window_again(
        self, office: DynamicsOffice
    ) -> None:
        for number in range(1, office.a_page + 2):
            put_deal(office, number)
        bookmark = next(
            one for one in office.source().read_changed(WINDOW) if isinstance(one, Bookmark)
        )
        stale = Bookmark(re.sub("skiptoken=.*", "skiptoken=stale", bookmark.place))
        found = office.source().read_changed(WINDOW, stale)
        assert len([one for one in found if isinstance(one, Deal)]) == office.a_page + 1

    def test_a_link_that_is_refused_in_the_middle_stops_the_read(
        self, office: DynamicsOffice
    ) -> None:
        for number in range(1, office.a_page + 2):
            put_deal(office, number)
        records = office.source().read_changed(WINDOW)
        assert isinstance(next(records), Deal)
        office.fail(error(400, "0x80040203", "Invalid cookie"))
        with pytest.raises(UnexpectedResponseError):
            list(records)

    def test_a_missing_right_is_named(self, office: DynamicsOffice) -> None:
        office.fail(office.right_missing, first=2)
        with pytest.raises(OperatorError, match="prvReadOpportunity"):
            office.source().check_columns()

    def test_an_app_without_a_user_is_told_to_get_one(self, office: DynamicsOffice) -> None:
        message = "The user is not a member of the organization."
        office.fail(error(403, "0x80072560", message), first=2)
        with pytest.raises(OperatorError, match="application user"):
            office.source().check_columns()

    def test_a_wrong_secret_is_told_by_its_number(self, office: DynamicsOffice) -> None:
        office.secret = "s3cret-typo"
        office.http = office.make_http()
        with pytest.raises(OperatorError, match="AADSTS7000215") as stopped:
            office.source().check_columns()
        assert "s3cret-typo" not in str(stopped.value)

    def test_a_batch_that_is_cut_off_is_left_to_the_next_run(self, office: DynamicsOffice) -> None:
        put_deal(office)
        office.server.refused["$batch"] = Reply(
            body=b"--b\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{",
            headers={"Content-Type": "multipart/mixed; boundary=b"},
        )
        with pytest.raises(TransientError):
            read(office.source())
