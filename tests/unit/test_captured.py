"""Click IDs come out of whatever wraps them as the network gave them, or not at all."""

from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convsync.model.captured import Captured, captured_in, captured_in_url, plain
from convsync.model.click import ClickId, ClickIdKind

ID = "Cj0KCQiA-abcDEF_12345678901234567890"
AT = datetime(2026, 11, 18, 11, 6, 40, tzinfo=UTC)
GCLID, GBRAID, WBRAID = ClickIdKind.GCLID, ClickIdKind.GBRAID, ClickIdKind.WBRAID


def encoded(text: str) -> str:
    return quote(text, safe="")


def linked(**cookies: str) -> str:
    """Return a `_gl` as Google's tag writes it."""
    pairs = [f"{name}*{base64(value)}" for name, value in cookies.items()]
    return "*".join(["1", "dm649n", "_ga", base64("1.2"), *pairs])


def base64(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().replace("=", ".")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        pytest.param(ID, None, id="bare"),
        pytest.param(f"GCL.1795000000.{ID}", AT, id="Google's cookie"),
        pytest.param(f"GCL.1795000000123.{ID}", AT, id="Google's cookie, in milliseconds"),
        pytest.param(f"GCL.0.{ID}", None, id="Google's cookie, of no time"),
        pytest.param(f"2.1.k{ID}$i1795000000", AT, id="Google's later cookie"),
        pytest.param(f"2.1.k{ID}$i1795000000$u18", AT, id="Google's later cookie, with more"),
        pytest.param(f"_gcl_aw=GCL.1795000000.{ID}", AT, id="the cookie with its name"),
        pytest.param(f"gclid={ID}", None, id="a parameter"),
        pytest.param(f"gclid: {ID}", None, id="with a label"),
        pytest.param(f"?gclid={ID}&gad_source=1", None, id="a query"),
        pytest.param(f"{ID}&gad_source=1", None, id="the rest of a query"),
        pytest.param(f"{ID}#top", None, id="a fragment behind"),
        pytest.param(f"https://x.example/lp?utm_source=google&gclid={ID}", None, id="a URL"),
        pytest.param(f"https://x.example/lp?gclid=GCL.1795000000.{ID}", AT, id="a cookie in a URL"),
        pytest.param(encoded(f"https://x.example/?gclid={ID}"), None, id="an encoded URL"),
        pytest.param(encoded(encoded(f"https://x.example/?gclid={ID}")), None, id="encoded twice"),
        pytest.param(
            f"https://r.example/?u={encoded(f'https://x.example/?a=1&gclid={ID}')}", None,
            id="a URL within a URL",
        ),
        pytest.param(f"https://x.example/?_gl={linked(_gcl_aw=f'GCL.1795000000.{ID}')}", AT,
            id="handed from site to site"),
        pytest.param(f"{ID}:G:s", None, id="ef_id"),
        pytest.param(f"{ID}%20", None, id="an encoded space behind"),
        pytest.param(f'["{ID}"]', None, id="a list of one in JSON"),
        pytest.param(f'{{"value":"{ID}","expiryDate":1795000000000}}', None, id="in a browser"),
        pytest.param(f'{{"gclid": "{ID}", "gbraid": ""}}', None, id="by its name"),
        pytest.param(f"{{'value': '{ID}'}}", None, id="as Python writes it"),
        pytest.param(encoded(f'{{"value":"{ID}"}}'), None, id="kept in a browser, encoded"),
        pytest.param(f"<{ID}>", None, id="in angle brackets"),
        pytest.param(f"({ID})", None, id="in brackets"),
        pytest.param(f"https://x.example/?gclid={ID}%26gad_source%3D1", None,
            id="a query encoded once too often"),
        pytest.param(f"'{ID}", None, id="a spreadsheet's apostrophe"),
        pytest.param(f'="{ID}"', None, id="a spreadsheet's formula"),
        pytest.param(f" “{ID}”, ", None, id="quoted"),
        pytest.param(f"\u200b{ID[:9]}\u200d{ID[9:]}\ufeff", None, id="characters without width"),
    ],
)  # fmt: skip
def test_a_wrapped_click_id_is_unwrapped(text: str, at: datetime | None) -> None:
    assert captured_in(GCLID, text) == [Captured(ClickId(GCLID, ID), at)]


