"""What a trial of n patients can teach: known truths, figures worked by hand, and runs that are stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from math import nan
from pathlib import Path

import numpy as np
import pytest

from acrcast.errors import FitError
from acrcast.estimators.candidates import CANDIDATES
from acrcast.estimators.ensemble import LogisticEnsemble
from acrcast_training.commands import operating_characteristics as command
from acrcast_training.data.simulator import SimulationOptions, simulate
from acrcast_training.fit import fit_model, trial_rows
from acrcast_training.operating_characteristics import EFFECTS, Results, Setting, TrialResult, run, run_trial, summarise
from acrcast_training.operating_characteristics import trial as judged
from acrcast_training.operating_characteristics.summary import mean, median, share
from acrcast_training.operating_characteristics.trial import Accuracy, Intervals
from acrcast_training.select import compare

SMALL = Setting(
    patients=24, effects="true", seed=1, candidates=("prevalence", "prespecified", "hierarchical"), repeats=1
)
COMMAND = ("operating-characteristics", "--patients", "24", "--candidates", "prespecified", "--repeats", "1")


def a_result(**changes):
    """A result in which only what is named matters."""
    accuracy = Accuracy(log_loss=0.7, c_statistic=0.6, calibration_slope=1.0)
    return replace(
        TrialResult(
            chosen="hierarchical",
            served=accuracy,
            rate=accuracy,
            hierarchical=accuracy,
            procedure=accuracy,
            validated=accuracy,
            c_covered=True,
            slope_covered=None,
            gain_covered=True,
            expected_gain=0.0,
            expected_covered=None,
            served_error=0.1,
            rate_error=0.1,
            control=Intervals(0.95, 0.5),
            treated=Intervals(0.95, 0.5),
            benefit=Intervals(0.95, 0.5),
            gain_above_0=False,
            interactions={"treg_percent_of_cd4": 0, "il21_pg_per_ml": 0},
        ),
        **changes,
    )


def figures_of(setting, *results):
    return {figure.name: figure for figure in summarise(setting, results).figures}


# The truth


def test_where_no_measure_matters_everybody_has_the_rate_of_the_arm():
    truth = simulate(SimulationOptions(50, 3, 0, 0, prognosis=False)).truth
    assert truth.control_risk.to_numpy() == pytest.approx(np.full(50, 13 / 24), abs=1e-9)
    assert truth.treated_risk.to_numpy() == pytest.approx(np.full(50, 13 / 23), abs=1e-9)


def test_the_first_truth_is_what_the_simulator_does_unasked():
    assert EFFECTS["true"].options(600, 1) == SimulationOptions()


def test_risks_that_are_the_truth_have_no_error_slope_1_and_its_own_c_and_log_loss():
    new = judged.NewPatients(None, np.array([0.2, 0.8]), np.array([0.5, 0.5]))
    found = judged.true_accuracy(new.both_arms, new)
    # one responder and one other expected in each arm: of the pair under control .8 is in order, of the treated one .5
    assert found.c_statistic == pytest.approx(0.65, abs=1e-12)
    assert found.calibration_slope == pytest.approx(1, abs=1e-9)
    assert found.log_loss == pytest.approx((0.5004024 + 0.6931472) / 2, abs=1e-7)
    assert judged.risk_error(new.both_arms, new) == 0


def test_the_error_is_the_mean_distance_from_the_true_risk():
    new = judged.NewPatients(None, np.array([0.2, 0.8]), np.array([0.5, 0.5]))
    assert judged.risk_error(np.array([0.5, 0.5, 0.6, 0.6]), new) == pytest.approx(0.2, abs=1e-12)


def test_a_modifier_is_found_when_its_interval_excludes_0():
    cohort = judged.simulated_cohort(simulate(SimulationOptions(24, 1)))
    model = fit_model(cohort, "prevalence", seed=1)
    members = np.zeros((200, model.terms.size))
    members[:, model.terms.interactions] = np.linspace([-1.0, -0.1], [-0.2, 1.0], 200)
    shown = replace(model, ensemble=LogisticEnsemble(model.terms, members[0], members))
    assert judged._interactions_found(shown) == {"treg_percent_of_cd4": -1, "il21_pg_per_ml": 0}


# One trial


@pytest.mark.slow
def test_a_trial_is_judged_by_what_train_does_with_it():
    setting = replace(SMALL, patients=40, candidates=tuple(CANDIDATES))
    simulator_seed, seed = setting.seeds(3)
    rows = trial_rows(judged.simulated_cohort(simulate(SimulationOptions(40, simulator_seed))))
    trained = compare(rows, seed=seed, repeats=1)
    result = run_trial(setting, 3)
    served = trained[trained.chosen]
    assert result.chosen == trained.chosen
    assert result.validated.c_statistic == pytest.approx(trained["hierarchical"].c_statistic.value, abs=1e-12)
    assert result.gain_above_0 == (served.gain.low > 0)


def test_every_trial_has_seeds_of_its_own():
    settings = [replace(SMALL, patients=n, effects=effects) for n in (24, 25) for effects in EFFECTS]
    assert len({setting.seeds(k) for setting in settings for k in range(50)}) == 300


def test_a_setting_has_its_own_name_and_the_number_of_trials_is_no_part_of_it():
    changed = [replace(SMALL, patients=25), replace(SMALL, seed=2), replace(SMALL, repeats=2), SMALL]
    assert len({setting.digest for setting in changed}) == 4
    assert replace(SMALL).digest == SMALL.digest


# Figures


def test_a_share_has_its_standard_error_and_is_never_certain():
    assert share("x", [True, True, False, False]).value == 0.5
    assert share("x", [True, True, False, False]).standard_error == pytest.approx(0.1767767, abs=1e-7)
    assert share("x", [False] * 12).value == 0
    assert share("x", [False] * 12).standard_error == pytest.approx(0.0826797, abs=1e-7)


def test_a_mean_leaves_out_the_trials_that_have_no_value():
    found = mean("x", [1.0, nan, 2.0, 3.0])
    assert (found.value, found.trials) == (2, 3)
    assert found.standard_error == pytest.approx(0.5773503, abs=1e-7)
    assert mean("x", [nan]).trials == 0


def test_a_median_is_not_moved_by_one_trial_with_a_slope_of_nothing():
    found = median("x", [0.8, nan, 1.0, -90.0, 1.1, 0.9])
    assert (found.value, found.trials) == (0.9, 5)
    # one standard error of the rank is .5 / sqrt(5) = .2236: the quantiles .2764 and .7236 of the five, R's type 7
    assert found.standard_error == pytest.approx((0.9894427 - 0.8105573) / 2, abs=1e-6)
    assert np.isnan(median("x", [nan]).value)


def test_bias_is_what_validation_says_less_what_is_true():
    said = Accuracy(log_loss=0.65, c_statistic=0.7, calibration_slope=0.8)
    found = figures_of(SMALL, a_result(procedure=said, validated=said, expected_gain=0.02))
    assert found["C, bias"].value == pytest.approx(0.1)
    assert found["hierarchical: slope, bias, median"].value == pytest.approx(-0.2)
    assert found["hierarchical: slope, bias, mean"].value == pytest.approx(-0.2)
    assert found["gain, bias"].value == pytest.approx(0.02)


def test_an_interval_covers_in_the_trials_that_have_one_and_a_truth():
    found = figures_of(SMALL, *(a_result(slope_covered=covered) for covered in (True, True, None, False)))
    assert found["hierarchical: C, interval covers"].value == 1
    covers = found["hierarchical: slope, interval covers"]
    assert (covers.value, covers.trials) == (pytest.approx(2 / 3), 3)
    assert found["hierarchical: gain, interval covers"].value == 1
    assert found["gain, interval covers"].trials == 0


def test_the_luck_of_a_winner_is_that_of_the_trials_in_which_a_model_is_served():
    said = Accuracy(log_loss=0.65, c_statistic=0.7, calibration_slope=0.8)
    found = figures_of(SMALL, a_result(), a_result(chosen="prevalence"), a_result(procedure=said))
    assert found["C, bias"].value == pytest.approx(0.1 / 3)
    assert found["C, bias where a model is served"].value == pytest.approx(0.05)


def test_a_modifier_on_the_wrong_side_is_found_falsely():
    results = [a_result(interactions={"treg_percent_of_cd4": side, "il21_pg_per_ml": 0}) for side in (-1, -1, 0, 1)]
    found = figures_of(SMALL, *results)
    assert found["Treg frequency found"].value == 0.5
    assert found["Treg frequency found falsely"].value == 0.25


def test_where_there_is_no_modifier_either_side_is_found_falsely():
    results = [a_result(interactions={"treg_percent_of_cd4": side, "il21_pg_per_ml": 0}) for side in (-1, -1, 0, 1)]
    found = figures_of(replace(SMALL, effects="none"), *results)
    assert found["Treg frequency found"].trials == 0
    assert found["Treg frequency found falsely"].value == 0.75


def test_a_trial_that_cannot_be_fitted_is_counted():
    summary = summarise(SMALL, [a_result(chosen="prevalence"), FitError("1 of 24 patients responded")])
    assert (summary.trials, summary.failed) == (2, 1)
    assert summary.figures[0].name == "chosen: prevalence"
    assert (summary.figures[0].value, summary.figures[0].trials) == (1, 1)


# What is kept


def test_what_is_kept_is_read_back_exactly(tmp_path):
    results = Results(tmp_path / "new")
    result = a_result(served=Accuracy(1 / 3, nan, nan), served_error=0.1 + 0.2)
    results.add(SMALL, 0, result)
    results.add(SMALL, 1, FitError("1 of 24 patients responded"))
    kept = results.read()
    assert repr(kept[SMALL.digest, 0]) == repr(result)
    assert str(kept[SMALL.digest, 1]) == "1 of 24 patients responded"


def test_a_torn_last_line_is_ignored_and_harms_no_line_after_it(tmp_path):
    results = Results(tmp_path)
    results.add(SMALL, 0, a_result())
    whole = results.path.read_bytes()
    results.path.write_bytes(whole + whole[:70])
    assert set(results.read()) == {(SMALL.digest, 0)}
    results.add(SMALL, 1, a_result())
    assert set(results.read()) == {(SMALL.digest, 0), (SMALL.digest, 1)}


@pytest.mark.slow
def test_more_trials_are_added_to_those_there_are_whatever_the_number_of_processes(tmp_path):
    steps = []
    first = run({SMALL: 2}, Results(tmp_path / "one"), processes=1)
    more = run({SMALL: 3}, Results(tmp_path / "one"), processes=1, progress=steps.append)
    assert steps == [2, 1]
    assert repr(more[SMALL][:2]) == repr(first[SMALL])
    at_once = run({SMALL: 3}, Results(tmp_path / "two"), processes=2)
    assert repr(at_once[SMALL]) == repr(more[SMALL])


# Runs that are stopped


class Started:
    """`acrcast operating-characteristics` under way, with many trials to do."""

    def __init__(self, workplace, trials):
        self.file = workplace.folder / "oc" / "trials.jsonl"
        arguments = (*COMMAND, "--trials", str(trials), "--processes", "2", "--out", "oc")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "acrcast.cli", *arguments],
            cwd=workplace.folder,
            env=workplace.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def wait_for_lines(self, count):
        limit = time.monotonic() + 120
        while not self.file.exists() or self.file.read_bytes().count(b"\n") < count:
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < limit
            time.sleep(0.02)

    def others_alive(self):
        """Processes of the session that still run, as Linux tells; a dead one that nobody asked after does not count."""
        alive = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, _, session = status.read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == self.process.pid and state != "Z":
                alive.append(int(status.parent.name))
        return alive

    def wait_until_all_have_ended(self):
        limit = time.monotonic() + 60
        while self.others_alive():
            assert time.monotonic() < limit
            time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_a_kill_loses_the_trials_under_way_and_no_other(workplace):
    started = Started(workplace, 500)
    started.wait_for_lines(3)
    os.kill(started.process.pid, signal.SIGKILL)
    assert started.process.wait() == -signal.SIGKILL
    started.process.stdout.close()
    started.process.stderr.close()
    started.wait_until_all_have_ended()
    lines = started.file.read_bytes().splitlines()
    kept = Results(workplace.folder / "oc").read()
    # each of two processes may have been at one trial, and one line may be torn
    assert len(kept) >= max(3, len(lines) - 1)
    before = started.file.read_bytes()
    trials = max(number for _, number in kept) + 2
    again = workplace.run(*COMMAND, "--trials", str(trials), "--out", "oc", "--json")
    assert again.returncode == 0, again.stderr
    assert started.file.read_bytes().startswith(before)
    assert len(Results(workplace.folder / "oc").read()) == trials
    whole = workplace.run(*COMMAND, "--trials", str(trials), "--out", "other", "--json")
    assert json.loads(again.stdout) == json.loads(whole.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_ctrl_c_ends_all_processes_with_one_line(workplace):
    started = Started(workplace, 500)
    started.wait_for_lines(2)
    os.killpg(started.process.pid, signal.SIGINT)
    _, told = started.process.communicate(timeout=60)
    assert started.process.returncode == 1
    assert told.strip().splitlines()[-1] == "acrcast: interrupted"
    assert "Traceback" not in told
    started.wait_until_all_have_ended()
    assert len(Results(workplace.folder / "oc").read()) >= 2


# The command


@pytest.fixture(scope="module")
def two_truths(tmp_path_factory):
    """Options of two trials of two truths, which are kept from test to test."""
    out = tmp_path_factory.mktemp("kept")
    return (*COMMAND, "--trials", "2", "--effects", "none", "--effects", "true", "--out", str(out))


def test_the_command_writes_a_column_for_each_size_and_a_table_for_each_truth(workplace, two_truths):
    done = workplace.run(*two_truths)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["true", "n", "=", "24"] in lines
    assert ["none", "n", "=", "24"] in lines
    assert lines.count(["trials", "2"]) == 2


def test_markdown_and_json_say_the_same(workplace, two_truths, documented_members):
    markdown = workplace.run(*two_truths, "--markdown").stdout
    first, second = json.loads(workplace.run(*two_truths, "--json").stdout)
    assert set(first) == documented_members["operating-characteristics"]
    assert (first["effects"], second["effects"]) == ("true", "none")
    error = first["figures"]["error of the served risk"]
    assert f"| error of the served risk | {error['value']:.3f} ({error['standard_error']:.3f}) |" in markdown
    assert "Treg frequency found" not in second["figures"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--patients", "24", "--trials", "2", "--trials", "3"), "once for all or once for each --patients"),
        (("--patients", "24", "--patients", "24"), "give each --patients once"),
        (("--patients", "24", "--json", "--markdown"), "not both"),
    ],
)
def test_options_that_make_no_sense_together_are_bad_usage(workplace, arguments, message):
    done = workplace.run("operating-characteristics", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_the_help_names_the_candidates_and_truths_that_there_are():
    assert tuple(CANDIDATES) == command.CANDIDATES
    assert tuple(EFFECTS) == command.EFFECTS
