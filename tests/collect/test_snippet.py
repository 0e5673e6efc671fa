from importlib.resources import files

import phonenumbers
import pytest

from convsync.collect.snippet import SnippetSettings, dialled_in, snippet

COLLECTOR = "https://collect.our-company.example.com/sites/website-7f3a9c/reports"


def test_a_sites_whole_script_is_smaller_than_4_kb_in_every_country() -> None:
    sizes = {
        country: len(snippet(SnippetSettings(url=COLLECTOR, country=country)).encode())
        for country in (*phonenumbers.SUPPORTED_REGIONS, None)
    }
    assert {country: size for country, size in sizes.items() if size >= 4096} == {}


@pytest.mark.parametrize(
    ("country", "numbers"),
    [
        pytest.param("AU", r"\d{5,10}|\d{12}", id="a run, and one apart"),
        pytest.param("DE", r"\d{4,15}", id="a single run"),
    ],
)
def test_lengths_of_numbers_are_written_as_runs(country: str, numbers: str) -> None:
    assert dialled_in(country)["numbers"] == numbers


def test_the_snippet_and_its_source_are_in_the_package() -> None:
    assert files("convsync.collect").joinpath("snippet.js").is_file()


def test_settings_cannot_end_the_script_or_add_to_it() -> None:
    fields = {"</script><b>": '"});alert(1)//'}
    script = snippet(SnippetSettings(url=COLLECTOR, fields=fields))
    assert "</script>" not in script
    assert r'"\"});alert(1)//"' in script


def test_nothing_in_the_script_needs_more_than_a_strict_policy_allows() -> None:
    script = snippet(SnippetSettings(url=COLLECTOR))
    assert not [
        word for word in ("eval(", "new Function", ".innerHTML", "style=") if word in script
    ]


def test_a_country_whose_numbers_change_with_what_precedes_them_counts_as_unknown() -> None:
    assert dialled_in("BR") == dialled_in(None)
    assert dialled_in("AR")["abroad"] == "00"
    germany = {"code": "49", "prefix": "0", "abroad": "00", "numbers": r"\d{4,15}"}
    assert dialled_in("DE") == germany
