"""Settings that administrators change while the registry runs, by Harbor's names and with its usual values.

They are read where they matter, in the transaction that they matter to, and so hold for the next request on every node.
What the environment says stands above them, and cannot be changed here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auth.access import Actor
from auth.accounts import ROBOT_PREFIX
from registry.core import audit
from registry.core.setting_rules import (
    Check,
    Value,
    any_text,
    attribute,
    days,
    directory,
    distinguished_name,
    endpoint,
    flag,
    minutes,
    name_prefix,
    one_of,
    parameters,
    pattern,
    scope_number,
    seconds,
    storage_limit,
    syslog_address,
    unsupported,
)
from registry.errors import Denied, RequestInvalid
from storage.metadata import audit_records, facts, settings, users
from storage.metadata.database import Database, Transaction

ROBOT_NAME_PREFIX, AUTH_MODE = "robot_name_prefix", "auth_mode"
FORWARD_ENDPOINT, SKIP_DATABASE = "audit_log_forward_endpoint", "skip_audit_log_database"


@dataclass(frozen=True, slots=True)
class Setting:
    """`check` makes a sound value of what somebody sends, or raises `ValueError`. What `is_secret` is never shown."""

    check: Check
    usual: Value = ""
    is_secret: bool = False

    @property
    def is_used(self) -> bool:
        """Whether it can be anything but its usual value."""
        return self.check is not unsupported


_CONNECTIONS = {
    "ldap_url": Setting(directory),
    "ldap_search_dn": Setting(any_text),
    "ldap_search_password": Setting(any_text, is_secret=True),
    "ldap_base_dn": Setting(distinguished_name),
    "ldap_filter": Setting(any_text),
    "ldap_uid": Setting(attribute, usual="cn"),
    "ldap_scope": Setting(scope_number, usual=2),
    "ldap_timeout": Setting(seconds, usual=5),
    "ldap_verify_cert": Setting(flag, usual=True),
    "ldap_group_base_dn": Setting(distinguished_name),
    "ldap_group_search_filter": Setting(any_text),
    "ldap_group_attribute_name": Setting(attribute),
    "ldap_group_admin_dn": Setting(distinguished_name),
    "ldap_group_search_scope": Setting(scope_number, usual=2),
    "ldap_group_membership_attribute": Setting(attribute, usual="memberof"),
    "ldap_group_attach_parallel": Setting(unsupported, usual=False),
    "oidc_name": Setting(any_text),
    "oidc_endpoint": Setting(endpoint),
    "oidc_client_id": Setting(any_text),
    "oidc_client_secret": Setting(any_text, is_secret=True),
    "oidc_groups_claim": Setting(any_text),
    "oidc_admin_group": Setting(any_text),
    "oidc_group_filter": Setting(pattern),
    "oidc_scope": Setting(any_text),
    "oidc_user_claim": Setting(any_text),
    "oidc_verify_cert": Setting(flag, usual=True),
    "oidc_auto_onboard": Setting(flag, usual=False),
    "oidc_extra_redirect_parms": Setting(parameters, usual="{}"),
    "oidc_logout": Setting(flag, usual=False),
    "uaa_client_id": Setting(unsupported),
    "uaa_client_secret": Setting(unsupported, is_secret=True),
    "uaa_endpoint": Setting(unsupported),
    "uaa_verify_cert": Setting(unsupported, usual=False),
    "http_authproxy_endpoint": Setting(unsupported),
    "http_authproxy_tokenreview_endpoint": Setting(unsupported),
    "http_authproxy_admin_groups": Setting(unsupported),
    "http_authproxy_admin_usernames": Setting(unsupported),
    "http_authproxy_server_certificate": Setting(unsupported),
    "http_authproxy_verify_cert": Setting(unsupported, usual=True),
    "http_authproxy_skip_search": Setting(unsupported, usual=False),
}
KNOWN: Mapping[str, Setting] = {
    AUTH_MODE: Setting(one_of("db_auth", "ldap_auth", "oidc_auth"), usual="db_auth"),
    "primary_auth_mode": Setting(flag, usual=False),
    "project_creation_restriction": Setting(one_of("everyone", "adminonly"), usual="everyone"),
    "self_registration": Setting(flag, usual=False),
    "read_only": Setting(flag, usual=False),
    "token_expiration": Setting(minutes, usual=30),
    "session_timeout": Setting(minutes, usual=60),
    "robot_token_duration": Setting(days, usual=30),
    ROBOT_NAME_PREFIX: Setting(name_prefix, usual=ROBOT_PREFIX),
    "notification_enable": Setting(flag, usual=True),
    "quota_per_project_enable": Setting(unsupported, usual=True),
    "storage_per_project": Setting(storage_limit, usual=-1),
    "banner_message": Setting(any_text),
    "disabled_audit_log_event_types": Setting(any_text),
    "pull_time_update_disable": Setting(flag, usual=False),
    "pull_count_update_disable": Setting(flag, usual=False),
    "pull_audit_log_disable": Setting(flag, usual=False),
    "scanner_skip_update_pulltime": Setting(unsupported, usual=False),
    FORWARD_ENDPOINT: Setting(syslog_address),
    SKIP_DATABASE: Setting(flag, usual=False),
    **_CONNECTIONS,
}


def read(tx: Transaction, name: str) -> Value:
    """The value of a setting as administrators have it."""
    stored = settings.find(tx, name)
    value: Value = KNOWN[name].usual if stored is None else json.loads(stored)
    return value


def read_flag(tx: Transaction, name: str) -> bool:
    return bool(read(tx, name))


def read_number(tx: Transaction, name: str) -> int:
    return int(read(tx, name))


def read_text(tx: Transaction, name: str) -> str:
    return str(read(tx, name))


@dataclass(frozen=True, slots=True)
class Notice:
    """What an administrator wants people to know, and whether nothing may be changed now."""

    message: str
    is_read_only: bool


class Settings:
    """Shows and changes them. `fixed` are those that the environment says."""

    def __init__(self, database: Database, fixed: Mapping[str, Value]) -> None:
        self._database = database
        self._fixed = fixed

    def is_editable(self, name: str) -> bool:
        """Whether it can be changed here at all: `locked` are those of them that cannot be changed now."""
        return KNOWN[name].is_used and name not in self._fixed

    def locked(self) -> frozenset[str]:
        """Where accounts come from is settled once there are any."""
        with self._database.read() as tx:
            return frozenset({AUTH_MODE}) if users.has_others(tx) else frozenset()

    def all(self) -> dict[str, Value]:
        """Every setting with its value, secrets included."""
        with self._database.read() as tx:
            stored = {name: json.loads(value) for name, value in settings.list_all(tx).items() if name in KNOWN}
        return {name: setting.usual for name, setting in KNOWN.items()} | stored | dict(self._fixed)

    def notice(self) -> Notice:
        """What everybody is told who looks at the registry."""
        with self._database.read() as tx:
            return Notice(_message_of(read_text(tx, "banner_message")), is_read_only=read_flag(tx, "read_only"))

    def change(self, actor: Actor, wanted: Mapping[str, Any]) -> None:
        """Set those that are known; others are left aside.

        Raises `RequestInvalid` for a value that a setting cannot have, and `Denied` for one that the environment says.
        """
        values = {name: _checked(name, value) for name, value in wanted.items() if name in KNOWN and value is not None}
        for name, value in values.items():
            if self._fixed.get(name, value) != value:
                raise Denied(f"{name} is set where the registry was started, and can only be changed there")
        changed = {name: json.dumps(value) for name, value in values.items() if self.is_editable(name)}
        with self._database.write() as tx:
            _must_leave_names_alone(tx, values.get(ROBOT_NAME_PREFIX))
            _must_leave_accounts_alone(tx, values.get(AUTH_MODE))
            _settle_forwarding(tx, values)
            settings.put_all(tx, changed)
            description = f"update configuration: {', '.join(sorted(changed))}"
            audit.record(
                tx,
                actor,
                operation="update",
                resource_type="configuration",
                resource="configuration",
                description=description,
            )


def _message_of(banner: str) -> str:
    """Harbor's page keeps it in JSON, with how it looks there; other programs set the text itself."""
    try:
        told = json.loads(banner)
    except ValueError:
        return banner
    return str(told.get("message", "")) if isinstance(told, dict) else banner


