"""False alarms of `acrcast monitor` when nothing is wrong, and how long it takes to notice what is.

Run from the project's root, in its environment: python -m benchmarks.monitoring [--write]. Seeded: the same table each time.
--write puts it into docs/monitoring.md. It takes some minutes.

The released model is watched for two years, with a look every week, by the rules that `acrcast monitor` has by default. Patients
come from the simulator that its training data came from; outcomes are drawn from the served risks, or from what a change makes of
them. A false alarm is any line crossed in two years, of any measure, however small what differs.
"""

import argparse
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from acrcast import artefact
from acrcast.answer import support_of
from acrcast.arrays import Bools, Floats, Integers
from acrcast.contract import Covariates
from acrcast.estimators.normal import expit, logit
from acrcast.monitoring.calibration import by_spread, on_the_whole
from acrcast.monitoring.shares import above_rate
from acrcast.response_model import DEFAULT_LEVEL, ResponseModel
from acrcast.support import EDGE_RATE, OUTSIDE_RATE
from acrcast.validation.calibration import calibration_intercept
from acrcast.watching.measures import compared
from acrcast.watching.signals import Rules, Signal, signal
from acrcast_training.data.simulator.baseline import enrol
from acrcast_training.data.simulator.recording import record

WEEKS, CHANGE = 104, 52
PER_WEEK = (2, 5, 20)
POOL = 8000
RUNS, RUNS_OF_CHANGES = 400, 100
FEWEST_FOR_INTERVAL = 20
PAGE = Path(__file__).resolve().parent.parent / "docs" / "monitoring.md"
TABLE = re.compile(r"(<!-- false-alarms -->\n)(.*?)(<!-- end of false-alarms -->)", re.DOTALL)


@dataclass(frozen=True, eq=False)
class Pool:
    """Patients to draw from, judged once. risk: (n,) served in the own arm."""

    covariates: Covariates
    treated: Bools
    risk: Floats
    support: Integers


@dataclass(frozen=True, eq=False)
class World:
    """The model, its patients as they were, and as they are once something changed in what is sent."""

    model: ResponseModel
    rules: Rules
    usual: Pool
    changed: Mapping[str, Pool]

    def drawn(self, per_week: int, pool: Pool, random: np.random.Generator) -> "Stream":
        week = np.repeat(np.arange(WEEKS), per_week)
        return Stream(week, random.integers(len(pool.risk), size=len(week)))


@dataclass(frozen=True, eq=False)
class Stream:
    """week: (n,). which: (n,) positions in the pool."""

    week: Integers
    which: Integers


def world() -> World:
    model = artefact.load(artefact.RELEASED)
    random = np.random.default_rng(20_260_101)
    covariates = record(enrol(POOL, random), missing=True, random=random)
    treated = random.random(POOL) < 0.5
    usual = pool_of(model, covariates, treated)
    names = model.study.contract.names
    crp, il21 = names.index("crp_mg_per_l"), names.index("il21_pg_per_ml")
    wrong_unit, not_sent = covariates.values.copy(), covariates.values.copy()
    wrong_unit[:, crp] /= 10
    not_sent[:, il21] = np.nan
    changed = {
        "unit": pool_of(model, replace(covariates, values=wrong_unit), treated),
        "gap": pool_of(
            model, replace(covariates, values=not_sent, below=covariates.below & ~np.isnan(not_sent)), treated
        ),
        "severe": severe(model, usual),
    }
    return World(model, Rules(), usual, changed)


def pool_of(model: ResponseModel, covariates: Covariates, treated: Bools) -> Pool:
    Z, below = model.standardise(covariates)
    risks = model.risks_of(Z, below, DEFAULT_LEVEL)
    risk = np.where(treated, risks.treated.probability, risks.control.probability)  # type: ignore[union-attr]
    order = {"inside": 0, "edge": 1, "outside": 2}
    support = np.array([order[judged.status] for judged in support_of(model, covariates, Z)])
    return Pool(covariates, treated, risk, support)


