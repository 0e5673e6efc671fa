"""What the configuration says about a run as a whole: its limits, its audit log, renamed things."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """How much may be amiss before a run says so.

    More than `unreadable` records that were readable before end a run with exit code 1; a clock
    that differs from the servers' by more than `clock_tolerance` stops it.
    """

    unreadable: int = 0
    clock_tolerance: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedKeys:
    """When a key says nothing of who is behind a deal: more than `most` deals have it.

    `allowed` holds the digests of keys that join deals to clicks however many have them.
    """

    most: int = 5
    allowed: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """How the audit log is protected: the key of its digests, and where its head is also kept.

    Without `key` digests are plain; without `head_file` the head stands in the database alone.
    """

    key: bytes | None = field(default=None, repr=False)
    head_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """How people are forgotten: the secret of the list of them, and where it is kept beside."""

    key: bytes | None = field(default=None, repr=False)
    erased_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a rule or source was called before, and what it is called now.

    New names are in the configuration and old ones are not; no two old names share a new one.
    """

    rules: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
