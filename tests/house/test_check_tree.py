"""Each check of the tree finds what is planted for it, and is silent about what is allowed."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from docs import check_tree
from docs.check_tree import Tree

Plant = Callable[[dict[str, str]], Tree]

# Put together here, so that this file itself holds nothing that the checks look for.
PRIVATE_KEY = f"-----BEGIN {'RSA'} PRIVATE KEY-----"
ACCESS_KEY = f"key = 'AKIA{'QWER7TYU2IOP5ASD'}'"
DIGEST = "sha256:" + 64 * "a"


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """A small tree of the files given, path to content."""

    def write(files: dict[str, str]) -> Tree:
        for path, content in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(content)
        return Tree(tmp_path, tuple(files))

    return write


@pytest.mark.parametrize("secret", [PRIVATE_KEY, ACCESS_KEY])
def test_a_secret_is_found(plant: Plant, secret: str) -> None:
    (found,) = check_tree.secrets(plant({"docs/note.md": f"a note\n{secret}\n"}))
    assert found.startswith("docs/note.md:2: looks like a secret")
    assert secret not in found


def test_a_false_alarm_is_marked_on_its_line(plant: Plant) -> None:
    assert not list(check_tree.secrets(plant({"a.py": f"{ACCESS_KEY}  # pragma: allowlist secret  published example"})))


def test_digests_are_expected_in_locks_and_released_models_and_nowhere_else(plant: Plant) -> None:
    content = f'{{"arrays.npz": "{hashlib.sha256(b"acrcast").hexdigest()}"}}'
    manifest = "models/acrcast/released/my-study/manifest.json"
    assert not list(check_tree.secrets(plant({manifest: content, "requirements.lock": content})))
    assert len(list(check_tree.secrets(plant({"docs/note.json": content})))) == 1
    assert len(list(check_tree.secrets(plant({manifest: f"{content}\n{PRIVATE_KEY}"})))) == 1


@pytest.mark.parametrize(
    "parts",
    [
        ("https://pypi", "org/simple"),
        ("https://registry", "npmjs.org/left-pad"),
        ("https://files", "pythonhosted.org/packages/x"),
    ],
)
def test_an_address_of_a_package_registry_is_found(plant: Plant, parts: tuple[str, str]) -> None:
    (found,) = check_tree.machine(plant({"Dockerfile": f"RUN pip install -i {'.'.join(parts)}"}))
    assert found.startswith("Dockerfile:1: names ")


@pytest.mark.parametrize("folder", ["work", "root"])
def test_an_absolute_path_of_a_machine_is_found(plant: Plant, folder: str) -> None:
    (found,) = check_tree.machine(plant({"notebooks/a.ipynb": f'{{"path": "/{folder}/data.csv"}}'}))
    assert found.startswith(f"notebooks/a.ipynb:1: names /{folder}/")


def test_a_relative_path_is_no_path_of_a_machine(plant: Plant) -> None:
    assert not list(check_tree.machine(plant({"a.md": "see frame/work/notes.md and the URL https://acrcast.example/"})))


LOCKED = f"numpy==2.4.6 \\\n    --hash={DIGEST}\n"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("click==8.5.1\n", "click==8.5.1 has no exact version with a hash"),
        (f"click>=8 \\\n    --hash={DIGEST}\n", "click>=8 has no exact version with a hash"),
        (f"click @ https://acrcast.example/click.whl \\\n    --hash={DIGEST}\n", "click has an address"),
        ("--index-url https://acrcast.example/simple\n", "--index-url has an address"),
    ],
)
def test_a_requirement_without_hash_or_with_an_address_is_found(plant: Plant, line: str, problem: str) -> None:
    found = list(check_tree.locks(plant({"requirements.lock": LOCKED + line})))
    assert f"requirements.lock: {problem}" in found


def test_a_lock_that_disagrees_with_the_whole_one_is_found(plant: Plant) -> None:
    other = LOCKED.replace("2.4.6", "2.4.5")
    (found,) = check_tree.locks(plant({"requirements.lock": LOCKED, "requirements-service.lock": other}))
    assert found == "requirements-service.lock: numpy==2.4.5 differs from requirements.lock: run make lock"


def test_a_part_of_the_lock_for_other_platforms_agrees(plant: Plant) -> None:
    other = LOCKED.replace(" \\", " ; sys_platform != 'win32' \\")
    assert not list(check_tree.locks(plant({"requirements.lock": LOCKED, "requirements-service.lock": other})))


@pytest.mark.parametrize("link", ["[gone](gone.md)", "[gone](../gone.md#part)", '<img src="gone.svg" alt="">'])
def test_a_link_to_a_file_that_is_not_there_is_found(plant: Plant, link: str) -> None:
    (found,) = check_tree.links(plant({"docs/page.md": link}))
    assert found.startswith("docs/page.md: links to ")


def test_links_that_lead_somewhere_are_fine(plant: Plant) -> None:
    page = (
        "[there](there.md#part) [here](#part) [out](https://acrcast.example/x.md) `[code](gone.md)`\n```\n[x](y)\n```"
    )
    assert not list(check_tree.links(plant({"docs/page.md": page, "docs/there.md": ""})))


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("service/acrcast_service/fhir/codes.py", 'CRP = "1988-5"', "line 1 repeats the code '1988-5'"),
        (
            "training/acrcast_training/report/table.py",
            'TITLE = "Serum IL-21"',
            "line 1 repeats the label 'Serum IL-21'",
        ),
        ("service/acrcast_service/pages/form.html", "<label>Pain</label>", "repeats the label 'Pain'"),
        ("service/acrcast_service/pages/form.js", "const code = '75874-8';", "repeats the code '75874-8'"),
        ("models/acrcast/limits.py", 'LIMITS = {"haq_di": (0, 3)}', "line 1 repeats the range of haq_di"),
        (
            "training/acrcast_training/data/simulator.py",
            'column("pain_mm", 72.0, 23.0, low=0, high=100)',
            "line 1 repeats the range of pain_mm",
        ),
        (
            "service/acrcast_service/prediction/schemas.py",
            "class Body:\n    tender_joint_count_28: Annotated[int, Field(ge=0, le=28)]",
            "line 2 repeats the range of tender_joint_count_28",
        ),
    ],
)
def test_a_fact_of_a_measure_outside_its_study_is_found(plant: Plant, path: str, content: str, problem: str) -> None:
    assert list(check_tree.one_home(plant({path: content}))) == [f"{path}: {problem}"]


def test_other_numbers_and_words_about_a_measure_are_fine(plant: Plant) -> None:
    source = 'COURSE = {"pain_mm": (71.8, 22.5)}\nmessage = "Pain is required"\nhaq_di: float = 0'
    assert not list(check_tree.one_home(plant({"training/acrcast_training/data/simulator.py": source})))


def test_a_line_may_say_why_it_has_a_fact_of_its_own(plant: Plant) -> None:
    source = 'LIMITS = {"haq_di": (0, 3)}  # own home: the scale of the questionnaire, whoever is enrolled'
    assert not list(check_tree.one_home(plant({"training/acrcast_training/data/visits.py": source})))


def test_a_measure_that_a_study_defines_twice_is_found(plant: Plant) -> None:
    path = "models/acrcast/studies/my_study.py"
    line = 'crp_mg_per_l: Annotated[float | None, Measure(label="CRP", codes=loinc("1988-5"))] = None'
    assert list(check_tree.one_home(plant({path: f"class MyPatient(Patient):\n    {line}\n    {line}"}))) == [
        f"{path}: MyPatient has the field crp_mg_per_l 2 times",
        f"{path}: MyPatient has the label 'CRP' 2 times",
        f"{path}: MyPatient has the code '1988-5' 2 times",
    ]


def test_the_command_reads_what_git_tracks_or_would_track_and_exits_1(plant: Plant, project: Path) -> None:
    tree = plant(
        {
            "requirements.lock": LOCKED,
            "new.md": "[gone](gone.md)",
            "ignored.md": "[x](y.md)",
            ".gitignore": "ignored.md",
        }
    )
    subprocess.run(["git", "init", "--quiet", tree.root], check=True)
    outcome = subprocess.run(
        [sys.executable, "-m", "docs.check_tree", tree.root], cwd=project, capture_output=True, text=True, check=False
    )
    assert outcome.stdout == "links: new.md: links to gone.md, which is not there\n"
    assert outcome.returncode == 1
