"""Resampling of whole procedures: R's bootstrap, and that nobody's risk is learned from the own outcome."""

from dataclasses import replace

import numpy as np
import pytest

from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.folds import stratified_folds
from acrcast.estimators.newton import fit_logistic
from acrcast.estimators.normal import expit
from acrcast.estimators.rows import TrialRows, prepare
from acrcast.validation.calibration import calibration_slope
from acrcast.validation.performance import brier_score, c_statistic, log_loss
from acrcast.validation.resampling import cross_validated, fold_numbers, nested

LOGISTIC = [name for name, candidate in CANDIDATES.items() if candidate.is_logistic]


@pytest.fixture(scope="module")
def bootstrap(golden, golden_table, golden_design):
    """Outcomes, (100, 240) rows of each resample, and everybody's risk by the model of each and of the whole trial."""
    table = golden_table("trial.csv")
    X, y = golden_design(table), table["y"]
    drawn = np.loadtxt(golden / "resamples.csv", delimiter=",", dtype=int) - 1
    counts = np.stack([np.bincount(row, minlength=240) for row in drawn]).astype(float)
    fits = fit_logistic(X[None], y, np.concatenate([np.ones((1, 240)), counts]), np.zeros(8))
    risk = expit(fits.coefficients @ X.T)
    return y, drawn, risk[1:], risk[0]


def optimism(figure, bootstrap):
    y, drawn, risks, _ = bootstrap
    own = [figure(risk[rows], y[rows]) for risk, rows in zip(risks, drawn, strict=True)]
    return np.mean(own) - np.mean([figure(risk, y) for risk in risks])


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("auc", lambda risk, y: c_statistic(risk, y).value),
        ("brier", brier_score),
        ("slope", lambda risk, y: calibration_slope(risk, y).value),
        ("log_loss", lambda risk, y: log_loss(risk, y).mean()),
    ],
)
def test_optimism_of_the_batched_fits_agrees_with_r(bootstrap, reference, name, figure):
    assert optimism(figure, bootstrap) == pytest.approx(reference["bootstrap"]["optimism"][name], abs=1e-8)


def test_the_c_statistic_of_patients_left_out_agrees_with_r(bootstrap, reference):
    y, drawn, risks, _ = bootstrap
    left_out = [np.setdiff1d(np.arange(240), rows) for rows in drawn]
    c = np.mean([c_statistic(risk[rows], y[rows]).value for risk, rows in zip(risks, left_out, strict=True)])
    assert c == pytest.approx(reference["bootstrap"]["auc_out_of_bag"], abs=1e-8)


def test_instability_of_the_batched_fits_agrees_with_r(bootstrap, reference):
    _, _, risks, original = bootstrap
    expected = reference["bootstrap"]["instability"]
    moved = np.abs(risks - original)
    assert moved.mean() == pytest.approx(expected["mean_mape"], abs=1e-8)
    assert moved.mean(axis=0).max() == pytest.approx(expected["worst_patient_mape"], abs=1e-8)
    assert np.mean((risks >= 0.5) != (original >= 0.5)) == pytest.approx(
        expected["classification_instability_at_half"], abs=1e-8
    )


@pytest.mark.parametrize("name", LOGISTIC)
def test_a_patients_risk_does_not_depend_on_the_own_outcome_where_the_patient_is_left_out(a_trial, ld_il2, name):
    trial = a_trial(ld_il2, 40, missing=0.1, below=0.1)
    weights = np.stack([np.arange(40) % 4 != k for k in range(4)]).astype(float)
    left_out = np.arange(40) % 4
    risks = []
    for responded in (trial.responded, np.where(left_out == 2, ~trial.responded, trial.responded)):
        rows = TrialRows.of(ld_il2, trial.covariates, trial.treated, responded)
        prepared = prepare(rows, weights, np.random.default_rng(0))
        points = CANDIDATES[name].fit(prepared, np.random.default_rng(1))
        risks.append(prepared.by_patient(points.risk(prepared.arm, prepared.Z)))
    np.testing.assert_allclose(risks[0][2, left_out == 2], risks[1][2, left_out == 2], rtol=0, atol=1e-9)
    if name != "prevalence":
        assert np.abs(risks[0][1] - risks[1][1]).max() > 1e-3


def test_boosted_trees_do_not_learn_from_a_patient_who_is_left_out(a_trial, auranofin):
    trial = a_trial(auranofin, 40)
    weights = (np.arange(40) >= 10).astype(float)[None]
    risks = []
    for responded in (trial.responded, np.where(np.arange(40) < 10, ~trial.responded, trial.responded)):
        rows = TrialRows.of(auranofin, trial.covariates, trial.treated, responded)
        prepared = prepare(rows, weights, np.random.default_rng(0))
        points = CANDIDATES["xgboost"].fit(prepared, np.random.default_rng(1))
        risks.append(points.risk(prepared.arm, prepared.Z))
    np.testing.assert_array_equal(risks[0], risks[1])


def test_the_same_seed_gives_the_same_risks_and_another_gives_others(a_trial, ld_il2):
    rows = a_trial(ld_il2, 30, missing=0.1).rows
    names = ["prevalence", "hierarchical"]
    one, same, other = (cross_validated(rows, names, folds=3, repeats=2, seed=seed) for seed in (1, 1, 2))
    for name in names:
        np.testing.assert_array_equal(one[name].risk, same[name].risk)
    assert np.abs(one["hierarchical"].risk - other["hierarchical"].risk).max() > 1e-3


