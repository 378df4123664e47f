# %% [markdown]
# # Everybody counts: the trial of low-dose interleukin-2, told twice
#
# *For the rheumatologist and the statistician. Two minutes to read.*
#
# In 2022 a trial reported that low-dose interleukin-2 with methotrexate does better than methotrexate alone in active
# rheumatoid arthritis ([Zhang 2022](https://doi.org/10.1038/s41392-022-00887-2)). The rates that it reports are those of the
# patients who completed it. This page counts everybody who was randomised, and then asks a simulator what to believe.

# %% tags=["hide-input"]
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from acrcast.studies.ld_il2_ra import STUDY
from acrcast.validation.rates import difference_of_rates, response_rate
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.simulator import SimulationOptions, simulate, write
from acrcast_training.data.simulator.published import CONTROL_RESULT, TREATED_RESULT

plt.style.use("./acrcast.mplstyle")
ARMS = {"methotrexate alone": CONTROL_RESULT, "with low-dose IL-2": TREATED_RESULT}

# %% [markdown]
# ## Who was counted
#
# The published counts, and what becomes of them:

# %% tags=["hide-input"]
for name, arm in ARMS.items():
    print(f"{name}: {arm.randomised} randomised, {arm.completed} completed, {100 * arm.withdrawal:.0f} % withdrew")
    for week, responders in arm.acr20.items():
        print(
            f"   ACR20 at week {week}: {responders} responders, {100 * arm.per_protocol(week):.1f} % of those who completed, "
            f"{100 * arm.intention_to_treat(week):.1f} % of those randomised"
        )


# %% [markdown]
# Withdrawal was not alike: about a quarter of the treated arm left, and hardly anybody of the other. The reasons were not
# reported. Whoever is not there at week 24 has no ACR20 to be counted, and there are two ways to go on:
#
# - **per protocol**: leave out who left. The two groups that are then compared are no longer the ones that chance made.
# - **non-responder imputation (NRI)**: who left did not respond. Everybody who was randomised counts, in the arm that
#   chance gave. It is strict, and it asks what the treatment does for those to whom it is given.


# %% tags=["hide-input"]
def differences(week):
    """Treated less control, per protocol and with everybody, with Newcombe's 95 % intervals."""
    of = {
        "per protocol": lambda arm: response_rate(arm.acr20[week], arm.completed),
        "everybody (NRI)": lambda arm: response_rate(arm.acr20[week], arm.randomised),
    }
    return {name: difference_of_rates(rate(TREATED_RESULT), rate(CONTROL_RESULT)) for name, rate in of.items()}


found = {(week, name): value for week in (12, 24) for name, value in differences(week).items()}

fig, axes = plt.subplots()
for row, ((_, name), value) in enumerate(found.items()):
    fill = "black" if name.startswith("everybody") else "white"
    axes.plot([100 * value.low, 100 * value.high], [row, row], color="black")
    axes.plot(100 * value.value, row, "o", color="black", markerfacecolor=fill)
    axes.annotate(
        f"{100 * value.value:+.0f}", (100 * value.value, row), (0, 7), textcoords="offset points", ha="center"
    )
axes.axvline(0, color="black", linestyle=":", linewidth=1)
axes.set_yticks(range(len(found)), [f"week {week}, {name}" for week, name in found])
axes.invert_yaxis()
axes.margins(y=0.2)
axes.set_xlabel("More responders per 100 patients with low-dose IL-2 (95 % interval)")
axes.set_title("Counting everybody takes most of the difference away")
plt.show()

# %% tags=["hide-input"]
protocol, everybody = found[24, "per protocol"], found[24, "everybody (NRI)"]
print(
    f"Week 24: {100 * protocol.value:+.0f} per 100 patients by those who completed, {100 * everybody.value:+.0f} by all.\n"
    f"The interval of the second, {100 * everybody.low:+.0f} to {100 * everybody.high:+.0f}, holds harm and benefit alike."
)

# %% [markdown]
# ## Could those who left have responded?
#
# Non-responder imputation is an assumption too. How much would have to be otherwise? Let some of those who left the treated
# arm have responded after all, and leave the others as they are:

