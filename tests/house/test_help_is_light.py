"""`acrcast --help` answers at once because it imports nothing heavy."""

import subprocess
import sys
from pathlib import Path

HEAVY = {
    "dask",
    "distributed",
    "fastapi",
    "matplotlib",
    "mlflow",
    "numpy",
    "openpyxl",
    "pandas",
    "pyarrow",
    "pydantic",
    "pyreadstat",
    "scipy",
    "sklearn",
    "uvicorn",
    "xgboost",
}


def test_help_imports_none_of_what_the_commands_need() -> None:
    acrcast = Path(sys.executable).with_name("acrcast")
    outcome = subprocess.run(
        [sys.executable, "-X", "importtime", acrcast, "--help"], capture_output=True, text=True, check=True
    )
    imported = {line.rpartition("|")[2].strip().split(".")[0] for line in outcome.stderr.splitlines()}
    assert "click" in imported
    assert imported & HEAVY == set()
    assert "Research use only" in outcome.stdout
