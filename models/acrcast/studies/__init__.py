"""The studies that ship, and the way to a user's own: a Python file that defines `STUDY`."""

import importlib
import importlib.util
import pkgutil
import re
import sys
from pathlib import Path

from acrcast.errors import UsageError
from acrcast.studies.study import AcrResponse, Arm, Diagnosis, OutcomeColumn, Study

__all__ = ["AcrResponse", "Arm", "Diagnosis", "OutcomeColumn", "Study", "load_study", "shipped_studies"]

DEFAULT = "ld-il2-ra"


def shipped_studies() -> tuple[str, ...]:
    """Keys of the studies in this package: every module that is not the definition of a study itself."""
    return tuple(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__) if module.name != "study")


def load_study(name: str) -> Study:
    """The study of a shipped key, or of a Python file that defines `STUDY`. Runs that file: use your own only.

    Raises UsageError with what exists when there is no such study.
    """
    if name in shipped_studies():
        return _study_of(importlib.import_module(f"{__name__}.{name.replace('-', '_')}"), name)
    path = Path(name)
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(
            f"study {name!r} not found: use {', '.join(shipped_studies())} or the path of a .py file that defines STUDY"
        )
    module_name = f"acrcast_own_study_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{name}: Python cannot read this file as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise UsageError(f"{name}: the study could not be read: {_in_words(error)}") from error
    return _study_of(module, name)


def _study_of(module: object, name: str) -> Study:
    study = getattr(module, "STUDY", None)
    if not isinstance(study, Study):
        raise UsageError(f"{name}: define STUDY = Study(...) in it")
    return study


def _in_words(error: BaseException) -> str:
    """What an error of a study's file says, and of a part that was left out its name alone."""
    left_out = re.fullmatch(r"(\w+)\.__init__\(\) missing \d+ required .*?: (.*)", str(error))
    return str(error) if left_out is None else f"{left_out[1]} needs {left_out[2].replace(chr(39), '')}"
