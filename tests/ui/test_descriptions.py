"""Descriptions in Markdown: written by those who may, shown as meant, and never run."""

import re

import pytest

from registry.ui.descriptions import LIMIT
from registry.ui.markdown import rendered
from tests.ui.conftest import Browsers

PROJECT, REPOSITORY = "/ui/projects/team", "/ui/r/team/app"


def test_project_is_described_by_its_administrators_and_read_by_its_members(browsers: Browsers) -> None:
    pat, edit = browsers("pat"), f"{PROJECT}/description"
    assert browsers("mia").get(edit).status_code == 403
    assert pat.send_form(edit, description="# Ours\n\nImages of the **team**").headers["location"] == PROJECT
    assert "<strong>team</strong>" in browsers("gus").get(PROJECT).text
    assert "Images of the **team**" in pat.get(edit).text
    too_long = pat.send_form(edit, description="x" * (LIMIT + 1))
    assert too_long.status_code == 422
    assert "The text is too long." in too_long.text
    assert pat.send_form(edit, description="").status_code == 303
    assert "<strong>team</strong>" not in pat.get(PROJECT).text


def test_repository_is_described_by_its_developers(browsers: Browsers) -> None:
    dev, edit = browsers("dev"), f"{REPOSITORY}/-/description"
    assert browsers("gus").get(edit).status_code == 403
    assert dev.send_form(edit, description="The *app*").headers["location"] == REPOSITORY
    assert "<em>app</em>" in browsers("gus").get(REPOSITORY).text
    assert dev.send_form(edit, description="x" * (LIMIT + 1)).status_code == 422
    assert dev.get("/ui/r/team/never/-/description").status_code == 404


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](https://example.com/pixel.png)",
        '[x](https://example.com "onmouseover=alert(1)")',
        "<a href='x' style='position:fixed'>x</a>",
        "```<script>\nalert(1)\n```",
    ],
)
def test_nothing_in_a_text_runs_or_is_fetched(text: str) -> None:
    tags = re.findall(r"<[a-z][^>]*>", rendered(text))
    assert not [tag for tag in tags if re.match(r"<(script|img)|.* (style|on\w+)=", tag)]
    assert not [tag for tag in tags if re.search(r'="(javascript|data):', tag)]


def test_text_is_shown_as_meant() -> None:
    shown = rendered("# One\n\n- a\n- b\n\n`code` ~~no~~ [link](https://example.com)\n\n|x|y|\n|-|-|\n|1|2|")
    assert "<h3>One</h3>" in shown
    assert "<li>a</li>" in shown
    assert "<code>code</code>" in shown
    assert "<s>no</s>" in shown
    assert '<a href="https://example.com" rel="noopener noreferrer">link</a>' in shown
    assert "<td>2</td>" in shown
