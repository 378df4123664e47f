"""Runs the commands of a page in order, and writes what they print below them: `python -m docs.walk_through`.

A block of `sh` is run in an empty folder that has the project's `docs`; a block of `text` after `<!-- output -->` is what the
command before it prints. `<!-- excerpt -->` is a part of a file that a command wrote: `missing_excerpts` names those that are in
none.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "trial-tables.md"
STEP = re.compile(r"```sh\n(?P<commands>.*?)```(?:(?P<between>\s*<!-- output -->\n```text\n).*?```)?", re.DOTALL)
EXCERPT = re.compile(r"<!-- excerpt -->\n```\w+\n(.*?)```", re.DOTALL)


def as_run(text: str, folder: Path) -> str:
    """A page's text with the outputs that its commands have now. folder: an empty one, in which they leave their files."""
    (folder / "docs").symlink_to(ROOT / "docs")

    def step(found: re.Match[str]) -> str:
        printed = "".join(_run(command, folder) for command in found["commands"].splitlines())
        if found["between"] is None:
            return found[0]
        return f"```sh\n{found['commands']}```{found['between']}{printed}```"

    return STEP.sub(step, text)


def missing_excerpts(text: str, folder: Path) -> Iterator[str]:
    """Excerpts that no file of the folder holds."""
    written = [path.read_text(encoding="utf-8") for path in folder.glob("*.toml")]
    for excerpt in EXCERPT.findall(text):
        if not any(excerpt in file for file in written):
            yield excerpt


def _run(command: str, folder: Path) -> str:
    """What a command prints. Raises ValueError when it ends otherwise than by success or by telling what is wrong with data."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "ACRCAST_STATE": str(folder / "state"), "COLUMNS": "120"}
    done = subprocess.run(  # noqa: S602  the page's own commands, as a reader types them
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 3):
        raise ValueError(f"{command}: {done.stderr}")
    return done.stdout


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        PAGE.write_text(as_run(PAGE.read_text(encoding="utf-8"), Path(place)), encoding="utf-8")
