import gc
import subprocess
import sys

from hamcrest import assert_that, equal_to

CHECK = """
import gc
from pipeline.garbage import reduce_garbage_collection
reduce_garbage_collection()
print(gc.get_freeze_count() > 1000, gc.get_threshold()[0] > 10_000, gc.isenabled())
"""


def test_what_is_there_is_left_out_and_garbage_is_looked_for_seldom_yet_looked_for() -> None:
    # In a process of its own: this one is to go on as it is.
    shown = subprocess.run([sys.executable, "-c", CHECK], capture_output=True, text=True, check=True).stdout

    assert_that(shown.split(), equal_to(["True"] * 3))
    assert_that(gc.isenabled())
