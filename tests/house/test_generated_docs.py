"""Generated parts of the docs are found out when they drift."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from docs import generate

from acrcast.artefact import RELEASED

PAGE = "# Page\n\n<!-- generated: sum -->\n{}<!-- end -->\n\nWritten by hand.\n"
PARTS: dict[str, Callable[[], str]] = {"sum": lambda: "1 + 1 = 2\n"}


@pytest.fixture
def released_card() -> dict[str, Any]:
    card: dict[str, Any] = json.loads((RELEASED / "card.json").read_text())
    return card


def test_a_generated_part_is_written_between_its_markers_and_the_rest_is_kept() -> None:
    assert generate.generated(PAGE.format("1 + 1 = 3\n"), PARTS) == PAGE.format("\n1 + 1 = 2\n\n")


def test_a_page_that_drifted_is_found_until_it_is_written(tmp_path: Path) -> None:
    page = tmp_path / "docs" / "deep" / "page.md"
    page.parent.mkdir(parents=True)
    page.write_text(PAGE.format("1 + 1 = 3\n"))
    (tmp_path / "README.md").write_text("No generated part.\n")
    ((path, (present, wanted)),) = generate.drift(tmp_path, PARTS, {}).items()
    assert (path, present) == (page, PAGE.format("1 + 1 = 3\n"))
    page.write_text(wanted)
    assert generate.drift(tmp_path, PARTS, {}) == {}


def test_the_check_names_the_page_shows_the_difference_and_exits_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.md").write_text("<!-- generated: fields -->\nan old table\n<!-- end -->\n")
    assert generate.main(["--check"], tmp_path, {}) == 1
    report = capsys.readouterr().out
    assert "--- page.md\n" in report
    assert "-an old table\n" in report
    assert generate.main([], tmp_path, {}) == 0
    assert generate.main(["--check"], tmp_path, {}) == 0


def test_a_file_that_is_generated_whole_is_found_when_it_drifts_or_is_not_there(tmp_path: Path) -> None:
    files = {"types.txt": lambda: "1 + 1 = 2\n"}
    assert generate.main(["--check"], tmp_path, files) == 1
    assert generate.main([], tmp_path, files) == 0
    assert (tmp_path / "types.txt").read_text() == "1 + 1 = 2\n"
    assert generate.main(["--check"], tmp_path, files) == 0
    (tmp_path / "types.txt").write_text("1 + 1 = 3\n")
    assert generate.main(["--check"], tmp_path, files) == 1


def test_a_part_that_nothing_makes_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing makes the part product: known are sum"):
        generate.generated("<!-- generated: product -->\n<!-- end -->\n", PARTS)


def test_a_part_without_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs its <!-- end -->"):
        generate.generated("<!-- generated: sum -->\n1 + 1 = 3\n", PARTS)


def test_a_cell_cannot_end_its_row_or_open_a_tag() -> None:
    assert generate.table(("a",), [["x | y\n<z"]]) == "| a |\n| --- |\n| x \\| y &lt;z |\n"


def test_the_fields_say_what_each_measure_is() -> None:
    rows = generate.fields().splitlines()
    assert (
        "| `crp_mg_per_l` | CRP | mg/L (also mg/dL times 10, ug/mL) | a number from 0 to 500 mg/L | no |  | LOINC 1988-5 "
        "| PMC2678269 | Not high-sensitivity CRP (LOINC 30522-7), which is another test |"
    ) in rows


def test_the_help_of_every_command_is_written_whatever_the_width_of_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command(help="word " * 40)
    def inner() -> None: ...

    command = click.Group("acrcast", commands={"keys": click.Group("keys", commands={"create": inner})})
    monkeypatch.setenv("COLUMNS", "40")
    narrow = generate.commands(command)
    monkeypatch.setenv("COLUMNS", "200")
    assert generate.commands(command) == narrow
    assert [line for line in narrow.splitlines() if line.startswith("## ")] == [
        "## `acrcast`",
        "## `acrcast keys`",
        "## `acrcast keys create`",
    ]
    assert max(map(len, narrow.splitlines())) > 80


def test_the_settings_say_variable_default_and_limits() -> None:
    rows = generate.settings().splitlines()
    assert "| `ACRCAST_PORT` | `8000` | Port to listen on; 0 takes any free one (0 to 65,535) |" in rows
    assert "| `ACRCAST_LEVEL` | `0.95` | Level of the intervals in answers (above 0, below 1) |" in rows
    assert "| `ACRCAST_AUDIT` | `1` | No prediction is answered before it is recorded in the database |" in rows
    assert (
        "| `ACRCAST_LOG_LEVEL` | `info` | The least grave lines that are logged (one of debug, info, warning, error) |"
        in rows
    )


def test_the_model_card_has_the_parts_of_model_facts_in_their_order() -> None:
    assert [line for line in generate.model_card().splitlines() if line.startswith("#")] == [
        "## Name",
        "## Summary",
        "## Mechanism",
        "## Validation and performance",
        "## Uses and directions",
        "## Warnings",
        "## Other information",
    ]


def test_the_model_card_reads_its_figures_and_cautions_from_the_artefact(released_card: dict[str, Any]) -> None:
    page = generate.model_card()
    c_statistic = released_card["validation"]["procedure"]["figures"]["c_statistic"]
    low, high = c_statistic["interval"]
    assert f"| {c_statistic['value']:.2f} ({low:.2f} to {high:.2f}) |" in page
    assert all(f"- {caution}\n" in page for caution in released_card["cautions"])
    assert "**Trained on simulated patients: the numbers show the method, not the treatment.**" in page


def test_the_statistics_name_golden_values_that_exist(project: Path, golden: Path) -> None:
    page = (project / "docs" / "statistics.md").read_text(encoding="utf-8")
    agreements = page.split("## What it agrees with")[1]
    rows = re.findall(r"^\| [^|]+ \| ((?:`\w+`(?:, )?)+) \| 1e-\d+ \| ", agreements, re.MULTILINE)
    named = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert named == set(json.loads((golden / "reference.json").read_text())) - {"versions"}
