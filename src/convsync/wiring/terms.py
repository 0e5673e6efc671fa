"""Settings → the terms a run works under: its limits, its audit log, what was renamed."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic, sleep
from typing import TYPE_CHECKING

from convsync.model.identifiers import hashed, normalised_email, normalised_phone
from convsync.model.key import Key, KeyKind
from convsync.model.terms import AuditSettings, Moved, PrivacySettings, RunLimits, SharedKeys
from convsync.pace import Ticks
from convsync.retrying import RetryPolicy
from convsync.running.guarding import SafetyLimits
from convsync.settings import Settings

if TYPE_CHECKING:
    from convsync.reading.costing import CostTerms
    from convsync.report.formats import Formats

_SHOWN_KEY = re.compile(r"key:([0-9a-f]{32})\Z")


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
        value_factor=settings.limits.value_factor,
        unmatched_share=settings.limits.unmatched_share,
        small_unmatched=settings.limits.small_unmatched,
        zero_from=settings.limits.zero_from,
        vanished_share=settings.limits.vanished_share,
    )


def is_watched(settings: Settings) -> bool:
    """True where somebody is told how nights end, or who came back, or figures are written."""
    alerts = settings.alerts
    told = (alerts.urls, alerts.ping_url, settings.metrics.textfile, settings.tell.routes)
    return any(told)


def run_limits_of(settings: Settings) -> RunLimits:
    """Return how much may be amiss before a run says so."""
    return RunLimits(
        unreadable=settings.limits.unreadable,
        clock_tolerance=timedelta(minutes=settings.limits.clock_minutes),
    )


def formats_of(settings: Settings) -> "Formats":
    """Return how the company writes numbers and days in its reports."""
    from convsync.report.formats import Formats

    table = settings.reports
    return Formats(table.decimal, table.thousands, table.date_format)


def shared_keys_of(settings: Settings) -> SharedKeys:
    """Return when a key joins nobody; those allowed are named as they are written, or as shown."""
    digests = {digest for name in settings.keys.allowed for digest in digests_of(settings, name)}
    return SharedKeys(most=settings.keys.shared_by_more_than, allowed=frozenset(digests))


def digests_of(settings: Settings, name: str) -> frozenset[bytes]:
    """Return the digests of whatever key a name can mean: as it is written, or as it is listed."""
    return frozenset(_digests_of(name.strip(), settings.company.country))


def _digests_of(name: str, region: str | None) -> Iterator[bytes]:
    """Yield the digest of whatever key a name can be: shown by its digest, or any kind of key."""
    if shown := _SHOWN_KEY.match(name):
        yield bytes.fromhex(shown[1])
        return
    if email := normalised_email(name):
        yield Key(KeyKind.EMAIL, hashed(email)).digest()
    if phone := normalised_phone(name, region):
        yield Key(KeyKind.PHONE, hashed(phone)).digest()
    for kind in (KeyKind.EMAIL, KeyKind.PHONE, KeyKind.CRM, KeyKind.VISITOR):
        yield Key(kind, name).digest()


def audit_settings_of(settings: Settings) -> AuditSettings:
    """Return how the audit log is protected; a relative head file lies in the config's folder."""
    audit = settings.audit
    return AuditSettings(
        key=None if audit.key is None else audit.key.get_secret_value().encode(),
        head_file=None if audit.head_file is None else settings.folder / audit.head_file,
    )


def privacy_of(settings: Settings) -> PrivacySettings:
    """Return how people are forgotten; a relative file lies in the config's folder."""
    privacy = settings.privacy
    named = privacy.erased_file
    return PrivacySettings(
        key=None if privacy.key is None else privacy.key.get_secret_value().encode(),
        erased_file=None if named is None else settings.folder / named,
    )


def cost_terms_of(settings: Settings) -> "CostTerms":
    """Return how far back costs are fetched, and for how long again."""
    from convsync.reading.costing import CostTerms

    return CostTerms(
        first_days=settings.costs.first_days,
        restated=timedelta(days=settings.costs.restated_days),
    )


def moved_of(settings: Settings) -> Moved:
    """Return what rules and sources were called before, and what they are called now."""
    pairs = [(old.split(".", 1), new.split(".", 1)[1]) for old, new in settings.moved.items()]
    return Moved(
        rules={old: new for (kind, old), new in pairs if kind == "rules"},
        sources={old: new for (kind, old), new in pairs if kind == "sources"},
    )
