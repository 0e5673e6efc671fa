"""Settings → the terms a run works under: its limits, its audit log, what was renamed."""

from collections.abc import Callable
from datetime import timedelta
from time import monotonic, sleep

from convsync.model.terms import AuditSettings, Moved, RunLimits
from convsync.pace import Ticks
from convsync.plan import SafetyLimits
from convsync.retrying import RetryPolicy
from convsync.settings import Settings


def retry_of(
    settings: Settings, sleep: Callable[[float], None] = sleep, ticks: Ticks = monotonic
) -> RetryPolicy:
    """Return how often a request is tried within one run, and what waiting for it means."""
    return RetryPolicy(
        sleep=sleep,
        ticks=ticks,
        attempts=settings.retry.attempts,
        first_wait_s=settings.retry.first_wait_s,
        longest_wait_s=settings.retry.longest_wait_s,
        longest_asked_s=settings.retry.longest_asked_s,
        failures=settings.retry.failures,
    )


def safety_limits_of(settings: Settings) -> SafetyLimits:
    """Return how unusual a plan may be."""
    return SafetyLimits(
        factor=settings.limits.factor,
        small=settings.limits.small,
        retracted_share=settings.limits.retracted_share,
        small_retraction=settings.limits.small_retraction,
        vanished_share=settings.limits.vanished_share,
    )


def run_limits_of(settings: Settings) -> RunLimits:
    """Return how much may be amiss before a run says so."""
    return RunLimits(
        unreadable=settings.limits.unreadable,
        clock_tolerance=timedelta(minutes=settings.limits.clock_minutes),
    )


def audit_settings_of(settings: Settings) -> AuditSettings:
    """Return how the audit log is protected; a relative head file lies in the config's folder."""
    audit = settings.audit
    return AuditSettings(
        key=None if audit.key is None else audit.key.get_secret_value().encode(),
        head_file=None if audit.head_file is None else settings.folder / audit.head_file,
    )


def moved_of(settings: Settings) -> Moved:
    """Return what rules and sources were called before, and what they are called now."""
    pairs = [(old.split(".", 1), new.split(".", 1)[1]) for old, new in settings.moved.items()]
    return Moved(
        rules={old: new for (kind, old), new in pairs if kind == "rules"},
        sources={old: new for (kind, old), new in pairs if kind == "sources"},
    )
