"""What the pages of docs/ tell people to do: files to write and commands to run."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SHELL = "sh"
_BLOCK = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the file that it is the content of or "", and its text."""

    language: str
    file: str
    text: str


def pages() -> list[str]:
    """The pages that have commands, by their names in docs/."""
    names = (str(path.relative_to(DOCS)) for path in sorted(DOCS.rglob("*.md")))
    return [name for name in names if any(block.language == SHELL for block in blocks(name))]


def blocks(page: str) -> list[Block]:
    return blocks_of((DOCS / page).read_text("utf-8"))


def blocks_of(text: str) -> list[Block]:
    return [Block(*found) for found in _BLOCK.findall(text)]


def commands(page: str) -> list[str]:
    """Each one as it stands there, with all of its lines."""
    return [command for block in blocks(page) if block.language == SHELL for command in split(block.text)]


def split(text: str) -> Iterator[str]:
    """The commands of a script: as many lines at a time as the shell needs to understand them."""
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        if line and _is_whole("\n".join(lines)):
            yield "\n".join(lines)
            lines = []
    if any(lines):
        raise ValueError(f"no whole command: {lines}")


def _is_whole(script: str) -> bool:
    if script.count("'") % 2 == 0 and script.count('"') % 2 == 0 and not re.match(r"for |while |if ", script):
        return not script.endswith("\\")
    return subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False).returncode == 0
