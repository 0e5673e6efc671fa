"""Settings → when nights are due, what is wrong with them, and who is told."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from convsync import log
from convsync.errors import OperatorError
from convsync.settings import Settings
from convsync.settings.digest_tables import WEEKDAYS
from convsync.settings.kept_secrets import ends_of_sign_ins
from convsync.settings.loading import alerts_from_outside
from convsync.settings.watch_tables import AlertsTable
from convsync.watch.alerts import Alarm, QuietHours
from convsync.watch.deadlines import Used
from convsync.watch.delivery import targets_of
from convsync.watch.findings import Watching
from convsync.watch.night import Watch
from convsync.watch.sales import Sales, SalesRoute
from convsync.watch.timetable import Timetable
from convsync.wiring.rules import rules_of
from convsync.wiring.terms import audit_settings_of
from convsync.wiring.values import zone_of


def timetable_of(settings: Settings) -> Timetable | None:
    """Return when nights are due, None where the configuration does not say."""
    schedule, zone = settings.schedule, zone_of(settings)
    if schedule.every is not None:
        return Timetable(zone=zone, every=timedelta(minutes=schedule.every))
    return Timetable(zone=zone, at=schedule.at) if schedule.at else None


def digest_times_of(settings: Settings) -> Timetable | None:
    """Return when weekly digests are due, None where the configuration has no [digest]."""
    table = settings.digest
    if table is None:
        return None
    weekday = WEEKDAYS.index(table.day)
    return Timetable(zone=zone_of(settings), at=(table.at,), weekday=weekday)


def watching_of(settings: Settings) -> Watching:
    """Return when something is wrong with the nights."""
    alerts = settings.alerts
    return Watching(
        zone=zone_of(settings),
        timetable=timetable_of(settings),
        sources=[*settings.deals, *settings.clicks, *settings.collect],
        read_within=timedelta(hours=alerts.read_within_hours),
        confirmed_within=timedelta(hours=alerts.confirmed_within_hours),
        rejected_share=alerts.rejected_share,
        unreadable=settings.limits.unreadable,
        expires={**_ends_of_sign_ins(settings), **alerts.expires},
        expiry_notice=timedelta(days=alerts.expiry_notice_days),
        uses=uses_of(settings),
    )


def uses_of(settings: Settings) -> Sequence[Used]:
    """Return the tables that vendors' deadlines may concern, each with the version it names."""
    tables = {
        **{f"destinations.{name}": table for name, table in settings.destinations.items()},
        **{f"deals.{name}": table for name, table in settings.deals.items()},
    }
    versions = ("api_version", "api")
    return [
        Used(
            place=place,
            kind=table.kind,
            version=next((str(getattr(table, key)) for key in versions if hasattr(table, key)), ""),
        )
        for place, table in tables.items()
    ]


def _ends_of_sign_ins(settings: Settings) -> dict[str, date]:
    """Return the last days of what `convsync auth` has kept; a run does without them."""
    try:
        ends = ends_of_sign_ins()
    except OperatorError as error:
        log.warning("nobody is told when sign-ins end", because=str(error))
        return {}
    zone = zone_of(settings)
    return {f"The sign-in of {place}": at.astimezone(zone).date() for place, at in ends.items()}


def alarm_of(settings: Settings) -> Alarm:
    """Return who is told, and when not."""
    return _alarm(settings.alerts, settings.folder, zone_of(settings))


def alarm_without_settings(config: Path) -> Alarm:
    """Return who is told that a configuration cannot be read, quiet hours or not."""
    return _alarm(alerts_from_outside(), config.parent, ZoneInfo("UTC"))


def _alarm(alerts: AlertsTable, folder: Path, zone: ZoneInfo) -> Alarm:
    hours = alerts.quiet_hours
    return Alarm(
        name=alerts.name or folder.resolve().name,
        zone=zone,
        targets=targets_of(alerts.urls.get_secret_value()) if alerts.urls else (),
        quiet=None if hours is None else QuietHours(since=hours[0], until=hours[1]),
        ping_url=None if alerts.ping_url is None else alerts.ping_url.get_secret_value(),
    )


def metrics_file_of(settings: Settings) -> Path | None:
    """Return the text file that figures go to, None where none is wanted."""
    named = settings.metrics.textfile
    return None if named is None else settings.folder / named


def metrics_token_of(settings: Settings) -> str | None:
    """Return what is asked of whoever reads the figures over HTTP."""
    token = settings.metrics.token
    return None if token is None else token.get_secret_value()


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


def watch_of(settings: Settings) -> Watch:
    """Return what watches one night, or looks between two."""
    return Watch(
        rules=rules_of(settings),
        terms=watching_of(settings),
        alarm=alarm_of(settings),
        sales=sales_of(settings),
        metrics_file=metrics_file_of(settings),
        head_file=audit_settings_of(settings).head_file,
    )
