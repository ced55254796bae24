"""Known flaws of registries and of what they are made of, and the tests that show that Cove does not have them.

A row names published advisories, or fixes without one, and tests as `file::name` below `tests`. `NOT_HERE` has those of
features that Cove does not have.
"""

from collections.abc import Mapping, Sequence

# CNCF distribution
DISTRIBUTION: Mapping[str, Sequence[str]] = {
    "CVE-2017-11468 bodies without a limit in memory": [
        "http/test_manifests.py::test_manifest_of_the_greatest_size_is_taken",
        "http/test_manifests.py::test_larger_manifest_is_refused_and_the_client_goes_on",
        "torture/test_big_layers.py::test_big_layer_passes_in_constant_memory_and_others_are_answered_meanwhile",
    ],
    "CVE-2021-41190 GHSA-qq97-vm5h-rrhg GHSA-5j5w-g665-5m35 one document, two kinds of manifest": [
        "oci/test_manifests.py::test_document_of_two_meanings_is_refused",
        "oci/test_manifests.py::test_content_type_and_document_must_agree",
        "oci/test_manifests.py::test_document_of_another_shape_than_its_content_type_is_refused",
        "oci/test_manifests.py::test_schema_1_is_refused_with_what_to_push_instead",
        "http/test_manifests.py::test_image_pushed_as_something_else_is_refused",
        "http/test_manifests.py::test_manifest_keeps_its_type_whatever_the_client_accepts",
    ],
    "CVE-2023-2253 pages as large as a client says": [
        "security/test_limits.py::test_page_is_never_larger_than_a_thousand",
        "oci/test_paging.py::test_count_has_a_default_and_is_cut_to_the_most",
    ],
    "CVE-2025-24976 keys in the header of a token": ["auth/test_tokens.py::test_a_forged_token_is_refused"],
    "CVE-2026-33540 realm of the registry's own site": [
        "http/test_challenges.py::test_realm_has_the_host_and_port_that_the_client_used",
        "http/test_challenges.py::test_public_url_is_the_realm_whatever_the_request_says",
    ],
    "CVE-2026-35172 blob deleted here and read through another repository": [
        "http/test_blobs.py::test_deleted_blob_is_gone_and_other_repositories_keep_it",
        "torture/test_workers.py::test_what_one_process_deletes_is_gone_in_the_other_at_once",
        "torture/test_races.py::test_blob_deleted_here_and_touched_there_stays_deleted_here_in_every_process",
        "cluster/test_nodes.py::test_what_one_node_deletes_is_gone_at_the_other_at_once",
    ],
    "CVE-2026-41888 deletion by who may not delete": [
        "http/test_permissions.py::test_each_route_lets_in_whom_the_table_says",
        "test_routes.py::test_reading_needs_pull_writing_push_and_removing_content_delete",
    ],
    "distribution 4898 4904 names that begin alike": [
        "http/test_tags.py::test_following_the_links_gives_every_tag_once",
        "storage/metadata/test_queries.py::test_repositories_come_in_bytewise_order_of_their_whole_names",
    ],
    "distribution 4931 after the last page": ["http/test_tags.py::test_after_the_last_tag_comes_an_empty_list"],
    "distribution 4868 a write skipped for what was there once": [
        "http/test_deletions.py::test_pushing_again_what_was_deleted_brings_it_back",
        "http/test_blobs.py::test_deleted_blob_can_be_pushed_again",
    ],
    "distribution 4713 purging odd names": ["storage/test_disk.py::test_sweeping_leaves_what_is_no_staged_place"],
    "distribution 3847 more uploads or parts than a page": [
        "storage/test_s3.py::test_sweeping_finds_more_than_one_page_of_uploads",
        "storage/test_s3.py::test_content_of_too_many_parts_is_refused",
    ],
    "distribution 4166 Content-Range": ["oci/test_ranges.py::test_other_chunk_range_is_refused"],
    "distribution a5a6f1ba an empty file for a write that was cut off": [
        "storage/test_disk_faults.py::test_a_commit_that_is_killed_at_any_step_loses_nothing",
        "torture/test_power.py::test_nothing_acknowledged_is_lost_with_the_power",
    ],
}

