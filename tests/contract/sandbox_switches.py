"""The sandbox's switches and books, over HTTP."""

from typing import Any

import requests

from convsync.sandbox.server import Sandbox


def post(sandbox: Sandbox, path: str, body: Any) -> Any:
    answer = requests.post(sandbox.http_url + path, json=body, timeout=60)
    answer.raise_for_status()
    return answer.json()


def get(sandbox: Sandbox, path: str) -> Any:
    answer = requests.get(sandbox.http_url + path, timeout=60)
    answer.raise_for_status()
    return answer.json()
