"""Prints how convsync's whole first night compares with what others take to upload alone.

    python -m scripts.bench.peers [--deals 100000] [--rounds 3]

Each peer is installed from the package index that pip is set up for, at the version named here, in
an environment of its own under build/peers. All get the same rows and the same platform, and take
turns. The peers' rows have their click IDs already, and nothing is planned, kept or audited: their
seconds are those of an upload, convsync's those of the night.
"""

import argparse
import shutil
import statistics
import subprocess
import tempfile
import venv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.bench import page
from scripts.bench.figures import TIMES, Bar, Figure, Floor
from scripts.bench.measuring import HUNDRED, Measuring
from scripts.bench.processes import REQUEST_MS, ROOT, ROW_US, Served, Usage, measured

ENVIRONMENTS = ROOT / "build" / "peers"
_SCRIPTS = Path(__file__).parent / "uploaders"


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """An uploader: what is installed for it, how it is started, what convsync must reach of it."""

    what: str
    package: str
    version: str
    script: str
    arguments: Callable[[Served], list[str]]
    bar: Bar | None = None

    @property
    def python(self) -> Path:
        """Return the interpreter of its environment."""
        return ENVIRONMENTS / f"{self.package}-{self.version}" / "bin" / "python"

    def install(self) -> None:
        """Make its environment, unless it is there."""
        if self.python.exists():
            return
        folder = self.python.parents[1]
        venv.create(folder, with_pip=True)
        requirement = f"{self.package}=={self.version}"
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        try:
            subprocess.run([*pip, requirement], check=True)
        except BaseException:
            shutil.rmtree(folder)  # half an environment would be taken for a whole one
            raise


PEERS: Mapping[str, Peer] = {
    "drt-core": Peer(
        what="drt-core, its upload alone",
        package="drt-core",
        version="1.2.1",
        script="drt_upload.py",
        arguments=lambda platform: [platform.http],
        bar=Bar(value=3, is_minimum=True, from_deals=HUNDRED),
    ),
    "google-sample": Peer(
        what="Google's sample loop, as printed",
        package="google-ads",
        version="34.0.0",
        script="google_sample.py",
        arguments=lambda platform: [platform.grpc, "plus", "1"],
    ),
    "google-sample-8": Peer(
        what="Google's sample loop, plain protobuf, 8 threads",
        package="google-ads",
        version="34.0.0",
        script="google_sample.py",
        arguments=lambda platform: [platform.grpc, "plain", "8"],
    ),
}


def main() -> None:
    """Install the peers, and measure all in turn."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--deals", type=int, default=HUNDRED)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--page", type=Path, default=page.PAGE)
    options = parser.parse_args()
    for peer in PEERS.values():
        peer.install()
    text = page.of_peers(compared(PEERS, deals=options.deals, rounds=options.rounds))
    print(text)
    page.write(options.page, "bench-peers", text)


def compared(peers: Mapping[str, Peer], *, deals: int, rounds: int) -> list[Figure]:
    """Measure the peers and convsync, round by round; return the ratios of their medians."""
    with (
        tempfile.TemporaryDirectory(prefix="convsync-bench-") as folder,
        Measuring(Path(folder), deals=deals, rounds=1) as run,
    ):
        ours: list[Usage] = []
        theirs: dict[str, list[Usage]] = {name: [] for name in peers}
        for _ in range(rounds):
            run.platform.reset(request_ms=REQUEST_MS, row_us=ROW_US)
            ours.append(run.another_night(deals))
            for name, peer in peers.items():
                theirs[name].append(_upload(peer, run, deals))
    return [
        _figure(name, peer, deals, _middle(ours), _middle(theirs[name]))
        for name, peer in peers.items()
    ]


def _upload(peer: Peer, run: Measuring, deals: int) -> Usage:
    """Let a peer upload. AssertionError unless the platform took every row."""
    before = run.platform.counts()["rows"]
    rows, arguments = run.rows(deals).resolved_csv, peer.arguments(run.platform)
    usage = measured([peer.python, _SCRIPTS / peer.script, rows, *arguments])
    taken = run.platform.counts()["rows"] - before
    assert taken == deals, f"{peer.what}: {taken:,} of {deals:,} rows were taken"
    print(f"{peer.what}: {deals / usage.seconds:,.0f}/s, {usage.cpu_seconds:.1f} CPU s", flush=True)
    return usage


def _figure(name: str, peer: Peer, deals: int, ours: Usage, theirs: Usage) -> Figure:
    return Figure(
        name=name,
        what=f"to {peer.what} ({peer.package} {peer.version})",
        value=theirs.seconds / ours.seconds,
        unit=TIMES,
        deals=deals,
        bar=peer.bar,
        floor=Floor(value=deals / theirs.seconds, unit="/s", what="theirs"),
        aside=f"{deals / ours.seconds:,.0f}/s, {ours.cpu_seconds:.1f} CPU s and "
        f"{ours.peak_mb:,.0f} MB against {theirs.cpu_seconds:.1f} CPU s and "
        f"{theirs.peak_mb:,.0f} MB",
    )


def _middle(usages: list[Usage]) -> Usage:
    seconds = statistics.median_low(usage.seconds for usage in usages)
    return next(usage for usage in usages if usage.seconds == seconds)


if __name__ == "__main__":
    main()
