"""The schema's history. `upgrade` runs in the caller's write transaction: a migration happens whole or not at all."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

# Alembic's `op` and `context`, by which migrations speak to their database, are one each in a process.
_one_at_a_time = threading.Lock()


def alembic_config(tx: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = tx
    return config


def upgrade(tx: Connection) -> None:
    with _one_at_a_time:
        command.upgrade(alembic_config(tx), "head")
