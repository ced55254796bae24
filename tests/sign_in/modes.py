"""Where accounts come from, changed where the API would refuse it, since there are some."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from storage.metadata import settings
from tests.http.serving import Registry


@contextmanager
def come_from(registry: Registry, mode: str, usual: str) -> Iterator[None]:
    for each in (mode, usual):
        with registry.database.write() as tx:
            settings.put_all(tx, {"auth_mode": json.dumps(each)})
        if each == mode:
            yield
