"""A folder of companies, with only what a schedule has to know about them.

Each company has a folder of its own with its `convsync.toml`, for a run keeps files beside its
configuration. Airflow reads a DAG's file again and again, on a machine that may have none of the
companies' secrets, so only what a schedule needs is looked at. Everything else is judged by
`convsync check`, in a task whose log says what is wrong; a company whose schedule cannot be read
gets that task all the same, at the usual time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, ValidationError

from convsync.errors import OperatorError
from convsync.settings.google_tables import DataManagerTable
from convsync.settings.loading import written_tables
from convsync.settings.values import Zone
from convsync.settings.watch_tables import ScheduleTable
from convsync.watch.timetable import Timetable

CONFIG = "convsync.toml"
USUAL_TIME = time(2)
"""When nights are due where the configuration does not say."""
_UTC = ZoneInfo("UTC")
_PROJECT = str(DataManagerTable.model_fields["cloud_project"].default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """One company: its configuration, when its nights are due, and whose quota they use.

    `requests_per_minute` is the most that one of its destinations may make; None where one of them
    knows no limit. `secrets` is the folder of its secrets, if there is one.
    """

    name: str
    config: Path
    timetable: Timetable
    projects: tuple[str, ...]
    requests_per_minute: int | None
    secrets: Path | None = None


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Zoned(_Lenient):
    time_zone: Zone = _UTC


class _Paced(_Lenient):
    cloud_project: str = _PROJECT
    requests_per_minute: int | None = None


class _Scheduling(_Lenient):
    """What a schedule needs of a configuration."""

    company: _Zoned = _Zoned()
    schedule: ScheduleTable = ScheduleTable()
    destinations: dict[str, _Paced] = {}


def companies_in(folder: Path, *, secrets: Path | None = None) -> Sequence[Company]:
    """Return the companies of a folder, by name: NAME/convsync.toml is the company NAME.

    `secrets` may hold a folder NAME for each. Raises OperatorError where there is no company.
    """
    configs = sorted(folder.glob(f"*/{CONFIG}"))
    if not configs:
        raise OperatorError(
            f"There is no company in {folder}: give each a folder of its own there, with a"
            f" {CONFIG} in it."
        )
    return [_company(config, secrets) for config in configs]


def _company(config: Path, secrets: Path | None) -> Company:
    name = config.parent.name
    own = None if secrets is None else secrets / name
    needed = _needed(config)
    tables = needed.destinations.values()
    known = [t.requests_per_minute for t in tables if t.requests_per_minute is not None]
    return Company(
        name=name,
        config=config,
        timetable=_timetable(needed),
        projects=tuple(sorted({t.cloud_project for t in tables})) or (_PROJECT,),
        requests_per_minute=max(known) if known and len(known) == len(tables) else None,
        secrets=own if own is not None and own.is_dir() else None,
    )


def _needed(config: Path) -> _Scheduling:
    """Return what a schedule needs, or what is usual where it cannot be read."""
    try:
        return _Scheduling.model_validate(written_tables(config))
    except (OperatorError, ValidationError):
        return _Scheduling()


def _timetable(needed: _Scheduling) -> Timetable:
    zone, schedule = needed.company.time_zone, needed.schedule
    if schedule.every is not None:
        return Timetable(zone=zone, every=timedelta(minutes=schedule.every))
    return Timetable(zone=zone, at=tuple(sorted(schedule.at)) or (USUAL_TIME,))
