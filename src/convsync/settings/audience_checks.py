"""What contradicts between audiences, what sales is told, and the rest of a configuration."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from convsync.model.deal import KNOWN_MILESTONES
from convsync.settings.audience_tables import AudienceTable
from convsync.settings.crm_tables import ALWAYS_THERE, AnyCrmDeals
from convsync.settings.google_tables import DataManagerTable

if TYPE_CHECKING:
    from convsync.settings.tables import Settings


def audience_mistakes(settings: "Settings") -> Iterator[str]:
    """Yield what is wrong, as `place: what, and what to do`."""
    for name, table in settings.audiences.items():
        place = f"audiences.{name}"
        yield from _destination(place, table, settings)
        yield from _words(place, table, settings)
        for other in table.but_not:
            if other == name or other not in settings.audiences:
                listed = ", ".join(sorted(settings.audiences.keys() - {name})) or "none"
                yield f"{place}.but_not: there is no other audience '{other}'; there are: {listed}."
    yield from _display_names(settings)
    yield from _telling(settings)


def destination_of(table: AudienceTable, settings: "Settings") -> str | None:
    """Return the destination that keeps an audience: the one it names, or the only one there is."""
    if table.destination is not None or len(settings.destinations) > 1:
        return table.destination
    return next(iter(settings.destinations))


def _destination(place: str, table: AudienceTable, settings: "Settings") -> Iterator[str]:
    name = destination_of(table, settings)
    if name is None:
        listed = ", ".join(sorted(settings.destinations))
        yield f"{place}.destination: is missing; there are several: {listed}."
        return
    road = settings.destinations.get(name)
    if not isinstance(road, DataManagerTable):
        known = [
            one for one, it in settings.destinations.items() if isinstance(it, DataManagerTable)
        ]
        listed = ", ".join(sorted(known)) or "there is none; add one"
        yield f"{place}.destination: must name a destination of kind data_manager: {listed}."
    elif not road.customer_match_terms_accepted:
        yield (
            f"{place}: Google takes no members before the advertiser has accepted the Customer"
            " Match terms. Accept them in Google Ads, then write"
            f" customer_match_terms_accepted = true under [destinations.{name}]."
        )


def _words(place: str, table: AudienceTable, settings: "Settings") -> Iterator[str]:
    named = [one for source in settings.deals.values() for one in source.milestones]
    milestones = set(named) or set(KNOWN_MILESTONES)
    for key in ("stage", "reached", "not_reached"):
        for word in getattr(table, key):
            if word not in milestones:
                listed = ", ".join(sorted(milestones))
                yield f"{place}.{key}: no deal source has '{word}'; there are: {listed}."
    for segment in table.when:
        yield from _segment(f"{place}.when.{segment}", segment, settings)


def _segment(place: str, segment: str, settings: "Settings") -> Iterator[str]:
    segments = {one for source in settings.deals.values() for one in source.segments}
    if any(isinstance(source, AnyCrmDeals) for source in settings.deals.values()):
        segments |= ALWAYS_THERE
    if segment not in segments:
        listed = ", ".join(sorted(segments)) or "none"
        yield f"{place}: no deal source maps it; segments there are: {listed}."


def _telling(settings: "Settings") -> Iterator[str]:
    tell = settings.tell
    if tell.model_fields_set and not tell.routes:
        yield "tell: nobody would be told; add a [tell.routes.NAME]."
    if tell.owner is not None:
        yield from _segment("tell.owner", tell.owner, settings)
    for name in tell.nurtured:
        if name not in settings.audiences:
            listed = ", ".join(sorted(settings.audiences)) or "none"
            yield f"tell.nurtured: there is no audience '{name}'; there are: {listed}."
    for name, route in tell.routes.items():
        if route.owners and tell.owner is None:
            yield f"tell.routes.{name}.owners: set tell.owner to the segment that names owners."


def display_name_of(name: str, table: AudienceTable) -> str:
    """Return what an audience's list is called at the platform."""
    return table.display_name or f"convsync {name}"


def _display_names(settings: "Settings") -> Iterator[str]:
    """Two lists of an account cannot have one name."""
    used: dict[tuple[str | None, str], str] = {}
    for name, table in settings.audiences.items():
        key = destination_of(table, settings), display_name_of(name, table)
        if key in used:
            yield f"audiences.{name}.display_name: is that of audiences.{used[key]}; change one."
        used[key] = name
