"""Records of who did what, sent to a server of syslog."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest

from auth.access import OPERATOR, Actor
from registry.core import audit
from registry.core.settings import Settings
from registry.errors import RequestInvalid
from registry.jobs.forwarding import Forwarding
from registry.outgoing import Reach
from storage.metadata import audit_records
from storage.metadata.database import Database
from storage.metadata.listings import Listing

END = b"\0"
HERE = Reach((ip_network("127.0.0.0/8"),), "webhook_allowed_networks")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with closing(Database.open(tmp_path / "cove.db")) as database:
        database.migrate()
        yield database


class Receiver:
    """A server of syslog that keeps what it is told."""

    def __init__(self, listener: socket.socket) -> None:
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self.told = b""

    @property
    def lines(self) -> list[str]:
        return self.told.decode().split("\n")[:-1]


@contextmanager
def receiving() -> Iterator[Receiver]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = Receiver(listener)

        def serve() -> None:
            while not receiver.told.endswith(END):
                connection, _ = listener.accept()
                with connection:
                    while piece := connection.recv(65536):
                        receiver.told += piece

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield receiver
        finally:
            with socket.create_connection(listener.getsockname()) as last:
                last.sendall(END)
            thread.join()
            receiver.told = receiver.told.removesuffix(END)


def change(database: Database, **values: object) -> None:
    Settings(database, {}).change(OPERATOR, values)


def record(database: Database, *resources: str, who: str = "ann") -> None:
    with database.write() as tx:
        for each in resources:
            actor = Actor(display=who)
            audit.record(tx, actor, operation="pull", resource_type="artifact", resource=each, at=1_700_000_000_000)


def kept(database: Database) -> set[str]:
    with database.read() as tx:
        return {each.resource for each in audit_records.list_page(tx, Listing(size=0))[0]}


def test_what_is_recorded_from_then_on_is_sent_once_and_in_order(database: Database) -> None:
    record(database, "before")
    sent: list[int] = []
    forwarding = Forwarding(database, HERE, count=sent.append)
    forwarding.run()
    with receiving() as receiver:
        change(database, audit_log_forward_endpoint=receiver.address)
        record(database, *(f"team/app:{number}" for number in range(501)))
        forwarding.run()
        forwarding.run()
    configuration, first, *rest = receiver.lines
    assert "resource:configuration" in configuration
    assert re.fullmatch(
        r'<14>20..-..-..T..:..:..Z \S+ audit\[[0-9]+\]: \[action="pull" operator="ann" resourceType="artifact"'
        r' success="true" time="2023-11-14T22:13:20Z"\]: action:pull, resource:team/app:0',
        first,
    )
    assert [line.rpartition(":")[2] for line in rest] == [str(number) for number in range(1, 501)]
    assert sum(sent) == 502
    assert len(kept(database)) == 503


def test_datagrams_are_sent_where_the_address_says_so(database: Database) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(10)
        change(database, audit_log_forward_endpoint=f"udp://127.0.0.1:{listener.getsockname()[1]}")
        Forwarding(database, HERE).run()
        assert listener.recv(65536).decode().endswith("action:update, resource:configuration")


def test_nobody_writes_a_line_or_a_field_of_its_own(database: Database) -> None:
    with receiving() as receiver:
        change(database, audit_log_forward_endpoint=f"tcp://{receiver.address}")
        record(database, "x\ny\r\u2028z", who='eve" operator="root')
        Forwarding(database, HERE).run()
    _, line = receiver.lines
    assert 'operator="eve\\" operator=\\"root"' in line
    assert line.endswith("resource:x\\ny\\r\\u2028z")


def test_what_was_sent_is_not_kept_where_that_is_wanted(database: Database) -> None:
    record(database, "before")
    with receiving() as receiver:
        change(database, audit_log_forward_endpoint=receiver.address, skip_audit_log_database=True)
        record(database, "after")
        Forwarding(database, HERE).run()
    assert len(receiver.lines) == 2
    assert kept(database) == {"before"}


def test_server_that_does_not_answer_is_told_once_and_nothing_is_lost(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[None] = []
    forwarding = Forwarding(database, HERE, fail=lambda: failures.append(None))
    with receiving() as receiver:
        pass
    change(database, audit_log_forward_endpoint=receiver.address, skip_audit_log_database=True)
    record(database, "kept")
    for _ in range(3):
        forwarding.run()
    assert len(failures) == 3
    assert kept(database) == {"kept", "configuration"}
    [told] = caplog.messages
    assert told.startswith(f"records are not forwarded to {receiver.address} for now: ")
    with receiving() as again:
        change(database, audit_log_forward_endpoint=again.address)
        record(database, "new")
        forwarding.run()
    assert again.lines[-1].endswith("resource:new")
    assert caplog.messages[-1] == "records are forwarded again"


def test_address_inside_is_reached_only_where_that_is_allowed(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as receiver:
        change(database, audit_log_forward_endpoint=receiver.address)
        Forwarding(database, Reach(setting="webhook_allowed_networks")).run()
    assert receiver.told == b""
    assert "webhook_allowed_networks would allow it" in caplog.text


def test_one_process_at_a_time_sends(database: Database) -> None:
    first, second = Forwarding(database, HERE), Forwarding(database, HERE)
    with receiving() as receiver:
        change(database, audit_log_forward_endpoint=receiver.address)
        assert first._hold()
        second.run()
        first.run()
        second.run()
    assert len(receiver.lines) == 1


@pytest.mark.parametrize("address", ["logs", "logs:0", "logs:x", "http://logs:1", "tcp://logs:1/x", "tcp://:1"])
def test_address_that_is_none_is_refused(database: Database, address: str) -> None:
    with pytest.raises(RequestInvalid):
        change(database, audit_log_forward_endpoint=address)


def test_records_are_kept_somewhere(database: Database) -> None:
    with pytest.raises(RequestInvalid, match="audit_log_forward_endpoint has to be configured"):
        change(database, skip_audit_log_database=True)
    change(database, audit_log_forward_endpoint="logs.example:514", skip_audit_log_database="true")
    with pytest.raises(RequestInvalid):
        change(database, audit_log_forward_endpoint="")
    change(database, audit_log_forward_endpoint="", skip_audit_log_database=False)
