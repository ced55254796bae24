"""What decides whether Harbor's clients work with another server, and the tests that show that they do with this one.

`LINES` are calls with the statuses, headers and bodies that clients count on; `TRAPS` are rules that hold for all of
them. A test is named as `file::name` below `tests`.
"""

from collections.abc import Mapping, Sequence

LINES: Mapping[int, tuple[str, Sequence[str]]] = {
    1: (
        "a project is made: 201, no body, and an address with its number, or with its name where that is asked for",
        [
            "api/test_projects.py::test_project_is_made_at_an_address_without_a_host",
            "api/test_projects.py::test_client_that_asks_for_it_gets_the_name_in_the_address",
        ],
    ),
    2: (
        "409 for a taken name, 400 for a bad one, 412 for a project with repositories, HEAD tells what there is",
        [
            "api/test_projects.py::test_project_with_a_bad_or_a_taken_name_is_refused",
            "api/test_projects.py::test_project_is_removed_when_it_is_empty_by_those_who_run_it",
            "api/test_projects.py::test_head_tells_every_account_whether_a_project_exists",
        ],
    ),
    3: (
        "25 projects in pages of 10: how many, the links word for word, nothing past the end, all of them, too many",
        [
            "api/test_projects.py::test_list_of_25_comes_in_three_pages_that_link_to_each_other",
            "api/test_checklist.py::test_page_of_more_than_100_cannot_be_processed",
        ],
    ),
    4: (
        "conditions: a part of a name, a flag, encoded twice, and 400 for what is none",
        [
            "api/test_projects.py::test_lists_are_filtered_and_sorted",
            "api/test_projects.py::test_query_that_cannot_be_read_is_refused",
        ],
    ),
    5: (
        "who may not see a project gets the same answer whether or not it exists",
        ["api/test_projects.py::test_who_may_not_see_a_project_does_not_learn_whether_it_exists"],
    ),
    6: (
        "a repository with a slash, encoded once or twice",
        ["api/test_repositories.py::test_name_with_a_slash_is_encoded_once_or_twice"],
    ),
    7: (
        "lists of artifacts: what is shown unasked, null for tags that are not, links to additions encoded twice",
        [
            "api/test_artifacts.py::test_image_tells_what_harbor_tells_of_it",
            "api/test_artifacts.py::test_untagged_artifact_and_one_whose_tags_are_not_asked_for_have_null_for_them",
        ],
    ),
    8: (
        "robots are made, get other secrets, sign in everywhere, expire, are disabled, and keep their names",
        [
            "api/test_robots.py::test_robot_of_a_project_is_made_by_its_administrator_and_pushes_there",
            "api/test_robots.py::test_secret_is_renewed_or_replaced_and_the_old_one_is_void",
            "api/test_robots.py::test_robot_is_changed_by_its_whole_name",
            "api/test_checklist.py::test_robot_that_has_expired_signs_in_nowhere_and_is_still_listed",
        ],
    ),
    9: (
        "credentials get no session; a session without its code is refused with a new code, which is good",
        [
            "api/test_sessions.py::test_credentials_need_no_code_and_get_no_cookie_also_beside_a_session",
            "api/test_sessions.py::test_change_that_another_site_may_have_asked_for_is_refused_and_tells_the_code",
        ],
    ),
    10: (
        "no schedule is an empty object, changing one makes it, work by hand is 201 with its address",
        [
            "api/test_terraform.py::test_schedule_is_created_or_changed_by_whether_there_is_one",
            "api/test_system_jobs.py::test_run_is_begun_by_hand_and_tells_what_it_did",
        ],
    ),
    11: (
        "the current user of a robot is 412, of nobody 401",
        ["api/test_users.py::test_nobody_and_robots_are_no_current_user"],
    ),
    12: (
        "settings are shown as values that can be changed or not, and changed as values alone",
        [
            "api/test_settings.py::test_every_setting_is_shown_with_its_value_and_no_secret_is",
            "api/test_settings.py::test_some_are_changed_and_the_others_stay",
        ],
    ),
    13: (
        "tokens: who gets which, and that pulling in public needs one too",
        [
            "http/test_tokens.py::test_other_service_is_400_in_both_forms",
            "http/test_tokens.py::test_bad_credentials_are_401_in_both_forms_with_and_without_a_scope",
            "http/test_tokens.py::test_token_without_scopes_is_good_for_signing_in",
            "http/test_tokens.py::test_nobody_gets_a_token_for_public_pulls_only",
            "http/test_tokens.py::test_grant_is_what_is_asked_for_and_allowed",
            "http/test_challenges.py::test_challenge_names_exactly_the_scope_that_is_needed",
        ],
    ),
    14: (
        "the clients themselves",
        [
            "api/test_harborapi.py::test_every_method_of_the_client_is_called_here",
            "api/test_harbor_cli.py::test_project_is_created_and_deleted_with_all_that_it_holds",
            "api/test_terraform.py::test_project_is_created_with_its_quota_read_updated_and_destroyed_with_force",
        ],
    ),
}

