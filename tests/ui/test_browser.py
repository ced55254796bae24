"""The page in a real Chromium, over plain http as most are first met: what people see, and what they do."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlencode

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect

from registry.config import Config
from tests.http.serving import PASSWORD, Registry, running
from tests.ui.screens import CHROMIUM, address, chromium, fill, show, sign_in

AXE = Axe()
WIDE, NARROW = ViewportSize(width=1280, height=720), ViewportSize(width=375, height=812)
# With the script that the look at the light page has left.
_BAD_COLOURS = """axe.run({runOnly: ["color-contrast"], resultTypes: ["violations"]}).then(
    found => found.violations.flatMap(each => each.nodes.map(node => node.html)))"""
Screens = Mapping[str, str]

pytestmark = [pytest.mark.clients, pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium")]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Registry, Screens]]:
    with running(Config(data=tmp_path_factory.mktemp("registry") / "data", admin_password=PASSWORD)) as registry:
        yield registry, fill(registry)


@pytest.fixture(scope="module")
def registry(filled: tuple[Registry, Screens]) -> Registry:
    return filled[0]


@pytest.fixture(scope="module")
def screens(filled: tuple[Registry, Screens]) -> Screens:
    return filled[1]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(registry: Registry, browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        page = context.new_page()
        sign_in(page, registry)
        yield page


@pytest.mark.timeout(600)  # eighty screens
def test_every_screen_is_for_all_readers_and_fits(registry: Registry, browser: Browser, screens: Screens) -> None:
    with browser.new_context(reduced_motion="reduce") as context:
        page, said, asked = context.new_page(), list[str](), set[str]()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.add(request.url.split("/ui")[0]))
        page.goto(f"{address(registry)}/ui/sign-in")
        must_be_good(page, "sign-in")
        sign_in(page, registry)
        for name, path in screens.items():
            show(page, registry, name, path)
            must_be_good(page, name)
            must_fit_when_narrow(page, name)
        context.set_extra_http_headers({"Accept-Language": "zh-CN"})
        page.set_viewport_size(NARROW)
        for name, path in screens.items():
            show(page, registry, name, path)
            assert page.evaluate("document.documentElement.lang") == "zh-CN"
            must_fit(page, f"{name} in Chinese")
        assert [text for text in said if "404" not in text] == []
        assert asked == {address(registry)}


def must_be_good(page: Page, name: str) -> None:
    """All rules for the light page; in the dark nothing but the colours is another."""
    must_fit(page, name)
    found = AXE.run(page, options={"resultTypes": ["violations"]})
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")  # or colours would be between the two for a while
    assert page.evaluate(_BAD_COLOURS) == [], f"{name} in the dark"
    page.emulate_media(color_scheme="light")


def must_fit_when_narrow(page: Page, name: str) -> None:
    page.set_viewport_size(NARROW)
    must_fit(page, f"{name} when narrow")
    page.set_viewport_size(WIDE)


def must_fit(page: Page, name: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_pushed_image_appears_and_its_repository_goes_again(registry: Registry, page: Page) -> None:
    page.click("text=Projects")
    page.click("text=New project")
    page.fill("[name=name]", "story")
    page.click("text=Make the project")
    expect(page.locator("h1")).to_contain_text("story")
    registry.push_image("story/app", "1")
    page.locator("a.name", has_text="app").click(timeout=25_000)  # the list looks for new ones by itself
    page.click("text=Delete repository")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("1 artifact goes")
    dialog.get_by_label("Type its name").fill("story/app")
    dialog.get_by_role("button").click()
    expect(page.locator(".note")).to_contain_text("Repository story/app was deleted.")


def test_command_is_copied_where_browsers_offer_no_clipboard(registry: Registry, page: Page) -> None:
    page.goto(f"{address(registry)}/ui/r/team/app")
    assert page.evaluate("navigator.clipboard === undefined")
    page.locator("[data-copy]").first.click()
    expect(page.locator("#said")).to_have_text("Copied")
    page.locator("main input[type=search]").focus()
    page.keyboard.press("Control+V")
    expect(page.locator("main input[type=search]")).to_have_value(
        f"docker pull {address(registry)[7:]}/team/app:latest"
    )


def test_role_is_changed_by_choosing_it_and_list_is_narrowed_while_typing(registry: Registry, page: Page) -> None:
    page.goto(f"{address(registry)}/ui/projects/team/members")
    page.get_by_label("Role of gus").select_option(label="Developer")
    expect(page.locator(".note")).to_contain_text("The role of gus was changed.")
    page.locator("main input[type=search]").press_sequentially("gus")
    expect(page.locator("tbody tr")).to_have_count(1)
    assert page.url.endswith("?q=gus")


def test_dialog_is_left_by_its_cancel_and_changes_nothing(registry: Registry, page: Page) -> None:
    page.goto(f"{address(registry)}/ui/projects/open/settings")
    page.click("text=Delete project")
    page.locator("dialog[open] >> text=Cancel").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.url.endswith("/ui/projects/open/settings")


def test_text_of_people_is_shown_and_never_run(registry: Registry, browser: Browser, screens: Screens) -> None:
    trap = """'"><img src=x onerror="window.ran=1"><script>window.ran=1</script>{{7*7}}"""
    with registry.client("admin") as admin:
        for user, name in (("pat", trap.replace('"', "'")), ("stan", "javascript:window.ran=1")):
            number = admin.get("/api/v2.0/users/search", params={"username": user}).json()[0]["user_id"]
            profile = {"email": f"{user}@example.com", "realname": name, "comment": "<script>ran=1</script>"}
            assert admin.put(f"/api/v2.0/users/{number}", json=profile).status_code == 200
    with browser.new_context(user_agent=trap) as context:
        page, dialogs = context.new_page(), list[str]()
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        sign_in(page, registry)
        for path in (*screens.values(), "/ui/account"):
            mark = "&" if "?" in path else "?"
            page.goto(f"{address(registry)}{path}{mark}{urlencode({'q': trap, 'sort': trap, 'next': trap})}")
            assert page.evaluate("window.ran === undefined"), path
        assert trap in page.inner_text("main")
        assert dialogs == []


