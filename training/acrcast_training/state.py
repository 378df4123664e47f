"""Where acrcast keeps what it makes."""

import os
from pathlib import Path

STATE = "ACRCAST_STATE"


def state_folder() -> Path:
    """`.acrcast` in the current folder, or the folder named by ACRCAST_STATE."""
    return Path(os.environ.get(STATE, ".acrcast")).resolve()


def new_folder(kind: str, name: str) -> Path:
    """The next unused `<kind>/<name>-<number>` of the state folder; not made yet."""
    number = 1
    while (state_folder() / kind / f"{name}-{number}").exists():
        number += 1
    return state_folder() / kind / f"{name}-{number}"
