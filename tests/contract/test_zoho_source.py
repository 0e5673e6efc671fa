"""Zoho CRM: the suite of every source and of every CRM, and what is peculiar to Zoho."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import responses

from convsync.errors import OperatorError, TransientError, UnexpectedResponseError
from convsync.extract import zoho_api
from convsync.extract.crm_adapter import Crm
from convsync.extract.funnel import MilestoneStages
from convsync.extract.mapping import CrmMapping, RecordFields
from convsync.extract.source import Departed
from convsync.extract.zoho import Zoho
from convsync.http import Http
from convsync.model.click import MatchBasis
from convsync.model.deal import Deal, Gone, Milestone
from convsync.sandbox.crm.book import Outcome, Stage
from convsync.sandbox.crm.server import Reply
from convsync.sandbox.crm.zoho import CLIENT, REFRESH_TOKEN, SECRET, ZohoServer
from convsync.signing_in.tokens import Token, TokenKeeper
from tests.contract.crm_suite import CrmOffice, CrmSourceContract, departed, mock, put_lead
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
LOGIN_URL = "https://accounts.zoho.eu"
PARTNERS_WON = Stage(
    key="signed", name="Closed Won", position=1, outcome=Outcome.WON, pipeline="Partners"
)
"""A stage of another pipeline that is called as one of the first is."""


class ZohoOffice(CrmOffice):
    base_url = "https://www.zohoapis.eu"
    a_page = 200
    a_cap = 401
    calls_for_200 = 24
    listing = r"/coql$"
    deal = RecordFields(gclid="GCLID")
    contact = RecordFields(
        emails=("Email",), phones=("Phone",), gclid="GCLID", ad_user_data="Ads_Consent"
    )
    region = "Region"
    reads_roles = False
    right_missing = Reply(
        status=403,
        body={
            "code": "NO_PERMISSION",
            "message": "Permission denied",
            "status": "error",
            "details": {"permissions": ["Crm_Implied_View_Deals"]},
        },
    )
    daily_limit = Reply(
        status=429,
        body={"code": "TOO_MANY_REQUESTS", "details": {}, "message": "…", "status": "error"},
        headers={"X-API-CREDITS-REMAINING": "0"},
    )
    error_inside_200 = Reply(body={"error": "invalid_code"})
    server: ZohoServer
    server_class = ZohoServer

    def __init__(self, mock: responses.RequestsMock) -> None:
        super().__init__(mock)
        self.server.longest_page = self.a_page  # so that few deals are several pages

    def make_http(self) -> Http:
        login = Http(
            name="Zoho", base_url=self.base_url, judge=zoho_api.judge, policy=self.policy,
            pace=self.pace(),
            clock=lambda: self.now,
        )  # fmt: skip
        fetch = zoho_api.refreshing(login, CLIENT, SECRET, REFRESH_TOKEN)
        keeper = TokenKeeper(fetch, scheme=zoho_api.SCHEME, clock=lambda: self.now)
        return Http(
            name="Zoho",
            base_url=zoho_api.api_of(keeper, LOGIN_URL),
            authorisation=keeper,
            judge=zoho_api.judge,
            policy=self.policy,
            pace=self.pace(at_once=zoho_api.AT_ONCE),
        )

    def make_crm(self, mapping: CrmMapping) -> Crm:
        return Zoho(zoho_api.Api(self.http), mapping, reads_roles=self.reads_roles)

    def expire_tokens(self) -> None:
        self.server.tokens.clear()

    def record_id(self, number: int) -> str:
        return str(4150868000010000000 + number)


class TestZoho(CrmSourceContract):
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> ZohoOffice:
        return ZohoOffice(mock)

    def test_a_deal_with_three_contacts_has_the_identifiers_of_all(self, office: Any) -> None:
        office.reads_roles = True
        super().test_a_deal_with_three_contacts_has_the_identifiers_of_all(office)

    def test_one_refusing_contact_of_three_decides_for_the_deal(self, office: Any) -> None:
        office.reads_roles = True
        super().test_one_refusing_contact_of_three_decides_for_the_deal(office)

    def test_without_contact_roles_only_the_deals_own_contact_is_read(
        self, office: ZohoOffice
    ) -> None:
        people = [put_person(office, 901 + n, fields={"phone": f"+4915112345{n}"}) for n in (1, 2)]
        put_deal(office, people=tuple(people))
        (deal,) = read(office.source())
        assert len(deal.identifiers.phones) == 1

    def test_history_that_cannot_be_queried_is_read_deal_by_deal(self, office: ZohoOffice) -> None:
        office.server.queries_history = False
        for number in range(1, 4):
            put_deal(office, number)
        found = read(office.source())
        expected = (Milestone("sql", SQL_AT), Milestone("won", WON_AT))
        assert [deal.milestones for deal in found] == [expected] * 3
        assert office.asked("Stage_History") == 3

    @pytest.mark.parametrize("told_one_by_one", ["Stage_History", "Contact_Roles"])
    def test_a_deal_deleted_while_it_is_read_stops_nothing_and_is_gone(
        self, office: ZohoOffice, told_one_by_one: str
    ) -> None:
        office.server.queries_history = told_one_by_one != "Stage_History"
        office.reads_roles = told_one_by_one == "Contact_Roles"
        for number in (1, 2):
            put_deal(office, number)

        def delete_once_listed(_: int) -> None:
            if office.asked("coql") and office.book.deal(office.record_id(1)):
                office.book.delete(office.record_id(1), TOUCHED)

        office.over_http.before_each = delete_once_listed
        records = list(office.source().read_changed(WINDOW))
        found = [one.deal_id for one in records if isinstance(one, Deal)]
        assert found == [office.record_id(2)]
        assert Departed(deal_id=office.record_id(1), gone=Gone.DELETED) in records

    def test_history_that_queries_may_not_read_is_read_deal_by_deal(
        self, office: ZohoOffice
    ) -> None:
        put_deal(office)
        office.fail(office.right_missing, first=8)  # after token, settings and deals
        (deal,) = read(office.source())
        assert Milestone("won", WON_AT) in deal.milestones
        assert office.asked("Stage_History") == 1

    @pytest.mark.parametrize("queries_history", [True, False])
    def test_a_history_of_several_pages_is_read_to_its_end(
        self, office: ZohoOffice, queries_history: bool
    ) -> None:
        office.server.queries_history = queries_history
        to_and_fro = [("sql" if turn % 2 else "mql", SQL_AT) for turn in range(2 * office.a_page)]
        put_deal(office, entered=(*to_and_fro, ("won", WON_AT)))
        (deal,) = read(office.source())
        assert Milestone("won", WON_AT) in deal.milestones

    def test_a_page_shorter_than_was_asked_for_is_not_the_last(self, office: ZohoOffice) -> None:
        office.server.longest_page = 3
        for number in range(1, 8):
            put_deal(office, number)
        assert len(read(office.source())) == 7

    @pytest.mark.parametrize("put", [put_person, put_lead])
    def test_a_deal_that_changed_together_with_a_person_behind_it_is_read_once(
        self, office: ZohoOffice, put: Callable[..., str]
    ) -> None:
        put_deal(office, people=(put(office, modified_at=TOUCHED),))
        assert len(read(office.source())) == 1

    def test_whether_history_can_be_queried_is_asked_once(self, office: ZohoOffice) -> None:
        office.server.queries_history = False
        for number in range(1, office.a_page + 2):
            put_deal(office, number)
        read(office.source())
        # two pages of deals, the question, contacts and leads that changed, leads of 100 deals each
        assert office.server.requests["POST /crm/v8/coql"] == 2 + 1 + 2 + 3

    def test_a_click_id_on_a_converted_lead_was_seen_when_the_lead_was_made(
        self, office: ZohoOffice
    ) -> None:
        lead = put_lead(office, fields={"gclid": "G-lead"})
        put_deal(office, people=(lead,), created_at=SQL_AT)
        (deal,) = read(office.source(with_leads(office)))
        (candidate,) = deal.clicks
        assert candidate.basis is MatchBasis.LEAD
        assert candidate.click.clicked_at == CREATED

    def test_a_lead_that_became_only_a_contact_is_behind_the_deals_of_the_contact(
        self, office: ZohoOffice
    ) -> None:
        lead, contact = put_lead(office, fields={"gclid": "G-lead"}), put_person(office)
        put_deal(office, people=(contact, lead))
        put_deal(office, 2, people=(contact,))
        office.server.only_contacts = frozenset({lead})
        found = read(office.source(with_leads(office)))
        assert [click_ids(deal) for deal in found] == [["G-lead"], ["G-lead"]]

    def test_a_lead_that_became_a_deal_is_behind_no_other_deal_of_its_contact(
        self, office: ZohoOffice
    ) -> None:
        lead, contact = put_lead(office, fields={"gclid": "G-lead"}), put_person(office)
        put_deal(office, people=(contact, lead))
        put_deal(office, 2, people=(contact,))
        found = read(office.source(with_leads(office)))
        assert [click_ids(deal) for deal in found] == [["G-lead"], []]

    @pytest.mark.parametrize("became_a_deal", [True, False])
    def test_a_deal_is_read_again_when_a_lead_behind_it_changes(
        self, office: ZohoOffice, became_a_deal: bool
    ) -> None:
        lead, contact = put_lead(office), put_person(office)
        put_deal(office, modified_at=CREATED, people=(contact, lead))
        office.server.only_contacts = frozenset() if became_a_deal else frozenset({lead})
        assert list(office.source(with_leads(office)).read_changed(WINDOW)) == []
        office.book.edit_person(lead, TOUCHED, gclid="late-click")
        (deal,) = read(office.source(with_leads(office)))
        assert click_ids(deal) == ["late-click"]

    def test_an_organisation_of_one_currency_without_leads_is_read(
        self, office: ZohoOffice
    ) -> None:
        office.server.hidden = frozenset({"Currency", "Converted_Deal", "Reason_For_Loss__s"})
        put_deal(office)
        (deal,) = read(office.source())
        assert (deal.amount, deal.currency) == (Decimal("1200.50"), None)

    @pytest.mark.parametrize("name", ["Stage", "Amount", "Contact_Name"])
    def test_a_field_that_nothing_goes_without_is_named_where_it_may_not_be_read(
        self, office: ZohoOffice, name: str
    ) -> None:
        put_deal(office)
        office.server.hidden = frozenset({name})
        with pytest.raises(OperatorError, match=rf"{name} .* field permissions"):
            office.source().check_columns()

    def test_a_currency_that_is_there_and_may_not_be_read_is_named_before_amounts_change_theirs(
        self, office: ZohoOffice
    ) -> None:
        put_deal(office)
        office.server.invisible = frozenset({"Currency"})
        with pytest.raises(OperatorError, match=r"Currency .* field permissions"):
            list(office.source().read_changed(WINDOW))

    def test_an_organisation_whose_deals_have_neither_amount_nor_contact_is_read(
        self, office: ZohoOffice
    ) -> None:
        office.server.hidden = frozenset({"Amount", "Contact_Name"})
        put_deal(office, fields={"region": "1200.50"})
        mapping = CrmMapping(milestones=office.milestones, amount="Region")
        (deal,) = read(office.source(mapping))
        assert deal.amount == Decimal("1200.50")

    def test_an_organisation_without_leads_is_read(self, office: ZohoOffice) -> None:
        put_deal(office, people=(put_person(office),))
        unknown = Reply(status=400, body={"code": "INVALID_MODULE", "details": {}})
        office.fail(unknown, first=4)  # after the token: fields of Deals, Contacts, Leads
        assert len(read(office.source())) == 1

    def test_more_columns_than_a_query_takes_are_for_a_person_to_fix(
        self, office: ZohoOffice
    ) -> None:
        names = [f"Field_{number}" for number in range(496)]
        described = [
            {"api_name": name, "field_label": name, "data_type": "text", "visible": True}
            for name in (*names, "Created_Time", "Modified_Time", "Stage", "Amount")
        ]
        office.fail(Reply(body={"fields": described}), first=2)  # after the token: those of Deals
        segments = {name.lower(): name for name in names}
        with pytest.raises(OperatorError, match="501 of Deals are mapped"):
            read(office.source(CrmMapping(milestones=office.milestones, segments=segments)))

    def test_a_lookup_is_read_as_the_id_of_its_record_and_never_as_a_persons_name(
        self, office: ZohoOffice
    ) -> None:
        put_deal(office, owner="4150868000000225013")
        mapping = replace(office.mapping, segments={"seller": "Owner"})
        (deal,) = read(office.source(mapping))
        assert (deal.segments["owner"], deal.segments["seller"]) == (
            "4150868000000225013",
            "4150868000000225013",
        )

    def test_pipelines_may_share_a_stage_and_mean_different_things(
        self, office: ZohoOffice
    ) -> None:
        office.book.stages = (*office.book.stages, PARTNERS_WON)
        put_deal(office, 1)
        put_deal(office, 2, entered=((PARTNERS_WON.key, WON_AT),))
        only = {"won": MilestoneStages(stages=("Partners: Closed Won",))}
        first, second = read(office.source(CrmMapping(milestones=only)))
        assert first.milestones == ()
        assert second.milestones == (Milestone("won", WON_AT),)
        assert second.segments["pipeline"] == "Partners"

    @pytest.mark.parametrize("tells_new_names", [False, True])
    def test_a_stage_and_a_pipeline_that_were_renamed_are_known_by_either_name(
        self, office: ZohoOffice, tells_new_names: bool
    ) -> None:
        office.book.stages = (*office.book.stages, PARTNERS_WON)
        office.server.renamed = {"Closed Won": "Signed", "Partners": "Resellers"}
        office.server.tells_new_names = tells_new_names
        put_deal(office, entered=((PARTNERS_WON.key, WON_AT),))
        signed = {"won": MilestoneStages(stages=("Resellers: Signed",))}
        (deal,) = read(office.source(CrmMapping(milestones=signed)))
        assert deal.milestones == (Milestone("won", WON_AT),)
        assert (deal.segments["pipeline"], deal.segments["stage"]) == ("Resellers", "Signed")

    def test_a_new_name_that_another_stage_had_first_means_the_other(
        self, office: ZohoOffice
    ) -> None:
        office.server.renamed = {"SQL": "Opportunity", "Opportunity": "Proposal"}
        put_deal(office, entered=(("opportunity", SQL_AT),))
        proposed = {"proposed": MilestoneStages(stages=("Proposal",))}
        (deal,) = read(office.source(CrmMapping(milestones=proposed)))
        assert deal.milestones == (Milestone("proposed", SQL_AT),)

    def test_a_deal_deleted_before_the_window_is_old_news(self, office: ZohoOffice) -> None:
        put_deal(office)
        office.book.delete(office.record_id(1), WINDOW.since - timedelta(seconds=1))
        assert departed(office) == []

    def test_deals_deleted_in_the_window_are_all_found(self, office: ZohoOffice) -> None:
        count = 2 * office.a_page + 1
        for number in range(1, count + 1):
            put_deal(office, number)
            office.book.delete(office.record_id(number), TOUCHED)
        assert len(departed(office)) == count

    def test_calls_at_once_are_waited_for_where_credits_are_left(self, office: ZohoOffice) -> None:
        busy = replace(office.daily_limit, headers={"X-API-CREDITS-REMAINING": "2"})
        office.fail(busy, first=2)
        read(office.source())
        assert len(office.waits) == 1

    def test_credits_that_buy_no_other_call_are_used_up(self, office: ZohoOffice) -> None:
        spent = replace(office.daily_limit, headers={"X-API-CREDITS-REMAINING": "1"})
        office.fail(spent, first=2)
        with pytest.raises(TransientError, match="used up"):
            read(office.source())
        assert office.waits == []

    def test_a_missing_scope_is_not_asked_for_again_and_again(self, office: ZohoOffice) -> None:
        missing = Reply(status=401, body={"code": "OAUTH_SCOPE_MISMATCH", "details": {}})
        office.fail(missing, first=2)
        office.fail(missing, first=4)  # with the one token more
        with pytest.raises(OperatorError, match="OAUTH_SCOPE_MISMATCH"):
            read(office.source())
        assert office.over_http.count == 4

    def test_the_missing_right_is_named(self, office: ZohoOffice) -> None:
        office.fail(office.right_missing, first=2)
        with pytest.raises(OperatorError, match="Crm_Implied_View_Deals"):
            read(office.source())

    @pytest.mark.parametrize(
        ("error", "fix"),
        [
            ("invalid_code", "make a new one"),
            ("invalid_client", "login_url"),
            ("invalid_client_secret", "client_secret"),
            ("something_new", r"docs/zoho\.md"),
        ],
    )
    def test_a_sign_in_refused_with_200_says_how_to_fix_it(
        self, office: ZohoOffice, error: str, fix: str
    ) -> None:
        office.fail(Reply(body={"error": error}))
        with pytest.raises(OperatorError, match=fix):
            read(office.source())

    def test_more_than_ten_tokens_in_ten_minutes_are_left_to_the_next_run(
        self, office: ZohoOffice
    ) -> None:
        authorisation = office.http.authorisation
        assert authorisation is not None
        for _ in range(9):  # besides the first
            authorisation.renew(authorisation.headers())
        with pytest.raises(TransientError, match="token_file"):
            authorisation.renew(authorisation.headers())
        assert office.waits == []
        office.now += timedelta(minutes=10)
        assert authorisation.renew(authorisation.headers())


@pytest.mark.parametrize(
    ("login_url", "told", "address"),
    [
        pytest.param(LOGIN_URL, "https://www.zohoapis.eu", "https://www.zohoapis.eu", id="its own"),
        pytest.param(
            LOGIN_URL, "https://sandbox.zohoapis.eu", "https://sandbox.zohoapis.eu", id="a sandbox"
        ),
        pytest.param(LOGIN_URL, None, "https://www.zohoapis.eu", id="not told"),
        pytest.param("http://127.0.0.1:8470/zoho", "http://127.0.0.1:8470/zoho", None, id="ours"),
    ],
)
def test_the_api_is_where_the_token_says(
    login_url: str, told: str | None, address: str | None
) -> None:
    assert zoho_api.api_of(keeper(told), login_url)() == (address or told)


@pytest.mark.parametrize(
    "told",
    [
        "https://www.zohoapis.com",
        "https://www.zohoapis.eu.attacker.example",
        "https://www.zohoapis.eu@attacker.example",
        "http://www.zohoapis.eu",
        "www.zohoapis.eu",
    ],
)
def test_a_token_never_goes_to_a_host_outside_its_data_centre(told: str) -> None:
    with pytest.raises(OperatorError, match="login_url"):
        zoho_api.api_of(keeper(told), LOGIN_URL)()


def with_leads(office: ZohoOffice) -> CrmMapping:
    """Return a mapping that finds clicks on leads alone."""
    return CrmMapping(milestones=office.milestones, lead=RecordFields(gclid="GCLID"))


def click_ids(deal: Deal) -> list[str]:
    return [candidate.click.click_id.value for candidate in deal.clicks]


def keeper(api_url: str | None) -> TokenKeeper:
    """Return what keeps one token, which says where the API is."""
    token = Token(access_token="1000.a", expires_at=TOUCHED + timedelta(hours=1), api_url=api_url)
    return TokenKeeper(lambda _: token, clock=lambda: TOUCHED)


class TestWhatZohoMayLeaveOut:
    @pytest.fixture
    def office(self, mock: responses.RequestsMock) -> ZohoOffice:
        return ZohoOffice(mock)

    def test_stages_come_from_the_field_where_there_are_no_pipelines(
        self, office: ZohoOffice
    ) -> None:
        office.server.has_no_pipelines = True
        put_deal(office)
        (deal,) = read(office.source())
        assert [one.name for one in deal.milestones] == ["sql", "won"]

    def test_a_full_page_leads_on_where_nobody_says_so(self, office: ZohoOffice) -> None:
        office.server.tells_more = False
        for number in range(1, 2 * office.a_page + 2):
            put_deal(office, number)
        assert len(read(office.source())) == 2 * office.a_page + 1

    def test_a_list_that_goes_on_with_nothing_is_not_taken_for_its_end(
        self, office: ZohoOffice
    ) -> None:
        put_deal(office)

        def emptied(route: str, body: Any) -> Any:
            goes_on = {"data": [], "info": {"more_records": True}}
            return goes_on if route.endswith("/coql") else body

        office.over_http.spoil = emptied
        with pytest.raises(UnexpectedResponseError, match="lists nothing"):
            read(office.source())

    def test_a_field_that_no_layout_uses_can_be_mapped(self, office: ZohoOffice) -> None:
        office.server.unused = frozenset({office.region})
        put_deal(office, fields={"region": "North"})
        (deal,) = read(office.source())
        assert deal.segments["region"] == "North"
