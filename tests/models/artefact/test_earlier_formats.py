"""Models that an earlier acrcast wrote, kept as they were written: they load, and say what they said."""

import numpy as np
import pytest

from acrcast import artefact
from acrcast.artefact.manifest import FORMAT
from acrcast.contract import Covariates
from acrcast.studies import load_study

# What acrcast 0.1.0 predicted, when it wrote them, of three patients: risk and ends of its interval.
PATIENTS = {"marker": [-1.0, 0.5, 2.0], "stage": ["I", "II", None]}
SAID = {
    "prespecified": ((0.276062, 0.1703, 0.453728), (0.611954, 0.359969, 0.682007), (0.867053, 0.690948, 0.958588)),
    "xgboost": ((0.224198, 0.072184, 0.554807), (0.675094, 0.215779, 0.883267), (0.686683, 0.40142, 0.96693)),
}


@pytest.mark.parametrize("candidate", SAID)
def test_a_model_of_format_2_loads_and_predicts_what_it_did(golden, candidate):
    folder = golden / "format-2"
    study = load_study(str(folder / "one.py"))
    model = artefact.load(folder / candidate, study)
    risks = model.risks(Covariates.of_columns(study.contract, PATIENTS, 3)).treated
    found = np.stack([risks.probability, risks.low, risks.high], axis=1)
    np.testing.assert_allclose(found, SAID[candidate], rtol=0, atol=2e-6)


def test_a_model_of_each_format_that_is_read_is_kept(golden):
    """Who raises FORMAT and goes on reading the one before adds to SAID; who does not names it in the changelog."""
    assert {path.name for path in golden.glob("format-*")} == {f"format-{FORMAT}"}
