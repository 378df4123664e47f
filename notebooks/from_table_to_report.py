# %% [markdown]
# # From a table to a report: a real trial
#
# *For the trial statistician. Three minutes to read, half a minute to run.*
#
# 302 patients with rheumatoid arthritis, auranofin against placebo (Lipsitz, Kim & Zhao 1994, Stat Med 13:1149). The table
# comes with acrcast. What follows is what `acrcast check-data`, `train` and `report` do, step by step, in Python.

# %%
import re
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from acrcast.answer import predict_patients
from acrcast.estimators.rows import TrialRows
from acrcast.studies import load_study
from acrcast.validation.calibration import calibration_curve
from acrcast.validation.rates import response_rate
from acrcast.validation.resampling import cross_validated
from acrcast_training.data.cohort import check, flow
from acrcast_training.data.examples import example_table
from acrcast_training.report import report_on
from acrcast_training.train import train, write

plt.style.use("./acrcast.mplstyle")
study = load_study("auranofin-ra")
table = example_table(study.key)

# %% [markdown]
# ## 1. Is the table in order?
#
# A check reads everything before it answers, and names file, row and column of all that is wrong. It never shows a value.

# %%
report = check(study, table=table)
print(f"{report.patients} patients, {report.problem_count} problems, {report.note_count} notes")
cohort = report.require_cohort()
for arm in flow(cohort):
    print(
        f"{arm.title}: {arm.randomised} randomised, {arm.assessed} assessed at month 5, "
        f"{arm.responders} of {arm.randomised} with a good or very good self-assessment"
    )

# %% [markdown]
# The few who were not assessed count as not responding. A model remembers which patients it learned from, by a fingerprint
# that does not depend on the order of the rows or on the format of the file:

# %%
print(cohort.fingerprint)

# %% [markdown]
# ## 2. Look before fitting
#
# The study names one measure beforehand, the patient's own assessment at baseline, from 1 (very poor) to 5 (very good). Here
# is how the arms did at each of its levels, with 95 % intervals. It is a picture to look at and not an analysis: intervals as
# wide as these allow nearly any pattern.

# %% tags=["hide-input"]

assessment = cohort.covariates.values[:, study.contract.names.index("self_assessment")]
fig, axes = plt.subplots()
for shift, name, members in ((-0.06, "Placebo", ~cohort.treated), (0.06, "Auranofin", cohort.treated)):
    for level in np.unique(assessment):
        chosen = members & (assessment == level)
        rate = response_rate(cohort.responded[chosen].sum(), chosen.sum())
        fill = "black" if name == "Auranofin" else "white"
        axes.plot([level + shift] * 2, [rate.low, rate.high], color="black", linewidth=1)
        axes.plot(
            level + shift, rate.value, "o", color="black", markerfacecolor=fill, label=name if level == 1 else None
        )
axes.set_xticks(
    np.unique(assessment), [f"{level:.0f}\n(n = {np.sum(assessment == level)})" for level in np.unique(assessment)]
)
axes.set_xlabel("Self-assessment at baseline")
axes.set_ylabel("Share responding")
axes.set_ylim(0, 1.05)
axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# ## 3. Compare, choose, validate
#
# Six candidates, from "quote the arm's response rate" to boosted trees. Each is judged on patients that it was not fitted to.
# To be quick, this page repeats the cross-validation once and draws 40 resamples; `acrcast train` takes 5 and 200, and its
# output stands in the [README](../README.md).

# %% tags=["hide-input"]
training = train(cohort, seed=1, repeats=1, resamples=40)
comparison = training.comparison

fig, axes = plt.subplots(figsize=(7.2, 3))
for row, result in enumerate(comparison.results):
    axes.plot([result.gain.low, result.gain.high], [row, row], color="black")
    fill = "black" if result.name == comparison.chosen else "white"
    axes.plot(result.gain.value, row, "o", color="black", markerfacecolor=fill)
axes.axvline(0, color="black", linestyle=":", linewidth=1)
axes.set_yticks(range(len(comparison.results)), [result.name for result in comparison.results])
axes.invert_yaxis()
axes.set_xlabel("Log loss gained over quoting the arm's response rate (95 % interval); filled: chosen")
plt.show()
print(comparison.verdict)

