"""One line that tells people how far a long command is."""

import sys
import time

import click

_SECONDS = 0.2  # from one state that is shown to the next


class ProgressLine:
    """A line on standard error that changes in place, for people only."""

    def __init__(self) -> None:
        self._shown_at = 0.0
        self._is_seen = sys.stderr.isatty()

    @property
    def is_due(self) -> bool:
        """Whether it is time to show something new."""
        return self._is_seen and time.monotonic() - self._shown_at >= _SECONDS

    def show(self, text: str) -> None:
        self._shown_at = time.monotonic()
        click.echo(f"\r\033[K{text}", nl=False, err=True)

    def clear(self) -> None:
        if self._shown_at:
            click.echo("\r\033[K", nl=False, err=True)