def severe(model: ResponseModel, pool: Pool) -> Pool:
    """The half of the patients with more swollen joints."""
    swollen = pool.covariates.values[:, model.study.contract.names.index("swollen_joint_count_28")]
    rows = np.flatnonzero(swollen > np.median(swollen))
    return Pool(pool.covariates.rows(rows), pool.treated[rows], pool.risk[rows], pool.support[rows])


def outcome_signals(world: World, week: Integers, pool: Pool, which: Integers, y: Floats) -> Iterator[Signal]:
    model, risk = world.model, pool.risk[which]
    study = model.study
    rates = model.averages[study.control or ""].mean(), model.averages[study.treated.key].mean()
    centre = logit(np.where(pool.treated[which], rates[1], rates[0]))
    day = 7 * week + 1
    yield signal("MON001", on_the_whole(day, risk, y, world.rules.tolerance), world.rules)
    yield signal("MON002", by_spread(day, risk, y, centre, world.rules.slopes), world.rules)


def input_signals(world: World, week: Integers, covariates: Covariates, support: Integers) -> Iterator[Signal]:
    trained_on = world.model.card["training_data"]["patients"]
    day = 7 * week + 1
    yield signal("MON003", above_rate(day, support > 0, EDGE_RATE, trained_on), world.rules)
    yield signal("MON004", above_rate(day, support > 1, OUTSIDE_RATE, trained_on), world.rules)
    measures = list(compared(world.model, covariates, day, trained_on, DEFAULT_LEVEL))
    values = [found.of_values for found in measures if found.of_values is not None]
    missing = [found.of_missing for found in measures if found.of_missing is not None]
    yield from (signal("MON005", evidence, world.rules, among=len(values)) for evidence in values)
    yield from (signal("MON006", evidence, world.rules, among=len(missing)) for evidence in missing)


