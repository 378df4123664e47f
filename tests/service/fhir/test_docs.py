"""Every block of docs/fhir.md runs as it stands, and its errors are those that it shows."""

import json
import re
import subprocess

import pytest


@pytest.fixture(scope="module")
def blocks(project):
    page = (project / "docs" / "fhir.md").read_text()
    return {language: re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL) for language in ("sh", "json")}


@pytest.fixture(scope="module")
def answers(blocks, start_for_module, needs_program, tmp_path_factory):
    """What each block of the shell prints, against a server with the released model."""
    shell, folder = needs_program("bash"), tmp_path_factory.mktemp("fhir")
    needs_program("curl")
    server = start_for_module("--port", "0", ACRCAST_STATE=str(folder / "state"))
    address = server.url.rstrip("/")
    printed = []
    for block in blocks["sh"]:
        script = block.replace("http://127.0.0.1:8000", address)
        assert script != block
        done = subprocess.run([shell, "-e"], input=script, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        printed.append(json.loads(done.stdout))
    return printed


def test_every_block_is_answered(answers):
    assert [answer["resourceType"] for answer in answers] == ["RiskAssessment", "RiskAssessment", "OperationOutcome"]


def test_the_refusal_is_the_one_that_is_shown(blocks, answers):
    assert answers[2] == json.loads(blocks["json"][1])


def test_the_shortened_answer_is_of_the_whole_one(blocks, answers):
    (texts,) = [re.findall(r'"text": "([^"]+?)(?: \.\.\.)?"', blocks["json"][0])]
    assert texts[0] == answers[0]["prediction"][0]["outcome"]["text"]
    assert answers[0]["note"][0]["text"].startswith(texts[-1])
    assert answers[0]["basis"][0]["display"] in blocks["json"][0]