TRAPS: Mapping[int, tuple[str, Sequence[str]]] = {
    1: (
        "success is exactly the status that is published, and never 204",
        [
            "api/test_published.py::test_answer_that_is_not_as_published_is_noticed",
            "api/test_documents.py::test_status_that_the_document_does_not_name_is_noticed",
            "api/test_checklist.py::test_no_operation_is_said_to_answer_204",
        ],
    ),
    2: (
        "addresses in headers are paths",
        [
            "api/test_projects.py::test_project_is_made_at_an_address_without_a_host",
            "api/test_projects.py::test_list_of_25_comes_in_three_pages_that_link_to_each_other",
            "api/test_members.py::test_address_of_a_member_has_the_project_as_it_was_given",
        ],
    ),
    3: (
        "no registry_id, no zero values, and null for the empty lists of an artifact",
        [
            "api/test_projects.py::test_project_is_made_at_an_address_without_a_host",
            "api/test_artifacts.py::test_untagged_artifact_and_one_whose_tags_are_not_asked_for_have_null_for_them",
            "api/test_published.py::test_answers_as_published_pass",
        ],
    ),
    4: (
        "past the last page is an empty list",
        [
            "api/test_projects.py::test_list_of_25_comes_in_three_pages_that_link_to_each_other",
            "api/test_quotas.py::test_walk_over_the_pages_ends_with_an_empty_one",
        ],
    ),
    5: (
        "pages: what is usual, the most, and no limit",
        [
            "api/test_harbor_cli.py::test_lists_are_whole_when_all_parameters_are_there_and_empty",
            "api/test_checklist.py::test_page_of_more_than_100_cannot_be_processed",
            "api/test_checklist.py::test_page_has_ten_items_unless_another_number_is_asked_for",
        ],
    ),
    6: (
        "conditions are decoded a second time, and a plus stays one",
        [
            "api/test_harbor_cli.py::test_robots_of_a_project_are_asked_for_with_a_query_that_is_encoded_twice",
            "api/test_checklist.py::test_plus_in_a_condition_is_one_however_often_it_was_encoded",
        ],
    ),
    7: (
        "the name of a repository is encoded once or twice",
        ["api/test_repositories.py::test_name_with_a_slash_is_encoded_once_or_twice"],
    ),
    8: (
        "slashes at the end and double ones change nothing",
        [
            "api/test_projects.py::test_head_tells_every_account_whether_a_project_exists",
            "api/test_terraform.py::test_project_is_created_with_its_quota_read_updated_and_destroyed_with_force",
        ],
    ),
    9: (
        "unknown fields of a body are left aside",
        ["api/test_terraform.py::test_user_is_created_with_fields_that_harbor_does_not_take_and_made_administrator"],
    ),
    10: (
        "credentials in the request make no session, and need no code",
        ["api/test_sessions.py::test_credentials_need_no_code_and_get_no_cookie_also_beside_a_session"],
    ),
    11: (
        "what is not set yet is an empty object",
        [
            "api/test_terraform.py::test_schedule_is_created_or_changed_by_whether_there_is_one",
            "api/test_absent.py::test_objects_that_clients_read_first_are_there",
        ],
    ),
    12: (
        "times have milliseconds and a zone, and never is the first day of the first year",
        [
            "api/test_checklist.py::test_times_have_milliseconds_and_a_zone",
            "api/test_artifacts.py::test_image_tells_what_harbor_tells_of_it",
        ],
    ),
    13: (
        "JSON says that it is, and so does text",
        ["api/test_checklist.py::test_answers_say_of_what_type_they_are"],
    ),
    14: (
        "a robot is made with a secret of its own, or gets it afterwards",
        [
            "api/test_robots.py::test_own_secret_is_taken_and_a_weak_one_refused",
            "api/test_terraform.py::test_robot_is_created_with_a_secret_set_afterwards_and_disabled",
        ],
    ),
    15: (
        "every answer has an id, the request's where that has one",
        [
            "http/test_observability.py::test_wellformed_request_id_of_a_proxy_is_kept",
            "api/test_checklist.py::test_every_answer_has_the_id_of_its_request",
        ],
    ),
}
