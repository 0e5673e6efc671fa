"""Prints what reading each CRM costs: requests per 1,000 changed deals, and memory over HTTP.

    python -m scripts.bench_crms [--crms hubspot,odoo] [--deals 1000] [--large 200000]

Every CRM is the sandbox's, in a process of its own, over a generated world in which each deal has
one contact. `convsync run` reads it all, in a process of its own. `--large` is read from the first
of the CRMs alone, for its peak memory; 0 leaves it out.
"""

import argparse
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests

from convsync.sandbox.crm.vendors import SERVERS
from convsync.sandbox.world_csv import CLICK_HEADER
from scripts.demo import config_of
from scripts.serving import first_night, sandbox

NOW = datetime(2026, 6, 1, 2, tzinfo=UTC)
DAYS = 80
MINUTES = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One first night of a CRM: its requests, seconds, and the peak memory of its process in MB."""

    deals: int
    requests: int
    seconds: float
    peak_mb: float


def main() -> None:
    """Measure every CRM, then one of them with very many deals."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--crms", default=",".join(SERVERS), help="which, comma-separated")
    parser.add_argument("--deals", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=200_000)
    options = parser.parse_args()
    crms = options.crms.split(",")
    print(
        f"{'crm':<12} {'deals':>9} {'requests':>9} {'per 1,000':>10} {'seconds':>8} {'peak MB':>8}"
    )
    for crm in crms:
        show(crm, measure(crm, options.deals))
    if options.large:
        show(crms[0], measure(crms[0], options.large))


def show(crm: str, measured: Measured) -> None:
    """Print one line."""
    per_thousand = measured.requests * 1_000 / measured.deals
    print(
        f"{crm:<12} {measured.deals:>9,} {measured.requests:>9,} {per_thousand:>10.1f} "
        f"{measured.seconds:>8.1f} {measured.peak_mb:>8.0f}",
        flush=True,
    )


def measure(crm: str, deals: int) -> Measured:
    """Run one first night over a world of that many deals."""
    with tempfile.TemporaryDirectory(prefix="convsync-bench-") as name, sandbox() as ports:
        folder = Path(name)
        world = {"seed": deals, "deals": deals, "ends_at": NOW.isoformat(), "days": DAYS}
        post(ports, "clock", {"now": NOW.isoformat()})
        post(ports, "crms/world", {**world, "until": NOW.isoformat()})
        (folder / "clicks.csv").write_text(f"{CLICK_HEADER}\n", encoding="utf-8")
        config = folder / "convsync.toml"
        config.write_text(config_of(crm, ports), encoding="utf-8")
        night = first_night(NOW, {"CONVSYNC_CONFIG": str(config)})
        made = requests.get(f"{ports['http']}/crms/{crm}/requests", timeout=60).json()
        return Measured(
            deals=deals,
            requests=sum(made.values()),
            seconds=night.seconds,
            peak_mb=night.peak_mb,
        )


def post(ports: dict[str, str], path: str, body: object) -> None:
    """Turn one of the sandbox's switches."""
    answer = requests.post(f"{ports['http']}/{path}", json=body, timeout=60 * MINUTES)
    answer.raise_for_status()


if __name__ == "__main__":
    main()
