"""How much of the torture there is: a little of each by default, all of it with TORTURE=full in the environment.

TORTURE_KILLS is the number of kills of a storm, TORTURE_SECONDS how long what goes on for a time does so.
"""

import os

FULL = os.environ.get("TORTURE") == "full"
KILLS = int(os.environ.get("TORTURE_KILLS", "1000" if FULL else "4"))
SECONDS = int(os.environ.get("TORTURE_SECONDS", "600" if FULL else "3"))


def some(few: int, full: int) -> int:
    """How many of something: `few`, or `full`."""
    return full if FULL else few