HARBOR: Mapping[str, Sequence[str]] = {
    "CVE-2019-19026 CVE-2019-19029 CVE-2024-22261 injection of SQL": [
        "security/test_injection.py::test_text_in_an_address_changes_and_breaks_nothing",
        "security/test_injection.py::test_text_in_a_header_field_changes_and_breaks_nothing",
        "security/test_injection.py::test_text_in_a_form_buys_nothing",
    ],
    "CVE-2019-19030 CVE-2019-3990 CVE-2020-13794 existence of projects and users": [
        "security/test_oracles.py::test_private_project_looks_like_none",
        "security/test_oracles.py::test_token_for_a_private_project_looks_like_that_for_none",
        "http/test_permissions.py::test_private_project_looks_like_none_to_who_may_not_see_it",
        "http/test_permissions.py::test_private_project_cannot_be_probed_by_a_mount_or_a_scope",
    ],
    "CVE-2020-29662 another spelling of a protected address": [
        "http/test_permissions.py::test_other_spelling_of_an_address_opens_nothing",
        "http/test_permissions.py::test_headers_that_rename_a_request_mean_nothing",
        "http/test_names.py::test_address_of_nothing_is_404_and_never_a_redirect",
        "test_routes.py::test_address_that_is_in_no_row_is_404_in_the_usual_form",
    ],
    "CVE-2022-46463 public projects are so by choice alone": [
        "core/test_projects.py::test_project_is_private_unless_it_is_said_to_be_public"
    ],
    "CVE-2023-20902 comparison that stops early": [
        "security/test_secrets.py::test_no_secret_is_compared_in_a_time_that_tells_of_it"
    ],
    "GHSA-prh4-vhfh-24mj secrets in logs": [
        "http/test_observability.py::test_no_secret_is_ever_in_a_log_an_error_or_a_metric",
        "http/test_observability.py::test_database_error_in_the_log_shows_no_values",
        "cli/test_serve.py::test_no_password_reaches_the_log_whether_it_is_right_or_wrong",
        "cli/test_config.py::test_secrets_are_shown_nowhere",
    ],
    "CVE-2026-4404 a default password": [
        "cli/test_serve.py::test_password_is_printed_at_the_first_start_only_and_it_works",
        "auth/test_passwords.py::test_generated_passwords_meet_the_policy_differ_and_have_no_look_alikes",
    ],
    "harbor 22900 23270 token for a project that was made anew": [
        "http/test_revocation.py::test_new_project_of_an_old_name_does_not_honour_tokens_for_the_old_one",
        "auth/test_tokens.py::test_a_payload_of_wrong_types_is_refused_in_one_way",
    ],
    "harbor 23500 manifests without a limit": [
        "http/test_manifests.py::test_larger_manifest_is_refused_and_the_client_goes_on"
    ],
    "harbor 23497 content that grows when it is unpacked": [
        "http/test_manifests.py::test_encoded_manifest_is_refused",
        "http/test_uploads.py::test_encoded_content_is_refused_and_nothing_is_kept",
    ],
}

ZOT: Mapping[str, Sequence[str]] = {
    "CVE-2024-39897 blobs of others by a mount or a HEAD": [
        "security/test_oracles.py::test_blob_of_another_project_looks_like_none",
        "security/test_oracles.py::test_mount_of_a_blob_of_another_project_looks_like_that_of_none",
        "security/test_oracles.py::test_manifest_that_names_a_blob_of_another_project_is_refused_as_for_none",
        "http/test_mounts.py::test_mount_from_a_repository_that_may_not_be_read_begins_an_upload",
        "http/test_mounts.py::test_mount_from_a_repository_that_lacks_the_blob_begins_an_upload_though_another_has_it",
        "http/test_manifests.py::test_blob_of_another_repository_is_missing",
    ],
    "zot 4266 each tag of a push counts": [
        "http/test_manifests.py::test_one_malformed_tag_among_good_ones_sets_none",
        "http/test_manifests.py::test_more_tags_are_refused_and_none_is_set",
    ],
    "GHSA-qg67-7m6v-qg25 deletion with a token for pushing": [
        "http/test_challenges.py::test_push_token_does_not_delete"
    ],
    "zot 4131 an account without a role": ["auth/test_access.py::test_role_in_one_project_gives_nothing_in_another"],
    "zot 4318 indexes with exponentially many ways through them": [
        "security/test_diamonds.py::test_each_level_costs_what_the_one_before_cost",
        "security/test_diamonds.py::test_diamonds_are_pulled_counted_kept_and_cleaned_up",
    ],
    "zot 2625 4195 4427 the only copy lost, and an empty answer": [
        "core/test_cleaning.py::test_layer_that_another_repository_has_loses_its_link_and_stays_there",
        "http/test_blobs.py::test_damaged_blob_is_unknown_until_a_push_mends_it",
        "http/test_blobs.py::test_blob_that_ends_while_it_is_sent_is_not_passed_off_as_whole",
        "torture/test_surroundings.py::test_objects_that_are_gone_are_unknown_and_never_an_empty_answer",
    ],
}

