"""config/monitoring/: what a rule or a panel asks for is written, with those labels."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from convsync.watch.findings import Trouble
from convsync.watch.metrics import LABELS
from scripts.check_readme import problems_of

MONITORING = Path(__file__).parents[2] / "config" / "monitoring"
FIGURE = re.compile(r"\b(convsync_\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*[=!]~?\s*\"([^\"]*)\"")


def rules() -> list[Any]:
    (group,) = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return list(group["rules"])


def panels() -> list[Any]:
    return list(json.loads((MONITORING / "dashboard.json").read_text())["panels"])


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("name", "expression"), list(expressions()), ids=lambda text: text[:40])
def test_every_figure_that_is_asked_for_is_written(name: str, expression: str) -> None:
    found = FIGURE.findall(expression)
    assert found, name
    for figure, wanted in found:
        assert figure in LABELS
        labels = dict(LABEL.findall(wanted))
        assert set(labels) <= set(LABELS[figure][1])
        if figure == "convsync_findings" and labels:
            assert set(labels["trouble"].split("|")) <= set(Trouble)
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        assert set(grouped.split(", ")) <= {label for f, _ in found for label in LABELS[f][1]}


def test_every_figure_that_is_written_is_shown() -> None:
    asked_for = {figure for _, text in expressions() for figure, _ in FIGURE.findall(text)}
    assert asked_for == set(LABELS)


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_how_bad_it_is_and_what_to_do(rule: Any) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    unknown = problems_of(rule["annotations"]["description"], "")
    assert [line for line in unknown if not line.startswith("the table")] == []


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_a_panel_shows_the_labels_that_its_figures_have(panel: Any) -> None:
    assert panel["description"]
    for target in panel["targets"]:
        known = {label for f, _ in FIGURE.findall(target["expr"]) for label in LABELS[f][1]}
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (place["x"] + right, place["y"] + down)
            for right in range(place["w"])
            for down in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
