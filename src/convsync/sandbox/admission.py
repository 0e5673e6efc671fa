"""What every call of the Data Manager API goes through first: the quota, and planned faults."""

from collections.abc import Iterator
from contextlib import contextmanager

from convsync.sandbox.ad_platform import AdPlatform
from convsync.sandbox.faults import Call
from convsync.sandbox.quota import Use
from convsync.sandbox.refusals import RefusedCall
from convsync.sandbox.trouble import NoAnswer, Trouble


@contextmanager
def admitted(platform: AdPlatform, call: Call, use: Use) -> Iterator[None]:
    """Count the call against the quota and let planned trouble happen, told as a `RefusedCall`."""
    try:
        platform.quota.take(use, platform.clock.now())
        with platform.faults.around(call):
            yield
    except NoAnswer:
        raise
    except Trouble as trouble:
        raise RefusedCall.from_trouble(trouble) from trouble
