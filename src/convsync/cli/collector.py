"""How often Python collects garbage: all commands make objects that stay, a run very many."""

import atexit
import gc


def spare_the_collector() -> None:
    """Let Python look for reference cycles less often, and not once more when it ends.

    Measured: a run, which makes few cycles and many objects, takes a fifth less processor time than
    with Python's own thresholds. With ten times these, the cycles of 200,000 deals from a CRM took
    45 MB, and no time was saved. The last look was a fifth of what `status` took.
    """
    gc.set_threshold(100_000, 10, 10)
    atexit.register(gc.freeze)