def test_every_patient_is_left_out_once_in_each_repeat(a_trial, one_arm):
    rows = a_trial(one_arm, 33).rows
    risks = cross_validated(rows, ["prevalence"], folds=10, repeats=3, seed=1)["prevalence"].risk
    assert risks.shape == (3, 33)
    assert np.isfinite(risks).all()
    # the prevalence of the others: responders less the patient's fold, of a size that differs by one at most
    assert len(np.unique(np.round(risks[0], 9))) <= 4


def test_risks_of_cross_validation_are_those_of_fits_to_the_other_folds(a_trial, auranofin):
    rows = a_trial(auranofin, 40).rows
    risks = cross_validated(rows, ["prespecified"], folds=4, repeats=1, seed=7)["prespecified"].risk[0]
    fold = stratified_folds(rows.arm, rows.y, 4, np.random.default_rng([7, 0]))
    for k in range(4):
        prepared = prepare(rows, (fold != k).astype(float)[None], np.random.default_rng(0))
        points = CANDIDATES["prespecified"].fit(prepared, np.random.default_rng(0))
        expected = points.risk(prepared.arm, prepared.Z)[0]
        np.testing.assert_allclose(risks[fold == k], expected[fold == k], rtol=0, atol=1e-9)


def test_the_size_of_a_batch_does_not_change_the_risks_of_complete_patients(a_trial, auranofin, monkeypatch):
    rows = a_trial(auranofin, 40).rows
    together = cross_validated(rows, ["hierarchical"], folds=4, repeats=1, seed=7)["hierarchical"].risk
    monkeypatch.setattr("acrcast.validation.resampling.LARGEST_DESIGN", 1)
    alone = cross_validated(rows, ["hierarchical"], folds=4, repeats=1, seed=7)["hierarchical"].risk
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-8)


def test_progress_is_told_of_every_fold(a_trial, auranofin):
    done = []
    cross_validated(a_trial(auranofin, 30).rows, ["prevalence"], folds=5, repeats=2, seed=1, progress=done.append)
    assert sum(done) == 10


def least(losses):
    return min(losses, key=lambda name: losses[name].mean())


def test_a_nested_choice_sees_none_of_the_patients_that_it_is_judged_on(a_trial, auranofin):
    """By its definition: in each training part a cross-validation chooses, and the choice is fitted to the part."""
    rows, names, folds, seed = a_trial(auranofin, 60).rows, ("prevalence", "prespecified", "firth"), 3, 5
    found = nested(rows, names, least, folds=folds, repeats=1, seed=seed)
    outer = fold_numbers(rows, folds, 1, seed)[0]
    for k in range(folds):
        inside = np.flatnonzero(outer != k)
        part = replace(
            rows,
            measures=lambda some, inside=inside: rows.measures(inside[some]),
            arm=rows.arm[inside],
            y=rows.y[inside],
        )
        fold = stratified_folds(part.arm, part.y, folds, np.random.default_rng([seed, 2, k]))
        losses = {name: np.empty(len(inside)) for name in names}
        for j in range(folds):
            for name, risk in risks_of(part, fold != j, names).items():
                losses[name][fold == j] = log_loss(risk, part.y)[fold == j]
        weights = outer != k
        expected = risks_of(rows, weights, names)
        chosen = least(losses)
        np.testing.assert_allclose(found.judged.risk[0, ~weights], expected[chosen][~weights], rtol=0, atol=1e-8)
        np.testing.assert_allclose(found.baseline[0, ~weights], expected["prevalence"][~weights], rtol=0, atol=1e-8)


def risks_of(rows, taken, names):
    prepared = prepare(rows, taken.astype(float)[None], np.random.default_rng(0))
    fits = {name: CANDIDATES[name].fit(prepared, np.random.default_rng(0)) for name in names}
    return {name: points.risk(prepared.arm, prepared.Z)[0] for name, points in fits.items()}


def test_of_many_patients_the_whole_part_is_fitted_by_the_baseline_and_the_choice_alone(
    a_trial, auranofin, monkeypatch
):
    rows, names = a_trial(auranofin, 60).rows, ("prevalence", "prespecified", "firth")
    together = nested(rows, names, least, folds=3, repeats=1, seed=5)
    fitted = []
    for name in names:
        candidate = CANDIDATES[name]

        def counted(prepared, rng, candidate=candidate):
            fitted.append((candidate.name, int(prepared.weights.sum())))
            return candidate.fit(prepared, rng)

        monkeypatch.setitem(CANDIDATES, name, replace(candidate, fit=counted))
    monkeypatch.setattr("acrcast.validation.resampling.LARGEST_DESIGN", 1)
    alone = nested(rows, names, least, folds=3, repeats=1, seed=5)
    np.testing.assert_allclose(alone.judged.risk, together.judged.risk, rtol=0, atol=1e-8)
    np.testing.assert_allclose(alone.baseline, together.baseline, rtol=0, atol=1e-8)
    assert alone.chosen == together.chosen
    # a training part has 40 patients, the parts of its own cross-validation fewer
    to_whole_parts = [name for name, patients in fitted if patients == 40]
    wanted = [{"prevalence", chosen} for chosen, times in alone.chosen.items() for _ in range(times)]
    assert len(to_whole_parts) == sum(map(len, wanted))
    assert to_whole_parts.count("prevalence") == 3
