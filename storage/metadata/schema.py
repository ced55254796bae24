"""All tables, on whichever page they stand."""

from storage.metadata import management_tables, tables
from storage.metadata.generations import attach

__all__ = ["management_tables", "metadata"]

metadata = tables.metadata
attach(metadata)
