"""Clients that push on while parts of the cluster fail, and take no answer for granted but the right ones."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from tests.torture.pushes import Ledger, expect, pull_image
from tests.torture.servers import Server

REPORT_SECONDS = 60


class Refused(httpx.TransportError):
    """The registry has said, as the spec wants it said, that it cannot serve at the moment."""


@dataclass
class Witness:
    """What clients have met, over all of them."""

    refusals: int = 0
    cuts: int = 0
    pushes: int = 0
    pulls: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def client(self, server: Server) -> httpx.Client:
        return server.client(event_hooks={"response": [self.listen]})

    def listen(self, response: httpx.Response) -> None:
        """Make a 503 an error that pushers bear as they bear lost connections; they judge other statuses themselves."""
        if response.status_code != 503:
            return
        response.read()
        [error] = response.json()["errors"]
        assert error["code"] == "UNAVAILABLE", error
        assert int(response.headers["retry-after"]) > 0
        raise Refused(error["message"])

    def count(self, what: str) -> None:
        with self._changed:
            setattr(self, what, getattr(self, what) + 1)
            self._changed.notify_all()

    def wait_for(self, what: str, more: int = 1) -> None:
        """Wait until there were so many more of these."""
        with self._changed:
            wanted = getattr(self, what) + more
            assert self._changed.wait_for(lambda: getattr(self, what) >= wanted, REPORT_SECONDS), f"no more {what}"

    def bear(self, work: Callable[[], object], counted: str) -> bool:
        """Do some work that may be refused or cut off; tells whether it was done."""
        try:
            work()
        except Refused:
            self.count("refusals")
            return False
        except httpx.TransportError:
            self.count("cuts")
            return False
        self.count(counted)
        return True


def push_on(witness: Witness, server: Server, ledger: Ledger, stop: threading.Event, size: int = 300_000) -> None:
    """Push, and delete every fourth image, until told to stop. What fails is begun again on a new connection."""
    number = 0
    while not stop.is_set():
        number += 1
        with witness.client(server) as client:
            name = f"n{number}"

            def push(client: httpx.Client = client, name: str = name, number: int = number) -> None:
                pushed = ledger.push(client, name, size)
                if number % 4 == 0:
                    ledger.delete(client, pushed)

            witness.bear(push, "pushes")


def pull_on(witness: Witness, server: Server, repository: str, tag: str, stop: threading.Event) -> None:
    """Pull an image until told to stop; whatever arrives whole is right."""
    while not stop.is_set():
        with witness.client(server) as client:
            witness.bear(lambda client=client: pull_image(client, repository, tag), "pulls")  # type: ignore[misc]


def only_whole_images_are_seen(client: httpx.Client, ledger: Ledger) -> None:
    """Everything that was promised is there, and every tag that is listed can be pulled."""
    ledger.verify(client)
    answer = client.get(f"/v2/{ledger.repository}/tags/list")
    for tag in expect(answer, 200).json()["tags"] or []:
        pull_image(client, ledger.repository, tag)
