"""The descriptions of a deployment, against the schemas of those who read them and against the server's own settings."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from acrcast_service.settings import PREFIX, Settings

KUBERNETES = ("namespace", "server", "service", "migrate", "network")


def tool(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    """A program that a package of the environment brought."""
    return subprocess.run(
        [str(Path(sys.executable).parent / name), *words], capture_output=True, text=True, check=False, timeout=120
    )


def test_hadolint_finds_nothing_in_the_dockerfile(project: Path) -> None:
    found = tool("hadolint", "--no-color", str(project / "Dockerfile"))
    assert (found.returncode, found.stdout) == (0, "")


def test_the_composition_is_one_by_its_specification(project: Path) -> None:
    found = tool(
        "check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(project / "deploy" / "compose.yaml")
    )
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("name", KUBERNETES)
def test_every_object_of_the_base_is_one_of_kubernetes(project: Path, name: str) -> None:
    found = tool("kubernetes-validate", "--strict", str(project / "deploy" / "kubernetes" / f"{name}.yaml"))
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_base_lists_every_object(project: Path) -> None:
    listed = re.search(
        r"^resources: \[(.*)\]$", (project / "deploy/kubernetes/kustomization.yaml").read_text(), re.MULTILINE
    )
    assert listed is not None
    assert set(listed[1].split(", ")) == {f"{name}.yaml" for name in KUBERNETES}


def test_every_setting_that_a_deployment_makes_is_one_of_the_server(project: Path) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    files = [project / "Dockerfile", *(project / "deploy").rglob("*.yaml"), *(project / "deploy").glob("*.sh")]
    named = {name for file in files for name in re.findall(rf"\b{PREFIX}[A-Z_]+\b", file.read_text())}
    assert named
    assert named <= known


def test_probes_ask_what_the_server_answers(project: Path) -> None:
    asked = set(re.findall(r"path: (/health/\w+)", (project / "deploy/kubernetes/server.yaml").read_text()))
    assert asked == {"/health/live", "/health/ready"}


def test_every_image_from_elsewhere_is_pinned_by_its_digest(project: Path) -> None:
    composed = re.findall(r"image: (?:\$\{\w+:-)?([^}\s]+)", (project / "deploy/compose.yaml").read_text())
    bases = re.findall(r"^ARG BASE_IMAGE=(\S+)|^FROM (\S+)", (project / "Dockerfile").read_text(), re.MULTILINE)
    stages = set(re.findall(r" AS (\S+)", (project / "Dockerfile").read_text())) | {"${BASE_IMAGE}"}
    named = {*composed, *(name for found in bases for name in found if name)} - stages - {"acrcast", "acrcast-training"}
    assert {re.split("[:@]", name)[0] for name in named} == {"python", "postgres", "nginx"}
    assert all(re.search(r"@sha256:[0-9a-f]{64}$", name) for name in named)
