"""Deliveries to webhooks that fail: when they are tried again, and when not any more."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from auth.access import Actor
from registry.core import events
from registry.core.events import Event
from registry.core.executions import SLACK, WEBHOOK
from registry.core.webhooks import Target, Webhooks, Wish
from registry.jobs.deliveries import Deliveries
from registry.jobs.schedules import Worker
from registry.outgoing import Reach, Sender
from storage.metadata import projects
from storage.metadata.database import Database
from storage.metadata.executions import ExecutionRecord
from storage.metadata.listings import Listing
from storage.metadata.webhooks import WebhookRecord
from tests.core.receivers import Receiver, receiving

LOOPBACK = Reach((ip_network("127.0.0.0/8"), ip_network("::1/128")))


class World:
    """A project with a webhook, and what delivers to it at a time that the test sets."""

    def __init__(self, database: Database, address: str) -> None:
        self.now = 1_700_000_000_000
        self.webhooks = Webhooks(database, clock=lambda: self.now)
        self.database = database
        with database.write() as tx:
            self.project = projects.add(tx, "team", is_public=False, now=1)
        self.wish = Wish("hook", [Target(address=address)], [events.PUSHED], is_enabled=True)
        self.webhook: WebhookRecord = self.webhooks.create(Actor(), self.project.id, self.wish)

    def announce(self) -> None:
        event = Event(
            type=events.PUSHED, at=self.now, operator="dev", project_id=self.project.id, project="team", is_public=False
        )
        with self.database.write() as tx:
            events.announce(tx, events.PUSHED, self.project.id, lambda: event)

    def deliver(self, reach: Reach = LOOPBACK) -> int:
        deliver = Deliveries(self.database, "registry.example", Sender(reach)).deliver
        return Worker(self.database, {WEBHOOK: deliver, SLACK: deliver}, clock=lambda: self.now).run()

    def newest(self) -> ExecutionRecord:
        return self.webhooks.deliveries(self.project.id, self.webhook.id, Listing())[0][0].record


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def world(empty_records: Path, tmp_path: Path, receiver: Receiver) -> Iterator[World]:
    shutil.copy(empty_records, tmp_path / "cove.db")
    with closing(Database.open(tmp_path / "cove.db")) as database:
        yield World(database, receiver.url)


def test_delivery_that_fails_is_tried_three_times_more_at_longer_and_longer_times(
    world: World, receiver: Receiver
) -> None:
    receiver.status = 503
    world.announce()
    for pause in (10, 60, 300):
        assert world.deliver() == 1
        assert world.deliver() == 0
        world.now += pause * 1000 - 1
        assert world.deliver() == 0
        world.now += 1
    assert world.deliver() == 1
    assert len(receiver.told) == 4
    assert (world.newest().status, world.newest().status_message) == ("Error", "the answer was 503")
    world.now += 10_000_000
    assert world.deliver() == 0


def test_server_that_is_back_is_told(world: World, receiver: Receiver) -> None:
    receiver.status = 500
    world.announce()
    world.deliver()
    receiver.status = 204
    world.now += 10_000
    assert world.deliver() == 1
    assert world.newest().status == "Success"


def test_every_try_of_a_cloud_event_is_the_same_event(world: World, receiver: Receiver) -> None:
    targets = [Target(address=receiver.url, payload_format="CloudEvents")]
    world.webhooks.change(Actor(), world.project.id, world.webhook.id, replace(world.wish, targets=targets))
    receiver.status = 500
    world.announce()
    world.deliver()
    world.now += 10_000
    world.deliver()
    world.announce()
    world.deliver()
    first, again, other = (payload["id"] for _, payload in receiver.told)
    assert first == again
    assert first != other


def test_address_that_may_not_be_reached_is_not_tried_again(world: World, receiver: Receiver) -> None:
    world.announce()
    assert world.deliver(Reach()) == 1
    assert world.newest().status == "Error"
    assert "may not be reached" in world.newest().status_message
    assert receiver.told == []


def test_webhook_that_was_turned_off_since_is_told_nothing(world: World, receiver: Receiver) -> None:
    world.announce()
    world.webhooks.change(Actor(), world.project.id, world.webhook.id, replace(world.wish, is_enabled=False))
    assert world.deliver() == 1
    assert world.newest().status == "Error"
    assert receiver.told == []


def test_webhook_that_was_removed_since_is_told_nothing(world: World, receiver: Receiver) -> None:
    world.announce()
    world.webhooks.delete(Actor(), world.project.id, world.webhook.id)
    assert world.deliver() == 0
    assert receiver.told == []
