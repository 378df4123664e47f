"""Dask's workers give the numbers of one process to the last bit, also when one of them is killed in the middle."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from distributed import Client
from threadpoolctl import threadpool_limits

from acrcast.errors import AcrcastError, UsageError
from acrcast.estimators.rows import TrialRows
from acrcast.studies import load_study
from acrcast.validation.resampling import bootstrap_weights, resampled_risks
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.examples import example_table
from acrcast_training.engines import dask_engine
from acrcast_training.engines.dask_engine import of_scheduler, on_this_machine
from acrcast_training.engines.opening import Asked
from acrcast_training.engines.shipped import Shipped
from acrcast_training.fit import trial_rows
from acrcast_training.train import steps, train

OWN_STUDY = """
from typing import Annotated

from pydantic import Field

from acrcast.contract import Measure, Patient
from acrcast.studies import Arm, OutcomeColumn, Study


class OwnPatient(Patient):
    age_years: Annotated[float, Field(ge=18, le=100), Measure(label="Age", unit="years")]


STUDY = Study(
    key="own",
    title="A trial of one arm",
    patient=OwnPatient,
    arms=(Arm("drug", "The drug"),),
    endpoint=OutcomeColumn("Better", "better", frozenset({"yes"}), frozenset({"no"})),
    expected_directions={"age_years": 1},
    intended_use="Research use only: made up.",
)
"""


@pytest.fixture(scope="module")
def auranofin():
    return load_cohort(load_study("auranofin-ra"), table=example_table("auranofin-ra"))


@pytest.fixture
def kill_one():
    """Call with a scheduler's address: one of its workers is gone at once, without a word to anybody."""

    def kill(address):
        with Client(address) as client:
            process = next(iter(client.run(os.getpid).values()))
        os.kill(process, signal.SIGKILL)

    return kill


@pytest.fixture
def impatient(monkeypatch):
    """A second instead of fifteen."""
    assert dask_engine.PATIENCE <= 15
    monkeypatch.setattr(dask_engine, "PATIENCE", 1)


def figures(training):
    """All that a training found: its candidates, validation with all risks, card and evidence."""
    served = training.validation.served
    risks = (served.apparent, served.resampled, training.validation.procedure.judged.risk)
    return repr((training.comparison, replace(training.validation, served=None), training.model.card)), (
        training.model.evidence,
        [risk.tobytes() for risk in risks],
    )


def test_a_training_has_the_same_figures_to_the_last_bit_although_a_worker_was_killed(auranofin, scheduler, kill_one):
    # as many folds as responders: few make it quick
    responders, others = np.flatnonzero(auranofin.responded)[:3], np.flatnonzero(~auranofin.responded)[:60]
    cohort = auranofin.rows(np.sort([*responders, *others]))
    with threadpool_limits(1):
        expected = train(cohort, seed=3, repeats=1, resamples=20)
        calls = []

        def kill_at_the_third(done):
            calls.append(done)
            if len(calls) == 3:
                kill_one(scheduler)

        with of_scheduler(scheduler, None) as engine:
            found = train(cohort, seed=3, repeats=1, resamples=20, progress=kill_at_the_third, engine=engine)
    assert figures(found) == figures(expected)
    assert {"calibration", "net_benefit", "instability"} <= expected.model.evidence.keys()
    assert sum(calls) == steps(cohort, 1, 20)


@pytest.mark.usefixtures("patients")
def test_a_folder_has_the_same_bytes_although_a_worker_was_killed(
    predict, predicted, scheduler, kill_one, tmp_path, contents, monkeypatch
):
    predicted("patients", "expected")
    whole = dask_engine.DaskEngine.map

    def killing(self, *work):
        for number, done in enumerate(whole(self, *work)):
            if number == 0:
                kill_one(scheduler)
            yield done

    monkeypatch.setattr(dask_engine.DaskEngine, "map", killing)
    assert predicted("patients", "found", "--engine", "dask", "--scheduler", scheduler)["patients"] == 2000
    assert contents(tmp_path / "found") == contents(tmp_path / "expected")
    assert predict("patients", "found", "--engine", "dask", "--scheduler", scheduler).exit_code == 0


@pytest.mark.usefixtures("impatient")
def test_a_cluster_of_its_own_is_started_and_nobody_else_reaches_it(auranofin):
    rows = trial_rows(auranofin)
    weights = bootstrap_weights(rows.arm, 60, np.random.default_rng(1))
    with threadpool_limits(1):
        expected = resampled_risks(rows, ("prespecified",), weights, seed=(1,))["prespecified"]
    with on_this_machine(1, None) as engine:
        found = resampled_risks(rows, ("prespecified",), weights, seed=(1,), engine=engine)["prespecified"]
        address = engine._client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        without = address.replace("tls", "tcp")
        with pytest.raises(AcrcastError, match="no scheduler of Dask answered"), of_scheduler(without, None):
            pass
    np.testing.assert_array_equal(found, expected)


