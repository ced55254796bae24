"""A clock that is set wrong, beside one that only counts."""

import pytest

from registry.core.clocks import DAY_MS, ClockJumped, WatchedClock, counted_ms


class Times:
    """What the two clocks say."""

    def __init__(self) -> None:
        self.wall, self.counted = 1_000_000_000_000, 5_000
        self.watched = WatchedClock(lambda: self.wall, lambda: self.counted)

    def pass_by(self, milliseconds: int) -> None:
        self.wall += milliseconds
        self.counted += milliseconds


@pytest.fixture
def times() -> Times:
    return Times()


def test_time_that_passes_and_is_corrected_a_little_is_believed(times: Times) -> None:
    times.pass_by(100 * DAY_MS)
    times.wall += DAY_MS - 1
    assert times.watched.now() == times.wall


@pytest.mark.parametrize("jump", [DAY_MS + 1, -DAY_MS - 1])
def test_clock_that_has_jumped_is_not_believed_until_it_jumps_back(times: Times, jump: int) -> None:
    times.wall += jump
    for _ in range(2):
        with pytest.raises(ClockJumped):
            times.watched.now()
        times.pass_by(DAY_MS // 3)
    times.wall -= jump
    assert times.watched.now() == times.wall


def test_clock_that_was_not_set_back_for_a_day_is_believed_from_then_on(times: Times) -> None:
    times.wall += 30 * DAY_MS
    with pytest.raises(ClockJumped):
        times.watched.now()
    times.pass_by(DAY_MS)
    assert times.watched.now() == times.wall
    times.wall += 30 * DAY_MS
    with pytest.raises(ClockJumped):
        times.watched.now()


def test_count_goes_on() -> None:
    assert 0 < counted_ms() <= counted_ms()
