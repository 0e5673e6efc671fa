"""The threads that make pages are few, give way to others, and raise what a page raises."""

import asyncio
import os
import sys
from threading import Event, get_native_id

import pytest

from convsync.web.readers import Readers

HERE = os.getpriority(os.PRIO_PROCESS, 0)


def priority() -> int:
    return os.getpriority(os.PRIO_PROCESS, get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread has no priority of its own")
def test_threads_that_make_pages_give_way_and_this_one_does_not() -> None:
    async def both() -> tuple[int, int]:
        readers = Readers()
        return await readers.run(priority), await readers.run(priority, is_slow=True)

    quick, slow = asyncio.run(both())
    assert (quick, slow) == (max(HERE, 5), max(HERE, 10))
    assert priority() == HERE


def test_a_quick_page_waits_behind_no_slow_one() -> None:
    async def behind() -> str:
        readers, ended = Readers(), Event()
        slow = [asyncio.ensure_future(readers.run(ended.wait, is_slow=True)) for _ in range(9)]
        await asyncio.sleep(0)
        quick = await readers.run(lambda: "quick")
        ended.set()
        assert all(await asyncio.gather(*slow))
        return quick

    assert asyncio.run(behind()) == "quick"


def test_what_a_page_raises_is_raised_where_somebody_waits_for_it() -> None:
    def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(Readers().run(fails))


def test_a_file_comes_whole_and_in_order() -> None:
    async def parts() -> str:
        lines = (f"{number}\n" for number in range(1_001))
        return "".join([part async for part in Readers().each(lines)])

    assert asyncio.run(parts()) == "".join(f"{number}\n" for number in range(1_001))
