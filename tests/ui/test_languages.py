"""Every sentence of the page is there in every language."""

from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import registry.ui
from registry.ui.languages import CATALOGUES, LANGUAGES

SOURCE = Path(registry.ui.__file__).parent


def used() -> set[str | tuple[str, ...]]:
    found = extract_from_dir(
        SOURCE,
        method_map=[("**.py", "python"), ("templates/**.html", "jinja2")],
        keywords={"_": None, "marked": None, "ngettext": (1, 2)},
    )
    return {message for _, _, message, _, _ in found}


def catalogue(language: str) -> Catalog:
    with (CATALOGUES / language.replace("-", "_") / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file)


@pytest.mark.parametrize("language", LANGUAGES.keys() - {"en"})
def test_catalogue_has_each_sentence_that_is_used_and_no_other(language: str) -> None:
    messages = {message.id: message for message in catalogue(language) if message.id}
    assert messages.keys() == used()
    unready = [message.id for message in messages.values() if message.fuzzy or not message.string]
    assert unready == []


@pytest.mark.parametrize("language", LANGUAGES.keys() - {"en"})
def test_translations_name_the_same_things_as_what_they_translate(language: str) -> None:
    assert [error for message in catalogue(language) if message.id for error in message.check()] == []
