"""Passwords: the policy, the hash, and a checker that stays calm in a crowd."""

import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from itertools import islice
from pathlib import Path

import pytest

from auth import passwords
from auth.passwords import (
    MAX_WAITING,
    REMEMBER_SECONDS,
    PasswordChecker,
    TooBusy,
    WeakPassword,
    check_policy,
    generate_password,
    hash_password,
    verify_password,
)
from tests.clocks import Clock

ROOT = Path(__file__).parents[2]
RIGHT = "Correct1horse"
HARBORS_SENTENCE = (
    "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, "
    "1 lowercase letter and 1 number"
)


class Verifier:
    """The real check, counted; while `gate` is closed every check waits in it."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[tuple[str, str]] = []
        self.inside = 0
        self.most_inside = 0
        self.changed = threading.Condition()

    def __call__(self, password: str, stored_hash: str) -> bool:
        with self.changed:
            self.asked.append((password, stored_hash))
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.changed.notify_all()
        self.gate.wait(60)
        try:
            return verify_password(password, stored_hash)
        finally:
            with self.changed:
                self.inside -= 1

    def wait_until_inside(self, count: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.inside >= count, timeout=60)


@pytest.fixture(scope="module")
def stored() -> str:
    return hash_password(RIGHT)


@pytest.fixture
def clock() -> Clock[float]:
    return Clock(0.0)


@pytest.fixture
def verifier() -> Iterator[Verifier]:
    verifier = Verifier()
    yield verifier
    verifier.gate.set()


@pytest.fixture
def checker(clock: Clock[float], verifier: Verifier) -> PasswordChecker:
    return PasswordChecker(cores=2, clock=clock, verify=verifier)


@pytest.fixture
def crowd() -> Iterator[Callable[..., "Future[bool]"]]:
    with ThreadPoolExecutor(200) as pool:
        yield pool.submit


@pytest.mark.parametrize("password", ["Aa345678", "Aa1" + "x" * 125, "Aa1 пароль", "Aa1:::::"])
def test_a_password_that_meets_the_policy_may_be_set(password: str) -> None:
    check_policy(password)


@pytest.mark.parametrize(
    "password",
    [
        "",
        "Aa34567",
        "Aa1" + "x" * 126,
        "aa345678",
        "AA345678",
        "Aabcdefg",
        "Äß345678",
        "Aa\u0661\u0662\u0663\u0664\u0665\u0666",
    ],
)
def test_a_weak_password_is_refused_with_harbors_sentence(password: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        check_policy(password)
    assert str(caught.value) == HARBORS_SENTENCE


@pytest.mark.parametrize("password", ["Aa34567\0", "Aa34567\ud800"])
def test_a_password_that_could_never_be_checked_may_not_be_set(password: str) -> None:
    with pytest.raises(WeakPassword, match="a client cannot send"):
        check_policy(password)


def test_generated_passwords_meet_the_policy_differ_and_have_no_look_alikes() -> None:
    generated = {generate_password() for _ in range(200)}
    assert len(generated) == 200
    for password in generated:
        check_policy(password)
        assert len(password) == 20
        assert not set(password) & set("0Oo1Iil")


def test_a_hash_is_salted_argon2id_with_the_parameters_promised(stored: str) -> None:
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert hash_password(RIGHT) != stored
    assert verify_password(RIGHT, stored)
    assert not verify_password("Wrong1horse", stored)


def test_a_hash_that_is_damaged_is_an_error_and_not_a_wrong_password(checker: PasswordChecker) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no password hash"):
            checker.check("17:3", RIGHT, "damaged")


def test_no_error_tells_the_hash(stored: str) -> None:
    parameters, _, rest = stored.rpartition("$")
    with pytest.raises(ValueError, match="no password hash") as error:
        verify_password(RIGHT, f"{parameters}${rest[:-1]}!")
    assert rest[:20] not in "".join(traceback.format_exception(error.value))


def test_no_memory_for_a_hash_is_told_as_too_much_at_once(stored: str) -> None:
    program = f"""
import resource
from auth.passwords import TooBusy, hash_password, verify_password
hash_password({RIGHT!r})
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (8 << 20), resource.RLIM_INFINITY))
for work in (lambda: hash_password({RIGHT!r}), lambda: verify_password({RIGHT!r}, {stored!r})):
    try:
        work()
    except TooBusy as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "there is no memory to check a password; try again in a few seconds\n" * 2


def test_a_right_password_is_right_and_a_wrong_one_is_wrong(checker: PasswordChecker, stored: str) -> None:
    assert checker.check("17:3", RIGHT, stored)
    assert not checker.check("17:3", "Wrong1horse", stored)
    assert not checker.check("17:3", "", stored)


def test_a_right_password_is_remembered_for_a_minute_and_not_longer(
    checker: PasswordChecker, verifier: Verifier, clock: Clock[float], stored: str
) -> None:
    assert not checker.is_remembered("17:3", RIGHT)
    checker.check("17:3", RIGHT, stored)
    clock.now = REMEMBER_SECONDS - 1
    assert checker.is_remembered("17:3", RIGHT)
    assert checker.check("17:3", RIGHT, stored)
    assert len(verifier.asked) == 1
    clock.now = REMEMBER_SECONDS
    assert not checker.is_remembered("17:3", RIGHT)
    assert checker.check("17:3", RIGHT, stored)
    assert len(verifier.asked) == 2
    assert checker.is_remembered("17:3", RIGHT)


