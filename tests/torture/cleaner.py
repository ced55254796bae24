"""`python -m tests.torture.cleaner`: cleans up again and again, by the settings in the environment, until it is killed.

A lease of the one cleaner is good for a moment only, so that whoever is killed or stopped is soon replaced.
"""

import time
from contextlib import suppress

from registry.chosen import cleaning_rules
from registry.config import load
from registry.core import cleaning
from registry.core.cleaning import Cleaning, LeaseLost
from registry.places import open_database, open_storage
from storage.metadata.database import DatabaseBusy
from tests.torture.steps import LEASE_MS


def clean() -> None:
    cleaning.LEASE_MS = LEASE_MS
    config = load({})
    database, store, rules = open_database(config, must_exist=True), open_storage(config), cleaning_rules(config)
    while True:
        with suppress(LeaseLost, DatabaseBusy):
            Cleaning(database, store, rules).run("torture")
        time.sleep(0.05)


if __name__ == "__main__":
    clean()
