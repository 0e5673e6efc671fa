"""What the snippet does, as a visitor's browser does it and the collector writes it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from convsync.model.identifiers import hashed
from tests.browser.site import FORM, GRANTED, Site
from tests.collect.cases import EMAILS, PHONES

FIRST, SECOND = "Cj0KCQ-first_Click.ID", "Cj0KCQ-second_Click.ID"
REFUSED = {"ad_storage": "denied", "ad_user_data": "denied", "ad_personalization": "denied"}
ANNA, PHONE = hashed("anna@example.com"), hashed("+4930123456")
A_MINUTE = timedelta(minutes=1)


def gclids(report: Any) -> list[str]:
    """Return the gclids in a report, oldest first."""
    landings = json.loads(report.landings)
    return [value for one in landings for kind, value in one["ids"] if kind == "gclid"]


def test_a_click_three_pages_ago_is_in_the_form_and_in_the_report(site: Site) -> None:
    site.visit(f"/?gclid={FIRST}&utm_campaign=Brand+Search")
    site.visit("/about")
    site.visit("/about?page=2")
    site.visit("/contact")
    assert (site.value_of("gclid"), site.value_of("00N5g")) == (FIRST, FIRST)
    assert site.value_of("utm_campaign") == "Brand Search"
    visitor = site.value_of("convsync_visitor")
    site.submit()
    (report,) = site.reports()
    assert (report.visitor, report.form, gclids(report)) == (visitor, "contact", [FIRST])
    assert (report.emails, report.phones) == (ANNA, PHONE)
    (landing,) = json.loads(report.landings)
    assert landing["campaign"] == {"utm_campaign": "Brand Search"}
    at = datetime.fromisoformat(landing["at"])
    assert report.received_at - A_MINUTE < at < report.received_at


def test_a_second_click_is_kept_beside_the_first_and_fills_the_form(site: Site) -> None:
    site.visit(f"/?gclid={FIRST}")
    site.visit(f"/?gclid={SECOND}")
    site.visit(f"/?gclid={SECOND}")
    site.visit("/contact")
    assert site.value_of("gclid") == SECOND
    site.submit()
    assert gclids(site.reports()[0]) == [FIRST, SECOND]


def test_nothing_is_kept_filled_or_sent_of_a_visitor_who_refuses(site: Site) -> None:
    site.visit(f"/contact?gclid={FIRST}", consent=REFUSED)
    assert site.kept() is None
    assert (site.value_of("gclid"), site.value_of("convsync_visitor")) == ("", "")
    site.submit()
    site.visit("/contact")
    site.submit()  # with consent: the only report there is
    assert [gclids(report) for report in site.reports()] == [[]]


def test_nothing_is_kept_of_a_visitor_whom_nobody_asked(site: Site) -> None:
    site.visit(f"/contact?gclid={FIRST}", consent=None)
    site.run("window.dataLayer.push(['consent', 'default', arguments[0]])", REFUSED)
    assert (site.kept(), site.value_of("gclid")) == (None, "")


def test_consent_that_is_given_later_keeps_the_click_of_this_page(site: Site) -> None:
    site.visit(f"/contact?gclid={FIRST}", consent=REFUSED)
    site.run("window.dataLayer.push(['consent', 'update', arguments[0]])", GRANTED)
    assert site.value_of("gclid") == FIRST
    site.submit()
    (report,) = site.reports()
    assert (gclids(report), report.consent_source) == ([FIRST], "update")
    assert (report.ad_storage, report.ad_user_data) == ("granted", "granted")


def test_a_withdrawal_empties_storage_and_form_and_is_reported(site: Site) -> None:
    site.visit(f"/contact?gclid={FIRST}")
    visitor = site.value_of("convsync_visitor")
    site.answer(REFUSED)
    assert (site.kept(), site.value_of("gclid")) == (None, "")
    (report,) = site.reports()
    assert (report.visitor, report.ad_storage, report.form) == (visitor, "denied", None)
    assert (report.landings, report.emails) == ("[]", "")


def test_a_default_before_the_banner_answers_is_no_withdrawal(site: Site) -> None:
    site.visit(f"/?gclid={FIRST}")
    site.visit("/contact", consent=None)
    site.run("window.dataLayer.push(['consent', 'default', arguments[0]])", REFUSED)
    assert FIRST in (site.kept() or "")
    site.run("window.dataLayer.push(['consent', 'update', arguments[0]])", GRANTED)
    assert site.value_of("gclid") == FIRST


def test_without_consent_to_user_data_no_hash_leaves_the_page(site: Site) -> None:
    site.visit(f"/contact?gclid={FIRST}", consent=GRANTED | {"ad_user_data": "denied"})
    site.submit()
    (report,) = site.reports()
    assert (gclids(report), report.emails, report.phones) == ([FIRST], "", "")


def test_with_storage_blocked_the_page_of_the_landing_still_works(site: Site) -> None:
    blocked = """Object.defineProperty(window, "localStorage", {
      get() { throw new DOMException("blocked", "SecurityError"); } });"""
    added = site.browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": blocked}
    )
    try:
        site.visit(f"/contact?gclid={FIRST}")
        assert site.value_of("gclid") == FIRST
        site.submit()
        assert gclids(site.reports()[0]) == [FIRST]
    finally:
        site.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_a_form_that_is_added_after_the_page_has_loaded_is_filled(site: Site) -> None:
    site.visit(f"/about?gclid={FIRST}")
    site.run("document.body.insertAdjacentHTML('beforeend', arguments[0])", FORM)
    site.until(lambda: site.value_of("gclid") == FIRST)
    site.submit()
    assert gclids(site.reports()[0]) == [FIRST]


def test_a_single_page_app_that_moves_on_to_a_click_is_followed(site: Site) -> None:
    site.visit("/about")
    site.run("history.pushState({}, '', '/#/offer?gclid=' + arguments[0])", FIRST)
    site.run("document.body.insertAdjacentHTML('beforeend', arguments[0])", FORM)
    site.until(lambda: site.value_of("gclid") == FIRST)


def test_a_form_that_a_script_sends_is_reported_when_the_site_says_so(site: Site) -> None:
    site.visit(f"/contact?gclid={FIRST}")
    site.run("convsync.push(document.forms[0])")
    assert gclids(site.reports()[0]) == [FIRST]


def test_a_click_id_of_115_characters_is_kept_whole(site: Site) -> None:
    long = "EAIaIQobChMI" + "Xy-_" * 25 + "end"
    assert len(long) == 115
    site.visit(f"/?gclid={long}")
    site.visit("/contact")
    assert site.value_of("gclid") == long
    site.submit()
    assert gclids(site.reports()[0]) == [long]


def test_an_address_with_empty_and_personal_parameters_costs_no_report(site: Site) -> None:
    site.visit(f"/contact?gclid={FIRST}&utm_term=&utm_content=anna@example.com&wbraid=")
    site.submit()
    (report,) = site.reports()
    (landing,) = json.loads(report.landings)
    assert (landing["ids"], landing["campaign"]) == ([["gclid", FIRST]], {})


def test_a_page_with_a_strict_policy_breaks_nothing(site: Site) -> None:
    site.visit(f"/contact?strict&gclid={FIRST}")
    assert site.value_of("gclid") == FIRST
    site.submit()
    assert gclids(site.reports()[0]) == [FIRST]


def test_clicks_in_other_tags_cookies_are_kept_with_their_times(site: Site) -> None:
    clicked = datetime.now(UTC).replace(microsecond=0) - timedelta(days=9)
    seconds = int(clicked.timestamp())
    site.visit("/about", consent=None)
    for cookie in (f"_gcl_aw=GCL.{seconds}.{FIRST}", f"_fbc=fb.1.{seconds}123.IwAR_click"):
        site.run("document.cookie = arguments[0] + '; path=/; max-age=60'", cookie)
    site.visit("/contact")
    assert site.value_of("gclid") == FIRST
    site.submit()
    (report,) = site.reports()
    landings = json.loads(report.landings)
    assert [one["ids"] for one in landings] == [[["gclid", FIRST]], [["fbclid", "IwAR_click"]]]
    for one in landings:
        assert abs(datetime.fromisoformat(one["at"]) - clicked) < A_MINUTE


def test_a_visit_is_reported_once_by_the_script_of_the_docs(site: Site) -> None:
    page = Path("docs/collecting.md").read_text(encoding="utf-8")
    script = page.partition("## Visits without a form")[2].partition("<script>")[2]
    site.visit(f"/?gclid={FIRST}")
    for path in ("/about", "/contact"):
        site.visit(path)
        site.run(script.partition("</script>")[0])
    (report,) = site.reports()
    assert (report.form, gclids(report), report.emails) == (None, [FIRST], "")


def submitted(site: Site, name: str, values: list[str | None], *, country: str = "DE") -> Any:
    """Report a form with an input for each value; return what was written."""
    site.visit(f"/about?country={country}")
    site.run(
        """const form = document.createElement("form");
        for (const value of arguments[1]) {
          const input = document.createElement("input");
          [input.name, input.value] = [arguments[0], value];
          form.append(input);
        }
        document.body.append(form);
        convsync.push(form);""",
        name,
        values,
    )
    return site.reports()[-1]


def test_every_email_is_normalised_in_the_browser_as_by_the_product(site: Site) -> None:
    report = submitted(site, "email", [written for written, _ in EMAILS])
    known = {hashed(normal) for _, normal in EMAILS if normal and normal.isascii()}
    assert known <= set(report.emails.split())
    assert set(report.emails.split()) <= {hashed(normal) for _, normal in EMAILS if normal}


@pytest.mark.parametrize("country", sorted({case[0] or "-" for case in PHONES}))
def test_every_phone_is_normalised_in_the_browser_as_by_the_product(
    site: Site, country: str
) -> None:
    cases = [case for case in PHONES if (case[0] or "-") == country]
    report = submitted(site, "phone", [case[1] for case in cases], country=country)
    left_out = 4
    expected = {hashed(case[2]) for case in cases if case[2] and len(case) < left_out}
    assert set(report.phones.split()) == expected