def test_a_wrong_password_is_never_remembered(checker: PasswordChecker, verifier: Verifier, stored: str) -> None:
    for _ in range(2):
        assert not checker.check("17:3", "Wrong1horse", stored)
    assert len(verifier.asked) == 2
    assert not checker.is_remembered("17:3", "Wrong1horse")


def test_what_is_remembered_serves_only_the_same_version_of_the_same_account_and_password(
    checker: PasswordChecker, stored: str
) -> None:
    checker.check("17:3", RIGHT, stored)
    for key, password in [("17:4", RIGHT), ("18:3", RIGHT), ("17:3", RIGHT + "x"), ("17:", "3" + RIGHT), ("", RIGHT)]:
        assert not checker.is_remembered(key, password)


def test_an_account_that_may_not_sign_in_costs_a_hash_and_is_refused_even_if_it_was_remembered(
    checker: PasswordChecker, verifier: Verifier, stored: str
) -> None:
    checker.check("17:3", RIGHT, stored)
    assert not checker.check("17:3", RIGHT, None)
    assert len(verifier.asked) == 2
    dummy = verifier.asked[1][1]
    assert dummy != stored
    assert dummy.split("$")[:4] == stored.split("$")[:4]


def test_an_account_that_may_not_sign_in_is_refused_whatever_the_hash_says_and_is_not_remembered(
    checker: PasswordChecker,
) -> None:
    assert not PasswordChecker(verify=lambda _password, _hash: True).check("17:3", RIGHT, None)
    assert not checker.check("17:3", RIGHT, None)
    assert not checker.is_remembered("17:3", RIGHT)


@pytest.mark.parametrize("password", ["x" * 129, "x" * 1_000_000, f"{RIGHT}\0", "\ud800"])
def test_what_cannot_be_a_password_is_wrong_without_a_hash(
    checker: PasswordChecker, verifier: Verifier, stored: str, password: str
) -> None:
    assert not checker.check("17:3", password, stored)
    assert not checker.check("17:3", password, None)
    assert not checker.is_remembered("17:3", password)
    assert verifier.asked == []


def test_a_key_may_hold_any_text(checker: PasswordChecker, stored: str) -> None:
    assert checker.check("unknown:\ud800\0", RIGHT, stored)
    assert checker.is_remembered("unknown:\ud800\0", RIGHT)


def test_a_thousand_checks_of_one_credential_cost_one_hash(
    checker: PasswordChecker, verifier: Verifier, stored: str, crowd: Callable[..., "Future[bool]"]
) -> None:
    verifier.gate.clear()
    checks = [crowd(checker.check, "17:3", RIGHT, stored) for _ in range(1000)]
    verifier.wait_until_inside(1)
    verifier.gate.set()
    assert all(check.result() for check in checks)
    assert len(verifier.asked) == 1


def test_an_error_in_a_shared_check_reaches_everybody_and_the_next_check_starts_anew(
    checker: PasswordChecker, verifier: Verifier, crowd: Callable[..., "Future[bool]"]
) -> None:
    verifier.gate.clear()
    checks = [crowd(checker.check, "17:3", RIGHT, "damaged") for _ in range(20)]
    verifier.wait_until_inside(1)
    verifier.gate.set()
    assert all(isinstance(check.exception(), ValueError) for check in checks)
    before = len(verifier.asked)
    with pytest.raises(ValueError, match="no password hash"):
        checker.check("17:3", RIGHT, "damaged")
    assert len(verifier.asked) == before + 1


def test_a_known_and_an_unknown_account_never_share_a_check(
    checker: PasswordChecker, verifier: Verifier, stored: str, crowd: Callable[..., "Future[bool]"]
) -> None:
    verifier.gate.clear()
    known = crowd(checker.check, "17:3", RIGHT, stored)
    unknown = crowd(checker.check, "17:3", RIGHT, None)
    verifier.wait_until_inside(2)
    verifier.gate.set()
    assert known.result()
    assert not unknown.result()


def test_no_more_hashes_than_cores_run_at_once_and_beyond_the_queue_a_check_is_refused(
    checker: PasswordChecker, verifier: Verifier, stored: str, crowd: Callable[..., "Future[bool]"]
) -> None:
    checker.check("17:3", RIGHT, stored)
    verifier.gate.clear()
    admitted = 2 + MAX_WAITING
    checks = [crowd(checker.check, f"{number}:1", "Wrong1horse", stored) for number in range(100, 100 + admitted + 10)]
    refused = list(islice(as_completed(checks, timeout=60), 10))
    assert all(isinstance(check.exception(), TooBusy) for check in refused)
    verifier.wait_until_inside(2)
    assert checker.check("17:3", RIGHT, stored)
    with pytest.raises(TooBusy):
        checker.check("17:3", "Wrong1horse", stored)
    verifier.gate.set()
    assert [check.result() for check in checks if check not in refused] == [False] * admitted
    assert verifier.most_inside == 2
    assert not checker.check("17:3", "Wrong1horse", stored)


def test_the_oldest_memory_makes_room_for_the_newest(
    checker: PasswordChecker, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "MAX_REMEMBERED", 2)
    for key in ("1:1", "2:1", "3:1"):
        checker.check(key, RIGHT, stored)
    assert [checker.is_remembered(key, RIGHT) for key in ("1:1", "2:1", "3:1")] == [False, True, True]
