"""`acrcast demo`: the whole way in a minute, by the same commands that a user would type."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from typing import Any

import click

from acrcast.errors import AcrcastError, GateRefusal
from acrcast.of_100 import more_of_100, of_100
from acrcast_training.commands.promote import promote
from acrcast_training.commands.simulate import simulate
from acrcast_training.commands.train import train

NAME = "acr20"
STUDY = "ld-il2-ra"
HOST = "127.0.0.1"
PATIENTS = 600
SECONDS_TO_START = 60


@click.command("demo")
@click.option("--keep", is_flag=True, help="Leave the service and the MLflow UI running until Ctrl-C.")
@click.option(
    "--patients", type=click.IntRange(min=40), default=PATIENTS, show_default=True, help="Patients to simulate."
)
@click.pass_context
def demo(ctx: click.Context, patients: int, *, keep: bool) -> None:
    """Simulate a trial, train, register, serve and predict one patient.

    Everything is written to .acrcast (or the folder named by ACRCAST_STATE). Runs the commands that it shows.

    \b
    Examples:
      acrcast demo
      acrcast demo --patients 200 --keep
    """
    from acrcast_training.state import new_folder
    from acrcast_training.tracking.registry import latest_version
    from acrcast_training.tracking.store import default_store

    trial = new_folder("demo", "trial")
    _step(ctx, simulate, "--patients", str(patients), "--seed", "1", "--out", str(trial))
    files = ("--baseline", str(trial / "baseline.csv"), "--visits", str(trial / "visits.csv"))
    _step(ctx, train, "--study", STUDY, *files, "--repeats", "1", "--resamples", "40", "--register", NAME)
    _promote(ctx, str(latest_version(NAME)))
    port, ui_port = _free_port(), _free_port()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        # as Ctrl-C does: what was started in the background would go on
        signal.signal(ending, signal.default_int_handler)
    with ExitStack() as running:
        _say(f"acrcast serve --model models:/{NAME}@champion --port {port}")
        running.enter_context(
            _started("acrcast.cli", "serve", "--model", f"models:/{NAME}@champion", "--port", str(port))
        )
        _wait_until_ready(port)
        _predict(port)
        base = f"http://{HOST}:{port}"
        ui = f"http://{HOST}:{ui_port}"
        if not keep:
            click.echo(
                f"\nThe page is at {base}/, the API docs at {base}/docs while the service runs: DEMO_KEEP=1 make demo"
            )
            click.echo(f"The MLflow UI: mlflow ui --backend-store-uri {shlex.quote(default_store())}")
            return
        # without its runners of jobs for language models: seven processes that nothing here asks for
        arguments = ("ui", "--backend-store-uri", default_store(), "--port", str(ui_port))
        running.enter_context(_started("mlflow", *arguments, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false"))
        click.echo(f"\nPage:      {base}/\nAPI docs:  {base}/docs\nMLflow UI: {ui}/\nCtrl-C ends all three.")
        _sleep_until_interrupted()


def _promote(ctx: click.Context, version: str) -> None:
    """Make it champion; where a gate refuses, show the refusal, and override it openly: these are simulated patients."""
    try:
        _step(ctx, promote, NAME, version, "--reason", "demo")
    except GateRefusal as refusal:
        click.echo(f"Refused: {refusal}", err=True)
        _step(ctx, promote, NAME, version, "--override", "--reason", "demonstration on simulated patients")


def _step(ctx: click.Context, command: click.Command, *arguments: str) -> None:
    """Run another command as if it had been typed."""
    _say(shlex.join(["acrcast", command.name or "", *arguments]))
    with command.make_context(command.name, list(arguments), parent=ctx) as step:
        command.invoke(step)


def _say(line: str) -> None:
    click.secho(f"\n$ {line}", bold=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def _started(module: str, *arguments: str, **environment: str) -> Iterator[None]:
    """A command of this environment in the background, ended on the way out. Ctrl-C reaches this command alone."""
    command = [sys.executable, "-m", module, *arguments]
    process = subprocess.Popen(command, env=os.environ | environment, start_new_session=True)  # noqa: S603  our own
    try:
        yield
    finally:
        # with whatever it has started itself
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def _wait_until_ready(port: int) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        try:
            if _call(port, "GET", "/health/ready")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AcrcastError(f"the service did not become ready within {SECONDS_TO_START} s")


def _call(port: int, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    connection = HTTPConnection(HOST, port, timeout=10)
    try:
        connection.request(method, path, json.dumps(body) if body else None, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def _predict(port: int) -> None:
    from acrcast.studies import load_study

    study = load_study(STUDY)
    examples = {name: info.examples[0] for name, info in study.patient.model_fields.items() if info.examples}
    patient = {name: value for name, value in examples.items() if name != "il21_pg_per_ml"}
    _say(f"curl -X POST http://{HOST}:{port}/predict -H 'Content-Type: application/json' -d '{json.dumps(patient)}'")
    status, answer = _call(port, "POST", "/predict", patient)
    if status == 401:
        raise AcrcastError(
            "the state folder has keys, so that its server asks for one: set ACRCAST_STATE to a new folder"
        )
    if status != 200:
        raise AcrcastError(f"the service refused the example patient: {answer.get('title')}")
    titles = {arm.key: arm.title for arm in study.arms}
    treated, control, benefit = answer["treated"], answer["control"], answer["benefit"]
    for risk in (treated, control):
        click.echo(
            f"Of 100 patients like this one, about {of_100(risk['probability'])} ({_ends(risk['interval'])}) "
            f"reach {answer['endpoint']} with {titles[risk['arm']]}."
        )
    click.echo(
        f"Difference: {more_of_100(treated['probability'], control['probability']):+d} of 100 ({_ends(benefit['interval'], '+')}); "
        f"{of_100(benefit['probability_positive'])} % of the ensemble puts it above zero."
    )
    for missing in answer["missing"]:
        click.echo(
            f"Not measured: {missing['label']}. The interval of the first figure is {of_100(missing['interval_width'])} wide; "
            f"measured, it is expected to be {of_100(missing['expected_interval_width_if_measured'])}."
        )
    for caution in answer["cautions"]:
        click.echo(f"Caution: {caution}")
    click.echo(answer["intended_use"])


def _ends(interval: list[float], sign: str = "") -> str:
    low, high = interval
    return f"{of_100(low):{sign}d} to {of_100(high):{sign}d}"


def _sleep_until_interrupted() -> None:
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo()
