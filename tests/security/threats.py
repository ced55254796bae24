"""What an attacker may try, and the tests that show how it ends."""

from collections.abc import Mapping, Sequence

THREATS: Mapping[int, tuple[str, Sequence[str]]] = {
    1: (
        "guessing passwords",
        [
            "http/test_throttling.py::test_ten_failures_are_free_and_the_next_must_wait_whoever_it_is",
            "http/test_throttling.py::test_right_password_waits_too_from_there_but_not_from_elsewhere",
            "http/test_throttling.py::test_addresses_that_a_client_claims_do_not_reset_its_count",
            "http/test_throttling.py::test_two_servers_over_the_same_data_count_together",
            "security/test_limits.py::test_wrong_passwords_are_free_as_often_as_allowed",
        ],
    ),
    2: (
        "learning which accounts there are",
        [
            "security/test_oracles.py::test_unknown_and_disabled_accounts_cost_what_a_wrong_password_costs",
            "security/test_oracles.py::test_hash_that_stands_for_nobody_costs_as_much_as_one_of_an_account",
            "auth/test_accounts.py::test_wrong_password_unknown_name_and_disabled_account_are_refused_alike",
        ],
    ),
    3: (
        "making the server hash",
        [
            "auth/test_passwords.py::test_no_more_hashes_than_cores_run_at_once_and_beyond_the_queue_a_check_is_refused",
            "auth/test_passwords.py::test_a_thousand_checks_of_one_credential_cost_one_hash",
            "auth/test_passwords.py::test_what_cannot_be_a_password_is_wrong_without_a_hash",
            "torture/test_stubborn_clients.py::test_flood_of_wrong_passwords_holds_up_no_token_and_nobody_elsewhere",
        ],
    ),
    4: (
        "using a token elsewhere or later",
        [
            "auth/test_tokens.py::test_a_token_is_good_until_five_seconds_after_its_end",
            "auth/test_tokens.py::test_a_token_of_another_service_or_issuer_with_the_same_key_is_refused",
            "auth/test_tokens.py::test_tokens_of_the_old_key_are_good_until_the_key_is_dropped",
        ],
    ),
    5: (
        "going on after a right was taken away",
        [
            "http/test_revocation.py::test_changed_account_is_not_let_in_by_its_old_token_or_password",
            "http/test_revocation.py::test_removed_member_is_a_stranger_at_once",
            "http/test_revocation.py::test_new_account_of_an_old_name_with_the_same_password_does_not_inherit_tokens",
            "http/test_revocation.py::test_second_server_over_the_same_data_refuses_as_soon",
            "cluster/test_nodes.py::test_token_and_password_are_refused_by_both_nodes_after_a_change",
        ],
    ),
    6: (
        "asking for more than one may",
        [
            "http/test_tokens.py::test_hostile_scopes_never_gain_more_than_the_rights",
            "http/test_tokens.py::test_no_mixture_of_scopes_gains_more_than_the_rights",
            "http/test_tokens.py::test_64_scopes_are_taken_and_65_are_not",
        ],
    ),
    7: (
        "forging tokens",
        [
            "auth/test_tokens.py::test_a_forged_token_is_refused",
            "auth/test_tokens.py::test_a_token_with_any_one_character_changed_is_refused",
            "http/test_proxies.py::test_forged_tokens_are_401_and_called_invalid",
            "security/test_limits.py::test_header_field_of_a_token_that_is_too_long_is_no_token",
        ],
    ),
    8: (
        "malformed credentials",
        [
            "auth/test_basic.py::test_a_basic_header_without_a_usable_name_and_password_is_refused",
            "http/test_tokens.py::test_malformed_authorization_is_401_and_never_nobody",
        ],
    ),
    9: (
        "being nobody by a wrong password",
        ["http/test_tokens.py::test_bad_credentials_are_401_in_both_forms_with_and_without_a_scope"],
    ),
    10: (
        "mounting blobs of others",
        [
            "http/test_mounts.py::test_mount_from_a_repository_that_may_not_be_read_begins_an_upload",
            "http/test_mounts.py::test_blob_that_was_deleted_from_the_source_is_not_mounted",
            "security/test_oracles.py::test_mount_of_a_blob_of_another_project_looks_like_that_of_none",
        ],
    ),
    11: (
        "learning which blobs there are",
        [
            "security/test_oracles.py::test_blob_of_another_project_looks_like_none",
            "security/test_oracles.py::test_manifest_that_names_a_blob_of_another_project_is_refused_as_for_none",
            "security/test_oracles.py::test_index_that_names_a_manifest_of_another_project_is_told_that_it_is_missing",
        ],
    ),
    12: (
        "a project that was deleted and made anew",
        ["http/test_revocation.py::test_new_project_of_an_old_name_does_not_honour_tokens_for_the_old_one"],
    ),
    13: (
        "content that is not what its digest says",
        [
            "http/test_uploads.py::test_wrong_digest_is_refused_and_the_right_one_taken_afterwards",
            "http/test_uploads.py::test_digest_given_twice_is_refused",
            "http/test_names.py::test_malformed_digest_is_refused_everywhere",
            "http/test_manifests.py::test_manifest_that_is_not_what_its_digest_says_is_refused",
        ],
    ),
    14: (
        "content that is taken for something else",
        [
            "oci/test_manifests.py::test_content_type_and_document_must_agree",
            "http/test_blobs.py::test_content_is_never_compressed_or_taken_for_a_page",
            "security/test_headers.py::test_content_that_looks_like_a_page_is_sent_as_a_file",
        ],
    ),
    15: (
        "manifests that are bombs",
        [
            "security/test_injection.py::test_document_that_is_not_json_for_everybody_is_refused",
            "oci/test_documents.py::test_document_of_nothing_but_tiny_values_is_refused_before_it_takes_memory",
            "http/test_manifests.py::test_size_that_differs_from_the_blobs_is_refused",
            "security/test_limits.py::test_manifest_is_nested_as_deep_as_allowed_and_not_deeper",
            "security/test_limits.py::test_manifest_names_as_much_as_allowed_and_not_more",
        ],
    ),
    16: (
        "indexes of indexes",
        [
            "security/test_diamonds.py::test_each_level_costs_what_the_one_before_cost",
            "security/test_diamonds.py::test_diamonds_are_pulled_counted_kept_and_cleaned_up",
            "security/test_diamonds.py::test_index_with_a_thousand_children_is_pushed_and_deleted",
        ],
    ),
    17: (
        "a flood of referrers",
        [
            "http/test_referrers.py::test_page_is_no_larger_than_clients_read",
            "torture/test_scale.py::test_many_tags_and_referrers_are_listed_once_each_and_in_order",
        ],
    ),
    18: (
        "a flood of tags",
        [
            "storage/metadata/test_queries.py::test_pages_by_key_miss_nothing_and_repeat_nothing_while_the_list_changes",
            "storage/metadata/test_postgres.py::test_identifiers_sort_bytewise_although_the_database_does_not",
        ],
    ),
    19: (
        "the catalog",
        [
            "http/test_permissions.py::test_catalog_shows_each_account_its_own_part",
            "security/test_limits.py::test_page_is_never_larger_than_a_thousand",
        ],
    ),
    20: (
        "paths that lead elsewhere",
        [
            "security/test_traversal.py::test_no_spelling_of_another_path_leads_out_of_the_data",
            "security/test_traversal.py::test_no_parameter_leads_out_of_the_data",
            "storage/test_disk.py::test_a_name_that_leads_out_of_the_folder_is_refused",
        ],
    ),
    21: (
        "links in the data",
        [
            "security/test_traversal.py::test_blob_that_was_replaced_by_a_link_is_not_followed",
            "storage/test_disk.py::test_what_is_no_regular_file_is_no_object",
        ],
    ),
    22: (
        "encoded paths",
        [
            "security/test_traversal.py::test_no_spelling_of_another_path_leads_out_of_the_data",
            "http/test_names.py::test_encoded_separator_behind_the_name_is_refused",
            "http/test_names.py::test_malformed_name_is_refused_everywhere",
        ],
    ),
    23: (
        "uploads of others",
        [
            "http/test_uploads.py::test_upload_that_is_not_the_callers_is_unknown",
            "http/test_uploads.py::test_of_two_chunks_sent_at_once_one_is_taken",
        ],
    ),
    24: (
        "uploads without end",
        [
            "security/test_limits.py::test_account_has_so_many_uploads_open_and_not_one_more",
            "security/test_limits.py::test_of_many_that_begin_at_once_no_more_than_allowed_get_in",
            "security/test_limits.py::test_upload_that_grows_too_large_has_ended",
            "core/test_cleaning.py::test_upload_that_nobody_continues_goes_with_its_bytes",
            "core/test_cleaning.py::test_upload_that_goes_on_stays",
        ],
    ),
    25: (
        "lengths that are not true",
        [
            "http/test_uploads.py::test_body_cut_short_is_kept_and_continued",
            "http/test_uploads.py::test_content_range_that_does_not_fit_the_body_is_refused_and_nothing_is_kept",
        ],
    ),
    26: (
        "requests in requests",
        [
            "http/test_guard.py::test_ambiguous_head_is_answered_400_and_nothing_behind_it_is_read",
            "http/test_guard.py::test_malformed_chunk_is_answered_400_and_the_application_told",
            "http/test_guard.py::test_upgrade_is_ignored_and_nothing_behind_the_request_is_read",
            "fuzz/test_connections.py::test_any_bytes_get_answers_or_an_end",
        ],
    ),
    27: (
        "being slow",
        [
            "http/test_guard.py::test_bytes_that_drip_in_do_not_buy_a_head_more_time",
            "http/test_guard.py::test_body_that_hardly_comes_is_answered_408_and_the_application_keeps_what_came",
            "http/test_guard.py::test_client_that_takes_nothing_is_cut_off",
            "security/test_tls.py::test_client_that_does_not_go_on_with_the_handshake_is_let_go",
            "security/test_connections.py::test_next_one_takes_the_place_of_the_one_that_has_been_idle_longest",
            "torture/test_stubborn_clients.py::test_hundreds_of_half_said_requests_keep_nobody_waiting_and_are_all_ended",
        ],
    ),
    28: (
        "compressed requests",
        [
            "http/test_manifests.py::test_encoded_manifest_is_refused",
            "http/test_uploads.py::test_encoded_content_is_refused_and_nothing_is_kept",
        ],
    ),
    34: (
        "what browsers make of answers",
        [
            "security/test_headers.py::test_every_route_says_it_when_it_gives_what_was_asked_for_and_when_it_does_not",
            "security/test_headers.py::test_errors_say_it_and_are_kept_by_nobody",
            "security/test_headers.py::test_refusal_of_what_is_no_request_says_it_too",
        ],
    ),
    35: (
        "requests that a browser sends for another site",
        [
            "http/test_challenges.py::test_basic_works_directly_and_is_never_advertised",
            "http/test_names.py::test_nothing_is_a_redirect_a_cookie_or_compressed",
        ],
    ),
    37: (
        "answers shown in another site",
        ["security/test_headers.py::test_every_route_says_it_when_it_gives_what_was_asked_for_and_when_it_does_not"],
    ),
    38: (
        "other names for the host",
        [
            "http/test_challenges.py::test_public_url_is_the_realm_whatever_the_request_says",
            "http/test_challenges.py::test_host_that_is_no_host_is_400",
            "http/test_proxies.py::test_forwarded_headers_of_anybody_else_mean_nothing",
            "security/test_headers.py::test_every_address_that_an_answer_gives_is_on_this_host",
        ],
    ),
    40: (
        "filling the disk",
        [
            "torture/test_failing_disks.py::test_disk_full_of_blobs_refuses_more_and_everything_else_goes_on",
            "torture/test_failing_disks.py::test_cancelled_upload_frees_its_space_even_if_there_is_no_room_for_a_record",
        ],
    ),
    41: (
        "many pushes against a quota",
        [
            "http/test_quotas.py::test_many_pushes_at_once_fill_the_project_and_no_more",
            "http/test_quotas.py::test_use_is_exact_and_never_beyond_the_limit_while_processes_are_killed",
        ],
    ),
    42: (
        "one row that everybody writes",
        ["torture/test_scale.py::test_parallel_pushes_into_many_repositories_are_all_there"],
    ),
    43: (
        "lines of the log made up",
        [
            "http/test_observability.py::test_request_is_one_line_whatever_is_in_its_path",
            "cli/test_logs.py::test_one_request_is_one_line_of_harmless_characters_whatever_it_contains",
            "cli/test_logs.py::test_traceback_is_kept_and_cannot_forge_a_line",
        ],
    ),
    44: (
        "secrets that get out",
        [
            "http/test_observability.py::test_no_secret_is_ever_in_a_log_an_error_or_a_metric",
            "security/test_secrets.py::test_no_file_of_the_data_has_a_password_or_a_token",
            "security/test_secrets.py::test_no_secret_is_an_option_of_the_command_line",
            "test_errors.py::test_bug_is_500_without_a_word_about_it",
        ],
    ),
    45: (
        "addresses of S3 that are keys",
        [
            "storage/test_s3.py::test_address_lets_anybody_read_the_object_and_no_more",
            "http/test_object_storage.py::test_get_of_a_blob_is_sent_to_s3_by_an_address_that_nobody_may_keep",
        ],
    ),
    46: (
        "cleaning up beside a push",
        [
            "core/test_cleaning.py::test_pushes_and_deletions_beside_a_cleaner_without_grace_lose_nothing",
            "core/test_cleaning.py::test_i2_manifest_is_refused_when_one_of_its_blobs_has_gone",
            "core/test_cleaning.py::test_i3_blob_that_somebody_was_told_of_stays_for_the_whole_time_of_grace",
            "torture/test_cleaning.py::test_no_acknowledged_image_loses_a_byte_to_cleaning_up_and_nothing_is_left_over",
        ],
    ),
    49: (
        "shutting the last administrator out",
        [
            "core/test_users.py::test_last_active_administrator_can_be_neither_disabled_nor_deleted",
            "core/test_nodes.py::test_two_administrators_who_shut_each_other_out_leave_one",
        ],
    ),
    50: (
        "numbers without end, and routes for tests",
        [
            "http/test_observability.py::test_labels_stay_few_whatever_clients_ask_for",
            "test_routes.py::test_anybody_may_ask_for_health_numbers_and_a_token_and_nothing_else",
        ],
    ),
    51: (
        "libraries, and connections that nobody asked for",
        [
            "security/test_processes.py::test_server_connects_to_nothing",
            "security/test_libraries.py::test_library_as_it_is_installed_has_none_of_its_known_flaws",
            "test_floors.py::test_library_is_not_older_than_its_floor",
        ],
    ),
    52: (
        "broken versions of TLS",
        [
            "security/test_tls.py::test_versions_that_are_broken_are_not_spoken",
            "http/test_server.py::test_certificate_makes_it_https",
        ],
    ),
    53: (
        "patterns that backtrack",
        [
            "security/test_patterns.py::test_pattern_takes_hostile_text_in_its_stride",
            "security/test_patterns.py::test_routes_take_hostile_paths_in_their_stride",
        ],
    ),
    55: (
        "using up what a process has",
        [
            "security/test_processes.py::test_server_that_may_open_few_files_refuses_some_and_goes_on",
            "security/test_connections.py::test_process_with_few_files_takes_few_connections_and_never_runs_out",
            "security/test_secrets.py::test_every_folder_and_file_of_the_data_is_for_its_owner_alone",
        ],
    ),
}

NOT_HERE: Mapping[int, str] = {
    29: "nothing is fetched from addresses that clients give",
    30: "webhooks",
    31: "credentials for other services, but those of the operator's environment",
    32: "a cache of another registry",
    33: "an admin page",
    36: "sessions of browsers",
    39: "redirects to where a client says",
    47: "tags that cannot be overwritten",
    48: "a log of what was done, but for tags",
    54: "tables for spreadsheets",
}
