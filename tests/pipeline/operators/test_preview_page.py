"""A preview as a page, also in a real browser."""

from __future__ import annotations

import dataclasses
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import matplotlib.image
import pytest
from hamcrest import assert_that, contains_string, empty, equal_to, greater_than, has_items, less_than, not_

from pipeline.operators.preview.page import preview_page
from tests.support.browser import Browser, find_browser, serving
from tests.support.previews import BATCH, IMAGE, NEW, OLD, SCRIPT, changes, preview

HOSTILE = preview(
    SCRIPT, IMAGE, changes(course=SCRIPT, to=IMAGE, content='"><script>document.title="ran"</script>')
)
TITLE = "What a merge would do"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Browser:
    program = find_browser()
    if program is None:
        pytest.skip("the page of a preview is not looked at: there is no Chromium (apt-get install chromium)")
    return Browser(program, tmp_path_factory.mktemp("browser"))


class Words(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_all_that_changes_is_on_the_page_and_what_stays_is_counted() -> None:
    text = " ".join(Words(preview_page(preview(), full=False)).text.split())
    for words in (
        *(OLD, NEW, f"{OLD} was merged into {NEW} on 2024-03-31."),
        f"copied {BATCH} do_atoms status 2 last_access_time 2024-03-31 12:30:00.005",
        f"changed {BATCH} active no → yes contentstatus do_atoms 1 → 2 issued_certificates identifier cert-1",
        "attempt a1 on do_quiz, score 5 of 10 goes agg_details attempt a1 on do_quiz, score 8 of 10",
        *("2 unchanged", "the time of the merge", f"{NEW} → {OLD.upper()}"),
    ):
        assert_that(text, contains_string(words))
    assert_that(text, not_(contains_string("somebody")))
    assert_that(Words(preview_page(preview(), full=True)).text, contains_string("somebody (unchanged)"))


def test_ids_are_text_whatever_they_are() -> None:
    words = Words(preview_page(HOSTILE, full=True))
    assert_that([tag for tag in words.tags if tag in ("script", "img")], empty())
    assert_that(words.text, contains_string(SCRIPT))
    assert_that(words.text, contains_string(IMAGE))


def test_a_browser_shows_ids_as_text_and_loads_and_runs_nothing(browser: Browser) -> None:
    with serving(preview_page(HOSTILE, full=True)) as (url, asked):
        document = browser.document(url)

    assert_that(Words(document).text, contains_string(SCRIPT))
    assert_that(document, contains_string(f"<title>{TITLE}</title>"))
    assert_that(asked, equal_to(["/page"]))


def test_even_what_got_into_the_page_neither_runs_nor_loads(browser: Browser) -> None:
    page = preview_page(preview(), full=False).replace("</body>", f"{SCRIPT}{IMAGE}</body>")
    with serving(page) as (url, asked):
        document = browser.document(url)
    with serving(re.sub(r"<meta http-equiv.*?>", "", page)) as (url, asked_without):
        without = browser.document(url)

    assert_that((document, asked), has_items(contains_string(f"<title>{TITLE}</title>"), ["/page"]))
    assert_that(without, contains_string("<title>ran</title>"), "what the policy is for")
    assert_that(asked_without, has_items("/page", "/image"))


def test_changes_are_highlighted_at_phone_and_desk_width(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(preview_page(preview(), full=False))
    for width in (390, 1200):
        image = tmp_path / f"{width}.png"
        browser.screenshot((tmp_path / "page.html").as_uri(), image, width, 1500)
        pixels = (matplotlib.image.imread(image)[:, :, :3] * 255).round().astype(int)
        # The ground of what is new, which page.css gives and which only the digest of the policy lets in.
        assert_that(int((pixels == (0xE0, 0xF5, 0xE6)).all(axis=2).sum()), greater_than(500))


def test_five_thousand_rows_are_quick(browser: Browser, tmp_path: Path) -> None:
    rows = [change for i in range(1_250) for change in changes(course=f"do_{i % 20}", content=f"do_{i}")]
    page = tmp_path / "page.html"

    started = time.monotonic()
    page.write_text(preview_page(dataclasses.replace(preview(), changes=tuple(rows)), full=False))
    browser.screenshot(page.as_uri(), tmp_path / "page.png", 1200, 1000)

    assert_that(time.monotonic() - started, less_than(20))
