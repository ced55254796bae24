"""The languages of the page. English is what the templates are written in; others are catalogues beside them."""

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from starlette.requests import Request

CATALOGUES = Path(__file__).parent / "locale"
LANGUAGE_COOKIE = "lang"
LANGUAGES = {"en": "English", "zh-CN": "简体中文"}


MARKED: set[str] = set()
"""All sentences of the code; those of the templates are in their places."""


def marked(text: str) -> str:
    """A sentence that is translated where it is shown."""
    MARKED.add(text)
    return text


def language_of(request: Request) -> str:
    """What the reader chose, or the first of the languages that the browser asks for and the page has."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    for wanted in request.headers.get("accept-language", "").split(","):
        tag = wanted.partition(";")[0].strip().lower()
        if tag.startswith("zh"):
            return "zh-CN"
        if tag.startswith("en"):
            break
    return "en"


@cache
def translations(language: str) -> NullTranslations:
    """Read from the catalogue at its first use."""
    if language == "en":
        return NullTranslations()
    from babel.messages.mofile import write_mo  # noqa: PLC0415 -- a registry that nobody looks at needs no catalogue
    from babel.messages.pofile import read_po  # noqa: PLC0415

    compiled = BytesIO()
    with (CATALOGUES / language.replace("-", "_") / "LC_MESSAGES" / "messages.po").open("rb") as source:
        write_mo(compiled, read_po(source))
    compiled.seek(0)
    return GNUTranslations(compiled)
