"""How Sphinx makes the site of the docs: `make site` writes it to build/site.

The source is the root of the project, so that a relative link in any page works here and on plain Git hosting alike. Which
page stands where is `docs.site.navigation`. Nothing is fetched when a page is viewed: formulas are MathML.
"""

import logging
import os
import sys
from pathlib import Path

from docutils import nodes
from docutils.utils.math import MathError, latex2mathml
from sphinx.addnodes import download_reference, pending_xref
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.util.logging import getLogger
from sphinx.writers.html5 import HTML5Translator

LOGGER = getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import acrcast  # noqa: E402
from docs.site.navigation import as_toctrees, sources  # noqa: E402

project = "acrcast"
author = "The acrcast authors"
version = release = acrcast.__version__

extensions = ["myst_nb"]
root_doc = "docs/index"
include_patterns = list(sources(ROOT))
exclude_patterns = [".*", "build", "tests", "models", "training", "service", "benchmarks"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
highlight_language = "none"
# an answer that is shown in part, with ... for the rest, is no valid JSON
suppress_warnings = ["misc.highlighting_failure"]

# a notebook is a Python file that Jupyter and a test run too
nb_custom_formats = {".py": "docs.site.notebooks.read"}
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
# many small matrices, as in `acrcast.cli`; that a notebook starts is no news
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
logging.getLogger("traitlets").setLevel(logging.WARNING)

html_theme = "furo"
html_title = "acrcast"
html_static_path = ["acrcast.css"]
html_css_files = ["acrcast.css"]
html_additional_pages = {"index": "to-index.html"}
templates_path = ["templates"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False


def setup(app: Sphinx) -> None:
    """What Sphinx has no setting for: the navigation, and formulas that no script has to set."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_block, None))
    app.add_transform(LinksToCode)
    app.connect("source-read", _with_navigation)


class LinksToCode(SphinxTransform):
    """Python files are notebooks to Sphinx. A link to one that is none leads to the file itself, which goes with the site."""

    default_priority = 1

    def apply(self) -> None:
        for link in list(self.document.findall(pending_xref)):
            if link.get("refdomain") == "doc" and link["reftarget"] not in self.env.found_docs:
                file = download_reference(reftarget=f"/{link['reftarget']}.py", refdoc=link["refdoc"])
                file += link.children
                link.replace_self(file)


def _with_navigation(app: Sphinx, page: str, content: list[str]) -> None:
    """The page that everything hangs from: the navigation of each role is added to its end."""
    if page == root_doc:
        content[0] += as_toctrees(Path(app.srcdir))


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    _write(translator, node, as_block=False)


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    _write(translator, node, as_block=True)


def _write(translator: HTML5Translator, node: nodes.Element, *, as_block: bool) -> None:
    try:
        tree = latex2mathml.tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        LOGGER.warning("%s", error, location=node)
        raise nodes.SkipNode from error
    translator.body.append(f'<div class="formula">{tree}</div>\n' if as_block else tree)
    raise nodes.SkipNode
