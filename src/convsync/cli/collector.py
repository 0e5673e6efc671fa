"""How often Python looks for garbage, in commands that handle very many objects."""

import gc


def spare_the_collector() -> None:
    """Let Python look for reference cycles less often: a run makes few, and many objects.

    Measured: a fifth less processor time than with Python's own thresholds. With ten times these,
    the cycles of 200,000 deals from a CRM took 45 MB, and no time was saved.
    """
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)
