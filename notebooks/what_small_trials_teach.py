# %% [markdown]
# # What a small trial can teach
#
# *For the statistician who plans a trial, and for whoever reads one. Three minutes to read.*
#
# A trial of 47 patients measured a dozen things at baseline. Can it say who will respond, or who benefits? The honest way to
# find out is to make trials whose truth is known, and to hold what the whole procedure says against it. This page does that
# for 20 trials while you wait, and then reads the table of
# [operating characteristics](../docs/operating-characteristics.md), which took hours.

# %% tags=["hide-input"]
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from acrcast_training.operating_characteristics import EFFECTS, Setting, run_trial

plt.style.use("./acrcast.mplstyle")

# %% [markdown]
# ## Twenty trials of 47 patients
#
# Each is simulated with effects that are really there: measures go with response, and two of them modify what the treatment
# does. Each goes through what `acrcast train` does (three candidates here, to be quick). What cross-validation then says of
# the model of all measures is compared with the truth, on 3,000 new patients whose true risks are known.

# %% tags=["hide-input"]
setting = Setting(
    patients=47, effects="true", seed=1, candidates=("prevalence", "prespecified", "hierarchical"), repeats=1
)
trials = [run_trial(setting, number) for number in range(20)]

said = np.array([trial.validated.c_statistic for trial in trials])
true = np.array([trial.hierarchical.c_statistic for trial in trials])
order = np.argsort(said)

fig, axes = plt.subplots(figsize=(7.2, 3.8))
for row, i in enumerate(order):
    axes.plot([said[i], true[i]], [row, row], color="#a9a9a9", linewidth=1)
axes.plot(
    said[order], range(len(order)), "o", color="black", markerfacecolor="white", label="as validated in the trial"
)
axes.plot(true[order], range(len(order)), "o", color="black", label="true, in new patients")
axes.axvline(0.5, color="black", linestyle=":", linewidth=1)
axes.set_yticks([])
axes.set_ylabel(f"{len(trials)} trials of {setting.patients} patients")
axes.set_xlabel("C statistic of the model of all measures (0.5: chance)")
axes.legend(loc="lower right")
axes.set_title("A validated figure of 47 patients says hardly anything about the model")
plt.show()

# %% tags=["hide-input"]
print(f"As validated: from {said.min():.2f} to {said.max():.2f}. True: from {true.min():.2f} to {true.max():.2f}.")
print(f"Mean of the differences: {np.mean(said - true):+.2f}; typical size: {np.mean(np.abs(said - true)):.2f}.")
served = pd.Series([trial.chosen for trial in trials]).value_counts()
print("Served:", ", ".join(f"{name} in {count}" for name, count in served.items()))

# %% [markdown]
# The validation is not wrong: over many trials it is right on average, since it judges each patient by a fit that has not
# seen the patient. It is *noisy*, and no method can help that. A single trial of this size that reports a C statistic of
# .75 reports luck as much as anything. That is why acrcast serves the arm's response rate where nothing clearly beats it.
#
# ## How many patients does it take?
#
# The same, with many more trials of each size. The figures are read from the page, where their standard errors stand too.

# %% tags=["hide-input"]
page = Path("../docs/operating-characteristics.md").read_text(encoding="utf-8")


def table(effects):
    """The page's table for one truth: a row for each figure, a column for each number of patients; NaN where there is none."""
    found = re.search(rf"^\| {effects} \|.*?(?=^[^|])", page, flags=re.DOTALL | re.MULTILINE)
    head, _, *lines = ([cell.strip() for cell in line.strip("|").split("|")] for line in found[0].strip().splitlines())
    cells = {
        line[0]: [float(cell.split()[0].replace(",", "")) if cell != "-" else np.nan for cell in line[1:]]
        for line in lines
    }
    return pd.DataFrame(cells, index=[int(size.removeprefix("n = ")) for size in head[1:]]).T


tables = {effects: table(effects) for effects in EFFECTS}
tables["true"].loc[["trials", "chosen: prevalence", "error of the served risk", "error of the arm's rate"]]

# %% tags=["hide-input"]
titles = {"true": "effects and modifiers", "no-modifiers": "effects, no modifiers", "none": "nothing to find"}
fig, panels = plt.subplots(1, 3, sharey=True, figsize=(8.4, 3.2))
for axes, (effects, found) in zip(panels, tables.items(), strict=True):
    axes.plot(found.columns, found.loc["error of the served risk"], "o-", color="black", label="what is served")
    axes.plot(
        found.columns,
        found.loc["error of the arm's rate"],
        "o--",
        color="black",
        markerfacecolor="white",
        label="the rate",
    )
    axes.set_xscale("log")
    axes.set_xticks(found.columns, [f"{n}" for n in found.columns])
    axes.minorticks_off()
    axes.set_title(titles[effects])
    axes.set_xlabel("Patients of the trial")
panels[0].set_ylim(bottom=0)
panels[0].set_ylabel("Mean error of the risk")
panels[0].legend(loc="lower left")
plt.show()

# %% tags=["hide-input"]
small, large = tables["true"].columns[[0, -1]]
error = tables["true"].loc[["error of the served risk", "error of the arm's rate"]]
for size in (small, large):
    print(
        f"{size} patients, effects and modifiers: a served risk is off by {error[size].iloc[0]:.3f} on average, "
        f"the arm's rate by {error[size].iloc[1]:.3f}."
    )

# %% [markdown]
# Where there is something to find, a large trial finds it. A small one does little harm, because it mostly serves the rate:
# what it loses is the price of the few trials in which luck was taken for a model. Where there is nothing to find, what is
# served comes to the rate.
#
# ## And who *benefits*?
#
# An effect modifier is harder than a predictor: it is a difference of differences. Here is how often a true one of a size
# that would matter is found, in the sense that its 95 % interval excludes no modification.

# %% tags=["hide-input"]
fig, axes = plt.subplots()
for name, style in (("Treg frequency found", "o-"), ("Serum IL-21 found", "s--")):
    axes.plot(tables["true"].columns, tables["true"].loc[name], style, color="black", label=name.removesuffix(" found"))
axes.set_xscale("log")
axes.set_xticks(tables["true"].columns, [f"{n}" for n in tables["true"].columns])
axes.minorticks_off()
axes.set_ylim(-0.02, 1.02)
axes.set_xlabel("Patients of the trial")
axes.set_ylabel("Share of trials that find it")
axes.legend()
plt.show()

# %% tags=["hide-input"]
power = tables["true"].loc[["Treg frequency found", "Serum IL-21 found"]]
print(
    f"With {small} patients: {100 * power[small].iloc[0]:.0f} % and {100 * power[small].iloc[1]:.0f} % of the trials."
)
print(f"With {large} patients: {100 * power[large].iloc[0]:.0f} % and {100 * power[large].iloc[1]:.0f} %.")

# %% [markdown]
# ## What to take home
#
# - 47 patients can say whether the treatment works on average, roughly. They cannot say for whom.
# - A model fitted to them anyway looks better or worse than it is, by chance, and nobody can tell which.
# - Plan for several hundred patients, name few modifiers beforehand, or pool trials.
#
# Before a trial is run: `acrcast sample-size` for the rules of thumb, and `acrcast operating-characteristics` for this page
# with your own numbers.
