"""Settings → what sales is told about known people who come back, and who is told."""

from datetime import timedelta

from convsync.model.comeback import TellTerms
from convsync.settings import Settings
from convsync.watch.delivery import targets_of
from convsync.watch.sales import Sales, SalesRoute
from convsync.wiring.rules import funnel_of
from convsync.wiring.values import zone_of


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


def sales_of(settings: Settings) -> Sales | None:
    """Return who in sales hears of it, None where nobody does."""
    tell = settings.tell
    if not tell.routes:
        return None
    return Sales(
        name=settings.alerts.name or settings.folder.resolve().name,
        zone=zone_of(settings),
        owner=tell.owner,
        is_digest=tell.when == "digest",
        routes=[
            SalesRoute(
                name=name,
                owners=frozenset(route.owners),
                shows=frozenset(route.shows),
                targets=targets_of(route.urls.get_secret_value()),
            )
            for name, route in tell.routes.items()
        ],
    )
