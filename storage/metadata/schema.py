"""All tables, on whichever page they stand."""

from storage.metadata import management_tables, tables

__all__ = ["management_tables", "metadata"]

metadata = tables.metadata
