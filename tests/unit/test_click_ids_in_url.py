"""Click IDs come out of a URL exactly as Google put them in."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from convsync.model.captured import captured_in, captured_in_url
from convsync.model.click import ClickId, ClickIdKind

CLICKS = Path(__file__).parents[2].parent / "shared" / "data" / "web_clicks"
needs_real_ids = pytest.mark.skipif(not CLICKS.exists(), reason="shared data not here")

GCLID = "EAIaIQobChMIg-eC55zk_wIV4-BcCh3-twmoEAQYGiABEgLfqPD_BwE"
GBRAID = "0AAAAACoEtRlTl-kE8mRthi4icY7Fr2Y2y"
A_GCLID = ClickId(ClickIdKind.GCLID, GCLID)
A_GBRAID = ClickId(ClickIdKind.GBRAID, GBRAID)


def click_ids_in_url(url: str) -> list[ClickId]:
    return [captured.click_id for captured in captured_in_url(url)]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(f"https://x.example/?gclid={GCLID}", [A_GCLID], id="alone"),
        pytest.param(f"https://x.example/?gclid={GCLID}#top", [A_GCLID], id="fragment behind"),
        pytest.param(
            f"https://x.example/?gclid={GCLID}&gclsrc=aw.ds", [A_GCLID], id="gclsrc behind"
        ),
        pytest.param(
            f"https://x.example/?gbraid={GBRAID}&gclid={GCLID}", [A_GBRAID, A_GCLID], id="two kinds"
        ),
        pytest.param(f"https://x.example/?ef_id={GCLID}:G:s", [A_GCLID], id="wrapped"),
        pytest.param(f"https://x.example/?ef_id={GCLID}%3AG%3As", [A_GCLID], id="wrapped, encoded"),
        pytest.param(
            f"https://x.example/?gclid={GCLID}&ef_id={GCLID}:G:s", [A_GCLID], id="twice is once"
        ),
        pytest.param("https://x.example/?ef_id=abc:B:s", [], id="another engine's wrapping"),
        pytest.param(f"https://x.example/#/offer?gclid={GCLID}", [A_GCLID], id="in the fragment"),
        pytest.param(f"https://x.example/?GCLID={GCLID}", [A_GCLID], id="name in capitals"),
        pytest.param(f"https://x.example/?a=1&amp;gclid={GCLID}", [A_GCLID], id="escaped in HTML"),
        pytest.param(f"?gclid={GCLID}", [A_GCLID], id="a query alone"),
        pytest.param(
            "https://x.example/?msclkid=m&fbclid=f&li_fat_id=l&ttclid=t",
            [
                ClickId(ClickIdKind.MSCLKID, "m"),
                ClickId(ClickIdKind.FBCLID, "f"),
                ClickId(ClickIdKind.LI_FAT_ID, "l"),
                ClickId(ClickIdKind.TTCLID, "t"),
            ],
            id="other networks",
        ),
        pytest.param("https://x.example/?gclid=", [], id="empty"),
        pytest.param("https://x.example/?gclid", [], id="no value"),
        pytest.param("https://x.example/?my_gclid=abc", [], id="another name"),
        pytest.param("https://x.example/gclid/abc", [], id="in the path"),
        pytest.param("", [], id="no URL"),
    ],
)
def test_every_click_id_of_a_url_is_found_once(url: str, expected: list[ClickId]) -> None:
    assert click_ids_in_url(url) == expected


def real_ids() -> Iterator[ClickId]:
    with gzip.open(CLICKS / "gclids.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            yield ClickId(ClickIdKind.GCLID, row["gclid"])
    with (CLICKS / "click_id_examples.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield ClickId(ClickIdKind(row["param"]), row["value"])


@needs_real_ids
def test_the_real_ids_are_all_there() -> None:
    assert sum(1 for _ in real_ids()) == 4_957 + 40


@needs_real_ids
def test_a_bare_real_id_is_never_altered() -> None:
    for real in real_ids():
        assert captured_in(real.kind, real.value) == [(real, None)]


@needs_real_ids
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://x.example/?{kind}={value}", id="alone"),
        pytest.param("https://x.example/p;v=1?a=b&{kind}={value}&gclsrc=aw.ds", id="gclsrc"),
        pytest.param("https://x.example/?{kind}={value}#section-2", id="fragment"),
        pytest.param("https://x.example/#!/p?{kind}={value}", id="in the fragment"),
    ],
)
def test_no_real_id_is_lost_or_altered_in_a_url(url: str) -> None:
    for real in real_ids():
        found = click_ids_in_url(url.format(kind=real.kind.value, value=real.value))
        assert found == [real]


@needs_real_ids
def test_no_real_id_is_lost_or_altered_beside_another_or_in_a_wrapping() -> None:
    for real in real_ids():
        beside = f"https://x.example/?gbraid=0AAA-_b&{real.kind.value}={real.value}&wbraid=Cj0_-"
        assert real in click_ids_in_url(beside)
        wrapped = f"https://x.example/?ef_id={real.value}:G:s&x=1"
        assert click_ids_in_url(wrapped) == [ClickId(ClickIdKind.GCLID, real.value)]
