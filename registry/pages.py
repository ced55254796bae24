"""The admin page, put together."""

from dataclasses import fields

from registry.config import SETTINGS, Config
from registry.core.access_tokens import AccessTokens
from registry.core.additions import Additions
from registry.core.artifact_changes import ArtifactChanges
from registry.core.audit import Audit
from registry.core.deletions import Deletions
from registry.core.first_passwords import FirstPasswords
from registry.core.groups import Groups
from registry.core.immutability import ImmutableRules
from registry.core.insides import Insides
from registry.core.labels import Labels
from registry.core.members import Memberships
from registry.core.open_uploads import OpenUploads
from registry.core.people import People
from registry.core.project_quotas import ProjectQuotas
from registry.core.project_settings import ProjectSettings
from registry.core.repositories import Repositories
from registry.core.restoring import Restoring
from registry.core.retention import Retention
from registry.core.robots import Robots
from registry.core.searches import Searches
from registry.core.system_jobs import clean_ups
from registry.core.tags import Tags
from registry.core.webhooks import Webhooks
from registry.parts import Parts
from registry.ui.accounts import AccountScreens
from registry.ui.activity import ActivityScreens
from registry.ui.artifacts import ArtifactScreens
from registry.ui.assets import Assets
from registry.ui.connecting import ConnectScreens
from registry.ui.dashboards import DashboardScreens
from registry.ui.deletions import DeletionScreens, RestoringScreens
from registry.ui.descriptions import DescriptionScreens
from registry.ui.files import FileScreens
from registry.ui.labels import LabelScreens
from registry.ui.members import MemberScreens
from registry.ui.pages import Pages
from registry.ui.projects import ProjectScreens
from registry.ui.quotas import QuotaScreens
from registry.ui.repositories import RepositoryScreens
from registry.ui.robots import RobotScreens
from registry.ui.rules import Screens
from registry.ui.searches import SearchScreens
from registry.ui.settings import SettingScreens
from registry.ui.setups import SetupScreens
from registry.ui.sign_in import NewcomerScreens, SignInScreens
from registry.ui.storage import StorageScreens
from registry.ui.system import GivenSetting, SystemScreens
from registry.ui.tag_rules import TagRuleScreens
from registry.ui.tags import TagScreens
from registry.ui.tokens import TokenScreens
from registry.ui.uploads import UploadScreens
from registry.ui.users import Held, UserScreens
from registry.ui.webhooks import WebhookScreens

_HIDDEN = "••••••"


def open_pages(parts: Parts) -> Pages:
    """What shows the page, also where a request fails before a screen is found."""
    return Pages(
        parts.browsers,
        parts.gate,
        parts.origin,
        settings=parts.settings,
        memberships=Memberships(parts.database),
        assets=Assets(),
    )


def screens(parts: Parts, pages: Pages) -> Screens:
    """Its screens, each with the rules behind it."""
    database, access = parts.database, parts.access
    audit, repositories = Audit(database, access), Repositories(database, access=access)
    changes = ArtifactChanges(database)
    deletions = Deletions(database, keep_ms=parts.config.keep_deleted_seconds * 1000)
    artifacts, people, tokens = parts.artifacts, People(database), AccessTokens(database)
    return Screens(
        assets=pages.assets,
        dashboards=DashboardScreens(pages, parts.overviews, parts.projects, repositories, audit, days=parts.days),
        connecting=ConnectScreens(pages),
        settings=SettingScreens(pages, parts.settings),
        system=SystemScreens(pages, parts.overviews, given_settings(parts.config), workers=parts.config.workers),
        searches=SearchScreens(pages, Searches(database, access)),
        sign_in=SignInScreens(pages, parts.sign_ins, parts.browsers, parts.oidc, parts.origin),
        newcomers=NewcomerScreens(pages, parts.sign_ins, parts.browsers, parts.oidc),
        setups=SetupScreens(pages, FirstPasswords(database), parts.sign_ins, parts.browsers),
        projects=ProjectScreens(
            pages, parts.projects, parts.new_projects, repositories, ProjectSettings(database), days=parts.days
        ),
        members=MemberScreens(pages, Memberships(database, parts.ldap), people, Groups(database, parts.ldap)),
        activity=ActivityScreens(pages, audit),
        quotas=QuotaScreens(pages, parts.projects, ProjectQuotas(database)),
        descriptions=DescriptionScreens(pages, ProjectSettings(database), repositories),
        robots=RobotScreens(pages, Robots(database)),
        labels=LabelScreens(pages, Labels(database), artifacts),
        webhooks=WebhookScreens(pages, Webhooks(database)),
        tag_rules=TagRuleScreens(pages, ImmutableRules(database), Retention(database)),
        uploads=UploadScreens(
            pages, OpenUploads(database, parts.store, expiry_seconds=parts.config.upload_expiry_seconds)
        ),
        storage=StorageScreens(
            pages,
            parts.spaces,
            parts.overviews,
            clean_ups(database),
            by_itself=parts.config.gc_seconds,
        ),
        users=UserScreens(pages, people, Held(Memberships(database), parts.projects, tokens, parts.sessions, audit)),
        accounts=AccountScreens(pages, people, parts.sessions, parts.sign_ins, tokens=tokens),
        tokens=TokenScreens(pages, tokens),
        repositories=RepositoryScreens(pages, repositories, artifacts, Labels(database)),
        deletions=DeletionScreens(pages, artifacts, changes, deletions),
        restoring=RestoringScreens(
            pages, repositories, deletions, Restoring(database, sparse=parts.config.sparse_manifests)
        ),
        tags=TagScreens(pages, Tags(database), changes),
        files=FileScreens(pages, parts.files, artifacts),
        artifacts=ArtifactScreens(pages, Insides(database, artifacts, access), Additions(database, artifacts)),
    )


def given_settings(config: Config) -> list[GivenSetting]:
    """All of them, secrets hidden."""
    usual, shown = Config(), []
    for field in fields(Config):
        setting, value = SETTINGS[field.name], getattr(config, field.name)
        text = _HIDDEN if setting.secret and value is not None else _text(value)
        is_usual = value == getattr(usual, field.name)
        shown.append(GivenSetting(setting.name, setting.variable, text, setting.rule.help, is_usual))
    return shown


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
