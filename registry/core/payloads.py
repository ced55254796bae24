"""What webhooks send: Harbor's own form, CloudEvents (version 1.0, structured mode) and Slack's.

`host` is the registry's as its clients know it, perhaps with a port.
"""

import uuid
from typing import Any

from registry.core.events import Event
from storage.clock import utc_text

DEFAULT, CLOUD_EVENTS = "Default", "CloudEvents"
_CLOUD_TYPES = {
    "PUSH_ARTIFACT": "harbor.artifact.pushed",
    "PULL_ARTIFACT": "harbor.artifact.pulled",
    "DELETE_ARTIFACT": "harbor.artifact.deleted",
    "QUOTA_EXCEED": "harbor.quota.exceeded",
    "QUOTA_WARNING": "harbor.quota.warned",
    "TAG_RETENTION": "harbor.tag_retention.finished",
}
Payload = dict[str, Any]


def in_default_form(event: Event, host: str) -> Payload:
    return {
        "type": event.type,
        "occur_at": event.at // 1000,
        "operator": event.operator,
        "event_data": _data(event, host),
    }


def as_cloud_event(event: Event, host: str, policy_id: int, number: int) -> Payload:
    """`number` tells the deliveries of a policy apart: a try again is the same event."""
    source = f"/projects/{event.project_id}/webhook/policies/{policy_id}"
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{host}{source}/{number}")),
        "source": source,
        "type": _CLOUD_TYPES[event.type],
        "datacontenttype": "application/json",
        "time": utc_text(event.at),
        "operator": event.operator,
        "data": _data(event, host),
    }


def for_slack(event: Event, host: str) -> Payload:
    """A message of Slack's incoming webhooks, in blocks."""
    names = [each["resource_url"] for each in _resources(event, host)] or [event.project]
    lines = [f"*{event.type}* by {_plain(event.operator) or 'somebody'}", *(f"`{_plain(name)}`" for name in names)]
    text = "\n".join(lines)
    return {"text": text, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}


def _data(event: Event, host: str) -> Payload:
    data: Payload = {"resources": _resources(event, host)}
    if event.repository:
        data["repository"] = {
            "date_created": event.repository_created_at // 1000,
            "name": event.repository.partition("/")[2],
            "namespace": event.project,
            "repo_full_name": event.repository,
            "repo_type": "public" if event.is_public else "private",
        }
    more = dict(event.more)
    if "retention" in more:
        more["retention"] = {"harbor_hostname": host, "project_name": event.project, **more["retention"]}
    return data | more


def _resources(event: Event, host: str) -> list[Payload]:
    """A tag's address ends in it, and an untagged artifact's in its digest, which then stands for its tag too."""
    name = f"{host}/{event.repository}"
    return [
        {
            "digest": each.digest,
            "tag": each.tag or each.digest,
            "resource_url": f"{name}:{each.tag}" if each.tag else f"{name}@{each.digest}",
        }
        for each in event.resources
    ]


def _plain(text: str) -> str:
    """Without what Slack takes for a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
