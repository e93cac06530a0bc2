"""Executed lessons as web pages that need nothing but themselves: no network, no script, no font from elsewhere."""

import html

from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from tools.formulas import mathml

# nbconvert's page without what it fetches (RequireJS, MathJax, Mermaid, widgets), with the pictures' descriptions.
TEMPLATE = """{% extends 'lab/index.html.j2' %}
{% block html_head_js %}{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
{% block html_head_css %}<style>
math[display="block"] { margin: 1em 0; overflow-x: auto; }
mtd[columnalign="right"] { text-align: right; }
mtd[columnalign="left"] { text-align: left; }
mtable[columnspacing="0em"] mtd { padding-left: 0; padding-right: 0.2em; }
.jp-RenderedHTMLCommon math { font-size: 1.1em; }
</style>{% endblock %}
{% block data_png scoped %}<div class="jp-RenderedImage jp-OutputArea-output">
<img src="data:image/png;base64,{{ output.data['image/png'] }}"
 alt="{{ (output | get_metadata('alt', 'image/png') or '') | escape_html }}"></div>{% endblock %}
"""


def page(notebook, name):
    """An executed notebook as one HTML file."""
    exporter = HTMLExporter(raw_template=TEMPLATE, filters={"markdown2html": to_html})
    text, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": name}})
    return text


def to_html(markdown):
    """The HTML of a Markdown cell, formulas included."""
    return MarkdownWithMath(renderer=PageRenderer(escape=False)).render(markdown)


class PageRenderer(IPythonRenderer):
    """Markdown whose formulas stand there ready, with words in place of pictures from the network."""

    def inline_math(self, body):
        return formula_or_code(body, "inline")

    def block_math(self, body):
        return formula_or_code(body, "block")

    def latex_environment(self, name, body):
        return formula_or_code(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    def image(self, text, url, title=None):
        return text if url.startswith("http") else super().image(text, url, title)


def formula_or_code(body, display):
    """A formula that cannot be converted stands there as its code; a lesson's run shall not end for that."""
    try:
        return mathml(body, display)
    except ValueError:
        return f"<code>{html.escape(body)}</code>"