def _checked(name: str, value: object) -> Value:
    setting = KNOWN[name]
    if not setting.is_used:
        if value != setting.usual:
            raise RequestInvalid(f"{name} is not supported: it can only be {json.dumps(setting.usual)}")
        return setting.usual
    try:
        return setting.check(value)
    except ValueError as error:
        raise RequestInvalid(f"{name} must be {error}") from None


def _must_leave_names_alone(tx: Transaction, prefix: Value | None) -> None:
    """The names of robots and of people stay apart, whatever they begin with."""
    if prefix is not None and users.has_prefix(tx, str(prefix)):
        raise RequestInvalid(f"{ROBOT_NAME_PREFIX} must be something that no user's name begins with")


def _must_leave_accounts_alone(tx: Transaction, mode: Value | None) -> None:
    """Harbor's rule, in its words: people would stay who cannot sign in any more, or with names that others have."""
    if mode not in (None, read(tx, AUTH_MODE)) and users.has_others(tx):
        raise RequestInvalid(
            f"the keys [{AUTH_MODE}] can not be modified as new users have been inserted into database"
        )


def _settle_forwarding(tx: Transaction, values: Mapping[str, Value]) -> None:
    """What is sent to another place begins with what is recorded from now on; and records are kept somewhere."""
    before = read(tx, FORWARD_ENDPOINT)
    endpoint = values.get(FORWARD_ENDPOINT, before)
    if values.get(SKIP_DATABASE, read(tx, SKIP_DATABASE)) and not endpoint:
        raise RequestInvalid(f"{FORWARD_ENDPOINT} has to be configured for {SKIP_DATABASE} to be enabled")
    if endpoint != before:
        facts.set_value(tx, audit.FORWARDED, str(audit_records.last_id(tx)))
