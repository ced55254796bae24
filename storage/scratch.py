"""Folders for files that are needed while some work lasts."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def scratch(data: Path | None, name: str) -> Iterator[Path]:
    """An empty folder, for its owner alone, that is gone at the end: in a data folder, or else where the system has it.

    In a data folder it is the same for every work of that name, of which there is one at a time: so what a process left
    there that died is gone at the next one.
    """
    if data is None or not data.is_dir():
        with TemporaryDirectory(prefix=f"cove-{name}-") as temporary:
            yield Path(temporary)
        return
    (data / "work").mkdir(mode=0o700, exist_ok=True)
    folder = data / "work" / name
    _remove(folder)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
