"""Keys that come and go while tokens are issued and verified."""

import threading
from collections.abc import Callable

import pytest

from auth.tokens import LOOK_SECONDS, BadToken, KeyRing, SigningKey, TokenIssuer

FIRST, SECOND = SigningKey.generate(), SigningKey.generate()


class Shelf:
    """Where the keys are kept, with the clock by which they are looked up."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.looks = 0
        self.now = 1000.0
        self.generation: int | None = 1

    def look(self) -> list[SigningKey]:
        self.looks += 1
        return self.keys

    def ring(self) -> KeyRing:
        return KeyRing(self.keys, self.look, generation=lambda: self.generation, clock=lambda: self.now)


def test_keys_are_not_looked_up_again_while_they_are_fresh() -> None:
    shelf = Shelf(FIRST)
    ring = shelf.ring()
    shelf.now += LOOK_SECONDS - 1
    assert ring.verifying(FIRST.kid)
    assert ring.signing()[0] == FIRST.kid
    assert shelf.looks == 0


def test_key_that_was_made_elsewhere_verifies_as_soon_as_a_token_names_it() -> None:
    shelf = Shelf(FIRST)
    ring = shelf.ring()
    shelf.keys.insert(0, SECOND)
    shelf.now += 1
    assert ring.verifying(SECOND.kid)
    assert ring.signing()[0] == SECOND.kid


def test_key_that_was_made_elsewhere_signs_half_a_minute_later_at_most() -> None:
    shelf = Shelf(FIRST)
    ring = shelf.ring()
    shelf.keys.insert(0, SECOND)
    shelf.now += LOOK_SECONDS
    assert ring.signing()[0] == SECOND.kid


def test_key_that_was_removed_elsewhere_is_refused_half_a_minute_later_at_most() -> None:
    shelf = Shelf(SECOND, FIRST)
    ring = shelf.ring()
    assert ring.verifying(FIRST.kid)
    shelf.keys.remove(FIRST)
    shelf.now += LOOK_SECONDS
    assert ring.verifying(FIRST.kid) is None
    assert ring.verifying(SECOND.kid)


def test_key_that_was_revoked_elsewhere_neither_signs_nor_verifies_any_more() -> None:
    shelf = Shelf(FIRST)
    ring = shelf.ring()
    shelf.keys, shelf.generation = [SECOND], 2
    assert ring.signing()[0] == SECOND.kid
    assert ring.verifying(FIRST.kid) is None
    assert shelf.looks == 1


def test_revoked_key_signs_nothing_where_no_generation_tells_of_it() -> None:
    shelf = Shelf(FIRST)
    shelf.generation = None
    ring = shelf.ring()
    shelf.keys = [SECOND]
    assert ring.signing()[0] == SECOND.kid
    assert ring.verifying(FIRST.kid) is None


def test_invented_keys_cost_one_look_a_second() -> None:
    shelf = Shelf(FIRST)
    ring = shelf.ring()
    for step in range(100):
        shelf.now = 1000 + step / 20
        assert ring.verifying(f"invented {step}") is None
    assert shelf.looks == 4


def test_threads_that_meet_an_unknown_key_at_once_look_once() -> None:
    shelf = Shelf(FIRST)
    ring, barrier = shelf.ring(), threading.Barrier(8)
    shelf.keys.insert(0, SECOND)
    shelf.now += 1
    found = []

    def verify() -> None:
        barrier.wait()
        found.append(ring.verifying(SECOND.kid))

    threads = [threading.Thread(target=verify) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found)
    assert len(found) == 8
    assert shelf.looks == 1


def test_ring_without_a_place_to_look_keeps_its_keys() -> None:
    now = iter(range(0, 10_000, 1000))
    ring = KeyRing([FIRST], None, clock=lambda: next(now))
    assert ring.verifying(SECOND.kid) is None
    assert ring.verifying(FIRST.kid)


def failing_once(keys: list[SigningKey]) -> Callable[[], list[SigningKey]]:
    answers = iter([False, True])

    def look() -> list[SigningKey]:
        if not next(answers):
            raise OSError("not now")
        return keys

    return look


def test_look_that_failed_is_repeated_by_the_next_request() -> None:
    seconds = [1000.0]
    ring = KeyRing([FIRST], failing_once([SECOND]), clock=lambda: seconds[0])
    seconds[0] += LOOK_SECONDS
    with pytest.raises(OSError, match="not now"):
        ring.signing()
    assert ring.signing()[0] == SECOND.kid


def test_ring_is_never_without_keys() -> None:
    shelf = Shelf(FIRST)
    ring = shelf.ring()
    shelf.keys.clear()
    shelf.now += LOOK_SECONDS
    with pytest.raises(ValueError, match="at least one key"):
        ring.signing()


def test_issuer_takes_up_and_drops_keys_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth.tokens.LOOK_SECONDS", 0)
    keys = [FIRST]
    issuer = TokenIssuer(keys, reload=lambda: list(keys))
    old = issuer.issue("17", version=3, access=[])
    keys.insert(0, SECOND)
    assert TokenIssuer([SECOND]).verify(issuer.issue("17", version=3, access=[])).subject == "17"
    assert issuer.verify(old).subject == "17"
    keys.remove(FIRST)
    with pytest.raises(BadToken, match="not ours"):
        issuer.verify(old)
