"""Becoming champion, in a real MLflow store: refused, overridden on record, passed, and what readers of the card then see."""

import asyncio
import json
from dataclasses import dataclass, replace

import httpx
import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from acrcast import artefact
from acrcast.errors import ArtefactError
from acrcast.studies import load_study
from acrcast_service.app import create_app
from acrcast_service.model_store import load_model
from acrcast_service.settings import Settings
from acrcast_training import pyfunc_model
from acrcast_training.data.cohort import load_cohort
from acrcast_training.fit import fit_model
from acrcast_training.models import local_folder, open_model
from acrcast_training.promote import judge_registered, make_champion
from acrcast_training.provenance import provenance
from acrcast_training.report import report_on
from acrcast_training.tracking.registry import PROMOTION
from acrcast_training.tracking.runs import signature

CLEAN = 4 * "0123456789"
REASON = "for a comparison in silent mode"
CHAMPION = "models:/gated@champion"


@dataclass(frozen=True)
class Registry:
    """A registered model `gated` with a version of each kind, by name, and commands on it."""

    versions: dict[str, str]
    trained: object

    def promote(self, version, *options):
        return self.trained.run("promote", "gated", self.versions[version], *options)

    def make_champion(self, version, reason=None, *, override=False):
        """The same in this process."""
        judged = judge_registered("gated", int(self.versions[version]), reason=reason)
        make_champion(judged, override=override)
        return judged

    @property
    def client(self):
        return MlflowClient(self.trained.environment["MLFLOW_TRACKING_URI"])

    @property
    def champion(self):
        """Version number of the champion; None when there is none."""
        try:
            return str(self.client.get_model_version_by_alias("gated", "champion").version)
        except MlflowException:
            return None


def card_of(model, gain, slope):
    figures = {"gain_over_prevalence": gain, "calibration_slope": slope}
    validation = model.card["validation"]
    return {**model.card, "validation": {**validation, "procedure": {**validation["procedure"], "figures": figures}}}


@pytest.fixture(scope="module")
def registry(trained, tmp_path_factory):
    study = load_study("ld-il2-ra")
    trial = trained.folder / "trial"
    cohort = load_cohort(study, baseline=trial / "baseline.csv", visits=trial / "visits.csv")
    whole = artefact.load(trained.folder / "model")
    rate, hierarchical = (fit_model(cohort, name, seed=1, card=whole.card) for name in ("prevalence", "hierarchical"))
    gain, slope = {"value": 0.05, "interval": [0.01, 0.09]}, {"value": 1.1, "interval": [0.9, 1.2]}
    worse, timid = {"value": -0.02, "interval": [-0.07, 0.03]}, {"value": 1.6, "interval": [0.9, 2.4]}
    made = {
        "the response rate": (rate, CLEAN),
        "poor": (replace(hierarchical, card=card_of(whole, worse, timid)), CLEAN),
        "good": (replace(hierarchical, card=card_of(whole, gain, slope)), CLEAN),
        "of unknown code": (replace(rate, evidence=whole.evidence), "unknown"),
    }
    mlflow.set_tracking_uri(trained.environment["MLFLOW_TRACKING_URI"])
    mlflow.set_experiment(study.key)
    versions = {}
    for name, (model, revision) in made.items():
        folder = tmp_path_factory.mktemp("made") / "model"
        artefact.save(model, replace(provenance(cohort, "gated", 1), code_revision=revision), folder)
        versions[name] = str(
            mlflow.pyfunc.log_model(
                name="model",
                python_model=pyfunc_model.__file__,
                artifacts={"model": str(folder)},
                signature=signature(study),
                pip_requirements=["acrcast[training]"],
                registered_model_name="gated",
            ).registered_model_version
        )
    return Registry(versions, trained)