QUAY: Mapping[str, Sequence[str]] = {
    "CVE-2026-32589 uploads of others": [
        "http/test_uploads.py::test_upload_that_is_not_the_callers_is_unknown",
        "http/test_uploads.py::test_strangers_attempt_leaves_an_upload_as_it_was",
        "http/test_permissions.py::test_upload_of_another_account_is_unknown",
        "storage/metadata/test_queries.py::test_upload_is_found_only_by_its_repository_and_account_before_it_expires",
    ],
    "CVE-2026-32590 state that is code": [
        "test_layers.py::test_nothing_reads_a_format_that_can_run_code",
        "test_layers.py::test_nothing_evaluates_text",
    ],
    "CVE-2024-9683 password cut short": [
        "auth/test_foreign_hashes.py::test_password_of_as_many_bytes_as_bcrypt_looks_at_is_right_and_a_longer_one_is_wrong"
    ],
    "CVE-2019-10205 CVE-2024-5891 secrets kept as they are": [
        "security/test_secrets.py::test_no_file_of_the_data_has_a_password_or_a_token"
    ],
    "CVE-2023-4956 CVE-2023-3384 shown in another site, or as a page": [
        "security/test_headers.py::test_every_route_says_it_when_it_gives_what_was_asked_for_and_when_it_does_not",
        "security/test_headers.py::test_content_that_looks_like_a_page_is_sent_as_a_file",
    ],
    "CVE-2020-27831 CVE-2020-14313 names of private repositories": [
        "http/test_permissions.py::test_catalog_shows_each_account_its_own_part"
    ],
    "quay d420c8e97 ffba0c70e 4c40e066a uploads that are refused, and deletion beside a push": [
        "http/test_quotas.py::test_upload_that_does_not_fit_ends_and_its_bytes_go",
        "storage/test_s3.py::test_sweeping_aborts_what_lies_under_the_own_prefix_and_is_an_upload_of_a_store",
        "core/test_cleaning.py::test_pushes_and_deletions_beside_a_cleaner_without_grace_lose_nothing",
    ],
}

OTHERS: Mapping[str, Sequence[str]] = {
    "CVE-2026-27771 private in one place and public in another": [
        "test_routes.py::test_nobody_is_let_in_to_a_private_project",
        "http/test_permissions.py::test_each_route_lets_in_whom_the_table_says",
        "http/test_revocation.py::test_project_turned_private_shuts_out_strangers_and_nobody_at_once",
    ],
    "CVE-2025-68944 CVE-2026-28699 CVE-2026-20706 GitLab CVE-2026-6515 a scope lost on one way in": [
        "http/test_challenges.py::test_too_narrow_token_of_an_entitled_user_is_401_with_what_it_needs",
        "auth/test_access.py::test_grant_is_for_one_name_one_kind_one_project_and_the_actions_in_it",
    ],
    "CVE-2026-20896 CVE-2019-9733 forwarded headers of anybody": [
        "http/test_proxies.py::test_forwarded_headers_of_anybody_else_mean_nothing",
        "http/test_proxies.py::test_client_is_the_last_address_that_no_proxy_of_ours_has",
    ],
    "CVE-2025-69413 CVE-2026-33419 unknown users answered otherwise, passwords guessed": [
        "security/test_oracles.py::test_unknown_and_disabled_accounts_cost_what_a_wrong_password_costs",
        "http/test_throttling.py::test_ten_failures_are_free_and_the_next_must_wait_whoever_it_is",
    ],
    "CVE-2026-58426 fields run together": ["auth/test_passwords.py::test_a_key_may_hold_any_text"],
    "CVE-2026-28740 objects of others by their digest": [
        "security/test_oracles.py::test_blob_of_another_project_looks_like_none"
    ],
    "CVE-2024-4956 CVE-2026-42600 files by way of a path": [
        "security/test_traversal.py::test_no_spelling_of_another_path_leads_out_of_the_data"
    ],
    "CVE-2022-47747 CVE-2025-59345 routes for tests and administrators": [
        "test_routes.py::test_anybody_may_ask_for_health_numbers_and_a_token_and_nothing_else",
        "test_routes.py::test_data_folder_is_not_served",
    ],
    "CVE-2026-33322 algorithms confused": ["auth/test_tokens.py::test_a_forged_token_is_refused"],
    "CVE-2026-49835 metrics without end": ["http/test_observability.py::test_labels_stay_few_whatever_clients_ask_for"],
    "GitLab 425045 scopes in one parameter or in many": [
        "auth/test_scope.py::test_scopes_come_in_several_values_and_several_to_a_value"
    ],
    "CVE-2020-15157 CVE-2026-48978 CVE-2026-49349 credentials taken along to another host": [
        "security/test_headers.py::test_every_address_that_an_answer_gives_is_on_this_host",
        "security/test_headers.py::test_addresses_in_a_manifest_are_kept_as_text_and_asked_for_by_nobody",
    ],
    "CVE-2024-3727 CVE-2025-62725 digests and annotations as paths": [
        "security/test_traversal.py::test_nothing_in_a_manifest_leads_out_of_the_data",
        "oci/test_descriptors.py::test_descriptor_with_a_bad_field_is_refused",
    ],
    "CVE-2024-29902 CVE-2023-33957 referrers without end": [
        "http/test_referrers.py::test_page_is_no_larger_than_clients_read",
        "http/test_referrers.py::test_following_the_links_gives_every_referrer_once",
    ],
}

