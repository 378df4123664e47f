"""The two models of a server, from its settings: the champion, which answers, and the challenger, which does not."""

from functools import partial

from acrcast.studies import Study
from acrcast_service.champion.signature import loading
from acrcast_service.champion.source import source_of
from acrcast_service.champion.watch import ModelWatch
from acrcast_service.model_store import ModelStore, study_of
from acrcast_service.observation.metrics import Metrics
from acrcast_service.settings import Settings


def champion_of(settings: Settings, models: ModelStore, metrics: Metrics) -> ModelWatch:
    """Keeps `models` at what the settings name. Once a model answers, another must be of the same study."""

    def study() -> Study | None:
        return study_of(settings) if models.is_empty else models.current.model.study

    source = source_of(settings.model, settings.state)
    seconds, count = settings.model_refresh_seconds, partial(metrics.looked, "champion")
    return ModelWatch(source, models, study, seconds, loading(settings), count)


def challenger_of(
    settings: Settings, challengers: ModelStore, models: ModelStore, metrics: Metrics
) -> ModelWatch | None:
    """None when the settings name no challenger. It must be of the champion's study."""
    if settings.challenger is None:
        return None
    source = source_of(settings.challenger, settings.state)
    seconds, count = settings.model_refresh_seconds, partial(metrics.looked, "challenger")
    return ModelWatch(source, challengers, lambda: models.current.model.study, seconds, loading(settings), count)