@pytest.fixture
def in_store(registry, monkeypatch):
    """The store in the environment of this process, for what opens models in it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", registry.trained.environment["MLFLOW_TRACKING_URI"])
    return registry


def served_card(uri):
    app = create_app(Settings(), load_model(Settings(model=uri)))

    async def asked():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://acrcast.test") as client:
            return (await client.get("/model/card")).json()

    return asyncio.run(asked())


def test_a_refusal_exits_with_4_names_each_gate_and_its_miss_and_changes_nothing(registry):
    before = registry.champion
    done = registry.promote("poor")
    assert done.returncode == 4
    assert done.stderr == (
        f"acrcast: gated version {registry.versions['poor']} is not made champion. "
        "GATE001 (Beats the response rate) corrected gain in log loss -0.020 (-0.070 to +0.030): "
        "the interval reaches 0.070 below 0; "
        "GATE002 (Calibration slope within limits) corrected calibration slope 1.60 (0.90 to 2.40): "
        "0.35 above 1.25: risks are too cautious. "
        "To make it champion all the same, on record: --override --reason TEXT\n"
    )
    assert registry.champion == before
    assert PROMOTION not in registry.client.get_model_version("gated", registry.versions["poor"]).tags


@pytest.mark.parametrize("options", [("--override",), ("--override", "--reason", "  ")])
def test_an_override_needs_a_reason(registry, options):
    before = registry.champion
    done = registry.promote("poor", *options)
    assert done.returncode == 2
    assert done.stderr == "acrcast: --override needs --reason TEXT: it is recorded and shown with the model\n"
    assert registry.champion == before


def test_only_the_champion_has_gates(registry):
    assert registry.promote("poor", "--alias", "challenger").returncode == 0
    done = registry.promote("poor", "--alias", "challenger", "--override", "--reason", REASON)
    assert done.returncode == 2
    assert done.stderr == "acrcast: --override: only champion has gates, challenger has none\n"


def test_an_override_is_recorded_in_mlflow_and_seen_on_the_card_and_in_every_answer(in_store):
    done = in_store.promote("poor", "--override", "--reason", REASON)
    assert done.returncode == 0, done.stderr
    assert f"Overridden: GATE001, GATE002. Reason, on record and on the model's card: {REASON}" in done.stdout
    assert in_store.champion == in_store.versions["poor"]
    tags = in_store.client.get_model_version("gated", in_store.versions["poor"]).tags
    assert tags["gates_overridden"] == "GATE001, GATE002"
    assert json.loads(tags[PROMOTION])["reason"] == REASON

    shown = served_card(CHAMPION)["promotion"]
    assert shown["overridden"] == ["GATE001", "GATE002"]
    assert shown["reason"] == REASON
    assert shown["when"].endswith("Z")
    assert [gate["status"] for gate in shown["gates"]] == [
        "failed",
        "failed",
        "passed",
        "passed",
        "recorded",
        # of a model that has no champion to be compared with and is no update
        *["not applicable"] * 4,
    ]

    caution = (
        "Made champion although gates refused: GATE001 (Beats the response rate), "
        "GATE002 (Calibration slope within limits). The model's card gives the reason."
    )
    assert open_model(CHAMPION, None).cautions[0] == caution
    predicted = in_store.trained.run("predict", "--model", CHAMPION, "--in", "trial/baseline.csv", "--out", "all.csv")
    assert f"Caution: {caution}\n" in predicted.stdout


def test_the_response_rate_as_champion_needs_no_override(in_store):
    judged = in_store.make_champion("the response rate", "nothing better is known")
    assert [gate.status for gate in judged.gates] == [
        "not applicable",
        "not applicable",
        "passed",
        "passed",
        "recorded",
        # of a model that has no champion to be compared with and is no update
        *["not applicable"] * 4,
    ]
    assert in_store.champion == in_store.versions["the response rate"]
    shown = served_card(CHAMPION)["promotion"]
    assert shown["overridden"] == []
    assert not any("although gates refused" in caution for caution in open_model(CHAMPION, None).cautions)


def test_a_model_within_every_limit_passes_and_an_override_that_was_not_needed_is_none(in_store):
    assert not in_store.make_champion("good", REASON, override=True).overridden
    assert in_store.champion == in_store.versions["good"]
    assert in_store.client.get_model_version("gated", in_store.versions["good"]).tags["gates_overridden"] == "none"


def test_the_report_shows_the_gates_and_the_override(in_store):
    def reported():
        with local_folder(f"models:/gated/{in_store.versions['of unknown code']}") as folder:
            return report_on(folder)

    before = reported()
    assert "No promotion is on record" in before
    assert '<span class="status failed">failed</span></td><td>no known revision of the code; missed:' in before
    in_store.make_champion("of unknown code", "<b>it</b> is a test", override=True)
    after = reported()
    assert "Made champion although GATE004 refused." in after
    assert "&lt;b&gt;it&lt;/b&gt; is a test" in after


def test_a_version_by_number_and_the_latest_carry_their_own_record(in_store):
    in_store.make_champion("good", "the best")
    last = max(in_store.versions, key=lambda name: int(in_store.versions[name]))
    in_store.make_champion(last, "the last", override=True)
    assert open_model(f"models:/gated/{in_store.versions['good']}", None).promotion.reason == "the best"
    assert open_model("models:/gated/latest", None).promotion.reason == "the last"


def test_a_record_that_was_tampered_with_in_the_registry_stops_the_model(in_store):
    in_store.make_champion("good")
    in_store.client.set_model_version_tag("gated", in_store.versions["good"], PROMOTION, "{}")
    with pytest.raises(ArtefactError, match="not the record of a promotion"):
        open_model(CHAMPION, None)
    in_store.make_champion("good")


def test_training_says_at_its_end_what_the_gates_will_say_and_what_to_do(trained):
    printed = (trained.folder / "train.txt").read_text()
    said = printed[printed.index("Gates to become champion:") :].splitlines()
    asked = [line.split("GATE")[1][:3] for line in said if "  GATE" in line]
    assert asked == ["001", "002", "003", "004", "005", "006", "007", "008", "009"]
    failed = [line for line in said if line.startswith("  failed")]
    assert len([line for line in said if "What to do: " in line]) == len(failed)
    assert said[-1] == "Serve it once it is promoted: acrcast promote acr20 1"
