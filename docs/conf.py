"""How Sphinx makes the website. `make site` calls it on the pages that tools/site.py has put into build/site/source."""

import json
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).parent
FACTS = json.loads((HERE / "facts.json").read_text(encoding="utf-8"))  # by tools/site.py

project = html_title = "Autoencoders that you can run, see and check"
author = copyright = "The contributors of the autoencoder course"
version = release = FACTS["version"]
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "sphinx_design",
]

nb_execution_mode = "off"  # what is stored is shown
nb_merge_streams = True
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
default_role = "code"  # in docstrings
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
napoleon_custom_sections = [("Call arguments", "params_style")]

html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_favicon = "_static/icon.svg"
html_css_files = ["course.css"]
html_extra_path = ["extra"]
html_copy_source = html_show_sourcelink = html_use_index = html_domain_indices = False
html_context = {"default_mode": "auto"}
mathjax_path = "mathjax/tex-mml-chtml.js"
html_theme_options = {
    "repository_url": FACTS["repository"],
    "repository_branch": "main",
    "path_to_docs": "",
    "use_repository_button": True,
    "launch_buttons": {"colab_url": "https://colab.research.google.com"},
    "show_toc_level": 2,
    "navbar_persistent": [],  # the sidebar has the search
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def describe(app, doctree):
    """Gives each figure its alternative text, which myst-nb leaves behind; it names files by their content's hash."""
    for image in doctree.findall(nodes.image):
        text = FACTS["alternative_texts"].get(Path(image["uri"]).stem)
        if text:
            image["alt"] = text


def setup(app):
    app.connect("doctree-read", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
