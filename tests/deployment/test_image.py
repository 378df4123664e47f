"""The image, built by buildah on a base of Debian's packages, and a prediction from a container of it.

No container engine and no registry of images is needed: buildah works in a chroot, and debootstrap makes the base.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

PATIENT = {"age_years": 54, "sex": "female", "tender_joint_count_28": 14, "swollen_joint_count_28": 9}
LARGEST_MEGABYTES = 250
# where the machine says that its own certificates are, as behind a proxy of a company
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
INSIDE = f"""
import json, os, subprocess, time, urllib.request as u
server = subprocess.Popen(["acrcast", "serve"], env=os.environ | {{"ACRCAST_STATE": "/tmp/state", "ACRCAST_HOST": "127.0.0.1"}})
request = u.Request("http://127.0.0.1:8000/predict", json.dumps({PATIENT!r}).encode(), {{"Content-Type": "application/json"}})
for _ in range(200):
    try:
        answer = u.urlopen(request).read().decode()
        break
    except OSError:
        time.sleep(0.1)
server.terminate()
print(json.dumps({{"user": os.getuid(), "left": server.wait(), "answer": json.loads(answer)}}))
"""


# MLflow as the composition starts it, its database a file; then a training that is logged there by somebody who signs in.
TRAINED = """
import os, subprocess, sys, time, urllib.request as u
from mlflow.server.auth.client import AuthServiceClient
word = "of-the-tests-alone"
server = subprocess.Popen(sys.argv[1:], env=os.environ | {"MLFLOW_AUTH_ADMIN_PASSWORD": word, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_FLASK_SERVER_SECRET_KEY": word, "MLFLOW_AUTH_CONFIG_PATH": "/etc/mlflow/sign-in.ini"})
for _ in range(3000):
    try:
        u.urlopen("http://localhost:5000/health")
        break
    except OSError:
        time.sleep(0.1)
os.environ |= {"MLFLOW_TRACKING_URI": "http://localhost:5000", "MLFLOW_TRACKING_USERNAME": "admin",
    "MLFLOW_TRACKING_PASSWORD": word, "ACRCAST_STATE": "/tmp/state"}
subprocess.run("acrcast simulate --patients 40 --seed 1 --out /tmp/trial && acrcast train --study ld-il2-ra --baseline /tmp/trial/baseline.csv "
    "--visits /tmp/trial/visits.csv --repeats 1 --resamples 20 --register acr20", shell=True, check=True)
server.terminate()
print(os.getuid())
"""


class Images:
    """Images in a folder of the tests' own."""

    def __init__(self, folder: Path) -> None:
        self._where = ["buildah", "--root", str(folder / "images"), "--runroot", str(folder / "run")]

    def __call__(self, *words: str) -> str:
        environment = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
        done = subprocess.run(
            [*self._where, *words], env=environment, capture_output=True, text=True, check=False, timeout=1800
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout.strip()


@pytest.fixture(scope="module")
def images(
    needs_program: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory, project: Path
) -> Iterator[Images]:
    needs_program("buildah")
    if os.getuid() != 0:
        pytest.skip("needs root, for debootstrap")
    folder = tmp_path_factory.mktemp("image")
    images = Images(folder)
    base = folder / "base"
    packages = "python3,python3-venv,python-is-python3,ca-certificates"
    command = [needs_program("debootstrap"), "--variant=minbase", f"--include={packages}", "bookworm", base, _mirror()]
    subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL, check=True, timeout=600)
    if CERTIFICATES.exists():
        shutil.copy(CERTIFICATES, base / CERTIFICATES.relative_to("/"))
    made = images("from", "scratch")
    images("add", "--quiet", made, str(base), "/")
    images("config", "--env", f"PIP_CERT={CERTIFICATES}", made)
    images("commit", "--quiet", made, "localhost/base")
    for target, tag in (("server", "acrcast"), ("training", "acrcast-training")):
        options = ("--format", "docker", "--build-arg", "BASE_IMAGE=localhost/base", "--layers")
        images("build", *options, "--target", target, "--tag", tag, str(project))
    yield images
    images("rm", "--all")
    # what is left is the tests' own folder; files of other owners are in it
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def container(images: Images) -> str:
    return images("from", "localhost/acrcast")


@pytest.mark.slow
def test_a_container_predicts_as_a_user_without_rights_and_stops_cleanly(images: Images, container: str) -> None:
    said = json.loads(images("run", "--user", "10001", container, "--", "python", "-c", INSIDE).splitlines()[-1])
    assert (said["user"], said["left"]) == (10001, 0)
    assert said["answer"]["study"] == "ld-il2-ra"
    assert said["answer"]["treated"]["interval"][0] < said["answer"]["treated"]["probability"]


@pytest.mark.slow
def test_the_server_with_its_packages_is_small_and_compiled(images: Images, container: str) -> None:
    inside = Path(images("mount", container)) / "opt" / "acrcast"
    size = int(subprocess.check_output(["du", "--summarize", "--block-size=1M", str(inside)], text=True).split()[0])
    assert size < LARGEST_MEGABYTES
    assert list(inside.glob("lib/python3*/site-packages/acrcast_service/__pycache__/app.*.pyc"))
    assert not (inside / "bin" / "pip").exists()


@pytest.mark.slow
def test_it_is_run_by_a_user_of_its_own_and_watched(images: Images) -> None:
    said = json.loads(images("inspect", "--type", "image", "localhost/acrcast"))["Docker"]["config"]
    assert said["User"] == "10001"
    assert said["Cmd"] == ["acrcast", "serve"]
    assert said["Healthcheck"]["Interval"] == 10_000_000_000


@pytest.mark.slow
def test_the_image_for_training_has_mlflow_as_the_composition_starts_it_and_trains_into_it(
    images: Images, project: Path
) -> None:
    container = images("from", "localhost/acrcast-training")
    images("copy", "--quiet", container, str(project / "deploy" / "mlflow-sign-in.ini"), "/etc/mlflow/sign-in.ini")
    composed = yaml.safe_load((project / "deploy" / "compose.yaml").read_text())["services"]["mlflow"]["command"]
    changed = {
        "--host": "127.0.0.1",
        "--backend-store-uri": "sqlite:////var/lib/mlflow/registry.db",
        "--artifacts-destination": "/var/lib/mlflow/artefacts",
    }
    words = [f"{name}={changed[name]}" if (name := word.partition("=")[0]) in changed else word for word in composed]
    said = images("run", "--user", "10002", container, "--", "python", "-c", TRAINED, *words)
    assert "registered as acr20, version 1" in said
    assert said.splitlines()[-1] == "10002"


def _mirror() -> str:
    """Where this machine takes Debian's packages from."""
    for listed in [*sorted(Path("/etc/apt/sources.list.d").glob("debian*")), Path("/etc/apt/sources.list")]:
        if listed.exists() and (
            found := re.search(r"^(?:URIs:|deb) +(?:\[.*?\] +)?(\S+)", listed.read_text(), re.MULTILINE)
        ):
            return found[1]
    pytest.skip("needs to know where Debian's packages are, which this machine does not say")
