"""What every command has in common: help with an example, errors of one line, colours only where they are wanted, completion."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from acrcast.cli import root
from acrcast.console import aligned

ACRCAST = str(Path(sys.executable).with_name("acrcast"))


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(every_command(root))
IN_JSON = {path for path, command in COMMANDS.items() if any("--json" in option.opts for option in command.params)}


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run_it(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        of = {**os.environ, "ACRCAST_STATE": str(tmp_path), **environment}
        return subprocess.run([ACRCAST, *arguments], env=of, capture_output=True, text=True, check=False, timeout=60)

    return run_it


@pytest.fixture
def on_a_terminal(tmp_path: Path) -> Callable[..., str]:
    """Runs a command on a terminal of its own, 80 columns wide; gives what it writes there."""

    def run_it(*arguments: str, **environment: str) -> str:
        ours, theirs = pty.openpty()
        of = {**os.environ, "ACRCAST_STATE": str(tmp_path), "TERM": "xterm", "COLUMNS": "80", **environment}
        done = subprocess.Popen([ACRCAST, *arguments], env=of, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        written = b""
        # Linux ends the reading by an error once nobody has the terminal open
        while block := _block(ours):
            written += block
        os.close(ours)
        assert done.wait(timeout=60) == 0
        return written.decode()

    return run_it


def _block(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


@pytest.mark.parametrize("path", sorted(COMMANDS), ids=" ".join)
def test_the_help_of_a_command_ends_with_an_example_of_it(path: tuple[str, ...]) -> None:
    text = COMMANDS[path].help or ""
    assert any(f"acrcast {' '.join(path)}" in line for line in text.partition("Example")[2].splitlines())


def test_every_command_with_output_of_its_own_can_write_json(documented_members) -> None:
    assert set(COMMANDS) - IN_JSON == {("audit", "export"), ("completion",), ("demo",), ("serve",)}
    assert {tuple(command.replace(" STUDY", "").split()) for command in documented_members} >= IN_JSON


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train",), "acrcast: Missing option '--study'; see acrcast train --help\n"),
        (("no-such",), "acrcast: No such command 'no-such'; see acrcast --help\n"),
        (
            ("keys", "create", "--name", "x"),
            "acrcast: Missing option '--scope'. Choose from: predict, outcome, audit, admin; see acrcast keys create --help\n",
        ),
        (
            ("serve", "--port", "70000"),
            "acrcast: Invalid value for '--port': 70000 is not in the range 0<=x<=65535; see acrcast serve --help\n",
        ),
    ],
)
def test_bad_usage_is_one_line_that_says_where_to_look(run, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


def test_without_arguments_the_help_is_shown(run) -> None:
    assert "Commands:\n  demo " in run().stderr


def test_columns_of_words_stand_left_and_figures_right() -> None:
    rows = [("placebo", "9", "-"), ("安慰剂", "149", "0.681")]
    assert list(aligned(("Arm", "patients", "loss"), rows)) == [
        "Arm      patients   loss",
        "placebo         9      -",
        "安慰剂        149  0.681",
    ]


def test_on_a_terminal_a_table_fits_and_nothing_of_it_is_cut_off(on_a_terminal) -> None:
    lines = click.unstyle(on_a_terminal("studies")).splitlines()
    assert max(map(len, lines)) <= 80
    text = " ".join(" ".join(lines).split())
    assert "…" not in text
    for word in ("Low-dose", "interleukin-2", "methotrexate", "rheumatoid", "arthritis", "auranofin-ra"):
        assert word in text


GREEN = "\x1b[32m"


def test_good_news_is_green_on_a_terminal(on_a_terminal) -> None:
    on_a_terminal("audit", "migrate")
    assert f"{GREEN}whole" in on_a_terminal("audit", "verify")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_and_in_no_colour_where_nobody_wants_one(on_a_terminal, environment: dict[str, str]) -> None:
    on_a_terminal("audit", "migrate")
    written = on_a_terminal("audit", "verify", **environment)
    assert "whole: every record is as it was written" in written
    assert GREEN not in written


def test_in_a_pipe_nothing_but_text_is_written(run) -> None:
    assert run("audit", "migrate").returncode == 0
    for command in (("audit", "verify"), ("studies",), ("keys", "list")):
        assert "\x1b" not in run(*command, FORCE_COLOR="1").stdout


def test_bash_completes_commands_options_and_choices(needs_program) -> None:
    bash = str(needs_program("bash"))
    script = 'eval "$(acrcast completion bash)"; {}; _acrcast_completion acrcast; echo "${{COMPREPLY[@]}}"'

    def completed(*words: str) -> list[str]:
        typed = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}"
        path = {"PATH": f"{Path(ACRCAST).parent}{os.pathsep}{os.environ['PATH']}"}
        command = [bash, "--norc", "-c", script.format(typed)]
        done = subprocess.run(command, env={**os.environ, **path}, capture_output=True, text=True, check=True)
        return done.stdout.split()

    assert completed("acrcast", "sim") == ["simulate"]
    assert completed("acrcast", "train", "--rep") == ["--repeats"]
    assert completed("acrcast", "keys", "create", "--scope", "pre") == ["predict"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_other_shells_have_a_script_too(run, shell: str) -> None:
    assert f"_ACRCAST_COMPLETE={shell}_complete" in run("completion", shell).stdout


def test_completing_a_command_imports_none() -> None:
    listing = [sys.executable, "-X", "importtime", ACRCAST]
    of = {**os.environ, "_ACRCAST_COMPLETE": "bash_complete", "COMP_WORDS": "acrcast tr", "COMP_CWORD": "1"}
    done = subprocess.run(listing, env=of, capture_output=True, text=True, check=False)
    assert done.stdout == "plain,train\n"
    assert "acrcast_training" not in done.stderr
    assert "acrcast_service" not in done.stderr
