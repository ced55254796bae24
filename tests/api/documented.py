"""Whether the registry's own document names the status of an answer."""

from functools import cache

import httpx


class NotDocumented(AssertionError):
    """A status that the document of the API does not name."""


def check_status(response: httpx.Response) -> None:
    """Raises `NotDocumented`. Addresses that it does not have, and methods that one does not take, are let through."""
    url = response.request.url
    path = url.raw_path.decode().partition("?")[0]
    if not path.startswith("/api/v2.0/") or response.status_code == 405:
        return
    parts = [part for part in path.split("/") if part]
    method = response.request.method.lower()
    fitting = [
        (wanted.count("{"), statuses)
        for (verb, wanted), statuses in _statuses(f"{url.scheme}://{url.netloc.decode()}").items()
        if verb == method and _fits(wanted.split("/")[1:], parts)
    ]
    if fitting and str(response.status_code) not in min(fitting, key=lambda each: each[0])[1]:
        raise NotDocumented(f"{method} {path} -> {response.status_code}: {response.text[:200]}")


@cache
def _statuses(origin: str) -> dict[tuple[str, str], set[str]]:
    document = httpx.get(f"{origin}/api/openapi.json", verify=False).json()
    return {
        (method, path): set(operation["responses"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _fits(wanted: list[str], parts: list[str]) -> bool:
    return len(wanted) == len(parts) and all(
        theirs.startswith("{") or theirs == ours for theirs, ours in zip(wanted, parts, strict=True)
    )
