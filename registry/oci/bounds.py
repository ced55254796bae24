"""How much one manifest may hold within its bytes: what is cheap to write may be dear to read, to keep or to list."""

from dataclasses import dataclass

DEPTH = 64
DESCRIPTORS = 4096
ANNOTATIONS = 1024
ANNOTATION_BYTES = 4_393_216  # as large as a manifest: the spec's own tests push one that is nearly all annotation


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Levels of JSON, descriptors in one list, and of the annotations of one object their number and their bytes."""

    depth: int = DEPTH
    descriptors: int = DESCRIPTORS
    annotations: int = ANNOTATIONS
    annotation_bytes: int = ANNOTATION_BYTES


USUAL = Bounds()
STORED = Bounds(depth=256, descriptors=2**31, annotations=2**31, annotation_bytes=2**31)
"""For what is stored: it kept to the bounds of its time, which may be narrower by now."""
