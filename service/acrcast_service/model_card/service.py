"""The model's description, from the model and its study."""

from acrcast.protocol import ModelDescription
from acrcast_service.model_store import ServedModel


def describe(served: ServedModel, level: float) -> ModelDescription:
    model, study = served.model, served.model.study
    return ModelDescription(
        model=model.identity,
        serving_since=served.since,
        study=study.key,
        title=study.title,
        endpoint=study.endpoint.title,
        arms=study.arms,
        control=study.control,
        level=level,
        effect_modifiers=study.effect_modifiers,
        fields=study.contract.fields,
        intended_use=study.intended_use,
    )
