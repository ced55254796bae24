"""The Python files that stand in the pages of docs/."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def python_files(page: str) -> dict[str, str]:
    """Their contents by the names that stand beside the mark of the block."""
    return dict(re.findall(r"^```python (\S+)\n(.*?)^```$", (DOCS / page).read_text("utf-8"), re.DOTALL | re.MULTILINE))
