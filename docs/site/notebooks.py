"""How Sphinx reads a notebook: a Python file whose cells begin with `# %%`."""

import jupytext
from nbformat import NotebookNode


def read(text: str) -> NotebookNode:
    """The notebook, said to be in Python; a file that was never run in Jupyter does not say so itself."""
    notebook = jupytext.reads(text, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    return notebook
