# %% [markdown]
# # Calling the service
#
# *For the integration engineer. Three minutes to read.*
#
# This page starts `acrcast serve` on a free port, asks it for predictions over HTTP as a record system would, and looks at
# what comes back: the numbers, what goes with them, and what an error says. The model is the one that ships. It was trained
# on simulated patients, and every answer says so.

# %%
import os
import socket
import subprocess
import sys
import tempfile
import time

import httpx
import matplotlib.pyplot as plt

plt.style.use("./acrcast.mplstyle")

# %% [markdown]
# ## Start it, and wait until it is ready
#
# On a shell it is `acrcast serve --port 8000`. A server that only this machine can reach needs no key; any other refuses to
# start without one ([security](../docs/security.md)). `/health/ready` says when it answers.

# %%
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]
state = tempfile.TemporaryDirectory()
server = subprocess.Popen(
    [sys.executable, "-m", "acrcast.cli", "serve", "--port", str(port)],
    env=os.environ | {"ACRCAST_STATE": state.name},
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10)


def ready(within=60):
    """Waits for the server; raises TimeoutError when it does not become ready."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.ConnectError:
            time.sleep(0.1)
    raise TimeoutError("the server did not become ready")


ready()
model = client.get("/model").json()["model"]
print(model["name"], model["version"], "trained on", model["training_data"], "data")

# %% [markdown]
# ## One patient
#
# A flat object: names carry their unit, and what was not measured is left out or null. Only four fields are required
# ([all fields](../docs/fields.md)). `Subject-Reference` is your own pseudonym of the patient. It stays in the audit, and
# what was recorded under it can be erased together.

# %%
patient = {"age_years": 54, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9}
response = client.post("/predict", json=patient, headers={"Subject-Reference": "study-0042"})
answer = response.raise_for_status().json()
for arm in ("control", "treated"):
    low, high = answer[arm]["interval"]
    print(f"{answer[arm]['arm']:12} {answer[arm]['probability']:.2f}, interval {low:.2f} to {high:.2f}")
low, high = answer["benefit"]["interval"]
print(f"{'difference':12} {answer['benefit']['difference']:+.2f}, interval {low:+.2f} to {high:+.2f}")

# %% [markdown]
# A probability never travels alone. Show these with it, wherever you show it:

# %%
print("Intended use:", answer["intended_use"])
for caution in answer["cautions"]:
    print("Caution:", caution)
print("Patient against the training data:", answer["support"]["status"])
print("Model:", answer["model"]["digest"][:23], "...")

# %% [markdown]
# ## What was not measured
#
# Measures that are missing are averaged over, so that the interval widens. The answer says what each is expected to be worth.
# Here is the treated arm's interval as more is measured:

# %% tags=["hide-input"]
measured = [
    ("required only", {}),
    ("+ ESR, CRP", {"esr_mm_per_h": 38, "crp_mg_per_l": 12.4}),
    ("+ globals, pain, HAQ", {"patient_global_mm": 62, "physician_global_mm": 58, "pain_mm": 65, "haq_di": 1.5}),
    ("+ Treg frequency", {"treg_percent_of_cd4": 4.1, "treg_gating": "CD25+FoxP3+"}),
    ("+ IL-21", {"il21_pg_per_ml": 88.0, "il21_assay": "ELISA"}),
]
answers, known = [], dict(patient)
for _, more in measured:
    known |= more
    answers.append(client.post("/predict", json=known).raise_for_status().json())

fig, axes = plt.subplots()
for row, each in enumerate(answers):
    low, high = each["treated"]["interval"]
    axes.plot([low, high], [row, row], color="black")
    axes.plot(each["treated"]["probability"], row, "o", color="black")
axes.set_yticks(range(len(measured)), [name for name, _ in measured])
axes.invert_yaxis()
axes.set_xlim(0, 1)
axes.set_xlabel(f"Probability of {answers[0]['endpoint']} with low-dose IL-2, and its 95 % interval")
plt.show()

# %%
for missing in sorted(answer["missing"], key=lambda one: one["expected_interval_width_if_measured"])[:3]:
    print(
        f"{missing['label']}: the interval is {missing['interval_width']:.2f} wide, and would be expected to be "
        f"{missing['expected_interval_width_if_measured']:.2f} with it"
    )

# %% [markdown]
# ## What an error says
#
# Errors are problem details (RFC 9457): a stable `type`, and for each field what was expected. They never repeat a value that
# was sent, so that they can be logged.

# %%
wrong = client.post("/predict", json=patient | {"tender_joint_count_28": 40, "crp": 12.4})
print(wrong.status_code, wrong.headers["content-type"], wrong.json()["type"])
for error in wrong.json()["errors"]:
    print(f"  {error['field']}: {error['message']}")

# %% [markdown]
# ## Asking twice
#
# A client whose connection broke cannot know whether it was answered. With an `Idempotency-Key` the same request gets the same
# answer, byte for byte, and is recorded once:

# %%
key = {"Idempotency-Key": "visit-2026-05-05"}
first, again = (client.post("/predict", json=patient, headers=key) for _ in range(2))
print("the same bytes:", first.content == again.content)

# %% [markdown]
# ## And afterwards
#
# Weeks later, say what happened. It is how a model is watched, and how it gets better:

# %%
outcome = {
    "prediction_id": answer["prediction_id"],
    "responded": True,
    "observed_on": "2026-05-05",
    "source": "registry",
}
recorded = client.post("/outcomes", json=outcome).raise_for_status()
print("recorded, revision", recorded.json()["revision"])

# %%
client.close()
server.terminate()
server.wait(timeout=30)
state.cleanup()

# %% [markdown]
# Next: [many patients in one request](../docs/api.md), [keys and scopes](../docs/security.md),
# [what the audit keeps](../docs/audit.md), [running a server](../docs/running.md). The server's own page at `/docs` has every
# address with its fields.