def test_first_page_is_at_most_100_kilobytes_of_transfer(registry: Registry, browser: Browser) -> None:
    with browser.new_context() as context:
        page, asked = context.new_page(), list[Request]()

        def keep(request: Request) -> None:
            asked.append(request)

        page.on("requestfinished", keep)
        sign_in(page, registry)
        page.wait_for_load_state("networkidle")
        sizes = [request.sizes()["responseBodySize"] + request.sizes()["responseHeadersSize"] for request in asked]
        assert len(sizes) > 10
        assert 0 < sum(sizes) < 100_000


def test_keys_lead_to_pages_and_through_lists(registry: Registry, page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/ui/projects")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.at")).to_contain_text("open")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/projects/open")
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog#keys")).to_be_hidden()


def test_keys_can_be_turned_off_and_on(registry: Registry, page: Page) -> None:
    page.keyboard.press("?")
    page.get_by_role("button", name="Turn the keys off").click()
    expect(page.locator("html")).to_have_attribute("data-keys", "off")
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_hidden()
    page.keyboard.press("Control+k")
    expect(page.locator("dialog#palette")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("details.reader summary").click()
    page.get_by_role("button", name="Keys", exact=True).click()
    page.get_by_role("button", name="Turn the keys on").click()
    expect(page.locator("html")).not_to_have_attribute("data-keys", "off")
    page.keyboard.press("?")
    expect(page.locator("dialog#keys")).to_be_visible()


def test_palette_finds_while_typing_and_arrows_choose(registry: Registry, page: Page) -> None:
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search")
    field.press_sequentially("te")
    expect(page.get_by_role("option").nth(1)).to_contain_text("team/app")
    first = field.get_attribute("aria-activedescendant")
    page.keyboard.press("ArrowDown")
    assert field.get_attribute("aria-activedescendant") != first
    must_be_good(page, "palette")
    page.keyboard.press("Enter")
    page.wait_for_url("**/ui/r/team/app")


def test_browser_finds_out_what_clients_will_meet(registry: Registry, page: Page) -> None:
    page.goto(f"{address(registry)}/ui/connect")
    page.get_by_role("button", name="Test from this browser").click()
    expect(page.locator(".checks li")).to_have_count(3)
    expect(page.locator(".checks .public")).to_have_count(3)


def test_reader_is_told_when_nothing_answers_and_when_it_does_again(registry: Registry, page: Page) -> None:
    page.goto(f"{address(registry)}/ui/projects/team")
    page.context.set_offline(True)
    expect(page.locator("#offline")).to_be_visible(timeout=20_000)
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden(timeout=20_000)


def test_page_is_read_and_its_forms_are_sent_without_scripts(registry: Registry, browser: Browser) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        sign_in(page, registry)
        page.get_by_role("link", name="Search").click()
        page.get_by_role("searchbox", name="Search").fill("team/app:1")
        page.keyboard.press("Enter")
        page.get_by_role("link", name="team/app:1.0").click()
        expect(page.locator("h1")).to_have_text("1.0")
        page.goto(f"{address(registry)}/ui/activity?what=delete")
        page.get_by_label("Project").fill("team")
        page.get_by_role("button", name="Filter").click()
        expect(page.locator("#list")).to_contain_text("delete")
        assert "in=team" in page.url
        page.goto(f"{address(registry)}/ui/settings")
        page.get_by_label("Announcement").fill("Hello")
        page.get_by_role("button", name="Availability").click()
        expect(page.locator(".banner")).to_have_text("Hello")
        page.get_by_label("Announcement").fill("")
        page.get_by_role("button", name="Availability").click()
        expect(page.locator(".note")).to_contain_text("The settings were saved.")


def test_shift_key_chooses_all_rows_between_two(registry: Registry, page: Page) -> None:
    for number in range(5):
        registry.push_image("team/ranges", f"t{number}")
    page.goto(f"{address(registry)}/ui/r/team/ranges?view=tag&sort=natural")
    boxes = page.get_by_role("checkbox")
    boxes.nth(1).click()
    boxes.nth(3).click(modifiers=["Shift"])
    assert [boxes.nth(number).is_checked() for number in range(5)] == [False, True, True, True, False]
    boxes.nth(2).click(modifiers=["Shift"])
    assert [boxes.nth(number).is_checked() for number in range(5)] == [False, True, False, False, False]
    page.get_by_role("button", name="Delete the chosen tags").click()
    expect(page.get_by_role("heading", name="Delete 1 tag of team/ranges?")).to_be_visible()