# %% [markdown]
# The simplest candidate within one standard error of the best is chosen. The choice itself can be luck, so that the whole
# procedure, choice included, is judged once more by nested cross-validation. Beside it stands the apparent figure, of the
# same patients that the model learned from: it flatters.

# %%
procedure, alone = training.validation.procedure, training.validation.optimism
for name, nested, apparent in (
    ("C statistic", procedure.c_statistic, alone.c_statistic.apparent),
    ("calibration slope", procedure.calibration_slope, alone.slope.apparent),
    ("log loss", procedure.log_loss, alone.log_loss.apparent),
):
    print(
        f"{name:18} to be expected {nested.value:.2f} ({nested.low:.2f} to {nested.high:.2f}), apparent {apparent:.2f}"
    )

# %% [markdown]
# ## 4. Do the risks mean what they say?
#
# Of patients with a risk of 60 %, do 60 % respond? The curve is a smooth share of responders over risks that were predicted
# without the patient; the band is of refitted curves. Where it holds the diagonal, the data do not contradict the risks.

# %% tags=["hide-input"]
rows = TrialRows.of(study, cohort.covariates, cohort.treated, cohort.responded)
risk = cross_validated(rows, (comparison.chosen,), folds=10, repeats=1, seed=1)[comparison.chosen].risk[0]
curve = calibration_curve(risk, rows.y, rng=np.random.default_rng(1))

fig, axes = plt.subplots(figsize=(4.6, 4.2))
axes.fill_between(curve.risk, curve.low, curve.high, color="#d0d0d0", label="95 % band")
axes.plot(curve.risk, curve.observed, color="black", label=f"observed ({curve.smoother})")
axes.plot([0, 1], [0, 1], color="black", linestyle=":", label="risks as they say")
axes.hist(risk, bins=np.linspace(0, 1, 41), bottom=0, weights=np.full(len(risk), 0.004), color="#6e6e6e")
axes.set_xlabel("Predicted risk of response (bars: how many patients)")
axes.set_ylabel("Share responding")
axes.set_xlim(0, 1)
axes.set_ylim(0, 1)
axes.legend(loc="upper left")
plt.show()

# %% [markdown]
# ## 5. One patient
#
# The model answers for both arms at once. The interval is of this patient's risk given what was measured, and is wide: three
# measures say little about a person.

# %%
with tempfile.TemporaryDirectory() as folder:
    trained = write(training, "auranofin-ra", Path(folder) / "model")
    page = report_on(Path(folder) / "model")
patient = cohort.covariates.rows(np.array([0]))
(prediction,) = predict_patients(trained.model, patient)
for arm in (prediction.control, prediction.treated):
    print(f"{arm.arm:10} {arm.probability:.2f} ({arm.interval[0]:.2f} to {arm.interval[1]:.2f})")
benefit = prediction.benefit
print(f"difference {benefit.difference:+.2f} ({benefit.interval[0]:+.2f} to {benefit.interval[1]:+.2f})")

# %% [markdown]
# ## 6. The report
#
# `acrcast report` writes one HTML file that needs nothing else: who was learned from, how the model was chosen, its figures
# and pictures, what may not be claimed, TRIPOD+AI item by item, and checks after PROBAST+AI. It holds no patient.

# %%
print(f"{len(page) / 1000:.0f} kB of HTML. Its parts:")
for heading in re.findall(r"<h2[^>]*>(.*?)</h2>", page, flags=re.DOTALL):
    print("  -", re.sub(r"<[^>]+>", "", heading).strip())

# %% [markdown]
# ## What to take home
#
# - What the patients say of themselves at baseline tells them apart, a little; the gain over quoting the arm's rate is real.
# - No method beats the small model that was named in advance.
# - The sample is too small for a model of everything, and the tool says by how much:

# %%
print(training.needed.verdict(len(cohort)))

# %% [markdown]
# Next: [your own study](../docs/own-study.md), and [reading a decision curve](reading_a_decision_curve.py) of this one.