def test_workers_learn_a_study_of_ones_own(scheduler, tmp_path):
    (tmp_path / "own.py").write_text(OWN_STUDY)
    study = load_study(str(tmp_path / "own.py"))
    rng = np.random.default_rng(1)
    ages = [study.patient(age_years=float(age)) for age in rng.uniform(20, 80, 60).round()]
    from acrcast.contract import Covariates

    covariates = Covariates.of_patients(study.contract, ages)
    rows = TrialRows.of(study, covariates, np.ones(60, dtype=bool), rng.random(60) < 0.4)
    weights = bootstrap_weights(rows.arm, 3, rng)
    names = ("hierarchical", "xgboost")
    with threadpool_limits(1):
        expected = resampled_risks(rows, names, weights, seed=(1,))
    with of_scheduler(scheduler, tmp_path / "own.py") as engine:
        found = resampled_risks(rows, names, weights, seed=(1,), engine=engine)
    for name in names:
        np.testing.assert_array_equal(found[name], expected[name])


def test_what_is_shipped_is_known_by_all_that_is_in_it(tmp_path):
    (tmp_path / "own.py").write_text(OWN_STUDY)
    assert Shipped.of(1, None).received() == 1
    digests = {Shipped.of(value, own).digest for value in (1, 2) for own in (None, tmp_path / "own.py")}
    assert len(digests) == 4


# what goes wrong


@pytest.mark.usefixtures("impatient", "patients")
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "tcp://"])
def test_a_scheduler_that_does_not_answer_is_named_in_one_line_after_a_time(predict, address):
    refused = predict("patients", "out", "--engine", "dask", "--scheduler", address)
    assert type(refused.exception) is AcrcastError
    assert str(refused.exception) == (
        f"--scheduler {address}: no scheduler of Dask answered within 1 s: is it running, and may this machine reach it?"
    )


def test_a_scheduler_by_tls_needs_certificates():
    said = pytest.raises(UsageError, match=r"TLS needs certificates: .* distributed\.comm\.tls")
    with said, of_scheduler("tls://127.0.0.1:9", None):
        pass


@pytest.mark.usefixtures("impatient")
def test_a_scheduler_without_workers_is_said_to_have_none(start_cluster):
    with (
        start_cluster(0) as cluster,
        pytest.raises(AcrcastError, match="it has no workers: start some, dask worker"),
        of_scheduler(cluster.scheduler_address, None),
    ):
        pass


@pytest.mark.usefixtures("impatient")
def test_work_whose_workers_are_gone_ends_with_a_reason(start_cluster, auranofin):
    rows = trial_rows(auranofin)
    weights = bootstrap_weights(rows.arm, 400, np.random.default_rng(1))
    with start_cluster(1) as cluster, of_scheduler(cluster.scheduler_address, None) as engine:

        def leave(_):
            cluster.scale(0)

        with pytest.raises(AcrcastError, match="no workers left: start some, and give the command again"):
            resampled_risks(rows, ("prevalence",), weights, seed=(1,), engine=engine, progress=leave)


@pytest.mark.usefixtures("impatient")
def test_work_whose_scheduler_is_gone_ends_with_a_reason(start_cluster, auranofin):
    rows = trial_rows(auranofin)
    weights = bootstrap_weights(rows.arm, 400, np.random.default_rng(1))
    with (
        start_cluster(1) as cluster,
        of_scheduler(cluster.scheduler_address, None) as engine,
        pytest.raises(AcrcastError, match="scheduler of Dask is gone"),
    ):
        resampled_risks(rows, ("prevalence",), weights, seed=(1,), engine=engine, progress=lambda _: cluster.close())


def test_a_worker_of_another_version_is_not_used(scheduler, auranofin, monkeypatch):
    rows = trial_rows(auranofin)
    monkeypatch.setattr(dask_engine, "VERSIONS", ("0.0.1", "1.0"))
    with of_scheduler(scheduler, None) as engine, pytest.raises(AcrcastError, match=r"here it is 0\.0\.1 with 1\.0"):
        resampled_risks(rows, ("prevalence",), np.ones((1, len(rows))), seed=(1,), engine=engine)


@pytest.mark.parametrize(
    ("engine", "scheduler", "workers", "said"),
    [
        ("local", "tcp://10.0.0.5:8786", None, "--scheduler is for Dask: add --engine dask"),
        ("local", None, 2, "--workers is for Dask: add --engine dask"),
        ("dask", "tcp://10.0.0.5:8786", 2, "leave it out with --scheduler"),
    ],
)
def test_options_that_do_not_go_together_are_bad_usage(engine, scheduler, workers, said):
    with pytest.raises(UsageError, match=said):
        Asked(engine, scheduler, workers)


def test_both_commands_ask_so_before_anything_else(predict):
    refused = predict("nowhere", "out", "--scheduler", "tcp://10.0.0.5:8786")
    assert isinstance(refused.exception, UsageError)
    assert "--scheduler is for Dask" in str(refused.exception)


def test_a_file_has_no_partitions_to_share_out(predict):
    refused = predict("patients.parquet", "out.parquet", "--engine", "dask")
    assert isinstance(refused.exception, UsageError)
    assert "--engine dask is for folders: give --in a folder of Parquet files" in str(refused.exception)


@pytest.mark.slow
def test_a_part_that_ends_every_worker_is_given_up_with_a_reason(start_cluster):
    with start_cluster(1) as cluster, of_scheduler(cluster.scheduler_address, None) as engine:
        said = pytest.raises(AcrcastError, match="ended its worker again and again, most likely for want of memory")
        with said:
            list(engine.map(lambda _, code: os._exit(code), None, [1]))
