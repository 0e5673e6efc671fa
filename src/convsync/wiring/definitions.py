"""Settings → how each milestone and rule is defined, so that a change is noticed.

A milestone is defined by its words in `[milestones]` and by what means it in each source; who owns
it, and its time limit, change nothing that is counted.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import blake2b
from typing import Any

from convsync.model.definition import Defined, DefinitionKey, Definitions
from convsync.settings import Settings
from convsync.wiring.rules import funnel_of, rules_of


def definitions_of(settings: Settings) -> Definitions:
    """Return a digest of each definition."""
    milestones = {
        DefinitionKey(Defined.MILESTONE, name): _digest(_milestone(name, settings))
        for name in funnel_of(settings)
    }
    rules = {
        DefinitionKey(Defined.RULE, rule.name): _digest(asdict(rule)) for rule in rules_of(settings)
    }
    return {**milestones, **rules}


def _milestone(name: str, settings: Settings) -> Mapping[str, Any]:
    agreed = settings.milestones.get(name)
    return {
        "definition": agreed.definition if agreed else "",
        "means": {
            source: table.milestones[name].model_dump(mode="json")
            for source, table in settings.deals.items()
            if name in table.milestones
        },
    }


def _digest(content: Any) -> bytes:
    text = json.dumps(content, default=_plain, sort_keys=True)
    return blake2b(text.encode(), digest_size=16).digest()


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, frozenset) else str(value)
