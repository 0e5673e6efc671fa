"""When Python looks for garbage: hardly while a command starts, then as often as a night needs."""

import subprocess
import sys

CODE = """
import gc
from convsync.cli import collector
collector.spare_the_collector()
assert gc.get_threshold()[0] > 200_000
collector.start_is_over()
assert gc.get_threshold()[0] == 100_000
kept = gc.get_freeze_count()
assert kept > 1_000
cycle = []
cycle.append(cycle)
collector.start_is_over()
assert gc.get_freeze_count() == kept
del cycle
assert gc.collect() >= 1
"""


def test_what_a_start_has_made_is_left_out_of_every_look_and_nothing_later() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True)
