"""The pages that `make run` leaves: readable without a network, formulas and pictures' descriptions included."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import jupytext
import nbformat
import pytest

from tools import formulas, pages, sources
from tools.formulas import mathml

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[1]
SOURCES = sources.find_lessons()
VOID = {"meta", "link", "img", "br", "hr", "input", "mspace"}


class Reader(HTMLParser):
    """What a reader sees outside code, and what a browser would fetch."""

    def __init__(self, page):
        super().__init__()
        self.open, self.text, self.fetched, self.images = [], "", [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        address = attributes.get("href" if tag == "link" else "src", "")
        if tag in ("script", "link", "img", "iframe", "video", "source") and not address.startswith("data:"):
            self.fetched.append((tag, address))
        if tag == "img":
            self.images.append(attributes.get("alt", ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, text):
        if not {"pre", "code", "script", "style"} & set(self.open):
            self.text += text


def _faults(page):
    reader = Reader(page)
    yield from (f"fetches {address!r} by <{tag}>" for tag, address in reader.fetched)
    yield from (f"shows raw TeX: {found}" for found in re.findall(r".{,30}(?:\$|\\[a-zA-Z(\[]).{,30}", reader.text))
    yield from re.findall(r"@import.*|url\((?!data:|#)[^)]*\)", page)


@pytest.fixture(scope="module")
def whole_course():
    """The text of all lessons as one page."""
    texts = [
        cell.source for path in SOURCES for cell in sources.read_source(path).cells if cell.cell_type == "markdown"
    ]
    return pages.page(nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_markdown_cell, texts))), "all")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_formula_of_a_lesson_becomes_mathml(path, monkeypatch):
    seen = []
    monkeypatch.setattr(pages, "formula_or_code", lambda body, display: seen.append(mathml(body, display)) or "")
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "markdown":
            pages.to_html(cell.source)
    assert all(element.startswith("<math") for element in seen)


def test_pages_need_nothing_but_themselves(whole_course):
    assert list(_faults(whole_course)) == []
    assert whole_course.count("<math") > 500
    assert "Open in Colab" in Reader(whole_course).text and "badge.svg" not in whole_course


def test_a_page_says_what_its_pictures_show_and_drops_nothing():
    picture = nbformat.v4.new_output("display_data", {"image/png": "iVBORw0KGgo="})
    picture.metadata["image/png"] = {"alt": 'The "codes" of 1 < 2 digits'}
    cells = [nbformat.v4.new_markdown_cell("# One\n\n![A drawing](https://example.org/a.png) in `$x$` and $x < y$")]
    cells.append(nbformat.v4.new_code_cell("draw()", outputs=[picture]))
    page = pages.page(nbformat.v4.new_notebook(cells=cells), "one")
    assert Reader(page).images == ['The "codes" of 1 < 2 digits']
    assert "A drawing" in Reader(page).text and "draw" in page and list(_faults(page)) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("$x_1$", "raw TeX"),
        (r"\log p", "raw TeX"),
        ('<script src="https://cdnjs.cloudflare.com/x.js"></script>', "by <script>"),
        ('<img src="https://example.org/a.svg">', "by <img>"),
        ('<link rel="stylesheet" href="//fonts.example.org/a.css">', "by <link>"),
        ("<style>@import 'https://example.org/a.css';</style>", "@import"),
    ],
)
def test_each_fault_of_a_page_is_noticed(fault, words):
    page = f"<html><body><p>Text</p><code>$ and \\x</code>{fault}</body></html>"
    assert any(words in found for found in _faults(page))
    assert list(_faults(page.replace(fault, ""))) == []


def test_a_formula_that_cannot_be_converted_is_refused_here_and_stays_as_code_in_a_page():
    for formula in (r"\nosuchcommand x", r"\frac{1", "x_", r"\left( x", "a & b", r"\label{a}"):
        with pytest.raises(ValueError, match=r"`formula` must be .*Received: "):
            mathml(formula)
    page = pages.to_html(r"Text $\nosuchcommand x$ and $\frac{1}$ end")
    assert r"<code>\nosuchcommand x</code>" in page and r"<code>\frac{1}</code>" in page


@pytest.mark.parametrize(
    ("formula", "parts"),
    [
        (r"\log p(x)", '<mi>log</mi><mspace width="0.167em" /><mi>p</mi>'),
        (r"\log(x)", "<mi>log</mi><mo "),
        (r"10\log_{10} x", '<mspace width="0.167em" /><msub><mi>log</mi>'),
        (r"\operatorname{clip}(x)", "<mi>clip</mi><mo "),
        (r"\mathbb E[x]", "𝔼"),
        (r"\mathcal N(0, I)", "𝒩"),
        (r"\varepsilon \sim q", "<mo>∼</mo>"),
        (r"\lVert x \rVert", '<mo fence="false" stretchy="false" lspace="0" rspace="0">‖</mo><mi>x</mi><mo fence'),
        (r"(-1)", '<mo form="prefix">−</mo>'),
        (r"a - b", "<mi>a</mi><mo>−</mo>"),
        (r"f(x) - b", "<mo>−</mo>"),
        (r"\underbrace{a + b}_{\text{sum}}", "<mtext>sum</mtext>"),
    ],
)
def test_formulas_are_set_as_tex_sets_them(formula, parts):
    assert parts in mathml(formula)


def test_aligned_lines_are_a_table():
    element = mathml(r"\begin{aligned} a &= b + c \\ &= -d \end{aligned}", "block")
    assert element.startswith('<math display="block"') and element.count("<mtr>") == 2
    assert "<mtable" in pages.to_html("\\begin{align}\na &= b \\\\\n&= c\n\\end{align}")


def test_functions_are_names_and_not_letters():
    assert formulas.is_function(formulas.ElementTree.fromstring("<mi>log</mi>"))
    assert not formulas.is_function(formulas.ElementTree.fromstring("<mi>x</mi>"))


@pytest.mark.skipif(shutil.which("chromium") is None, reason="Chromium is not installed")
def test_a_browser_without_a_network_shows_all_formulas_and_asks_for_nothing(whole_course, tmp_path):
    ask = """<script>
      const formulas = [...document.querySelectorAll("math")];
      const unseen = formulas.filter(element => element.checkVisibility() && !element.getBoundingClientRect().width);
      const names = performance.getEntriesByType("resource").map(entry => entry.name);
      const fetched = names.filter(name => !name.startsWith("data:"));
      document.title = JSON.stringify({formulas: formulas.length, unseen: unseen.length, fetched});
    </script></body>"""
    page = tmp_path / "all.html"
    page.write_text(whole_course.replace("</body>", ask), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"]
    arguments = ["chromium", *options, f"--user-data-dir={tmp_path}", page.as_uri()]
    shown = subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=True).stdout
    found = json.loads(re.search(r"<title>(\{.*?\})</title>", shown)[1])
    assert found["formulas"] > 500 and found["unseen"] == 0 and found["fetched"] == []
