"""What the page tells of each setting that can be changed while the registry runs, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from registry.ui.languages import marked

Kind = Literal["text", "long", "number", "size", "flag", "secret"]


@dataclass(frozen=True, slots=True)
class Field:
    """`name` is Harbor's. `choices` are values with their marked labels; a field that has some is of no kind else."""

    name: str
    label: str
    help: str
    kind: Kind = "text"
    choices: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Settings that are saved together."""

    key: str
    title: str
    fields: Sequence[Field]


_USE = Group(
    "use",
    marked("Availability"),
    (
        Field(
            "read_only", marked("Read-only"), marked("Pulls go on; nothing can be pushed, deleted or changed."), "flag"
        ),
        Field("banner_message", marked("Announcement"), marked("Shown above every page; empty for none."), "long"),
    ),
)
_PROJECTS = Group(
    "projects",
    marked("Projects"),
    (
        Field(
            "project_creation_restriction",
            marked("Who makes projects"),
            marked("Members of a project push to it; who makes it is its first administrator."),
            choices=(("everyone", marked("Everybody with an account")), ("adminonly", marked("Administrators"))),
        ),
        Field(
            "storage_per_project",
            marked("Quota of a new project"),
            marked("Such as 50 GB or 10 GiB; empty for no limit. Projects that are there keep theirs."),
            "size",
        ),
    ),
)
_ACCESS = Group(
    "access",
    marked("Access"),
    (
        Field(
            "self_registration",
            marked("People may register"),
            marked("Whoever reaches the page can make an account."),
            "flag",
        ),
        Field(
            "token_expiration",
            marked("Tokens of clients"),
            marked("Minutes that a token lasts which a client gets for its password."),
            "number",
        ),
        Field(
            "session_timeout",
            marked("Sessions of browsers"),
            marked("Minutes without a click after which the page asks to sign in again."),
            "number",
        ),
        Field(
            "robot_token_duration",
            marked("Robots"),
            marked("Days that a new robot account lasts where nothing else is said."),
            "number",
        ),
        Field(
            "robot_name_prefix",
            marked("Names of robots begin with"),
            marked("Changes the names of all robots that are there."),
        ),
    ),
)
_RECORDS = Group(
    "records",
    marked("Records"),
    (
        Field(
            "notification_enable",
            marked("Webhooks are sent"),
            marked("Turned off, no project tells anybody of anything."),
            "flag",
        ),
        Field(
            "pull_audit_log_disable",
            marked("No record of pulls"),
            marked("Activity has no pulls any more: much fewer records."),
            "flag",
        ),
        Field(
            "pull_time_update_disable",
            marked("No time of the last pull"),
            marked("Rules that keep what was pulled lately find nothing then."),
            "flag",
        ),
        Field(
            "pull_count_update_disable",
            marked("No count of pulls"),
            marked("Numbers of pulls stay as they are."),
            "flag",
        ),
        Field(
            "disabled_audit_log_event_types",
            marked("Events without a record"),
            marked("Names such as pull_artifact or login_user, separated by commas."),
        ),
        Field(
            "audit_log_forward_endpoint",
            marked("Records are sent to"),
            marked("The address of a syslog server, such as logs.example:514; udp:// in front for UDP."),
        ),
        Field(
            "skip_audit_log_database",
            marked("Records that were sent are not kept"),
            marked("Activity is empty then, but for what is still to be sent."),
            "flag",
        ),
    ),
)
_SIGN_IN = Group(
    "sign_in",
    marked("How people sign in"),
    (
        Field(
            "auth_mode",
            marked("Accounts come from"),
            marked("Administrators can always sign in with a password that is kept here."),
            choices=(
                ("db_auth", marked("This registry")),
                ("ldap_auth", marked("An LDAP directory")),
                ("oidc_auth", marked("An OpenID provider")),
            ),
        ),
        Field(
            "primary_auth_mode",
            marked("Go to the OpenID provider at once"),
            marked("Without showing the fields for a name and a password first."),
            "flag",
        ),
    ),
)
_OIDC = Group(
    "oidc",
    marked("OpenID provider"),
    (
        Field("oidc_name", marked("Name"), marked("As the button to sign in has it.")),
        Field(
            "oidc_endpoint",
            marked("Address"),
            marked("The issuer, https://...; its well-known document is read there."),
        ),
        Field("oidc_client_id", marked("Client ID"), marked("As this registry is known to the provider.")),
        Field(
            "oidc_client_secret",
            marked("Client secret"),
            marked("Never shown; left empty, it stays as it is."),
            "secret",
        ),
        Field("oidc_scope", marked("Scopes"), marked("Separated by commas, such as openid,profile,email.")),
        Field("oidc_user_claim", marked("Claim of the user name"), marked("Empty: name.")),
        Field("oidc_groups_claim", marked("Claim of the groups"), marked("Empty: no groups are taken over.")),
        Field(
            "oidc_group_filter", marked("Groups that are taken over"), marked("A regular expression; empty for all.")
        ),
        Field(
            "oidc_admin_group",
            marked("Group of administrators"),
            marked("Its members are administrators for as long as they are in it."),
        ),
        Field(
            "oidc_auto_onboard",
            marked("Make accounts by itself"),
            marked("Without asking people for a user name first."),
            "flag",
        ),
        Field(
            "oidc_verify_cert",
            marked("Verify the certificate"),
            marked("Of the provider. Leave this on, but for tests."),
            "flag",
        ),
        Field(
            "oidc_logout",
            marked("Sign out there too"),
            marked("Signing out here ends the session at the provider."),
            "flag",
        ),
        Field(
            "oidc_extra_redirect_parms",
            marked("Further parameters"),
            marked("A JSON object of what else is sent to the provider."),
        ),
    ),
)
_LDAP = Group(
    "ldap",
    marked("LDAP directory"),
    (
        Field("ldap_url", marked("Address"), marked("ldaps://host or ldap://host, with a port where it is another.")),
        Field(
            "ldap_search_dn",
            marked("Account to search with"),
            marked("A distinguished name; empty: nobody in particular."),
        ),
        Field(
            "ldap_search_password",
            marked("Its password"),
            marked("Never shown; left empty, it stays as it is."),
            "secret",
        ),
        Field("ldap_base_dn", marked("People are below"), marked("Such as ou=people,dc=example,dc=com.")),
        Field("ldap_filter", marked("Filter of people"), marked("Such as (objectClass=person); empty for all.")),
        Field("ldap_uid", marked("Attribute of the user name"), marked("Such as uid, cn or sAMAccountName.")),
        Field("ldap_scope", marked("Depth"), marked("0 the entry itself, 1 right below it, 2 all below it."), "number"),
        Field("ldap_timeout", marked("Patience"), marked("Seconds in which the directory has to answer."), "number"),
        Field(
            "ldap_verify_cert",
            marked("Verify the certificate"),
            marked("Of the directory. Leave this on, but for tests."),
            "flag",
        ),
        Field("ldap_group_base_dn", marked("Groups are below"), marked("Such as ou=groups,dc=example,dc=com.")),
        Field(
            "ldap_group_search_filter",
            marked("Filter of groups"),
            marked("Such as (objectClass=groupOfNames); empty for all."),
        ),
        Field("ldap_group_attribute_name", marked("Attribute of the group name"), marked("Such as cn.")),
        Field(
            "ldap_group_membership_attribute",
            marked("Attribute of membership"),
            marked("By which people tell their groups, such as memberof."),
        ),
        Field(
            "ldap_group_search_scope",
            marked("Depth of groups"),
            marked("0 the entry itself, 1 right below it, 2 all below it."),
            "number",
        ),
        Field(
            "ldap_group_admin_dn",
            marked("Group of administrators"),
            marked("Its members are administrators for as long as they are in it."),
        ),
    ),
)
GROUPS = (_USE, _PROJECTS, _ACCESS, _RECORDS, _SIGN_IN, _OIDC, _LDAP)
