"""Builds a release, and tries it as whoever installs it would.

    python -m scripts.dist

`dist/` then holds the source distribution, the wheel built from that, and a bill of materials
(CycloneDX) of all that the wheel brings along. The wheel is installed into an empty environment on
each Python that is here, where it must set up a company at the sandbox and run a night. Last, known
vulnerabilities of what was installed are looked up; where their list cannot be reached, that is
said, and is no failure.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
PARTS = ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "src", "config", "docs")
AS_OF = "2026-03-02T02:00"
_PROBE = "import ssl, sqlite3, venv"


def main() -> int:
    """Build and try; return the exit code."""
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="convsync-dist-") as folder:
        place = Path(folder)
        wheel = built(place)
        tried = [version for version in VERSIONS if _tried(version, wheel, place)]
        if not tried:
            print("There is no Python here to try the wheel on.", file=sys.stderr)
            return 1
        audit(place / tried[0])
    for file in sorted(DIST.iterdir()):
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size:,} bytes")
    return 0


def built(place: Path) -> Path:
    """Build both from a copy of the tree, where nothing lies about; return the wheel."""
    tree = place / "tree"
    tree.mkdir()
    for name in PARTS:
        part = ROOT / name
        if part.is_dir():
            shutil.copytree(part, tree / name, ignore=shutil.ignore_patterns("*.egg-info", "__py*"))
        else:
            shutil.copy(part, tree)
    _run(sys.executable, "-m", "build", "--outdir", str(DIST), str(tree))
    (wheel,) = DIST.glob("*.whl")
    return wheel


def _tried(version: str, wheel: Path, place: Path) -> bool:
    """Install the wheel on a Python and run a night; False where that Python is not here."""
    python = next(_pythons(version), None)
    if python is None:
        print(f"Python {version}: not on this machine, not tried")
        return False
    environment = place / version
    _run(str(python), "-m", "venv", str(environment))
    pins = str(ROOT / "constraints.txt")
    pip = [str(environment / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    _run(*pip, "install", "--quiet", "-c", pins, str(wheel))
    bill_of(environment)
    said = _night(environment / "bin" / "convsync", place / f"company-{version}")
    print(f"Python {version}: {said}")
    return True


def bill_of(environment: Path) -> None:
    """Write what an environment holds as a bill of materials."""
    words = ("environment", str(environment), "--output-format", "JSON", "--output-reproducible")
    _run(_tool("cyclonedx-py"), *words, "-o", str(DIST / "convsync.cdx.json"))


def _night(convsync: Path, folder: Path) -> str:
    """Set up the sandbox's company, run its first night, and return the night's last line."""
    ports = ("--http-port", "0", "--grpc-port", "0", "--as-of", AS_OF)
    command = [str(convsync), "sandbox", "--demo", "--folder", str(folder), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        try:
            while not (folder / "convsync.toml").exists() and serving.poll() is None:
                serving.stdout.readline()
            config = ("--config", str(folder / "convsync.toml"))
            _run(str(convsync), "db", "upgrade", *config)
            said = _run(str(convsync), "run", "--as-of", AS_OF, *config, may_end_with={0, 1})
        finally:
            serving.terminate()
    last = said.strip().splitlines()[-1]
    if "sent 0," in last or " sent " not in last:
        raise SystemExit(f"The first night of an installed wheel sent nothing: {last}")
    return last


def audit(environment: Path) -> None:
    """Look up known vulnerabilities of what an environment holds, and say what could not be."""
    (site,) = (environment / "lib").glob("python*/site-packages")
    words = ("--path", str(site), "--format", "json", "--progress-spinner", "off")
    done = subprocess.run([_tool("pip-audit"), *words], capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"Known vulnerabilities could not be looked up: {done.stderr.strip()[-200:]}")
        return
    skipped = [one["name"] for one in found if "skip_reason" in one]
    bad = [f"{one['name']} {one['version']}" for one in found if one.get("vulns")]
    looked_up = len(found) - len(skipped)
    if looked_up:
        print(f"Known vulnerabilities: {', '.join(bad) or 'none'}, in {looked_up:,} packages")
    if skipped:
        print(
            f"Known vulnerabilities of {len(skipped):,} packages could not be looked up from here"
        )
    if bad:
        raise SystemExit("A package of the release has a known vulnerability.")


def _pythons(version: str) -> Iterator[Path]:
    """Yield the interpreters of a version that work, on PATH or in a pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = shutil.which(f"python{version}")
    for candidate in (
        *([Path(on_path)] if on_path else []),
        *pyenv.glob(f"{version}.*/bin/python{version}"),
    ):
        probe = subprocess.run([candidate, "-c", _PROBE], capture_output=True, check=False)
        if probe.returncode == 0:
            yield candidate


def _tool(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _run(*words: str, may_end_with: frozenset[int] | set[int] = frozenset({0})) -> str:
    """Run a command and return what it printed; end with its words where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode not in may_end_with:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
