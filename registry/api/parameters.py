"""What the variables of addresses and queries are called, of what form they are, and what they mean."""

from collections.abc import Mapping

_NUMBER: Mapping[str, object] = {"type": "integer", "minimum": 0, "maximum": 2**53}
_TEXT: Mapping[str, object] = {"type": "string"}
_FLAG: Mapping[str, object] = {"type": "boolean"}

PATH: Mapping[str, tuple[Mapping[str, object], str]] = {
    "project": (_TEXT, "The number of a project, or its name; a name of digits takes the header X-Is-Resource-Name."),
    "project_name": (_TEXT, "The name of a project."),
    "repository": (_TEXT, "The name of a repository without its project, each slash as %2F or %252F."),
    "reference": (_TEXT, "A tag or a digest."),
    "name": (_TEXT, "The name of a setting."),
    "name:path": (_TEXT, "The name of a repository with its project; its slashes stay as they are."),
    "tag": (_TEXT, "A tag of the artifact."),
    "digest": (_TEXT, "A digest, such as sha256: and 64 hexadecimal digits."),
    "upload": (_TEXT, "What the Location of a begun upload ends with."),
    "addition": (_TEXT, "What an artifact's addition_links name."),
    "thing": (_TEXT, "A name or a number."),
    "pool_id": (_TEXT, "A pool of workers."),
    "job_type": (_TEXT, "A kind of background work."),
    "report_id": (_TEXT, "A report."),
    **{
        name: (_NUMBER, f"The number of {what}.")
        for name, what in {
            "member_id": "a membership",
            "group_id": "a group",
            "id": "a quota, which is that of its project",
            "robot_id": "a robot",
            "label_id": "a label",
            "execution_id": "a run",
            "task_id": "a part of a run",
            "webhook_policy_id": "a webhook",
            "job_id": "a part of a run",
            "user_id": "an account",
            "rule_id": "a rule",
            "policy_id": "a retention policy",
            "token_id": "an access token",
            "session_id": "a browser that is signed in",
        }.items()
    },
}

QUERY: Mapping[str, tuple[Mapping[str, object], str]] = {
    "q": (_TEXT, "Conditions: `name=app`, `name=~ap`, `id={1 2}`, `creation_time=[2026-01-01~]`, with commas between."),
    "sort": (_TEXT, "Fields with commas between, those with a `-` from the greatest to the least."),
    "page": ({"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 1}, "Which page, from 1 on."),
    "page_size": ({"type": "integer", "minimum": 0, "maximum": 100, "default": 10}, "Items of a page; 0 for all."),
    "name": (_TEXT, "A part of the name."),
    "public": (_FLAG, "Whether everybody may read it."),
    "owner": (_TEXT, "The name of who made it."),
    "project_name": (_TEXT, "The name of a project."),
    "entityname": (_TEXT, "The name of a member."),
    "ldap_group_dn": (_TEXT, "A distinguished name."),
    "group_name": (_TEXT, "A part of the name."),
    "groupname": (_TEXT, "A part of the name."),
    "reference": (_TEXT, "What has the quota: `project`."),
    "reference_id": (_TEXT, "The number of what has the quota."),
    "scope": (_TEXT, "`g` for the system or `p` for a project; `/project/1`; or what a token is for."),
    "project_id": (_TEXT, "The number of a project."),
    "policy_id": (_TEXT, "The number of a webhook."),
    "status": (_TEXT, "How far it is."),
    "username": (_TEXT, "A part of the name."),
    "email": (_TEXT, "A part of the address."),
    "relative": (_FLAG, "Whether resources are named from the scope on."),
    "with_tag": (_FLAG, "With tags; true when it is not given."),
    "with_label": (_FLAG, "With labels."),
    "with_accessory": (_FLAG, "With accessories; true when it is not given."),
    "with_immutable_status": (_FLAG, "With whether rules keep each tag where it is."),
    "latest_in_repository": (_FLAG, "Of each repository the newest alone."),
    "from": (_TEXT, "Where it is: `project/repository:tag`, `project/repository@digest`; or a repository."),
    "service": (_TEXT, "The service of the challenge."),
    "account": (_TEXT, "The name of the account."),
    "offline_token": (_FLAG, "With a token that gets others."),
    "mount": (_TEXT, "The digest of content that `from` has."),
    "digest": (_TEXT, "The digest of the content."),
    "digest-algorithm": (_TEXT, "The algorithm of a digest that follows."),
    "tag": (_TEXT, "A tag to give; as often as there are tags."),
    "redirect_url": (_TEXT, "A path of this registry, to go on to."),
    "state": (_TEXT, "What the provider was given."),
    "code": (_TEXT, "What the provider gives for it."),
    "n": ({"type": "integer", "minimum": 0}, "How many at most."),
    "last": (_TEXT, "The item before the first one of the answer."),
    "path": (_TEXT, "A folder of the image, without a slash at its ends; its root when it is not given."),
    "layer": (_NUMBER, "The number of a layer, from 0 on: what that one changed is told in place of a folder."),
    "with": (_TEXT, "The other artifact of the repository: a tag or a digest."),
    "artifactType": (_TEXT, "Only referrers of this type."),
}
