"""The blocks of a page are run as its reader would, and what they print is what the page shows."""

import os

import psutil
import pytest
from docs.blocks import blocks_of, differs, run_page


@pytest.fixture
def run(tmp_path):
    def run(text, **replaced):
        page = tmp_path / "page.md"
        page.write_text(text)
        folder = tmp_path / "reader"
        folder.mkdir(exist_ok=True)
        return run_page(page, folder, dict(os.environ), replaced)

    return run


def test_a_page_whose_blocks_print_what_it_shows_passes(run):
    page = """
```sh
export NAME=ward; echo "one   line"
```

Words between.

```text output
one line
```

```python
import os
name = os.environ["NAME"]
```

```python
print(name, "of", 17.25)
```
```text output
ward of 17...
```
"""
    assert [block.language for block in run(page)] == ["sh", "python", "python"]


def test_both_streams_are_shown_as_the_reader_sees_them(run):
    run("```sh\necho out; echo err >&2\n```\n```text output\nout\nerr\n```\n")


def test_a_block_that_prints_something_else_is_found_with_its_line(run):
    with pytest.raises(AssertionError, match=r"(?s)page.md:3 shows:\n3\n.*prints:\n2\n"):
        run("A sum.\n\n```python\nprint(1 + 1)\n```\n```text output\n3\n```\n")


@pytest.mark.parametrize(
    ("block", "found"),
    [
        ("```sh\necho before\nfalse\necho after\n```\n", r"(?s)page.md:1 failed:.*before"),
        ("```sh\nexit 3\n```\n", "page.md:1 failed:"),
        ("```sh\nno-such-program\n```\n", r"(?s)page.md:1 failed:.*not found"),
        ("```python\nint('x')\n```\n", r"(?s)page.md:1 failed:.*ValueError"),
        ("```python\nraise SystemExit\n```\n", r"(?s)page.md:1 failed:.*SystemExit"),
        ("```python\nimport warnings\nwarnings.warn('old')\n```\n", r"(?s)page.md:1 failed:.*UserWarning: old"),
    ],
)
def test_a_block_that_fails_is_found(run, block, found):
    with pytest.raises(AssertionError, match=found):
        run(block)


def test_a_block_that_reads_its_input_does_not_read_the_next_block(run):
    run("```sh\ncat\n```\n```sh\necho next\n```\n```text output\nnext\n```\n")


def test_the_shell_keeps_its_folder_and_python_starts_in_the_same(run):
    run("```sh\nmkdir -p sub; cd sub\n```\n```sh\nbasename $PWD\n```\n```text output\nsub\n```\n")
    run("```sh\necho 7 > file\n```\n```python\nprint(open('file').close())\n```\n```text output\nNone\n```\n")


def test_what_a_page_starts_in_the_background_ends_with_it(run):
    run("```sh\nsleep 987654 > log 2>&1 &\n```\n")
    assert not [process for process in psutil.process_iter(["cmdline"]) if "987654" in (process.info["cmdline"] or [])]


def test_a_port_is_replaced_in_blocks_and_in_what_they_show(run):
    run("```sh\necho localhost:8000\n```\n```text output\nlocalhost:8000\n```\n", **{"8000": "4711"})


def test_blocks_of_other_languages_and_those_left_out_with_a_reason_are_not_run():
    page = (
        "```json\n{}\n```\n<!-- not run: needs a hospital -->\n```sh\nfalse\n```\n<!-- not run: -->\n```sh\ntrue\n```\n"
    )
    assert [block.source for block in blocks_of(page, "page.md", {})] == ["true\n"]


@pytest.mark.parametrize("before", ["", "```json\n{}\n```\n", "<!-- not run: why -->\n```sh\ntrue\n```\n"])
def test_an_output_of_no_block_is_an_error(before):
    with pytest.raises(ValueError, match="an output stands after the block that prints it"):
        list(blocks_of(f"{before}```text output\n1\n```\n", "page.md", {}))


@pytest.mark.parametrize(
    ("shown", "printed", "different"),
    [
        ("1 2\n", "1   2\n", False),
        ("a ... c\n", "a b\nb c\n", False),
        ("a\n", "a\nb\n", True),
        ("a ...\n", "b a\n", True),
    ],
)
def test_white_space_does_not_matter_and_dots_stand_for_anything(shown, printed, different):
    assert differs(shown, printed) is different
