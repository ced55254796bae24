"""What `cove doctor` finds: each thing that it looked at, how it is, and how to mend it."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["good", "warning", "wrong"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject` is what was looked at, `what` a sentence about it, and `advice` another for whoever is to mend it."""

    level: Level
    subject: str
    what: str
    advice: str = ""


def good(subject: str, what: str) -> Finding:
    return Finding("good", subject, what)


def warning(subject: str, what: str, advice: str) -> Finding:
    return Finding("warning", subject, what, advice)


def wrong(subject: str, what: str, advice: str) -> Finding:
    return Finding("wrong", subject, what, advice)


def clock(subject: str, seconds: float) -> Finding:
    """About another machine's clock, which is ahead of ours by so many seconds."""
    if abs(seconds) < _LATE:
        return good("clock", f"{subject} has the same time")
    where = "behind" if seconds > 0 else "ahead of"
    said = f"the clock of this machine is {where} that of {subject} by {abs(seconds):,.0f} s"
    advice = "Let both keep time by NTP: tokens and signatures are good for a time, and what is old is deleted."
    return (wrong if abs(seconds) >= _WRONG else warning)("clock", said, advice)


_LATE = 5  # seconds, of which an answer may take some
_WRONG = 60
