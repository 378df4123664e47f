# %% [markdown]
# # Reading a decision curve
#
# *For the rheumatologist. Three minutes to read, no statistics needed.*
#
# A model gives each patient a probability of response. Is it of any use in deciding whom to treat? A decision curve answers
# in the clinic's own currency: responders gained, less patients treated in vain. The example is real: the patients of a
# trial who received auranofin (Lipsitz, Kim & Zhao 1994, Stat Med 13:1149).

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np

from acrcast.studies import load_study
from acrcast.validation.net_benefit import net_benefit, net_benefit_gain
from acrcast.validation.resampling import cross_validated
from acrcast_training.data.cohort import load_cohort
from acrcast_training.data.examples import example_table
from acrcast_training.fit import trial_rows

plt.style.use("./acrcast.mplstyle")
study = load_study("auranofin-ra")
cohort = load_cohort(study, table=example_table(study.key))

# %% [markdown]
# Each patient's probability comes from a fit that has not seen the patient (cross-validation). Otherwise the curve would
# flatter the model.

# %% tags=["hide-input"]
candidate = "prespecified"
found = cross_validated(trial_rows(cohort), (candidate,), folds=10, repeats=1, seed=1)[candidate]
risk = found.risk[0, cohort.treated]
responded = cohort.responded[cohort.treated].astype(float)
print(
    f"{len(risk)} patients received auranofin, {responded.sum():.0f} of them responded ({100 * responded.mean():.0f} %)."
)
print(f"Their predicted probabilities lie from {100 * risk.min():.0f} % to {100 * risk.max():.0f} %.")

# %% [markdown]
# ## First: the threshold is a judgement, not a result
#
# Suppose that you would treat a patient whose chance of response is 50 % or more. Then you hold that one patient treated in
# vain (side effects, months lost, cost) weighs as much as one responder gained. At 20 % you would accept four treated in vain
# for one responder; the treatment is mild, or nothing else is left. At 80 % you ask for four responders for each one in vain.


# %% tags=["hide-input"]
def at(threshold):
    """What becomes of 100 such patients when those at or above the threshold are treated."""
    treated = risk >= threshold
    hits, vain = (100 * np.mean(treated & (responded == outcome)) for outcome in (1, 0))
    return hits, vain, hits - vain * threshold / (1 - threshold)


for threshold in (0.2, 0.4, 0.5, 0.6):
    hits, vain, net = at(threshold)
    print(
        f"Treat from {100 * threshold:.0f} % on: of 100 patients {hits + vain:3.0f} treated, {hits:3.0f} respond, {vain:3.0f} in vain. "
        f"One in vain weighs {threshold / (1 - threshold):.2f} responders, so the net benefit is {net:5.1f}."
    )

# %% [markdown]
# ## The curve
#
# Net benefit is the last number of each line, for every threshold. Two rivals need no model at all: treat everybody, and
# treat nobody, which is 0. A model is useful at *your* threshold if its curve is above both.

# %% tags=["hide-input"]
thresholds = np.linspace(0.1, 0.8, 141)
curve = net_benefit(risk, responded, thresholds)

fig, axes = plt.subplots(figsize=(7.2, 3.8))
axes.plot(100 * thresholds, 100 * curve.model, color="black", linewidth=2.2, label="treat by the model")
axes.plot(
    100 * thresholds, 100 * curve.treat_all, color="black", linestyle="--", linewidth=1.2, label="treat everybody"
)
axes.plot(100 * thresholds, 100 * curve.treat_none, color="black", linestyle=":", linewidth=1.2, label="treat nobody")
axes.set_ylim(-12, 45)
axes.set_xlabel("Threshold: treat if the chance of response is at least, %")
axes.set_ylabel("Net benefit,\nresponders per 100 patients")
axes.legend()
plt.show()

# %% [markdown]
# ## How it is read
#
# 1. **Find your threshold first**, on the horizontal axis, before looking at the curve. Whoever looks for the place where the
#    model is best has let the data choose what a side effect is worth.
# 2. **Compare upwards.** The distance from the higher of the two rivals is what the model adds.
# 3. **At the left end treating everybody is as good.** If you would treat at nearly any chance, no model can help, and the
#    curves meet.
# 4. **A height is not a success rate.** It is responders, less what was paid for them in patients treated in vain.
#
# ## How sure is it?
#
# The gain over the better rival, with its 95 % interval. It allows for other patients, and for other fits that these would have
# made:

# %% tags=["hide-input"]
gain = net_benefit_gain(risk, responded, thresholds, rng=np.random.default_rng(1), fits=found, among=cohort.treated)

fig, axes = plt.subplots()
axes.fill_between(100 * thresholds, 100 * gain.low, 100 * gain.high, color="#d0d0d0")
axes.plot(100 * thresholds, 100 * gain.value, color="black")
axes.axhline(0, color="black", linestyle=":", linewidth=1)
axes.set_xlabel("Threshold, %")
axes.set_ylabel("Gain over the better rival,\nresponders per 100")
plt.show()

# %% tags=["hide-input"]
best, worst = np.argmax(gain.value), np.argmin(gain.value)
sure = 100 * thresholds[gain.low > 0]
print(
    f"Most:  {100 * gain.value[best]:+.1f} responders per 100 patients, at a threshold of {100 * thresholds[best]:.0f} %."
)
print(f"Least: {100 * gain.value[worst]:+.1f}, at {100 * thresholds[worst]:.0f} %: there treating everybody is better.")
print(
    f"The interval lies above 0 at {len(sure)} of {len(thresholds)} thresholds, between {sure.min():.0f} and {sure.max():.0f} %."
    if len(sure)
    else "The interval holds 0 at every threshold."
)

# %% [markdown]
# ## What to take home
#
# - A decision curve asks whether a model changes decisions for the better, in units that can be argued about.
# - Here a model of one question, "how are you?", helps a little where one in vain and one responder weigh about alike. Far
#   from there it helps nobody, and at some thresholds it does harm.
# - It says nothing of patients unlike these, and nothing of whether auranofin is better than placebo for a given patient: that
#   is the *benefit*, a difference between arms, and a harder question
#   ([what small trials can teach](what_small_trials_teach.py)).
#
# `acrcast evaluate` prints these figures for any model on new patients, and the report draws them.
