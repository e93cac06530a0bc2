"""What the website is made of; tests/browser looks at the pages themselves."""

import base64
import hashlib

import nbformat
import pytest

from tools import site, sources, tables
from tools.facts import MIME


@pytest.mark.parametrize(
    ("link", "page"),
    [
        ("[all](results.md#a-place)", "[all](results.md#a-place)"),
        ("[read me](../README.md#two-commands)", "[read me](index.md#two-commands)"),
        ("[data](../data/README.md)", "[data](data.md)"),
        ("[one](../notebooks/07_variational_autoencoder.ipynb)", "[one](notebooks/07_variational_autoencoder.ipynb)"),
        ("[tests](../tests/exercises)", "[tests]({}/tree/main/tests/exercises)"),
        ("[licence](../LICENSE)", "[licence]({}/blob/main/LICENSE)"),
        ("[elsewhere](https://nbval.readthedocs.io)", "[elsewhere](https://nbval.readthedocs.io)"),
        ("[below](#teach)", "[below](#teach)"),
    ],
)
def test_links_lead_to_pages_of_the_site_or_else_to_the_repository(link, page):
    assert site.linked_within(link, "docs/instructors.md") == page.format(sources.repository())


def test_links_to_the_published_site_lead_to_the_files_beside_a_page():
    link = f"[walk]({sources.website()}/explorer.html)"
    assert site.on_this_site(link) == '<a href="explorer.html">walk</a>'
    assert site.on_this_site(link, "../") == '<a href="../explorer.html">walk</a>'


def test_each_picture_has_its_text_by_its_hash_and_no_badge_asks_others():
    for name, notebook in tables.stored_notebooks()[:2]:
        texts = site.alternative_texts(notebook)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        pictures = [output for output in outputs if "image/png" in output.get("data", {})]
        for output in pictures:
            hash_ = hashlib.sha256(base64.b64decode(output.data["image/png"])).hexdigest()
            assert texts[hash_] == output.metadata["image/png"]["alt"]
        shown = site.for_the_site(notebook)
        nbformat.validate(shown)
        opening = shown.cells[0].source
        assert (
            "colab-badge" not in opening and f"/{name}.ipynb)" in opening and "[Open in Colab](https://colab" in opening
        )
        assert pictures and not any(MIME in output.get("data", {}) for output in outputs)


def test_the_first_page_has_a_card_for_each_lesson_all_pages_and_the_explorer():
    readme = (sources.ROOT / "README.md").read_text(encoding="utf-8")
    page = site.front_page(site.linked_within(readme, "README.md"), "course_utils-1.0.0.whl")
    assert page.count("grid-item-card") == len(sources.find_lessons()) == page.count(":img-alt: ")
    assert 'src="explorer.html"' in page and 'href="course_utils-1.0.0.whl"' in page
    listed = {entry for entries in site.CONTENTS.values() for entry in entries}
    assert {page.removesuffix(".md") for page in site.PAGES.values()} - {"index"} <= listed
    assert site.modules()[:3] == ["batches", "checkpoints", "checks"] and "models" in site.modules()
