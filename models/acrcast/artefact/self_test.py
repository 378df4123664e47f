"""Made-up inputs and the answers that a model must give to them, wherever and whenever it is loaded."""

from pathlib import Path

import numpy as np

from acrcast.arrays import Floats
from acrcast.artefact.files import SELF_TEST
from acrcast.errors import TamperedError
from acrcast.response_model import ResponseModel

TOLERANCE = 1e-9
ROWS, MISSING = 16, 0.3


def self_test(model: ResponseModel) -> dict[str, Floats]:
    """Made-up rows on the columns' scales, drawn from the model's own description of them, some with measures missing."""
    rng = np.random.default_rng(0)
    q = len(model.terms.columns)
    nothing = np.full((ROWS, q), np.nan)
    nodes = rng.standard_normal((ROWS, 1, q))
    rows = model.preparation.conditional.draw(nothing, np.zeros(nothing.shape, dtype=bool), nodes)[:, 0]
    # a measure is missing with all of its columns, as a patient's is
    fields = len(model.study.contract.covariates)
    lost = rng.random((ROWS, fields))[:, model.preparation.conditional.block] < MISSING
    rows[lost & (np.arange(ROWS) % 2 == 1)[:, None]] = np.nan
    standardisation = model.preparation.standardisation
    rows = standardisation.mean + rows * np.where(np.isfinite(standardisation.sd), standardisation.sd, 0.0)
    return {"rows": rows, "answers": _answers(model, rows)}


def check_self_test(model: ResponseModel, expected: dict[str, Floats], folder: Path) -> None:
    """Raises TamperedError unless the model gives the answers that were expected of it when it was saved."""
    try:
        given = _answers(model, expected["rows"])
        agrees = (
            len(given) == ROWS
            and given.shape == expected["answers"].shape
            and np.allclose(given, expected["answers"], rtol=0, atol=TOLERANCE)
        )
    except (KeyError, ValueError, IndexError, TypeError, np.linalg.LinAlgError) as error:
        raise TamperedError(f"{folder}: the self-test cannot be run: {error}") from error
    if not agrees:
        raise TamperedError(f"{folder}: the model no longer gives the answers recorded in {SELF_TEST}")


def _answers(model: ResponseModel, rows: Floats) -> Floats:
    Z = model.preparation.standardisation.apply(rows)
    risks = model.risks_of(Z, np.zeros(Z.shape, dtype=bool), 0.95)
    arms = [risks.treated, *(part for part in (risks.control, risks.benefit) if part is not None)]
    return np.stack([value for arm in arms for value in (arm.probability, arm.low, arm.high)], axis=1)
