"""Small disks of one's own: a tmpfs that is soon full, and an image that can be copied while it is written to."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount at `folder`, or skip the test where that is not possible."""
    folder.mkdir(exist_ok=True)
    try:
        subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"mounting is not possible here: {getattr(error, 'stderr', None) or error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def new_image(path: Path, size: int, system: str) -> Path:
    """The image of an empty disk with a file system, ext4 or xfs."""
    program = shutil.which(f"mkfs.{system}")
    if not program:
        pytest.skip(f"mkfs.{system} is not installed")
    with path.open("wb") as sparse:
        sparse.truncate(size)
    subprocess.run([program, "-q", *(["-F"] if system == "ext4" else []), str(path)], check=True)
    return path


def power_cut(image: Path, copy: Path) -> Path:
    """What the medium has of a disk that is mounted: all that only memory holds is lost."""
    subprocess.run(["cp", "--sparse=always", str(image), str(copy)], check=True)
    return copy
