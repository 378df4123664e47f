"""What counts as a known revision of the code."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import acrcast_training
from acrcast_training.provenance import COMMIT, code_revision


def git(folder, *arguments):
    identity = ("-c", "user.name=A", "-c", "user.email=a@acrcast.example")
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path):
    """A repository with a copy of the training package, nothing committed. Returns the package's folder."""
    package = tmp_path / "training" / "acrcast_training"
    package.mkdir(parents=True)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "core.py").write_text("")
    shutil.copy(Path(acrcast_training.__file__).with_name("provenance.py"), package)
    git(tmp_path, "init", "--quiet")
    return package


def test_a_commit_is_known_and_a_change_to_its_files_is_said(repository):
    git(repository, "add", "--all", ":/")
    git(repository, "commit", "--quiet", "--message", "all")
    commit = code_revision(repository)
    assert COMMIT.fullmatch(commit)
    (repository / "provenance.py").write_text("")
    assert code_revision(repository) == f"{commit}+changes"


def test_the_commit_of_a_repository_that_does_not_track_the_package_is_not_its_revision(repository):
    git(repository, "add", ":/models")
    git(repository, "commit", "--quiet", "--message", "somebody else's")
    assert code_revision(repository) == "unknown"


def test_a_copy_without_a_repository_is_no_release(tmp_path):
    assert code_revision(tmp_path) == "unknown"


def test_an_installed_release_is_known_by_its_version(tmp_path):
    """Files below the folder that the installed distribution names."""
    package = tmp_path / "acrcast_training"
    package.mkdir()
    record = tmp_path / "acrcast-0.1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: acrcast\nVersion: 0.1.0\n")
    source = Path(acrcast_training.__file__).with_name("provenance.py")
    program = f"""
import importlib.util, pathlib, sys
sys.path.insert(0, {str(tmp_path)!r})
spec = importlib.util.spec_from_file_location("revision", {str(source)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(module.code_revision(pathlib.Path({str(package)!r})))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "release 0.1.0"
