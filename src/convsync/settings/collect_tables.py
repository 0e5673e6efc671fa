"""The tables of sites whose visitors' clicks are collected."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from convsync.model.click import ClickIdKind
from convsync.settings.values import ApiUrl, Region, Table, Words, is_loopback

_MEANINGS = (*ClickIdKind, "convsync_visitor")
_UTM = re.compile(r"utm_[a-z_]{1,30}\Z")


def _origins(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("name the site's origins, such as https://www.example.com")
    for origin in value:
        parts = urlsplit(origin)
        is_origin = origin == f"{parts.scheme}://{parts.netloc}" and parts.netloc
        if not is_origin or (parts.scheme != "https" and not is_loopback(origin)):
            raise ValueError(
                f"'{origin}' is not a site's origin such as https://www.example.com, without a path"
            )
    return tuple(origin.lower() for origin in value)


def _meanings(value: dict[str, str]) -> dict[str, str]:
    for field, meaning in value.items():
        if meaning not in _MEANINGS and not _UTM.match(meaning):
            known = ", ".join([*_MEANINGS, "utm_source"])
            raise ValueError(f"{field} = '{meaning}' means nothing; write one of {known}, …")
    return value


class SiteTable(Table):
    """A site with the snippet. Its name is the source of the clicks that it brings.

    `url` is where browsers reach the collector, `key` the site's name in its URLs there. `origins`
    are the site's own; `fields` maps form inputs that are not named after the parameter; `country`
    is that of its visitors' phones without a +, by default the company's. `reports_per_minute` is
    the limit per visitor's IP address.
    """

    url: ApiUrl
    key: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]*$")]
    origins: Annotated[Words, AfterValidator(_origins)]
    country: Region | None = None
    fields: Annotated[dict[str, str], AfterValidator(_meanings)] = Field(default_factory=dict)
    reports_per_minute: int = Field(default=120, ge=1, le=100_000)
