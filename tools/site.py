"""Makes build/site/html, the course as a website: `make site`. Nothing runs; each lesson is shown as it is stored."""

import base64
import hashlib
import json
import os
import re
import shutil
import sys
import zipfile
from pathlib import Path

import nbformat

import course_utils
from tools import handout, sources, tables
from tools.facts import MIME

PAGES = {  # file of the repository: page of the site
    "README.md": "index.md",
    "docs/students.md": "students.md",
    "docs/instructors.md": "instructors.md",
    "docs/maintainers.md": "maintainers.md",
    "docs/results.md": "results.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changes.md",
    "data/README.md": "data.md",
    "data/checkpoints/README.md": "checkpoints.md",
    "benchmarks/README.md": "benchmarks.md",
}
CONTENTS = {
    "Guides": ["students", "instructors", "results"],
    "Lessons": [],  # all of them
    "Behind the course": ["maintainers", "contributing", "changes", "data", "checkpoints", "benchmarks"],
    "The package": ["api/*"],
}
TREE = """```{{toctree}}
:caption: {caption}
:hidden:
:glob:

{entries}
```
"""
EXPLORER = """
## Walk in it

<iframe src="explorer.html" title="A living latent space" loading="lazy" class="explorer"></iframe>

<a href="explorer.html">The same on a page of its own.</a>
"""
CARD = """:::{{grid-item-card}} {title}
:link: notebooks/{name}
:link-type: doc
:img-top: docs/{name}.png
:img-alt: {alt}

{headline}
:::
"""
DOWNLOADS = """
## Take it with you

<a href="handout.zip">handout.zip</a>: all lessons without their outputs, the package as a wheel, a README. It is what
an instructor puts on a learning platform. <a href="{wheel}">The wheel alone</a> is what Colab needs beside a lesson
that was uploaded there.

"""
MODULE = """# {name}

```{{eval-rst}}
.. automodule:: {name}
   :members:
   :show-inheritance:
```
"""


def main():
    from sphinx.cmd.build import build_main  # which `make site` alone installs

    folder = sources.ROOT / "build" / "site"
    shutil.rmtree(folder, ignore_errors=True)
    write_source(folder / "source")
    shutil.copytree(
        sources.ROOT / "build" / "npm" / "node_modules" / "mathjax" / "es5", folder / "source/_static/mathjax"
    )
    jobs = str(min(4, os.cpu_count() or 1))
    failed = build_main(["-W", "--keep-going", "-q", "-j", jobs, str(folder / "source"), str(folder / "html")])
    if failed:
        sys.exit("The site has faults: each line above names one.")
    shutil.rmtree(folder / "html" / ".doctrees", ignore_errors=True)
    print(f"{(folder / 'html').relative_to(sources.ROOT)}/index.html: open it in a browser.")


def write_source(folder):
    """Writes what Sphinx reads: pages, lessons, the package's modules, pictures, and the facts of docs/conf.py."""
    (folder / "notebooks").mkdir(parents=True)
    (folder / "api").mkdir()
    (folder / "extra").mkdir()
    wheel = write_downloads(folder / "extra")
    for file, page in PAGES.items():
        text = linked_within((sources.ROOT / file).read_text(encoding="utf-8"), file)
        (folder / page).write_text(front_page(text, wheel) if page == "index.md" else text, encoding="utf-8")
    for module in modules():
        (folder / "api" / f"{module}.md").write_text(MODULE.format(name=f"course_utils.{module}"), encoding="utf-8")
    texts = {}
    for name, notebook in tables.stored_notebooks():
        texts.update(alternative_texts(notebook))
        nbformat.write(for_the_site(notebook), folder / "notebooks" / f"{name}.ipynb")
    shutil.copytree(sources.ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("[!0-9]*"))
    shutil.copytree(sources.ROOT / "docs" / "_static", folder / "_static")
    shutil.copy(sources.ROOT / "docs" / "conf.py", folder)
    facts = {"version": course_utils.__version__, "repository": sources.repository(), "alternative_texts": texts}
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def modules():
    """The package's modules whose names are public, without the lessons' exercises."""
    package = sources.ROOT / "course_utils"
    files, folders = package.glob("[!_]*.py"), package.glob("*/__init__.py")
    return sorted([*(path.stem for path in files), *(path.parent.name for path in folders)])


