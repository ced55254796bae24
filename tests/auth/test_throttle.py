"""How long a guesser waits: the schedule, and whose failures count together."""

from collections.abc import Iterator

import pytest

from auth import throttle
from auth.throttle import LONGEST_MS, USUAL, Patience
from storage.metadata.database import Database, Transaction
from tests.storage.metadata.databases import undone

START = 1_000_000_000
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database.open(tmp_path_factory.mktemp("data") / "cove.db")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def tx(database: Database) -> Iterator[Transaction]:
    """A transaction in an empty database; nothing of it is kept."""
    with undone(database) as tx:
        yield tx


def fail(tx: Transaction, times: int, account: str = "dev", address: str = HERE, now: int = START) -> None:
    for _ in range(times):
        throttle.record_failure(tx, account, address, now)


def wait(tx: Transaction, account: str = "dev", address: str = HERE, now: int = START) -> int:
    return throttle.wait_ms(tx, account, address, now)


def test_first_failures_are_free(tx: Transaction) -> None:
    fail(tx, USUAL.per_account - 1)
    assert wait(tx) == 0
    fail(tx, 1)
    assert wait(tx) == 1000


def test_wait_doubles_up_to_a_minute(tx: Transaction) -> None:
    fail(tx, USUAL.per_account)
    waits = []
    for _ in range(9):
        waits.append(wait(tx))
        fail(tx, 1)
    assert waits == [1000, 2000, 4000, 8000, 16000, 32000, LONGEST_MS, LONGEST_MS, LONGEST_MS]


def test_wait_passes_with_time(tx: Transaction) -> None:
    fail(tx, USUAL.per_account + 2)
    assert [wait(tx, now=START + passed) for passed in (0, 1500, 4000, 9000)] == [4000, 2500, 0, 0]


def test_count_starts_anew_after_the_window(tx: Transaction) -> None:
    fail(tx, USUAL.per_account)
    later = START + USUAL.window_ms + 1
    assert wait(tx, now=later) == 0
    fail(tx, 1, now=later)
    assert wait(tx, now=later) == 0


def test_owner_elsewhere_and_others_here_are_not_held_up(tx: Transaction) -> None:
    fail(tx, USUAL.per_account + 5)
    assert wait(tx) > 0
    assert wait(tx, address=THERE) == 0
    assert wait(tx, account="ann") == 0


def test_address_that_tries_many_accounts_is_held_up_for_all(tx: Transaction) -> None:
    for number in range(USUAL.per_address):
        fail(tx, 1, account=f"user-{number}")
    assert wait(tx, account="ann") == 1000
    assert wait(tx, account="ann", address=THERE) == 0


def test_success_forgets_the_account_and_not_the_address(tx: Transaction) -> None:
    fail(tx, USUAL.per_address)
    assert throttle.has_failures(tx, "dev", HERE)
    throttle.forget_failures(tx, "dev", HERE)
    assert not throttle.has_failures(tx, "dev", HERE)
    assert wait(tx) == 1000


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "unknown", True),
        ("unknown", "other", False),
    ],
)
def test_addresses_of_one_host_count_together(tx: Transaction, one: str, other: str, same: bool) -> None:
    fail(tx, USUAL.per_account, address=one)
    assert (wait(tx, address=other) > 0) == same


def test_what_is_free_and_for_how_long_can_be_chosen(tx: Transaction) -> None:
    patience = Patience(per_account=2, per_address=3, window_ms=5000)

    def waits(account: str, now: int = START) -> int:
        return throttle.wait_ms(tx, account, HERE, now, patience)

    throttle.record_failure(tx, "dev", HERE, START, patience)
    assert waits("dev") == 0
    throttle.record_failure(tx, "dev", HERE, START, patience)
    assert (waits("dev"), waits("ann")) == (1000, 0)
    throttle.record_failure(tx, "bob", HERE, START, patience)
    assert (waits("bob"), waits("ann")) == (1000, 1000)
    throttle.record_failure(tx, "bob", HERE, START + 5001, patience)
    assert waits("dev", START + 5001) == 0


def test_old_failures_do_not_pile_up(tx: Transaction) -> None:
    for number in range(20):
        fail(tx, 1, account=f"user-{number}", address=f"192.0.2.{number}")
    fail(tx, 1, now=START + USUAL.window_ms + 1)
    assert tx.exec_driver_sql("SELECT count(*) FROM login_failures").scalar() == 2


def test_endless_name_takes_no_more_room_than_a_long_one(tx: Transaction) -> None:
    fail(tx, 1, account="x" * 100_000, address="y" * 100_000)
    assert (tx.exec_driver_sql("SELECT max(length(origin)) FROM login_failures").scalar() or 0) < 400
