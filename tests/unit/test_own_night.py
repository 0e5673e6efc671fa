"""docs/operations.md: its commands are the program's, and `make own-night` types all of them."""

from pathlib import Path

import pytest

from convsync.watch.findings import Trouble
from scripts.check_readme import problems_of
from scripts.own_night import OWN_NIGHT
from scripts.page_blocks import Block, blocks_of

TEXT = OWN_NIGHT.page.read_text("utf-8")
MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")


def test_every_command_of_the_page_is_the_programs() -> None:
    assert problems_of(TEXT, MAKEFILE) == []


def test_every_command_of_the_section_is_typed_in_its_order() -> None:
    script = OWN_NIGHT.script(is_installed=False)
    section = TEXT.partition(f"## {OWN_NIGHT.section}\n")[2].partition("\n## ")[0]
    typed = [line for line in script.splitlines()[1:] if line]
    shown = section.split("```")[1::2]
    assert typed == [line for block in shown for line in block.splitlines()[1:] if line]
    assert "pip install" in script
    assert "pip install" not in OWN_NIGHT.script(is_installed=True)


@pytest.mark.parametrize("trouble", Trouble)
def test_every_state_is_explained(trouble: Trouble) -> None:
    assert f"| `{trouble}` |" in TEXT


def test_a_promise_counts_only_behind_the_one_before() -> None:
    kept = "\n".join(said for _, said in OWN_NIGHT.promises)
    assert OWN_NIGHT.missing_in(kept) == []
    first, *others = [said for _, said in OWN_NIGHT.promises]
    assert OWN_NIGHT.missing_in("\n".join([*others, first])) != []


def test_only_the_shell_blocks_of_a_section_are_taken() -> None:
    page = """# A page
```sh
other section
```
## Here
```sh first
# no heading
one
```
```yaml
no: shell
```
### There
```sh
beyond
```
"""
    assert list(blocks_of(page, "Here")) == [Block("# no heading\none", "first")]
