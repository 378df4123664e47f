"""What a study says, in other languages: a file beside the study's, keyed by the English text.

`my_study.zh-Hans.toml` beside `my_study.py` holds lines such as `"Pain" = "疼痛"`. A text that is
not in it stays English. A unit or a level that reads differently with one measure has the measure's label behind it:
`"years (Age)" = "岁"`.
"""

import inspect
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from acrcast.contract import Patient
from acrcast.errors import UsageError
from acrcast.studies.study import Study


def translated(patient: type[Patient], language: str) -> Mapping[str, str]:
    """English text to the language's, of the study of these patients; empty when there is none.

    language: a tag of BCP 47, such as zh-Hans.
    Raises UsageError when the file cannot be read.
    """
    try:
        module = Path(inspect.getfile(patient))
    except (TypeError, OSError):
        # made in a notebook or at a prompt
        return {}
    path = module.with_name(f"{module.stem}.{language}.toml")
    return read_catalogue(path) if path.is_file() else {}


def read_catalogue(path: Path) -> Mapping[str, str]:
    """Raises UsageError for a file that is not TOML of texts."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    wrong = [text for text, translation in found.items() if not isinstance(translation, str)]
    if wrong:
        raise UsageError(f"{path}: {wrong[0]!r}: expected a text in quotes")
    return found


def texts_of(study: Study) -> Iterator[str]:
    """Everything that the study says to whoever is asked for a patient, as its author wrote it."""
    yield from (study.title, study.endpoint.title, study.intended_use, inspect.cleandoc(study.patient.__doc__ or ""))
    yield from (arm.title for arm in study.arms)
    for field in study.contract:
        measure = field.measure
        yield from (measure.label, measure.unit, measure.help, measure.below_range, *field.levels)
