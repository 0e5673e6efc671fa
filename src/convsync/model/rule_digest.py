"""Detects whether the rules changed since the last run: if so, every deal is looked at again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from hashlib import blake2b

from convsync.model.rule import ConversionRule


def rules_digest(rules: Sequence[ConversionRule], destinations: Iterable[str] = ()) -> str:
    """Return what changes whenever a rule does, or a destination comes or goes; and only then.

    Sets are put in order: theirs differs from one process to the next.
    """
    content = json.dumps(
        [[asdict(rule) for rule in rules], sorted(destinations)], default=_plain, sort_keys=True
    )
    return blake2b(content.encode(), digest_size=16).hexdigest()


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