@pytest.mark.parametrize(
    "text",
    [
        "undefined", "null", "None", "NULL", "(not set)", "(not provided)", "{gclid}", "{{gclid}}",
        "{lpurl}", "%gclid%", "[gclid]", "<gclid>", "${gclid}", "test", "TEST", "test_gclid", "n/a",
        "-", "gclid", "nan", "[object Object]", "", "https://x.example/", "?utm_source=google",
        "https://x.example/?gclid=%7Bgclid%7D", "https://x.example/?gclid=undefined", "gclid=",
        "gclid=null", "www.x.example/lp", "'", r"\N", "organic", "Direct", "$gclid", "__gclid__",
        "##gclid##", "%7Bgclid%7D", "%7B%7Bgclid%7D%7D", "{lpurl}?gclid={gclid}", "#NAME?",
        "=CONCAT(A1)", "utm_source=google&utm_medium=cpc", "gad_source=1", '["null"]', "null%20",
        f"dclid={ID}", f"yclid={ID}", "1", "undefinedundefined", '{"value": null}', '{"gclid":""}',
    ],
)  # fmt: skip
def test_a_placeholder_for_a_missing_click_id_is_no_click_id(text: str) -> None:
    assert captured_in(GCLID, text) == []


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        pytest.param(WBRAID, f"_gcl_gb=GCL.1795000000.{ID}", WBRAID, id="gb keeps the wbraid"),
        pytest.param(GBRAID, f"_gcl_ag=2.1.k{ID}$i1795000000", GBRAID, id="ag keeps the gbraid"),
        pytest.param(GCLID, f"https://x.example/?wbraid={ID}", WBRAID, id="another kind in a URL"),
        pytest.param(ClickIdKind.FBCLID, f"fb.1.1795000000000.{ID}", ClickIdKind.FBCLID, id="Meta"),
        pytest.param(ClickIdKind.MSCLKID, f"_uet{ID}", ClickIdKind.MSCLKID, id="Microsoft"),
    ],
)
def test_a_wrapping_says_what_kind_of_id_it_holds(
    kind: ClickIdKind, text: str, expected: ClickIdKind
) -> None:
    assert [found.click_id for found in captured_in(kind, text)] == [ClickId(expected, ID)]


def test_several_ids_in_a_cell_are_several() -> None:
    other = f"{ID}x"
    for text in (f"{ID};{other}", f"{ID}, {other}", f"{ID} | {other}", f"{ID}\n{other};{ID}"):
        assert [found.click_id.value for found in captured_in(GCLID, text)] == [ID, other]


def test_pieces_parted_by_white_space_alone_are_not_taken_for_several_ids() -> None:
    for between in (" ", "\n"):
        cut_in_two = f"{ID[:20]}{between}{ID[20:] or 'x' * 16}"
        assert [found.click_id.value for found in captured_in(GCLID, cut_in_two)] == [cut_in_two]


def test_a_query_encoded_once_too_often_gives_all_its_ids() -> None:
    url = f"https://x.example/?gclid={ID}%26gbraid%3D{ID}b"
    assert [one.click_id.kind for one in captured_in_url(url)] == [GCLID, GBRAID]


@pytest.mark.parametrize("text", ["abc==", "a+b/c", "E.C.P.abc", "0A:B", "-_"])
def test_an_id_of_whatever_shape_stays_as_it_came(text: str) -> None:
    assert captured_in(GCLID, text) == [Captured(ClickId(GCLID, text))]


def test_an_id_without_a_time_takes_that_of_its_cookie() -> None:
    url = f"https://x.example/?gclid={ID}&_gl={linked(_gcl_aw=f'GCL.1795000000.{ID}')}"
    assert captured_in_url(url) == [Captured(ClickId(GCLID, ID), AT)]


IDS = st.from_regex(r"[A-Za-z0-9_-]{20,100}", fullmatch=True)


@given(IDS)
def test_no_id_is_altered_by_what_wraps_it(value: str) -> None:
    url = f"https://x.example/?gclid={value}"
    wrapped = (
        value, url, encoded(url), f"https://r.example/?u={encoded(url)}", f"GCL.1795000000.{value}",
        f"2.1.k{value}$i1795000000", f"{value}&gad_source=1", f"'{value}'",
        f"https://x.example/?_gl={linked(_gcl_aw=f'GCL.1795000000.{value}')}",
    )  # fmt: skip
    for text in wrapped:
        assert [found.click_id.value for found in captured_in(GCLID, text)] == [value]


@given(st.one_of(st.text(max_size=80), IDS, st.text("GCL.0123456789?&=%#:;{}'", max_size=60)))
def test_any_text_is_read_and_what_is_plain_reads_the_same(text: str) -> None:
    found = captured_in(GCLID, text)
    bare = plain(text)
    if bare is not None:
        assert found == ([Captured(ClickId(GCLID, bare))] if bare else [])


def test_a_long_text_is_read_in_linear_time() -> None:
    for text in ("gclid=" * 50_000, "%25" * 100_000, "a=b&" * 50_000, "{" * 200_000, "'" * 200_000):
        captured_in(GCLID, text)
