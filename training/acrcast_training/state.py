"""Where acrcast keeps what it makes."""

import os
from pathlib import Path

STATE = "ACRCAST_STATE"


def state_folder() -> Path:
    """`.acrcast` in the current folder, or the folder named by ACRCAST_STATE."""
    return Path(os.environ.get(STATE, ".acrcast")).resolve()


def new_model_folder(study: str) -> Path:
    """The next unused `models/<study>-<number>` of the state folder; not made yet."""
    models = state_folder() / "models"
    number = 1
    while (models / f"{study}-{number}").exists():
        number += 1
    return models / f"{study}-{number}"
