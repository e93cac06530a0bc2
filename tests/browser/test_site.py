"""Every page of the site as a reader meets it: links, pictures, sizes, small screens, screen readers, both modes."""

import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest

from tools import sources

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build" / "site" / "html"
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html") if "_static" not in path.parts)
AXE = ROOT / "build" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
THEIRS = [[".search-button__button"]]  # the theme's: its name for screen readers leaves out the keys that it shows

REACHED = "[...document.querySelectorAll('pre')].every((e) => e.scrollWidth <= e.clientWidth || e.tabIndex === 0)"
WIDE = """[...document.querySelectorAll("main *")].filter((node) => node.getBoundingClientRect().right > 391)
    .map((node) => node.outerHTML.slice(0, 120)).slice(0, 5)"""


class Parts(HTMLParser):
    """The links, names and pictures of a page."""

    def __init__(self, text):
        super().__init__()
        self.links, self.names, self.pictures = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag == "img":
            self.pictures.append(attributes)
        self.names |= {attributes.get("id"), attributes.get("name")}


PARTS = {page: Parts((SITE / page).read_text(encoding="utf-8")) for page in PAGES}


def dead(page, link):
    """Why a link of a page leads nowhere, or None. Other people's sites are not asked."""
    parts = urlsplit(link)
    ours = sources.repository().removeprefix("https://github.com/")
    if parts.scheme in ("mailto", "javascript"):
        return None
    if parts.scheme:
        within = re.fullmatch(rf"(?:/github)?/{re.escape(ours)}/(?:blob|tree)/main/(.*)", parts.path)
        return f"{link}: the repository has no such file" if within and not (ROOT / within[1]).exists() else None
    target, anchor = urldefrag(urljoin(page, unquote(link)))
    target = target or page
    if not (SITE / target).exists():
        return f"{link}: no such page"
    if anchor and target in PARTS and anchor not in PARTS[target].names:
        return f"{link}: no such place on that page"
    return None


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere_and_every_picture_has_a_text(name):
    parts = PARTS[name]
    assert [why for link in parts.links if (why := dead(name, link))] == []
    assert [picture["src"][:80] for picture in parts.pictures if not (picture.get("alt") or "").strip()] == []


def test_each_lesson_has_a_button_for_colab_and_is_found_by_the_search():
    lessons = [page for page in PAGES if page.startswith("notebooks/")]
    assert [Path(page).stem for page in lessons] == [source.stem for source in sources.find_lessons()]
    index = (SITE / "searchindex.js").read_text(encoding="utf-8")
    for page in lessons:
        assert any("colab.research.google.com" in link for link in PARTS[page].links), page
        assert f'"{page.removesuffix(".html")}"' in index, page


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_whole_from_here_without_an_error(page, address, name):
    page.goto(f"{address}/{name}", wait_until="networkidle")
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container", state="attached")
    assert page.faults == []
    received = dict(page.received)
    assert [url for url in received if not url.startswith((address, "data:", "blob:"))] == []
    bodies = [response.body() for url, response in received.items() if url.startswith(address)]
    size = sum(len(gzip.compress(body)) for body in bodies)  # as GitHub Pages sends them
    assert size < 6 * 2**20, f"{size / 2**20:.1f} MiB"


@pytest.mark.parametrize("name", PAGES)
def test_a_telephone_needs_no_scrolling_sideways(page, address, name):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/{name}", wait_until="networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, page.evaluate(WIDE)


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_rule_of_wcag_is_broken(page, address, name, mode):
    page.emulate_media(color_scheme=mode)
    page.add_init_script(f"localStorage.setItem('mode', '{mode}'); localStorage.setItem('theme', '{mode}')")
    page.goto(f"{address}/{name}", wait_until="networkidle")
    assert page.evaluate("document.documentElement.dataset.theme") in (mode, None)  # the explorer has no theme
    page.wait_for_function(REACHED)  # by keyboard: the theme sees to that once the page has come to rest
    page.add_script_tag(path=AXE)
    found = page.evaluate(f"axe.run({{exclude: {json.dumps(THEIRS)}}}, {{runOnly: {json.dumps(WCAG)}}})")["violations"]
    broken = {rule["id"]: [node["html"][:160] for node in rule["nodes"]][:5] for rule in found}
    assert broken == {}
