"""Artifacts, tags and accessories in Harbor's form."""

from collections.abc import Sequence
from urllib.parse import quote

import msgspec

from registry.api.answers import Model, time_text
from registry.api.icons import icon_of
from registry.api.labels import Label, shown_label
from registry.core.artifacts import Artifact as FoundArtifact
from registry.core.artifacts import ShownTag
from registry.oci.artifacts import Child, accessory_kind, additions_of
from storage.metadata.artifacts import AccessoryRecord, ArtifactRecord


class Tag(Model, kw_only=True):
    """Harbor's `Tag`. A tag has no number of its own here."""

    repository_id: int
    artifact_id: int
    name: str
    push_time: str
    pull_time: str
    immutable: bool


class Accessory(Model, kw_only=True):
    """Harbor's `Accessory`."""

    id: int
    artifact_id: int
    subject_artifact_id: int
    subject_artifact_digest: str
    subject_artifact_repo: str
    size: int
    digest: str
    type: str
    icon: str
    creation_time: str


class Platform(Model, kw_only=True, rename={"os_version": "os.version", "os_features": "os.features"}):
    """Harbor's `Platform`."""

    architecture: str = ""
    os: str = ""
    os_version: str = ""
    os_features: list[str] | None
    variant: str = ""


class Reference(Model, kw_only=True):
    """Harbor's `Reference`: an index names a child."""

    parent_id: int
    child_id: int = 0
    child_digest: str
    platform: Platform | None = None
    annotations: dict[str, str] | None = None
    urls: list[str] | None


class AdditionLink(Model, kw_only=True):
    href: str
    absolute: bool


class Artifact(Model, kw_only=True):
    """Harbor's `Artifact`. Its lists are null where they are empty or were not asked for; the last one is left out."""

    id: int
    type: str
    media_type: str
    manifest_media_type: str
    artifact_type: str = ""
    project_id: int
    repository_id: int
    repository_name: str
    digest: str
    size: int
    icon: str
    push_time: str
    pull_time: str
    extra_attrs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    annotations: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    references: list[Reference] | None
    tags: list[Tag] | None
    addition_links: dict[str, AdditionLink] | None = None
    labels: list[Label] | None
    accessories: list[Accessory] | None
    inherited_accessories: list[Accessory] | None = None


def shown_artifact(found: FoundArtifact) -> Artifact:
    record = found.record
    return Artifact(
        id=record.id,
        type=record.kind or "",
        media_type=record.config_media_type or record.media_type,
        manifest_media_type=record.media_type,
        artifact_type=record.artifact_type or "",
        project_id=record.project_id,
        repository_id=record.repository_id,
        repository_name=record.repository,
        digest=record.digest,
        size=record.size,
        icon=icon_of(record.kind or ""),
        push_time=time_text(record.created_at),
        pull_time=time_text(record.pulled_at),
        extra_attrs=_unless_empty(found.attributes),
        annotations=_unless_empty(record.annotations),
        references=[_shown_child(record.id, child, child_id) for child, child_id in found.children] or None,
        tags=[shown_tag(tag) for tag in found.tags] or None,
        addition_links=_links(record),
        labels=[shown_label(label) for label in found.labels] or None,
        accessories=shown_accessories(found.accessories, record.repository) or None,
        inherited_accessories=shown_accessories(found.inherited, record.repository) or None,
    )


def shown_tag(tag: ShownTag) -> Tag:
    return Tag(
        repository_id=tag.dates.repository_id,
        artifact_id=tag.dates.manifest_id,
        name=tag.dates.name,
        push_time=time_text(tag.dates.updated_at),
        pull_time=time_text(tag.dates.pulled_at),
        immutable=tag.is_immutable,
    )


def shown_accessories(found: Sequence[AccessoryRecord], repository: str) -> list[Accessory]:
    return [_shown_accessory(each, repository) for each in found]


def _shown_accessory(found: AccessoryRecord, repository: str) -> Accessory:
    kind = accessory_kind(found.artifact_type, found.config_media_type, found.tag)
    return Accessory(
        id=found.id,
        artifact_id=found.id,
        subject_artifact_id=found.subject_id,
        subject_artifact_digest=found.subject_digest,
        subject_artifact_repo=repository,
        size=found.size,
        digest=found.digest,
        type=kind,
        icon=icon_of(kind),
        creation_time=time_text(found.created_at),
    )


def _shown_child(parent_id: int, child: Child, child_id: int | None) -> Reference:
    return Reference(
        parent_id=parent_id,
        child_id=child_id or 0,
        child_digest=child.digest,
        platform=Platform(**msgspec.structs.asdict(child.platform)) if child.platform else None,
        annotations=dict(child.annotations) or None,
        urls=list(child.urls) or None,
    )


def _unless_empty(json: str) -> msgspec.Raw | msgspec.UnsetType:
    return msgspec.UNSET if json in ("{}", "") else msgspec.Raw(json.encode())


def _links(record: ArtifactRecord) -> dict[str, AdditionLink] | None:
    project, _, path = record.repository.partition("/")
    encoded = quote(quote(path, safe=""), safe="")
    base = f"/api/v2.0/projects/{project}/repositories/{encoded}/artifacts/{record.digest}/additions"
    names = additions_of(record.kind or "", record.media_type)
    return {name: AdditionLink(href=f"{base}/{name}", absolute=False) for name in names} or None
