"""Builds the docs site into build/site, and checks what its builder does not.

    python -m scripts.docs_site

Zensical builds strictly, so that a link to a page or heading that is not there ends the build. In
what it has built every address is looked up again, and nothing may be loaded from elsewhere: no
host of fonts needs to know who reads the docs.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SITE = ROOT / "build" / "site"
CONFIG = ROOT / "zensical.toml"

_LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
}
_LOADING_RELATIONS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "manifest"}


class Page(HTMLParser):
    """What one built page links to, loads, and may be linked at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links = list[str]()
        self.loaded = list[str]()
        self.anchors = set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what the element refers to."""
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        relations = set(found.get("rel", "").split())
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif tag == "link" and relations & _LOADING_RELATIONS:
            self.loaded.append(found.get("href", ""))
        self.loaded += [value for name, value in found.items() if (tag, name) in _LOADED]


def missing_in_contents() -> Iterator[str]:
    """Yield what is wrong with the contents: pages that lack a place, and places without one."""
    named = list(_pages_in(tomllib.loads(CONFIG.read_text("utf-8"))["project"]["nav"]))
    there = {path.name for path in DOCS.glob("*.md")}
    for name in sorted(there - set(named)):
        yield f"docs/{name} stands in no part of nav in zensical.toml: add it where a reader looks"
    for name in sorted(set(named) - there):
        yield f"zensical.toml names docs/{name}, which is not there"
    for name in sorted({name for name in named if named.count(name) > 1}):
        yield f"zensical.toml names docs/{name} twice"


def _pages_in(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        yield from _pages_in(list(nav.values()))
    elif isinstance(nav, list):
        for one in nav:
            yield from _pages_in(one)


def build() -> None:
    """Build the site from nothing; ends with the builder's words where it has a warning."""
    zensical = Path(sys.executable).with_name("zensical")
    words = (str(zensical), "build", "--strict", "--clean", "--config-file", str(CONFIG))
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}")


def problems_in(site: Path) -> Iterator[str]:
    """Yield each link of a built site that leads nowhere, and what it loads from elsewhere."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(site)
        for address in page.loaded:
            if urlsplit(address).netloc:
                yield f"{name} loads {address} from elsewhere"
        if path.name != "404.html":  # which is served for addresses of any depth
            for address in page.links:
                if problem := _dead(address, path, pages):
                    yield f"{name} links to {address}, {problem}"
    for sheet in sorted(site.rglob("*.css")):
        if "url(http" in (text := sheet.read_text("utf-8")) or "url(//" in text:
            yield f"{sheet.relative_to(site)} loads something from elsewhere"


def _dead(address: str, path: Path, pages: dict[Path, Page]) -> str | None:
    """Return what is wrong with a link within the site, None for one that leads somewhere."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    target = target / "index.html" if target.is_dir() else target
    if not target.exists():
        return "which is not there"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "where nothing is called so"
    return None


def main() -> int:
    """Build and check; return the exit code."""
    problems = list(missing_in_contents())
    if not problems:
        build()
        problems = list(problems_in(SITE))
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        print(f"{SITE.relative_to(ROOT)}: {len(list(SITE.rglob('*.html')))} pages, no dead link")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
