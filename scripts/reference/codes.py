"""docs/codes.md: each reason, state, code and finding that convsync knows, and what to do about it.

The tables are found, not listed: every module of `convsync.upload` that is named `…_codes` brings
its own, so that a new platform's codes stand on the page without a line here.
"""

import pkgutil
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import convsync.upload
from convsync.model.audience import LEFT_OUT
from convsync.model.event import EventKind
from convsync.model.ledger import ARROWS, State
from convsync.model.outcome import EXPLANATIONS
from convsync.model.takes import CODES
from convsync.upload.codes import Class, Meaning
from convsync.upload.google.google_ads_codes import Family
from convsync.watch.findings import CRITICAL, FIXES
from scripts.reference.events import EVENTS
from scripts.reference.markdown import MADE, code, table

_HEAD = f"""# Every reason and code, and its fix

{MADE}

`convsync explain DEAL` says which of these applies to a deal, `convsync errors` which codes conversions have now.
`convsync deals --reason REASON` and `convsync deals --code CODE` list the deals behind one. [messages.md](messages.md) shows
the messages about mistakes in the set-up.
"""

_ROOT = Path(__file__).parents[2]

WHAT_HAPPENS: Mapping[Class, str] = {
    Class.COUNTED: "counts already",
    Class.WAIT: "is retried automatically",
    Class.UNKNOWN_CLICK: "unmatched without a click ID, otherwise rejected",
    Class.BLOCKED: "waits until the account is fixed",
    Class.ROW: "is rejected",
    Class.STOP: "stops the run",
}

STATES: Mapping[State, str] = {
    State.PLANNED: "Decided, and not sent yet: the next run sends it.",
    State.HELD: "Waits for a time that convsync set, for example until the platform knows the click.",
    State.SENDING: "Written into a batch whose request has had no answer yet; an unanswered request is repeated identically.",
    State.ACCEPTED: "The platform accepted the request; its verdict on the row is still to come.",
    State.DEFERRED: "Waits for a time that the platform set, and is then sent again.",
    State.BLOCKED: "Waits for a person to fix the ad account; one row tries again each night.",
    State.UNMATCHED: "The platform knows no such click or person. This is normal.",
    State.REJECTED: "The platform refuses this row as it is.",
    State.CONFIRMED: "The platform counts it.",
    State.NOT_SENT: "Nothing is sent, for the recorded reason.",
}


def codes_page() -> str:
    """Return the whole page."""
    sections = [
        _reasons(),
        _states(),
        _events(),
        _own_codes(),
        _findings(),
        _left_out(),
        *_platforms(),
    ]
    page = "\n".join([_HEAD, *(line for section in sections for line in section)])
    return page.replace(f"{_ROOT}/", "")  # what a message points to stands in the repository


def modules_of_codes() -> Iterator[ModuleType]:
    """Yield each module of a platform's codes, in the order of their names."""
    package = convsync.upload
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name.endswith("_codes"):
            yield import_module(found.name)


def tables_of(module: ModuleType) -> Iterator[tuple[str, Mapping[str, Meaning | str]]]:
    """Yield the tables of a module, by their names: codes by meaning, or by sentence."""
    for name, value in vars(module).items():
        if name.startswith("__") or not isinstance(value, Mapping) or not value:
            continue
        if all(isinstance(one, Meaning | str) for one in value.values()):
            yield name.strip("_"), value
        elif all(isinstance(one, Family) for one in value.values()):
            yield name, _with_their_family(value)


def _with_their_family(families: Mapping[str, Family]) -> Mapping[str, Meaning]:
    """Return the codes that are kept with their family's name before them."""
    found: dict[str, Meaning] = {}
    for family in families.values():
        if family.prefix:
            found |= {f"{family.prefix}{name}": one for name, one in family.values.items()}
            found[f"{family.prefix}…"] = family.others
    return found


def _reasons() -> list[str]:
    rows = [(code(reason), one.sentence, one.fix) for reason, one in EXPLANATIONS.items()]
    said = "Why a milestone waits or is not sent. The list is closed: there is no other reason."
    return ["## Reasons", "", said, "", *table(("reason", "what it means", "what to do"), rows)]


def _states() -> list[str]:
    rows = [(code(state), meaning) for state, meaning in STATES.items()]
    said = "How far a conversion has come. `convsync deals --state STATE` lists those in one."
    return ["## States", "", said, "", *table(("state", "what it means"), rows)]


def _events() -> list[str]:
    rows = []
    for event in EventKind:
        before, after = ARROWS.get(event, (frozenset(), frozenset()))
        sentence = EVENTS.get(event, event.replace("_", " ").capitalize() + ".")
        rows.append((code(event), sentence, _names(before), _names(after)))
    said = """\
The kinds of event in the audit log. `convsync audit list --event EVENT` shows those of one kind, `convsync audit show DEAL` all events of one deal. An event of a conversion can
happen only in certain states, and leads to certain others."""
    return [
        *("## Events of the audit log", "", said, ""),
        *table(("event", "what happened", "in the state", "leads to"), rows),
    ]


def _names(states: frozenset[State | None] | frozenset[State]) -> str:
    if states == frozenset(State):
        return "any"
    return ", ".join(sorted(code(state) if state else "none yet" for state in states))


def _own_codes() -> list[str]:
    rows = [(code(name), one.sentence, one.fix) for name, one in sorted(CODES.items())]
    said = "What convsync does not send because it knows beforehand that the platform does not accept it."
    return ["## Codes of convsync", "", said, "", *table(("code", "meaning", "what to do"), rows)]


def _findings() -> list[str]:
    rows = [
        (code(trouble), "critical" if trouble in CRITICAL else "warning", fix)
        for trouble, fix in FIXES.items()
    ]
    said = "The findings of `convsync alerts list` and `convsync status --check`; [operations.md](operations.md) says when each applies."
    columns = ("finding", "for a monitor", "what to do")
    return ["## Findings of the night", "", said, "", *table(columns, rows)]


def _left_out() -> list[str]:
    rows = [(code(left), sentence) for left, sentence in LEFT_OUT.items()]
    said = "Why somebody behind a deal that meets an audience's condition is not on its list ([audiences.md](audiences.md))."
    return ["## Left out of an audience", "", said, "", *table(("reason", "what it means"), rows)]


def _platforms() -> Iterator[list[str]]:
    for module in modules_of_codes():
        vendor, name = module.__name__.removesuffix("_codes").split(".")[-2:]
        for table_name, meanings in tables_of(module):
            words = table_name.replace("_", " ").lower()
            heading = f"## {vendor.title()}: {name.replace('_', ' ').title()}, {words}"
            yield [heading, "", *_codes(meanings)]


def _codes(meanings: Mapping[str, Meaning | str]) -> list[str]:
    """Return a table of codes; where only a fix is known of each, that alone."""
    fixes = {name: one for name, one in meanings.items() if isinstance(one, str)}
    if fixes:
        rows = [(code(name), fix) for name, fix in sorted(fixes.items())]
        return table(("code", "what to do"), rows)
    full = {name: one for name, one in meanings.items() if isinstance(one, Meaning)}
    columns = ("code", "such a row", "meaning", "what to do")
    return table(columns, [_row(name, one) for name, one in sorted(full.items())])


def _row(name: str, meaning: Meaning) -> tuple[str, str, str, str]:
    sentence = "Nothing is known about it." if meaning.is_unknown else meaning.sentence
    return code(name), WHAT_HAPPENS[meaning.what], sentence, meaning.fix