# %% tags=["hide-input"]
left = TREATED_RESULT.randomised - TREATED_RESULT.completed
control = response_rate(CONTROL_RESULT.acr20[24], CONTROL_RESULT.randomised)
tipping = [
    difference_of_rates(response_rate(TREATED_RESULT.acr20[24] + more, TREATED_RESULT.randomised), control)
    for more in range(left + 1)
]

fig, axes = plt.subplots()
for more, value in enumerate(tipping):
    axes.plot([more, more], [100 * value.low, 100 * value.high], color="black")
    axes.plot(more, 100 * value.value, "o", color="black")
axes.axhline(0, color="black", linestyle=":", linewidth=1)
axes.set_xlabel(f"Of the {left} who left the treated arm, so many had responded after all")
axes.set_ylabel("More responders per 100")
axes.set_title("The difference at week 24, were it otherwise")
plt.show()

# %% tags=["hide-input"]
enough = [more for more, value in enumerate(tipping) if value.low > 0]
print(
    f"The interval is above 0 only if {min(enough)} of the {left} who left had responded."
    if enough
    else f"Even if all {left} who left had responded, the interval would hold 0."
)

# %% [markdown]
# ## What each way of counting says when the truth is known
#
# Which one is right cannot be read from one trial. It can be read from many trials whose truth is known, because it was put
# in. The [simulator](../docs/simulator.md) makes patients like the published ones; in it, those who leave are more often those
# who would not have responded. That is an assumption, and it is said there. Here are 400 trials of 47 patients each.

# %% tags=["hide-input"]
TRIALS, PATIENTS = 400, 47
trial = simulate(SimulationOptions(patients=TRIALS * PATIENTS, seed=22))
with tempfile.TemporaryDirectory() as folder:
    baseline, visits, _ = write(trial, Path(folder))
    cohort = load_cohort(STUDY, baseline=baseline, visits=visits)

truth = (trial.truth["treated_risk"] - trial.truth["control_risk"]).mean()


def in_each_trial(counted):
    """(400,) response rate of the treated arm less that of the control arm, among those counted."""
    arms = []
    for members in (cohort.treated, ~cohort.treated):
        kept = (members & counted).reshape(TRIALS, PATIENTS)
        arms.append((kept & cohort.responded.reshape(TRIALS, PATIENTS)).sum(axis=1) / kept.sum(axis=1))
    return 100 * (arms[0] - arms[1])


per_protocol = in_each_trial(cohort.assessed)
nri = in_each_trial(np.ones(len(cohort), dtype=bool))

fig, panels = plt.subplots(2, sharex=True, sharey=True, figsize=(7.2, 4.2))
for axes, name, shown in zip(panels, ("per protocol", "everybody (NRI)"), (per_protocol, nri), strict=True):
    axes.hist(shown, np.arange(-50, 75, 5), color="#a9a9a9", edgecolor="white")
    axes.axvline(100 * truth, color="black", linestyle="--", label=f"true effect, {100 * truth:+.1f}")
    axes.axvline(shown.mean(), color="black", label=f"mean of the trials, {shown.mean():+.1f}")
    axes.set_title(name)
    axes.set_ylabel("trials")
    axes.legend(loc="upper right")
axes.set_xlabel("More responders per 100 patients, in one trial of 47")
fig.suptitle("Leaving out who left shifts the whole picture", x=0.01, ha="left", fontsize="medium")
plt.show()

# %% tags=["hide-input"]
print(f"True effect: {100 * truth:+.1f} responders per 100 patients.")
print(f"Per protocol, mean of {TRIALS} trials: {per_protocol.mean():+.1f}. Everybody: {nri.mean():+.1f}.")
print(
    f"A trial shows at least 20 more per 100: {100 * np.mean(per_protocol >= 20):.0f} % of the trials per protocol, "
    f"{100 * np.mean(nri >= 20):.0f} % with everybody."
)

# %% [markdown]
# ## What to take home
#
# - The published benefit at week 24 is carried by whom the trial lost. With everybody counted it nearly vanishes, and no one
#   can say from 47 patients whether there is one.
# - One trial of 47 is all over the place either way: chance alone moves it by tens of percentage points. A single small trial
#   with a large effect is not strong evidence of a large effect.
# - acrcast takes everybody as the primary analysis and shows per protocol beside it, never instead.
#
# Next: [what small trials can teach](what_small_trials_teach.py) about *who* benefits.
