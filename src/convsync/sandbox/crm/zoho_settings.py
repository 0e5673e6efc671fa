"""What Zoho CRM says about its own set-up: fields, layouts, pipelines.

https://www.zoho.com/crm/developer/docs/api/v8/
"""

from collections.abc import Mapping
from typing import Any, Final

from convsync.sandbox.crm import zoho_answers as answers
from convsync.sandbox.crm.book import Outcome
from convsync.sandbox.crm.consenting import ConsentingServer
from convsync.sandbox.crm.server import Reply, Request
from convsync.sandbox.crm.zoho_fields import FIELDS, KIND_OF, OF_MODULE

LAYOUT: Final = "4150868000000091023"
PIPELINE: Final = "4150868000000093001"
_FORECAST: Final = {
    Outcome.OPEN: "Open", Outcome.WON: "Closed Won", Outcome.LOST: "Closed Lost",
}  # fmt: skip

_NO_MODULE: Final = "the module name given seems to be invalid"


class ZohoSettings(ConsentingServer):
    """The pages about the set-up. What can be switched of them is described in `ZohoServer`."""

    hidden: frozenset[str]
    invisible: frozenset[str]
    renamed: Mapping[str, str]
    unused: frozenset[str]
    has_no_pipelines: bool

    def fields(self, request: Request) -> Reply:
        """Answer with the fields of a module."""
        module = request.query.get("module", "")
        if module not in OF_MODULE:
            return answers.refused(
                400, "INVALID_MODULE", "the module name given seems to be invalid"
            )
        own = {one.name: one for one in FIELDS if one.kind == KIND_OF[module]}
        return Reply(
            body={
                "fields": [
                    {
                        "api_name": name,
                        "field_label": own[name].label if name in own else name.replace("_", " "),
                        "data_type": "text" if kind == "string" else kind,
                        "length": own[name].longest if name in own else 120,
                        "visible": name not in self.invisible,
                        "custom_field": name in own,
                        **(self._picks() if name == "Stage" else {}),
                    }
                    for name, kind in OF_MODULE[module].items()
                    if name not in self.hidden
                    and (name not in self.unused or request.query.get("type") == "all")
                ]
            }
        )

    def _picks(self) -> dict[str, Any]:
        """Return what a deal's stage may be, whatever pipeline it stands in."""
        return {
            "pick_list_values": [
                {
                    "display_value": self.renamed.get(stage.name, stage.name),
                    "actual_value": stage.name,
                    "id": f"4150868000000{sum(map(ord, stage.key)):06d}",
                    "sequence_number": stage.position,
                    "forecast_type": _FORECAST[stage.outcome],
                }
                for stage in self.book.stages
            ]
        }

    def layouts(self, request: Request) -> Reply:
        """Answer with the one layout of deals."""
        if request.query.get("module") != "Deals":
            return answers.refused(
                400, "INVALID_MODULE", "the module name given seems to be invalid"
            )
        layout = {"id": LAYOUT, "name": "Standard", "status": "active", "visible": True}
        return Reply(body={"layouts": [layout]})

    def pipeline(self, request: Request) -> Reply:
        """Answer with the pipelines of a layout."""
        if request.query.get("layout_id") != LAYOUT:
            return answers.refused(400, "INVALID_DATA", "Invalid layoutid", param_name="layout_id")
        if self.has_no_pipelines:
            return Reply(status=204)
        pipelines: dict[str, list[dict[str, Any]]] = {}
        for stage in self.book.stages:
            pipelines.setdefault(stage.pipeline, []).append(
                {
                    "display_value": self.renamed.get(stage.name, stage.name),
                    "actual_value": stage.name,
                    "sequence_number": stage.position,
                    "id": f"4150868000000{sum(map(ord, stage.key)):06d}",
                    "forecast_type": _FORECAST[stage.outcome],
                }
            )
        return Reply(
            body={
                "pipeline": [
                    {
                        "display_value": self.renamed.get(name, name),
                        "actual_value": name,
                        "id": str(int(PIPELINE) + number),
                        "default": number == 0,
                        "maps": maps,
                    }
                    for number, (name, maps) in enumerate(pipelines.items())
                ]
            }
        )