def linked_within(text, file):
    """A page whose relative links lead to pages of the site, and where there is none, to the repository."""
    place = (sources.ROOT / file).parent
    pages = {(sources.ROOT / known).resolve(): page for known, page in PAGES.items()}

    def link(found):
        target, hash_, anchor = found[1].partition("#")
        path = (place / target).resolve()
        if not target or "://" in target:
            return found[0]
        if path in pages:
            return f"]({pages[path]}{hash_}{anchor})"
        name = path.relative_to(sources.ROOT).as_posix()
        if path.suffix in (".ipynb", ".png"):
            return f"]({name})"
        return f"]({sources.repository()}/{'tree' if path.is_dir() else 'blob'}/main/{name})"

    return re.sub(r"\]\(([^)\s]+)\)", link, on_this_site(text))


def on_this_site(text, up=""):
    """A text whose links to the published website lead to the files beside its own page."""
    return re.sub(rf"\[([^]]*)\]\({re.escape(sources.website())}/(.*?)\)", rf'<a href="{up}\2">\1</a>', text)


def write_downloads(folder):
    """Writes what the site offers besides its pages; returns the wheel's name."""
    handout.write(folder / "handout.zip")
    with zipfile.ZipFile(folder / "handout.zip") as archive:
        (wheel,) = [name for name in archive.namelist() if name.endswith(".whl")]
        (folder / Path(wheel).name).write_bytes(archive.read(wheel))
        (folder / "explorer.html").write_bytes(archive.read("autoencoder-course/explorer.html"))
    return Path(wheel).name


def front_page(readme, wheel):
    """The README as the site's first page: its table of lessons as cards, and the contents of all pages."""
    before, _, after = tables.split_at_marks(readme)
    notebooks = tables.stored_notebooks()
    lessons = {name: f"{name[:2]}. {sources.title_of(notebook)}" for name, notebook in notebooks}
    contents = CONTENTS | {"Lessons": [f"{title} <notebooks/{name}>" for name, title in lessons.items()]}
    cards = "\n".join(
        CARD.format(
            title=lessons[name], name=name,
            alt=tables.alternative_text(notebook), headline=tables.headline(notebook).replace(r"\|", "|"),
        )
        for name, notebook in notebooks
    )  # fmt: skip
    trees = [TREE.format(caption=caption, entries="\n".join(entries)) for caption, entries in contents.items()]
    grid = f"::::{{grid}} 1 2 3 3\n:gutter: 3\n\n{cards}\n::::\n"
    opening, commands, more = before.partition("## Two commands")
    return "\n".join([opening, EXPLORER, commands + more, grid, DOWNLOADS.format(wheel=wheel), after, *trees])


def alternative_texts(notebook):
    """The text of each picture in a notebook's outputs, by the hash of the picture."""
    texts = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                picture = base64.b64decode(output.data["image/png"])
                texts[hashlib.sha256(picture).hexdigest()] = output.metadata["image/png"]["alt"]
    return texts


def for_the_site(notebook):
    """A stored notebook as a page: a link in the place of the badge, which others serve, and no facts for programs."""
    opening = notebook.cells[0]
    opening.source = re.sub(r"\[!\[(Open in Colab)\]\([^)]*\)\]", r"[\1]", opening.source)
    opening.source = on_this_site(opening.source, "../")
    for cell in notebook.cells[1:]:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"^# (?=Part )", "## ", cell.source, flags=re.M)  # a page has one title
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(MIME, None)
    return notebook


if __name__ == "__main__":
    main()
