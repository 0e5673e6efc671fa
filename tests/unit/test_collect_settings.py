"""The sites of `[collect]`: what a configuration may say of them, and what it is told otherwise."""

from pathlib import Path

import pytest

from convsync.errors import OperatorError
from convsync.settings import Settings, load_settings
from convsync.wiring.collecting import sites_of

COMPANY = """
[company]
country = "DE"
[deals.crm]
kind = "csv"
path = "deals.csv"
columns = { deal_id = "ID" }
milestones = { won = "Won" }
[rules.won]
milestone = "won"
action_id = 111
[destinations.google]
kind = "data_manager"
operating_account = "123-456-7890"
"""


def site(name: str = "website", **changes: str) -> str:
    values = {
        "url": '"https://collect.example.com/"',
        "key": '"website-key"',
        "origins": '["https://www.Example.com"]',
    }
    lines = [f"{key} = {value}" for key, value in (values | changes).items()]
    return "\n".join([f"[collect.{name}]", *lines, ""])


def loaded(folder: Path, *texts: str) -> Settings:
    path = folder / "convsync.toml"
    path.write_text(COMPANY + "".join(texts))
    return load_settings(path)


def test_a_site_gets_a_script_that_reports_to_its_own_address(tmp_path: Path) -> None:
    (one,) = sites_of(loaded(tmp_path, site(fields='{ "00N5g" = "gclid" }')))
    assert one.origins == {"https://www.example.com"}
    assert one.country == "DE"
    assert '"https://collect.example.com/sites/website-key/reports"' in one.script
    assert '{"00N5g":"gclid"}' in one.script


@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ([site(origins='"https://www.example.com/shop"')], "collect.website.origins: 'https"),
        ([site(origins='"http://www.example.com"')], "collect.website.origins: 'http"),
        ([site(origins="[]")], "collect.website.origins: name the site's origins"),
        ([site(key='"short"')], "collect.website.key"),
        ([site(url='"http://collect.example.com"')], "collect.website.url"),
        ([site(fields='{ x = "email" }')], "x = 'email' means nothing"),
        ([site("crm")], "collect.crm: a site may not share its name"),
        ([site(), site("shop")], "collect.shop.key: is that of collect.website"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, texts: list[str], problem: str) -> None:
    with pytest.raises(OperatorError) as mistake:
        loaded(tmp_path, *texts)
    assert problem in str(mistake.value)
