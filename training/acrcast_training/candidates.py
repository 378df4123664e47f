"""The candidates as scikit-learn estimators, so that they work in its pipelines, searches and cross-validation."""

from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from acrcast.arrays import Bools, Floats
from acrcast.contract import Covariates
from acrcast.errors import InputError, Problem, UsageError
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.design import CONTROL, TREATED, on_scale
from acrcast.estimators.normal import latin_normal
from acrcast.estimators.rows import TrialRows, prepare
from acrcast.studies import Study, load_study
from acrcast_training.data.patients import patients_of_frame

ARM = "arm"
DRAWS = 50


class ResponseClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn is untyped here
    """Probability of response in the arm that a patient is in, by one of the six candidates.

    X is a data frame with the study's fields and, in a two-arm study, the column `arm` with the arms' keys. Missing values
    are averaged over, in fitting and in prediction, as the served model does.

    Parameters
    ----------
    study: key of a study that ships, path of your own, or a Study.
    candidate: one of `acrcast.estimators.candidates.CANDIDATES`.
    seed: of every random step; the same seed gives the same fit.
    """

    def __init__(self, study: str | Study = "ld-il2-ra", candidate: str = "hierarchical", seed: int = 0) -> None:
        self.study = study
        self.candidate = candidate
        self.seed = seed

    def fit(self, X: pd.DataFrame, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """y: (n,) two classes, the greater is response. sample_weight: (n,), not negative."""
        if self.candidate not in CANDIDATES:
            raise UsageError(f"candidate {self.candidate!r}: use one of {', '.join(CANDIDATES)}")
        self.study_ = load_study(self.study) if isinstance(self.study, str) else self.study
        self.classes_, outcome = np.unique(np.asarray(y), return_inverse=True)
        if len(self.classes_) != 2:
            raise InputError([Problem("y", "two classes are needed")])
        covariates, treated = self._read(X)
        rows = TrialRows.of(self.study_, covariates, treated, outcome == 1)
        weights = np.ones(len(rows)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        prepared = prepare(rows, weights[None], np.random.default_rng([self.seed, 0]))
        self.points_ = CANDIDATES[self.candidate].fit(prepared, np.random.default_rng([self.seed, 1]))
        self.preparation_ = prepared.preparations[0]
        self.terms_ = rows.terms
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        self.n_features_in_ = len(X.columns)
        return self

    def predict_proba(self, X: pd.DataFrame) -> Floats:
        """(n, 2) probabilities of no response and of response, in each patient's own arm."""
        if not hasattr(self, "points_"):
            raise NotFittedError("fit first")
        covariates, treated = self._read(X)
        scaled, below = on_scale(self.terms_.columns, covariates)
        incomplete = (np.isnan(scaled) | below).any(axis=1)
        arm = np.where(treated, TREATED, CONTROL)
        response = np.empty(len(X))
        complete = np.flatnonzero(~incomplete)
        if complete.size:
            Z = self.preparation_.standardisation.apply(scaled[complete])
            response[complete] = self.points_.risk(arm[complete], Z[None])[0]
        rows = np.flatnonzero(incomplete)
        if rows.size:
            nodes = latin_normal((DRAWS, scaled.shape[1]), np.random.default_rng([self.seed, 2]))
            Z = self.preparation_.complete(scaled[rows], below[rows], nodes).reshape(1, -1, scaled.shape[1])
            drawn = self.points_.risk(np.repeat(arm[rows], DRAWS), Z)[0]
            response[rows] = drawn.reshape(len(rows), DRAWS).mean(axis=1)
        return np.column_stack([1 - response, response])

    def predict(self, X: pd.DataFrame) -> npt.NDArray[np.generic]:
        """(n,) the likelier class; a probability says more."""
        classes: npt.NDArray[np.generic] = self.classes_[(self.predict_proba(X)[:, 1] >= 0.5).astype(np.int64)]
        return classes

    def _read(self, X: pd.DataFrame) -> tuple[Covariates, Bools]:
        if not self.study_.has_control:
            return patients_of_frame(self.study_, X.drop(columns=ARM, errors="ignore")), np.ones(len(X), dtype=bool)
        keys = [arm.key for arm in self.study_.arms]
        if ARM not in X.columns or not X[ARM].isin(keys).all():
            raise InputError([Problem(ARM, f"expected a column of {' or '.join(keys)}")])
        return patients_of_frame(self.study_, X.drop(columns=ARM)), (X[ARM] == self.study_.treated.key).to_numpy()
