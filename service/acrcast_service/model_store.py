"""The model that this server answers with."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from acrcast.answer import Bedside
from acrcast.response_model import ResponseModel
from acrcast.studies import Study, load_study
from acrcast_service.champion.signature import loading
from acrcast_service.champion.source import source_of
from acrcast_service.patients import PatientReader
from acrcast_service.problems import NOT_READY, HttpProblem
from acrcast_service.settings import Settings


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model, and what is made once from it and its study. A request takes one of these and keeps to it.

    since: UTC.
    """

    model: ResponseModel
    patients: PatientReader
    bedside: Bedside
    since: str = field(default_factory=_now)

    @classmethod
    def of(cls, model: ResponseModel, level: float) -> "ServedModel":
        return cls(model, PatientReader(model.study), Bedside(model, level))


class ModelStore:
    """Holds the one model, or none yet. Replacing it is a single assignment: no request sees half of two.

    level: of the intervals in its answers.
    """

    def __init__(self, level: float, model: ResponseModel | None = None) -> None:
        self._level = level
        self._served = None if model is None else ServedModel.of(model, level)

    @property
    def current(self) -> ServedModel:
        """Raises HttpProblem (503) when no model is loaded."""
        if self._served is None:
            raise HttpProblem(NOT_READY, headers={"Retry-After": "1"})
        return self._served

    @property
    def is_empty(self) -> bool:
        return self._served is None

    def put(self, model: ResponseModel) -> None:
        self._served = ServedModel.of(model, self._level)

    def clear(self) -> None:
        self._served = None


def load_model(settings: Settings) -> ResponseModel:
    """The model of the settings, read from its folder or the registry.

    Raises ArtefactError when it is not there or cannot be trusted, UsageError when it or the study does not exist.
    """
    source = source_of(settings.model, settings.state)
    return loading(settings)(source.fetch(source.ask()), study_of(settings))


def study_of(settings: Settings) -> Study | None:
    """The study that the settings name; None leaves it to the model."""
    return None if settings.study is None else load_study(settings.study)
