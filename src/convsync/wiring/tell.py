"""Settings → what sales is told about known people who come back."""

from datetime import timedelta

from convsync.model.comeback import TellTerms
from convsync.settings import Settings
from convsync.wiring.rules import funnel_of


def tell_terms_of(settings: Settings) -> TellTerms | None:
    """Return what is looked for at the end of a run, None where nobody is to be told."""
    tell = settings.tell
    if not tell.routes:
        return None
    return TellTerms(
        kinds=frozenset(tell.events),
        nurtured=tell.nurtured,
        again_after=timedelta(hours=tell.again_after_hours),
        sites=tuple(settings.collect),
        funnel=tuple(funnel_of(settings)),
    )
