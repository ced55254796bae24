"""Options whose help and default come from the table of settings."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from registry.config import SETTINGS

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

config_option = click.option("--config", metavar="PATH", help="TOML file with settings. Default: COVE_CONFIG.")


def setting_option(name: str) -> Callable[[Decorated], Decorated]:
    """An option for the setting `name`; it stays None when it is not given, so that other places can name it."""
    setting = SETTINGS[name]
    if setting.default == "false":
        return click.option(setting.option, is_flag=True, default=None, help=setting.rule.help)
    default = f" Default: {setting.default}." if setting.default else ""
    return click.option(setting.option, metavar="VALUE", help=setting.rule.help + default)
