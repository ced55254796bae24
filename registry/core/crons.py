"""Times that come again, in the notation of cron with a field for seconds before the others.

    second minute hour day-of-month month day-of-week        0 30 2 * * 1-5

Times are UTC. Where both kinds of days are given, a day may be either, as with cron everywhere.
"""

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from registry.errors import BadQuery

_LIMIT = 200


def next_time(cron: str, after: int) -> int:
    """The first of the times after `after`; both in ms since 1970.

    Raises `BadQuery` for what is no such expression, has other seconds than 0, or never comes.
    """
    fields = cron.split()
    if len(cron) > _LIMIT or len(fields) != 6 or fields[0] != "0":
        raise _bad(cron)
    try:
        times = CronSim(" ".join(fields).replace("?", "*"), datetime.fromtimestamp(after / 1000, UTC))
        found = next(times, None)
    except CronSimError:
        raise _bad(cron) from None
    if found is None:
        raise _bad(cron)
    return int(found.timestamp()) * 1000


def _bad(cron: str) -> BadQuery:
    return BadQuery(f"bad request: {cron[:80]!r} is not a schedule: write six fields, such as '0 30 2 * * *'")
