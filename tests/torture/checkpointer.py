"""`python -m tests.torture.checkpointer DATABASE`: brings what is in the log of an SQLite database into its file, again
and again until it is killed; prints a line when it has done so once.
"""

import sys
from contextlib import closing

from storage.metadata.sqlite_engines import sqlite_driver


def main() -> None:
    with closing(sqlite_driver().connect(sys.argv[1], timeout=1, isolation_level=None)) as connection:
        checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
        connection.execute(checkpoint).fetchall()
        sys.stdout.write("done\n")
        sys.stdout.flush()
        while True:
            connection.execute(checkpoint).fetchall()


if __name__ == "__main__":
    main()
