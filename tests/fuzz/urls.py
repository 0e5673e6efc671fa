"""Landing URLs of which one part is spoilt: the click ID in another is found all the same."""

from collections.abc import Sequence
from random import Random
from typing import Final
from urllib.parse import quote

from convsync.extract.cell_error import CellError
from convsync.model.click import ClickIdKind
from tests.fuzz.cells import FORMS
from tests.fuzz.figures import Figures, watched
from tests.fuzz.spoiling import spoilt

GOOD: Final = "EAIaIQobChMI7eT_x-YzQ3_D_BwE"
BEFORE: Final[Sequence[str]] = (
    "https://shop.example/lp/spring?utm_source=google", "https://shop.example?q=red+shoes",
    "/pricing?ref=https%3A%2F%2Fblog.example%2F%3Fa%3Db",
    "shop.example/#/page?utm_term=%7Bkeyword%7D",
    "https://shop.example/?_gl=1*abc*_ga*MTIz",
    "https://user@shop.example:8443/?x=%E2%82%AC&fbclid=IwAR0",
)  # fmt: skip
AFTER: Final[Sequence[str]] = (
    "gad_source=1", "gbraid=0AAAAAxYz", "utm_content=a%20b", "ef_id=abc:G:s", "x=1#features",
    "wbraid=",
    "_gl=1*a*_gcl_aw*R0NMLjE3", "next=https%3A%2F%2Fx.example%2F%3Fmsclkid%3Dabc",
)  # fmt: skip


def fuzz_urls(cases: int, seed: int) -> Figures:
    """Read so many URLs of which what stands before or behind the click ID is spoilt."""
    figures = Figures(kind="URLs")
    for number in range(cases):
        chance = Random(f"URLs {seed} {number}")
        before, after = chance.choice(BEFORE), chance.choice(AFTER)
        if chance.random() < 0.5:
            before = spoilt(before, chance)
        else:
            after = spoilt(after, chance)
        url = f"{before}&gclid={GOOD}&{after}"
        if is_within := chance.random() < 0.2:
            url = f"https://out.example/?to={quote(url.encode('utf-8', 'surrogatepass'), safe='')}"
        cells = chance.choice(FORMS)
        is_bare = chance.random() < 0.3
        about = f"URLs {seed} {number}: {url[:200]!r}"
        with watched(figures, about):
            try:
                found = (
                    cells.captured(ClickIdKind.GCLID, url)
                    if is_bare
                    else cells.captured_in_url(url)
                )
            except CellError:
                figures.reported += 1
                continue
            figures.read += 1
            is_there = any(one.click_id.value == GOOD for one in found)
            if not is_there and not (is_within and "=" in before.partition("?")[0]):
                figures.wrong.append(f"{about} has lost its click ID")
    return figures
