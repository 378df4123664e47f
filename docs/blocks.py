"""Runs the blocks of a page as its reader would: in order, in one shell and one Python, and compares what the page shows.

Blocks of `sh` and `python` are run; the shell's exported variables are Python's environment. A block whose fence says
`output`, such as ```` ```text output ````, is what the block before it prints, both streams; `...` in it stands for anything.
Other blocks are shown only. `<!-- not run: REASON -->` on the line above a fence leaves a block out.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from pathlib import Path
from types import TracebackType
from typing import Self

FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: \S[^>]* -->\n$")
END = "end-of-block"
SECONDS = 120

# Runs what comes in, a block a line, in one namespace.
PYTHON = """
import json, os, sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    block = json.loads(line)
    os.environ.update(block["environment"])
    status = 0
    try:
        exec(compile(block["source"], block["place"], "exec"), names)
    except BaseException:
        traceback.print_exc()
        status = 1
    print(f"\\n{block['end']} {status}", flush=True)
"""


@dataclass(frozen=True, slots=True)
class Block:
    """place: page and line. language: sh or python. shown: what the page says that it prints; None where it says nothing."""

    place: str
    language: str
    source: str
    shown: str | None = None


def blocks_of(page: str, name: str, replaced: Mapping[str, str]) -> Iterator[Block]:
    """The blocks to run, in order. replaced: texts that stand for others here, such as a port.

    Raises ValueError for an output that is no block's.
    """
    for text, other in replaced.items():
        page = page.replace(text, other)
    block: Block | None = None
    for fence in FENCE.finditer(page):
        place = f"{name}:{page.count(chr(10), 0, fence.start()) + 1}"
        language, *more = fence["info"].split() or [""]
        if more == ["output"]:
            if block is None:
                raise ValueError(f"{place}: an output stands after the block that prints it")
            yield Block(block.place, block.language, block.source, fence["text"])
            block = None
            continue
        if block is not None:
            yield block
        runs = language in ("sh", "python") and not NOT_RUN.search(page[: fence.start()])
        block = Block(place, language, fence["text"]) if runs else None
    if block is not None:
        yield block


def differs(shown: str, printed: str) -> bool:
    """Whether a block printed something else than the page shows, but for white space and what `...` stands for."""
    return not OutputChecker().check_output(shown, printed, ELLIPSIS | NORMALIZE_WHITESPACE)


@dataclass
class Reader:
    """A shell and a Python in a folder; both, and whatever they started, end with the context."""

    folder: Path
    environment: Mapping[str, str]
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._shell = self._start(["bash", "-e"])
        self._python = self._start([sys.executable, "-W", "error", "-u", "-c", PYTHON])
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for process in self._started:
            _end_group(process)

    def run(self, block: Block) -> str:
        """What the block prints. Raises AssertionError, with that, when it fails, or prints something else than is shown."""
        status, printed = self._in_shell(block.source) if block.language == "sh" else self._in_python(block)
        if status != 0:
            raise AssertionError(f"{block.place} failed:\n{block.source}\n{printed}")
        if block.shown is not None and differs(block.shown, printed):
            raise AssertionError(f"{block.place} shows:\n{block.shown}\nand prints:\n{printed}")
        return printed

    def _in_shell(self, source: str) -> tuple[int, str]:
        # a file: what a block reads from its standard input is not the next block
        path = self.folder.resolve() / ".block"
        path.write_text(source, encoding="utf-8")
        return self._told(self._shell, f". {shlex.quote(str(path))} </dev/null; printf '\\n%s %s\\n' {END} $?\n")

    def _in_python(self, block: Block) -> tuple[int, str]:
        _, exported = self._in_shell(
            f"{shlex.quote(sys.executable)} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
        )
        given = {"environment": json.loads(exported), "source": block.source, "place": block.place, "end": END}
        return self._told(self._python, json.dumps(given) + "\n")

    def _told(self, process: subprocess.Popen[str], command: str) -> tuple[int, str]:
        """Status and output of a command. A process that ended by itself, or had to be ended, failed."""
        assert process.stdin is not None  # noqa: S101  it was started with pipes
        assert process.stdout is not None  # noqa: S101
        late = threading.Timer(SECONDS, os.killpg, (process.pid, signal.SIGKILL))
        late.start()
        try:
            process.stdin.write(command)
            process.stdin.flush()
            lines: list[str] = []
            for line in process.stdout:
                if line.startswith(END):
                    return int(line.split()[1]), "".join(lines).strip() + "\n"
                lines.append(line)
            return 1, "".join(lines)
        finally:
            late.cancel()

    def _start(self, command: list[str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603  our own commands
            command,
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process


def _end_group(process: subprocess.Popen[str]) -> None:
    """Ends a process and what it left in the background: it is asked to, and after 10 seconds made to."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()
        for _ in range(100):
            os.killpg(process.pid, 0)
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def run_page(page: Path, folder: Path, environment: Mapping[str, str], replaced: Mapping[str, str]) -> list[Block]:
    """The blocks of the page that were run. Raises AssertionError for the first that fails or prints something else."""
    found = list(blocks_of(page.read_text(encoding="utf-8"), page.name, replaced))
    with Reader(folder, environment) as reader:
        for block in found:
            reader.run(block)
    return found