def first_week(signals: Iterator[Signal]) -> tuple[float, str]:
    """The first week in which a line was crossed, and of which code; infinity when none was."""
    crossed = [(date.fromisoformat(s.crossed).toordinal() // 7, s.code) for s in signals if s.crossed is not None]
    return min(crossed, default=(np.inf, ""))


def null_row(world: World, per_week: int) -> tuple[float, float, float]:
    """Shares of runs with a false alarm: by outcomes, by inputs, and by a weekly look at an ordinary interval."""
    found = np.zeros((RUNS, 3))
    for run in range(RUNS):
        random = np.random.default_rng([1, per_week, run])
        stream, pool = world.drawn(per_week, world.usual, random), world.usual
        risk = pool.risk[stream.which]
        y = (random.random(len(risk)) < risk).astype(float)
        found[run, 0] = np.isfinite(first_week(outcome_signals(world, stream.week, pool, stream.which, y))[0])
        covariates, support = pool.covariates.rows(stream.which), pool.support[stream.which]
        found[run, 1] = np.isfinite(first_week(input_signals(world, stream.week, covariates, support))[0])
        found[run, 2] = any(excludes_0(risk[:n], y[:n]) for n in range(per_week, len(y) + 1, per_week))
    by_outcomes, by_inputs, ordinary = found.mean(axis=0)
    return float(by_outcomes), float(by_inputs), float(ordinary)


def excludes_0(risk: Floats, y: Floats) -> bool:
    if min(y.sum(), len(y) - y.sum()) < FEWEST_FOR_INTERVAL:
        return False
    estimate = calibration_intercept(risk, y)
    return estimate.low > 0 or estimate.high < 0


def by_outcomes(shift: float, slope: float, since: int) -> Callable[[World, int, int], float]:
    """Weeks until noticed, of one run in which log-odds become shift + centre + slope x distance."""

    def run(world: World, per_week: int, number: int) -> float:
        random = np.random.default_rng([2, per_week, number])
        stream, pool = world.drawn(per_week, world.usual, random), world.usual
        log_odds = logit(pool.risk[stream.which])
        middle = float(log_odds.mean())
        true = np.where(stream.week >= since, shift + middle + slope * (log_odds - middle), log_odds)
        y = (random.random(len(true)) < expit(true)).astype(float)
        week, _ = first_week(outcome_signals(world, stream.week, pool, stream.which, y))
        return week - since + 1

    return run


def by_inputs(what: str) -> Callable[[World, int, int], float]:
    """Weeks until noticed, of one run in which other patients, or others' values, come from the change on."""

    def run(world: World, per_week: int, number: int) -> float:
        random = np.random.default_rng([3, per_week, number])
        before, after = world.drawn(per_week, world.usual, random), world.drawn(per_week, world.changed[what], random)
        old, new = before.week < CHANGE, after.week >= CHANGE
        usual, changed = world.usual, world.changed[what]
        parts = usual.covariates.rows(before.which[old]), changed.covariates.rows(after.which[new])
        covariates = Covariates.joined(parts)
        support = np.concatenate([usual.support[before.which[old]], changed.support[after.which[new]]])
        week, _ = first_week(input_signals(world, before.week, covariates, support))
        return week - CHANGE + 1

    return run


CHANGES: Mapping[str, tuple[int, Callable[[World, int, int], float]]] = {
    "Risks too high by 0.5 in log-odds (12 points at 50 %), from the first day": (0, by_outcomes(-0.5, 1, 0)),
    "Risks too high by 0.5, from the second year on": (CHANGE, by_outcomes(-0.5, 1, CHANGE)),
    "Risks too high by 1 (23 points), from the second year on": (CHANGE, by_outcomes(-1, 1, CHANGE)),
    "Risks say nothing any more (slope 0), from the second year on": (CHANGE, by_outcomes(0, 0, CHANGE)),
    "CRP sent in mg/dL, from the second year on": (CHANGE, by_inputs("unit")),
    "IL-21 no longer sent, from the second year on": (CHANGE, by_inputs("gap")),
    "Only the half with more swollen joints, from the second year on": (CHANGE, by_inputs("severe")),
}


def table() -> str:
    """Markdown: a row for each thing that may be so, a column for each number of patients a week."""
    here = world()
    nulls = [null_row(here, per_week) for per_week in PER_WEEK]
    rows = [
        ("Nothing is wrong: any false alarm in two years, by outcomes", *(percent(null[0]) for null in nulls)),
        ("Nothing is wrong: any false alarm in two years, by inputs", *(percent(null[1]) for null in nulls)),
        (
            "The same by an ordinary 95 % interval of the intercept, looked at weekly",
            *(percent(null[2]) for null in nulls),
        ),
    ]
    for title, (since, run) in CHANGES.items():
        found = [np.array([run(here, per_week, number) for number in range(RUNS_OF_CHANGES)]) for per_week in PER_WEEK]
        rows.append((title, *(delay(weeks, since) for weeks in found)))
    lines = [("", *(f"{per_week} patients a week" for per_week in PER_WEEK)), ("---", *["---:"] * len(PER_WEEK)), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def delay(weeks: Floats, since: int) -> str:
    """Median weeks, and the share noticed within the two years where not all are. An alarm before the change is none."""
    weeks = np.where(weeks < 1, np.inf, weeks)
    noticed = float(np.isfinite(weeks).mean())
    middle = float(np.median(weeks))
    unit = "week" if middle == 1 else "weeks"
    said = f"{middle:.0f} {unit}" if np.isfinite(middle) else f"over {WEEKS - since} weeks"
    return said if noticed == 1 else f"{said}; {100 * noticed:.0f} % noticed"


def shown() -> str:
    """The table as docs/monitoring.md shows it."""
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{PAGE}: no false-alarms")
    return found[2].strip() + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table into docs/monitoring.md")
    written = table()
    print(written)
    if parser.parse_args().write:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(TABLE.sub(lambda part: f"{part[1]}\n{written}\n{part[3]}", page), encoding="utf-8")


if __name__ == "__main__":
    main()
