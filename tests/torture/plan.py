"""The acceptance plan: what a registry has to endure, by number, and the tests that make it do so.

`make torture` runs them in their full form and prints how each number fared. 1 to 15 are about data that is lost or
seen by others, 16 to 39 about takeovers and outages, 40 to 54 about robustness and size.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """`tests` are files under `tests/`, each with beginnings of names after `::`; `lacks` is what there is not yet."""

    number: int
    what: str
    tests: tuple[str, ...] = ()
    lacks: str = ""

    def names(self, nodeid: str) -> bool:
        return nodeid.removeprefix("tests/").startswith(self.tests)


CHECKS = (
    Check(
        1,
        "kills at any moment",
        (
            "torture/test_kills.py::test_nothing_acknowledged_is_lost_when_the_server_is_killed",
            "torture/test_kills.py::test_nothing_acknowledged_is_lost_in_a_storm",
            "torture/test_workers.py::test_killed_worker",
        ),
    ),
    Check(
        2,
        "kills at every system call and step",
        (
            "torture/test_kills.py::test_nothing_acknowledged_is_lost_when_the_server_is_killed_at_a_system_call",
            "torture/test_kills.py::test_a_first_start",
            "torture/test_steps.py",
            "storage/test_disk_faults.py",
            "cluster/test_faults.py::test_node_that_is_killed",
        ),
    ),
    Check(3, "power cuts, ext4 and XFS", ("torture/test_power.py", "storage/test_disk_media.py::test_what_was_ack")),
    Check(4, "every route, role and visibility", ("http/test_permissions.py", "test_routes.py")),
    Check(
        5,
        "content of other projects",
        ("security/test_oracles.py", "http/test_mounts.py", "http/test_blobs.py::test_blob_of_another_repository"),
    ),
    Check(
        6,
        "uploads of others",
        ("http/test_uploads.py::test_upload_that_is_not_the_callers", "http/test_uploads.py::test_strangers_attempt"),
    ),
    Check(7, "ids of other projects", ("api/test_rights.py::test_number", "api/test_rights.py::test_nothing")),
    Check(
        8,
        "clean-up against pushes",
        (
            "torture/test_cleaning.py",
            "torture/test_space.py",
            "core/test_cleaning.py",
            "core/test_nodes.py::test_blob_that_is_deleted",
        ),
    ),
    Check(
        9,
        "damaged bytes",
        ("torture/test_damage.py", "http/test_blobs.py::test_damaged", "core/test_checking.py", "core/test_scrub.py"),
    ),
    Check(10, "errors of the disk", ("torture/test_failing_disks.py::test_push_", "core/test_commits.py")),
    Check(
        11,
        "forged tokens and malformed passwords",
        (
            "auth/test_tokens.py",
            "auth/test_basic.py",
            "http/test_proxies.py::test_forged",
            "http/test_tokens.py::test_malformed",
            "auth/test_key_rings.py",
        ),
    ),
    Check(
        12,
        "rights that were taken away",
        (
            "http/test_revocation.py",
            "auth/test_permits.py",
            "api/test_access_tokens.py::test_revoked",
            "api/test_sessions.py::test_password_that_changes",
            "cluster/test_nodes.py::test_token_and",
        ),
    ),
    Check(13, "injection into queries", ("security/test_injection.py",)),
    Check(
        14,
        "full disk",
        ("torture/test_failing_disks.py::", "storage/test_disk_media.py", "test_errors.py::test_full"),
    ),
    Check(15, "two nodes on PostgreSQL and S3", ("cluster/", "core/test_nodes.py")),
    Check(16, "rights by the body of a request", ("api/test_rights.py::test_body", "api/test_rights.py::test_fields")),
    Check(17, "rights by scopes", ("http/test_tokens.py::test_hostile", "http/test_tokens.py::test_no_mixture")),
    Check(18, "paths and encodings", ("security/test_traversal.py", "http/test_names.py")),
    Check(19, "other spellings of a route", ("http/test_permissions.py::test_other_spelling", "http/test_names.py")),
    Check(
        20,
        "forwarded headers and hosts",
        ("http/test_proxies.py", "http/test_challenges.py", "security/test_headers.py::test_every_address"),
    ),
    Check(21, "smuggled requests", ("http/test_guard.py", "fuzz/test_connections.py")),
    Check(22, "slow clients", ("torture/test_stubborn_clients.py::test_hundreds", "torture/test_crowds.py::test_cli")),
    Check(
        23,
        "bombs of heads and bodies",
        ("http/test_guard.py::test_memory", "http/test_manifests.py::test_larger", "security/test_limits.py"),
    ),
    Check(24, "bombs of JSON", ("oci/test_documents.py", "security/test_injection.py::test_document")),
    Check(25, "floods of sign-ins", ("torture/test_stubborn_clients.py::test_flood",)),
    Check(
        26, "which accounts exist", ("security/test_oracles.py::test_unknown", "security/test_oracles.py::test_hash")
    ),
    Check(27, "guessed passwords", ("http/test_throttling.py", "auth/test_throttle.py")),
    Check(
        28,
        "addresses that a server is made to ask",
        (
            "security/test_processes.py::test_server_connects",
            "security/test_headers.py::test_addresses",
            "core/test_outgoing.py",
            "sign_in/test_oidc.py::test_provider_inside",
        ),
        lacks="replication, proxies of other registries",
    ),
    Check(
        29,
        "credentials for other servers",
        ("core/test_outgoing.py::test_request_is_sent_as_it_is", "auth/test_oidc.py::test_secret"),
        lacks="replication, proxies of other registries",
    ),
    Check(30, "poisoned caches of other registries", lacks="proxies of other registries"),
    Check(31, "races for a quota", ("http/test_quotas.py", "core/test_quotas.py", "core/test_quota_model.py")),
    Check(
        32,
        "races for one tag",
        (
            "torture/test_races.py::test_of_fifty",
            "http/test_manifests.py::test_tag_pushed_by_fifty",
            "api/test_immutable_rules.py::test_immutable_tag_is",
        ),
    ),
    Check(
        33,
        "pushes, moves and deletes of one tag",
        (
            "torture/test_races.py::test_what_many",
            "torture/test_races.py::test_tag_always",
            "torture/test_histories.py",
            "http/test_manifests.py::test_same_manifest_pushed_and_deleted",
        ),
    ),
    Check(
        34,
        "caches that are out of date",
        ("torture/test_races.py::test_blob_deleted", "torture/test_workers.py::test_what_one", "cluster/test_nodes.py"),
    ),
    Check(
        35,
        "workers that die or stand still",
        ("torture/test_workers.py", "http/test_server.py::test_two_workers", "http/test_server.py::test_worker"),
    ),
    Check(
        36,
        "stops under load",
        ("torture/test_stubborn_clients.py::test_seventy", "torture/test_resuming.py", "http/test_server.py::"),
    ),
    Check(
        37,
        "scripts in a browser",
        (
            "security/test_headers.py",
            "ui/test_browser.py::test_text_of_people",
            "ui/test_frame.py::test_pages_run",
            "ui/test_frame.py::test_pages_have",
        ),
    ),
    Check(38, "forms and sessions of a browser", ("api/test_sessions.py", "ui/test_frame.py", "ui/test_users.py")),
    Check(39, "secrets in logs, errors and files", ("security/test_secrets.py", "http/test_observability.py::test_no")),
    Check(40, "pulls by a thousand at once", ("torture/test_scale.py::test_as_many", "torture/test_crowds.py")),
    Check(
        41,
        "two hundred pushes at once",
        ("torture/test_scale.py::test_parallel", "torture/test_scale.py::test_one_layer", "cluster/test_faults.py"),
    ),
    Check(42, "big layers", ("torture/test_big_layers.py", "cluster/test_figures.py", "torture/test_resuming.py")),
    Check(43, "many small blobs", ("torture/test_scale.py::test_many_small",)),
    Check(44, "many tags and referrers", ("torture/test_scale.py::test_many_tags",)),
    Check(45, "a long time under load", ("torture/test_cleaning.py", "torture/test_footprints.py")),
    Check(46, "faults of S3", ("storage/test_s3.py", "cluster/test_faults.py", "core/test_claims.py")),
    Check(
        47,
        "faults of the database",
        (
            "torture/test_surroundings.py::test_database",
            "torture/test_surroundings.py::test_file_that_is_no_database",
            "storage/metadata/test_database.py",
            "storage/metadata/test_postgres.py",
            "http/test_postgres.py",
            "cluster/test_faults.py::test_service_that_dies",
        ),
    ),
    Check(
        48,
        "lost databases and backups",
        ("cli/test_backup.py", "core/test_backups.py", "core/test_snapshots.py"),
    ),
    Check(
        49, "clocks that jump", ("torture/test_clocks.py", "core/test_clocks.py", "core/test_cleaning.py::test_clock")
    ),
    Check(
        50,
        "limits of the machine",
        (
            "torture/test_surroundings.py",
            "security/test_processes.py",
            "security/test_connections.py::test_process",
            "cli/test_serve.py",
            "core/test_identity.py",
            "storage/test_disk.py::test_files_and_folders",
            "auth/test_passwords.py::test_no_memory",
        ),
    ),
    Check(51, "manifests that name each other", ("security/test_diamonds.py",)),
    Check(
        52,
        "fuzzed parsers and addresses",
        (
            "fuzz/",
            "http/test_names.py::test_no_request",
            "http/test_upload_model.py",
            "api/test_schemathesis.py",
            "core/test_patterns.py",
        ),
    ),
    Check(53, "real clients and the conformance program", ("clients/", "conformance/")),
    Check(54, "floors of libraries", ("test_floors.py", "security/test_libraries.py")),
)
