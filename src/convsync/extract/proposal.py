"""What a CRM's stages and fields probably mean: a first mapping for a person to correct.

Names are guessed at in the languages CRMs are most often kept in; what nothing is guessed for is
left out. Only the click-ID fields are looked into, too: they hide under any name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from convsync.extract import click_fields
from convsync.extract.crm_adapter import Crm, CrmField
from convsync.extract.funnel import Stage, StageOutcome
from convsync.extract.malformed import as_documented
from convsync.extract.mapping import CONTACT, DEAL, LEAD
from convsync.model.click import ClickIdKind

_STAGES: Final[Mapping[str, re.Pattern[str]]] = {
    "sql": re.compile(r"\bsql\b|qualif|appointment|termin|rendez|reuni", re.IGNORECASE),
    "opportunity": re.compile(
        r"opportun|propos|presentation|quote|negotiat|offer|decision|contract|angebot|devis|oferta",
        re.IGNORECASE,
    ),
}
_PERSON: Final[Mapping[str, re.Pattern[str]]] = {
    "email": re.compile(r"(^|_)e?-?mail(_?address|_?from|address)?\d?$", re.IGNORECASE),
    "phone": re.compile(r"^(phone|mobile|mobile_?phone|telephone\d|mobilephone)$", re.IGNORECASE),
    "ad_user_data": re.compile(r"ad.{0,12}consent|consent.{0,12}ad", re.IGNORECASE),
    "country": re.compile(r"^(country|country_code|mailing_?country)$", re.IGNORECASE),
}
_SEGMENTS: Final[Mapping[str, re.Pattern[str]]] = {
    "region": re.compile(r"^(new_|x_|cf_)?region(__c)?$", re.IGNORECASE),
    "vertical": re.compile(r"^(new_|x_|cf_)?(vertical|industry)(__c)?$", re.IGNORECASE),
    "deal_type": re.compile(r"^(new_|x_|cf_)?(deal_?type|type)(__c)?$", re.IGNORECASE),
}
_OF_DEAL: Final = (("email", "email_from"), ("phone", "phone"))
_SEVERAL: Final = frozenset({"email", "phone"})
_SUSPECT = re.compile(r"click|gcl|google|adwords|utm|campaign|tracking|source", re.IGNORECASE)
_LOOKED_INTO: Final = 30
"""How many more fields of a kind are looked into for click IDs that no name promises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What is proposed, by the keys of the config.

    `milestones` hold the IDs of stages, in the funnel's order, without won and lost, which go by
    outcome. `records` hold, for each kind of record, key and fields.
    """

    milestones: Mapping[str, Sequence[str]]
    records: Mapping[str, Mapping[str, Sequence[str]]]
    segments: Mapping[str, str]
    stages: Sequence[Stage] = field(default_factory=tuple)


def propose(crm: Crm) -> Proposal:
    """Ask a CRM for its stages and fields, and propose what they mean. Raises what it raises."""
    with as_documented("init"):
        fields, stages = crm.fields(), crm.stages()
        readable = [one for one in fields if one.is_readable]
        milestones = {name: _stages(pattern, stages) for name, pattern in _STAGES.items()}
        if not crm.has_history:
            milestones = {
                name: _and_all_behind(found, stages) for name, found in milestones.items()
            }
        return Proposal(
            milestones=milestones,
            records={kind: _record(crm, kind, readable) for kind in (DEAL, LEAD, CONTACT)},
            segments=_segments([one for one in readable if one.kind == DEAL]),
            stages=stages,
        )


def _stages(pattern: re.Pattern[str], stages: Sequence[Stage]) -> list[str]:
    """Return the IDs of stages: they survive when somebody renames them."""
    found = [
        stage.stage_id
        for stage in stages
        if stage.outcome is StageOutcome.OPEN and pattern.search(stage.name)
    ]
    return list(dict.fromkeys(found))


def _and_all_behind(found: Sequence[str], stages: Sequence[Stage]) -> list[str]:
    """Return stages and all behind the first of them: a deal in one of those was in them."""
    first = min((one.position for one in stages if one.stage_id in found), default=None)
    if first is None:
        return []
    return [
        stage.stage_id
        for stage in stages
        if stage.position >= first and stage.outcome is not StageOutcome.LOST
    ]


def _record(crm: Crm, kind: str, fields: Sequence[CrmField]) -> dict[str, list[str]]:
    own = [one for one in fields if one.kind == kind]
    proposed = {kind.value: [name] for kind, name in _click_ids(crm, kind, own)}
    if kind == DEAL:  # in Odoo a lead holds who asked, whether there is a contact or not
        proposed |= {key: [one.name] for key, name in _OF_DEAL for one in own if one.name == name}
    if kind != DEAL:
        for key, pattern in _PERSON.items():
            if names := [one.name for one in own if pattern.search(one.name)]:
                proposed[key] = names if key in _SEVERAL else names[:1]
    return proposed


def _click_ids(
    crm: Crm, kind: str, fields: Sequence[CrmField]
) -> Iterator[tuple[ClickIdKind, str]]:
    """Yield one field for each kind of click ID: by its name, else by what it holds."""
    found: dict[ClickIdKind, str] = {}
    for one in fields:
        if by_name := click_fields.kind_by_name(one):
            found.setdefault(by_name, one.name)
    if ClickIdKind.GCLID not in found:
        suspects = [one.name for one in fields if _SUSPECT.search(f"{one.name} {one.label}")]
        suspects = suspects[:_LOOKED_INTO]
        samples = crm.samples(kind, suspects) if suspects else []
        for name in suspects:
            if click_fields.holds_click_ids(click_fields.values_of(samples, name)):
                found.setdefault(ClickIdKind.GCLID, name)
    yield from found.items()


def _segments(fields: Sequence[CrmField]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, pattern in _SEGMENTS.items():
        for one in fields:
            if pattern.search(one.name) or one.label.casefold() == name.replace("_", " "):
                found.setdefault(name, one.name)
    return found
