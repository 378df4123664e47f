"""Everything that acrcast raises on purpose.

AcrcastError
├── InputError            what came in is not valid: exit code 3, HTTP 422
│   └── DataError         a data file; carries every problem that was found
├── UsageError            asked for something that does not exist: exit code 2
├── ArtefactError         a model on disk cannot be trusted: exit code 1
│   ├── TamperedError         a digest or the self-test does not match
│   ├── NewerFormatError      written by a later acrcast
│   └── OtherContractError    trained for other fields than the study has now
├── FitError              the data cannot be fitted, with the reason: exit code 1
└── GateRefusal           gates refused, or checks raised an alarm, with their codes: exit code 4

A message says which field or file, what was expected and what to do. It never holds a patient's value.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class AcrcastError(Exception):
    """Root of all errors that a caller can act on."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one place of the input, without the value found there."""

    field: str
    message: str
    file: str | None = None
    row: int | None = None
    code: str = "invalid"

    def __str__(self) -> str:
        place = ", ".join(
            part
            for part in (self.file, f"row {self.row}" if self.row is not None else None, self.field or None)
            if part is not None
        )
        return f"{place}: {self.message}" if place else self.message


class InputError(AcrcastError):
    """The input is invalid; `problems` says where, and what was expected instead."""

    exit_code = 3

    def __init__(self, problems: Sequence[Problem], summary: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__(summary or "; ".join(str(problem) for problem in self.problems))


class DataError(InputError):
    """A data file does not hold what the study needs."""


class UsageError(AcrcastError):
    """The command or call names something that does not exist, or options that exclude each other."""

    exit_code = 2


class ArtefactError(AcrcastError):
    """A model on disk is incomplete or unreadable."""


class TamperedError(ArtefactError):
    """A file differs from its digest, or the model no longer gives its recorded answers."""


class NewerFormatError(ArtefactError):
    """The artefact was written by a later version of acrcast."""


class OtherContractError(ArtefactError):
    """The model was trained for other fields than the study declares now."""


class FitError(AcrcastError):
    """These data cannot be fitted; the message says why and what would help."""


class GateRefusal(AcrcastError):  # noqa: N818  a refusal is an answer, not a fault
    """Gates refused, or checks raised an alarm; `codes` are permanent and documented."""

    exit_code = 4

    def __init__(self, codes: Sequence[str], message: str) -> None:
        self.codes = tuple(codes)
        super().__init__(message)
