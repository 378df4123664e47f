"""The model's description, from the model and its study."""

from acrcast.response_model import ResponseModel
from acrcast_service.model_card.schemas import ModelDescription


def describe(model: ResponseModel, level: float) -> ModelDescription:
    study = model.study
    return ModelDescription(
        model=model.identity,
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
