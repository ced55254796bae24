"""Calls of an OpenID provider over HTTP, within bounds of time and size.

Each address is looked up once, and connected to as it was judged: another answer of the name's server a moment later
leads nowhere else. No redirection is followed, and no proxy of the environment is asked.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import httpx

from auth.addresses import Resolve

TIMEOUT_SECONDS = 10.0
LARGEST_ANSWER = 1024 * 1024


class CallFailed(Exception):
    """There is no answer, or none that could be used; the message has no secret. `status` is that of an answer, and
    `reason` the code of its error (RFC 6749, section 5.2), where it has one.
    """

    def __init__(self, message: str, status: int | None = None, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Calls:
    """Every method returns the JSON object of the answer, and raises `CallFailed`."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def get(self, address: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._answer(self._http.build_request("GET", address, headers=dict(headers or {})))

    def post(self, address: str, form: Mapping[str, str], auth: tuple[str, str] | None = None) -> dict[str, Any]:
        """`auth` is a name and a password for Basic credentials."""
        return self._answer(self._http.build_request("POST", address, data=dict(form)), auth)

    def _answer(self, request: httpx.Request, auth: tuple[str, str] | None = None) -> dict[str, Any]:
        path, until = request.url.path, time.monotonic() + TIMEOUT_SECONDS
        content = bytearray()
        with closing(self._http.send(request, auth=auth, stream=True)) as response:
            for chunk in response.iter_raw():
                content += chunk
                if len(content) > LARGEST_ANSWER or time.monotonic() > until:
                    raise CallFailed(f"answers {path} with too much, or too slowly")
            status = response.status_code
        if status != 200:
            raise CallFailed(f"answers {path} with {status}", status, _reason(bytes(content)))
        return _object(bytes(content), path)


class _Pinned(httpx.BaseTransport):
    def __init__(self, resolve: Resolve, *, verify: bool) -> None:
        self._resolve = resolve
        self._inner = httpx.HTTPTransport(verify=verify, trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """To the first of the host's addresses that takes a connection."""
        url, host = request.url, request.url.host
        addresses = self._resolve(host, url.port or (443 if url.scheme == "https" else 80))
        timeout = {**request.extensions["timeout"], "connect": TIMEOUT_SECONDS / max(len(addresses), 1)}
        request.extensions = {**request.extensions, "sni_hostname": host, "timeout": timeout}
        failed: httpx.TransportError | None = None
        for address in addresses:
            request.url = url.copy_with(host=address)
            try:
                return self._inner.handle_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failed = error
        raise failed or httpx.ConnectError("the name has no address")

    def close(self) -> None:
        self._inner.close()


@contextmanager
def calling(resolve: Resolve, *, verifies_certificates: bool) -> Iterator[Calls]:
    """What `resolve` raises goes to the caller; `CallFailed` takes the place of the library's errors."""
    transport = _Pinned(resolve, verify=verifies_certificates)
    # What is compressed could become any size.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
    try:
        with httpx.Client(timeout=TIMEOUT_SECONDS, transport=transport, trust_env=False, headers=headers) as http:
            yield Calls(http)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CallFailed(f"does not answer: {type(error).__name__}") from error


def _object(content: bytes, path: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise CallFailed(f"answers {path} with something else than JSON")
    return document


def _reason(content: bytes) -> str:
    try:
        error = json.loads(content).get("error")
    except (ValueError, RecursionError, AttributeError):
        return ""
    return error if isinstance(error, str) else ""
