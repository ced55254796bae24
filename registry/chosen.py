"""What the settings say, in the terms of the rules that follow them."""

from auth.throttle import Patience
from registry.config import Config
from registry.core.admissions import UploadLimits
from registry.core.cleaning import Rules
from registry.oci.bounds import Bounds
from registry.places import storage_url

READING_SECONDS = 60 * 60


def cleaning_rules(config: Config, *, at_once: bool = False) -> Rules:
    """Where clients may be reading from the store by themselves, or in several steps, objects outlive their rows."""
    is_remote = storage_url(config).startswith("s3:")
    return Rules(
        grace=config.gc_grace_seconds * 1000,
        keep_deleted=config.keep_deleted_seconds * 1000,
        untagged=config.untagged_seconds * 1000 or None,
        reading=max(config.s3_redirect_seconds, READING_SECONDS) * 1000 if is_remote and not at_once else 0,
        at_once=at_once,
    )


def upload_limits(config: Config) -> UploadLimits:
    return UploadLimits(
        per_account=config.upload_limit_account,
        per_project=config.upload_limit_project,
        blob_bytes=config.blob_limit_bytes or None,
    )


def patience(config: Config) -> Patience:
    return Patience(
        per_account=config.login_limit,
        per_address=config.login_limit_address,
        window_ms=config.login_window_seconds * 1000,
    )


def bounds(config: Config) -> Bounds:
    return Bounds(
        depth=config.manifest_depth_limit,
        descriptors=config.manifest_descriptor_limit,
        annotations=config.annotation_limit,
        annotation_bytes=config.annotation_limit_bytes,
    )
