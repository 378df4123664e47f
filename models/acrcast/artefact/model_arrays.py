"""A model's numbers as the named arrays and the trees that its folder holds, and the model from them again."""

from collections.abc import Mapping

import numpy as np

from acrcast.arrays import Floats
from acrcast.artefact.files import ARRAYS, BOOSTER, CARD, EVIDENCE, from_json
from acrcast.artefact.manifest import Manifest
from acrcast.artefact.npz import from_npz
from acrcast.estimators.design import Standardisation, Terms, columns_of
from acrcast.estimators.ensemble import BoostedEnsemble, Ensemble, LogisticEnsemble
from acrcast.estimators.missing import ConditionalNormal
from acrcast.estimators.rows import Preparation
from acrcast.estimators.trees import Trees
from acrcast.prediction import ModelIdentity
from acrcast.response_model import ResponseModel
from acrcast.studies.study import Study
from acrcast.support import Limits, TrainingRange

# Arrays in which NaN says that there is none, or infinity that a column does not vary.
MAY_BE_OPEN = ("sd", "conditional_low", "conditional_high", "range_low", "range_high")


def arrays_of(model: ResponseModel) -> dict[str, Floats]:
    """Every number of the model but those in its trees."""
    standardisation, conditional = model.preparation.standardisation, model.preparation.conditional
    arrays = {
        "mean": standardisation.mean,
        "sd": standardisation.sd,
        "conditional_mean": conditional.mean,
        "conditional_covariance": conditional.covariance,
        "conditional_low": conditional.low,
        "conditional_high": conditional.high,
        "nodes": model.nodes,
        "range_low": model.training_range.low,
        "range_high": model.training_range.high,
        "range_excess": np.array(model.training_range.excess),
        "range_distance": np.array(model.training_range.distance),
        "averages": np.stack([model.averages[arm.key] for arm in model.study.arms]),
    }
    ensemble = model.ensemble.logistic if isinstance(model.ensemble, BoostedEnsemble) else model.ensemble
    assert isinstance(ensemble, LogisticEnsemble)  # noqa: S101  says to the type checker that there is no third kind
    return arrays | {"point": ensemble.point, "members": ensemble.members}


def booster_of(model: ResponseModel) -> dict[str, bytes]:
    """The file of the trees, for a model that has any."""
    if not isinstance(model.ensemble, BoostedEnsemble):
        return {}
    return {BOOSTER: model.ensemble.trees.content}


def model_of(study: Study, manifest: Manifest, identity: ModelIdentity, contents: Mapping[str, bytes]) -> ResponseModel:
    """The model whose files hold these contents.

    Raises ArtefactError, and KeyError or ValueError where what the files hold does not fit the study or each other.
    """
    terms, arrays = Terms.of(study), from_npz(contents[ARRAYS], ARRAYS)
    _check_arrays(arrays, study, terms)
    block = np.array([column.position for column in columns_of(study.contract)], dtype=np.int64)
    conditional = ConditionalNormal(
        arrays["conditional_mean"],
        arrays["conditional_covariance"],
        arrays["conditional_low"],
        arrays["conditional_high"],
        block,
    )
    return ResponseModel(
        study=study,
        identity=identity,
        card=from_json(contents[CARD], CARD),
        candidate=manifest.candidate,
        estimate_conditions_on=manifest.estimate_conditions_on,
        terms=terms,
        preparation=Preparation(Standardisation(arrays["mean"], arrays["sd"]), conditional),
        training_range=TrainingRange(
            arrays["range_low"],
            arrays["range_high"],
            Limits(*arrays["range_excess"].tolist()),
            Limits(*arrays["range_distance"].tolist()),
        ),
        ensemble=_ensemble(terms, arrays, contents.get(BOOSTER)),
        nodes=arrays["nodes"],
        averages={arm.key: arrays["averages"][i] for i, arm in enumerate(study.arms)},
        evidence=from_json(contents[EVIDENCE], EVIDENCE),
    )


def _check_arrays(arrays: dict[str, Floats], study: Study, terms: Terms) -> None:
    """Raises KeyError or ValueError: the self-test would not notice an array that only a raw or an odd patient meets."""
    q, k, members = len(terms.columns), len(study.contract.covariates), len(arrays["nodes"])
    shapes = {
        "mean": (q,),
        "sd": (q,),
        "conditional_mean": (q,),
        "conditional_covariance": (q, q),
        "conditional_low": (q,),
        "conditional_high": (q,),
        "nodes": (members, q),
        "point": (terms.size,),
        "members": (members, terms.size),
        "range_low": (k,),
        "range_high": (k,),
        "range_excess": (2,),
        "range_distance": (2,),
        "averages": (len(study.arms), arrays["averages"].shape[-1]),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} does not fit the study")
        if name not in MAY_BE_OPEN and not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds what is no number")
    if not (arrays["sd"] > 0).all():
        raise ValueError("sd is not above zero")


def _ensemble(terms: Terms, arrays: Mapping[str, Floats], booster: bytes | None) -> Ensemble:
    logistic = LogisticEnsemble(terms, arrays["point"], arrays["members"])
    if booster is None:
        return logistic
    return BoostedEnsemble(Trees.of(booster, len(terms.columns) + terms.two_arms), logistic)
