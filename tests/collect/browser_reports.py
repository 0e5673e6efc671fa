"""Reports as the snippet writes them, for tests that have no browser."""

import json
from typing import Any
from uuid import UUID, uuid4

DAY = 86_400_000
GCLID = "Cj0KCQjwtest-click_ID.123"
ANNA = "a" * 64


def a_report(number: int | None = None, **changes: Any) -> dict[str, Any]:
    """Return a report of a submitted form, of which a test changes what it is about."""
    number_ = uuid4().int if number is None else number
    report: dict[str, Any] = {
        "id": UUID(int=number_).hex,
        "visitor": "0" * 31 + "7",
        "consent": {
            "age": 5 * DAY,
            "source": "update",
            "ad_storage": "granted",
            "ad_user_data": "granted",
            "ad_personalization": "denied",
        },
        "landings": [
            {"age": 5 * DAY, "values": {"gclid": GCLID, "utm_campaign": "Brand Search"}},
        ],
        "form": "contact",
        "identifiers": [["email", ANNA]],
    }
    return report | changes


def body_of(report: dict[str, Any]) -> bytes:
    return json.dumps(report).encode()
