"""What takes too long for `make docs`: `python -m docs.outputs` runs it again and writes what it prints.

The training runs that the README and the guide show, and the rates of docs/support.md.

Each takes about a minute, and they are compared by the tests and not by `make check`. The guide's needs the deposited table:
`python -m docs.outputs TABLE.csv`.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RATES = re.compile(r"(<!-- support-rates -->\n)(.*?)(<!-- end of support-rates -->)", re.DOTALL)
OWN_STUDY = ROOT / "docs" / "own_study" / "anti_tnf_ra.py"


def shown(page: Path, marker: str) -> str:
    """The output that a page shows after `marker`."""
    found = _block(marker).search(page.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{page}: no output marked {marker}")
    return found[2]


def example() -> str:
    """What training on the auranofin example prints, up to where the model was written."""
    with tempfile.TemporaryDirectory() as folder:
        return _train(["--study", "auranofin-ra", "--example"], Path(folder))


def guide(deposited: Path) -> str:
    """The same for the guide's own study, its counts put back."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "anti_tnf_ra.csv"
        subprocess.run([sys.executable, str(OWN_STUDY), str(deposited), str(table), "--put-back"], check=True)  # noqa: S603
        return _train(["--study", str(OWN_STUDY), "--table", str(table)], Path(folder))


def support_rates() -> str:
    """The table of docs/support.md."""
    from acrcast_training.support_rates import support_table  # noqa: PLC0415  slow to import

    return support_table()


def shown_rates(page: Path) -> str:
    """The table as the page shows it."""
    found = RATES.search(page.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{page}: no support-rates")
    return found[2].strip() + "\n"


def _train(options: list[str], folder: Path) -> str:
    done = subprocess.run(  # noqa: S603  our own command
        [sys.executable, "-m", "acrcast.cli", "train", *options],
        cwd=folder,
        env=os.environ | {"ACRCAST_STATE": str(folder / "state")},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line.rstrip() for line in done.stdout.split("Model:")[0].splitlines())
    return "\n".join(lines).strip() + "\n"


def _block(marker: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {marker} -->\n```text\n)(.*?)(```)", re.DOTALL)


def _write(page: Path, marker: str, output: str) -> None:
    text = page.read_text(encoding="utf-8")
    page.write_text(_block(marker).sub(lambda block: block[1] + output + block[3], text), encoding="utf-8")


def _write_rates(page: Path) -> None:
    text, rates = page.read_text(encoding="utf-8"), support_rates()
    page.write_text(RATES.sub(lambda part: f"{part[1]}\n{rates}\n{part[3]}", text), encoding="utf-8")


if __name__ == "__main__":
    _write_rates(ROOT / "docs" / "support.md")
    _write(ROOT / "README.md", "example-output", example())
    for deposited in sys.argv[1:]:
        _write(ROOT / "docs" / "own-study.md", "train-output", guide(Path(deposited)))