LIBRARIES: Mapping[str, Sequence[str]] = {
    "CVE-2025-62727 CVE-2026-48710 CVE-2026-48817 CVE-2026-54282 CVE-2026-54283 Starlette": [
        "security/test_libraries.py::test_library_as_it_is_installed_has_none_of_its_known_flaws",
        "http/test_ranges.py::test_range_that_cannot_be_served_gets_the_whole",
        "http/test_challenges.py::test_host_that_is_no_host_is_400",
        "http/test_names.py::test_other_methods_are_refused_with_those_there_are",
        "http/test_tokens.py::test_body_that_is_no_such_form_is_400",
    ],
    "CVE-2020-7694 CVE-2020-7695 uvicorn": [
        "http/test_observability.py::test_request_is_one_line_whatever_is_in_its_path",
        "security/test_headers.py::test_header_of_a_client_never_becomes_one_of_an_answer",
    ],
    "CVE-2025-43859 h11": ["test_floors.py::test_requests_are_parsed_by_httptools_and_h11_is_not_even_loaded"],
    "CVE-2022-32213 CVE-2023-30589 CVE-2024-27982 llhttp": [
        "http/test_guard.py::test_ambiguous_head_is_answered_400_and_nothing_behind_it_is_read",
        "http/test_guard.py::test_malformed_chunk_is_answered_400_and_the_application_told",
    ],
    "CVE-2024-24762 CVE-2024-53981 CVE-2026-24486 python-multipart; CVE-2025-27516 Jinja2; CVE-2021-32677 fastapi": [
        "security/test_libraries.py::test_libraries_for_what_cove_does_not_do_are_not_needed",
        "security/test_libraries.py::test_no_form_parser_and_no_template_is_loaded_by_a_server",
    ],
    "CVE-2022-29217 CVE-2024-53861 CVE-2026-32597 CVE-2026-48525 CVE-2026-48526 PyJWT": [
        "auth/test_tokens.py::test_a_forged_token_is_refused",
        "security/test_libraries.py::test_library_with_a_known_flaw_is_not_accepted_by_the_package",
    ],
    "bcrypt 5 refuses long passwords": [
        "auth/test_passwords.py::test_what_cannot_be_a_password_is_wrong_without_a_hash"
    ],
    "boto3 checksums that services do not know": [
        "storage/test_s3.py::test_object_is_written_as_the_settings_say_and_without_new_checksums"
    ],
    "json of the standard library": [
        "oci/test_documents.py::test_deeper_nesting_is_refused_whatever_the_interpreter_would_bear",
        "oci/test_documents.py::test_key_named_twice_is_refused",
        "security/test_injection.py::test_document_that_is_not_json_for_everybody_is_refused",
    ],
    "CVE-2025-6965 and lost commits of SQLite": [
        "test_floors.py::test_sqlite_in_use_can_be_written_by_several_processes",
        "storage/metadata/test_database.py::test_sqlite_that_is_not_safe_gets_a_rollback_journal",
    ],
}

NOT_HERE: Mapping[str, str] = {
    "a management API": "CVE-2019-16097 CVE-2019-19023 CVE-2022-31666 CVE-2022-31667 CVE-2022-31669 CVE-2022-31670"
    " CVE-2024-22278 CVE-2025-30086 harbor 23697 harbor 23755",
    "an admin page": "CVE-2019-19025 CVE-2024-22244 CVE-2025-32019 CVE-2019-3864 CVE-2023-4959",
    "robot accounts": "CVE-2019-16919 harbor 23691",
    "webhooks, replication, scanners": "CVE-2020-13788 CVE-2026-22874 CVE-2026-58418 CVE-2026-32591 harbor 23671",
    "OIDC and LDAP": "CVE-2025-23208 CVE-2025-48374 CVE-2026-58422",
    "a cache of another registry": "CVE-2025-4374 CVE-2024-6915 CVE-2026-7471",
    "tags that cannot be overwritten": "CVE-2026-31801",
}
