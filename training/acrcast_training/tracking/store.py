"""Where MLflow keeps what is logged, and what its failures mean to whoever runs a command."""

import io
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import mlflow
import requests
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    PERMISSION_DENIED,
    RESOURCE_DOES_NOT_EXIST,
    UNAUTHENTICATED,
    ErrorCode,
)

from acrcast.errors import AcrcastError, UsageError
from acrcast_training.state import state_folder

TRACKING = "MLFLOW_TRACKING_URI"
# MLflow tries eight times, for four minutes, before it says that a server is down; three more tries take a quarter of one.
RETRIES = ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
SIGN_IN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
# Where the client reaches the bucket itself, failures are its libraries' own.
OBJECT_STORES = ("boto3", "botocore", "s3transfer")
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
# how a server begins its answer to a name that it does not go by
WRONG_NAME = "Invalid Host header"
ABSENT, DENIED, UNKNOWN = (
    frozenset(ErrorCode.Name(code) for code in codes)
    for codes in ((RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE), (PERMISSION_DENIED,), (UNAUTHENTICATED,))
)


def default_store() -> str:
    """Tracking URI: MLFLOW_TRACKING_URI, else SQLite in the state folder."""
    return os.environ.get(TRACKING) or f"sqlite:///{state_folder() / 'mlflow.db'}"


def use_store(uri: str | None = None) -> str:
    """Point MLflow to a tracking store, making the default one when needed; returns its URI."""
    chosen = uri or default_store()
    if chosen.startswith("sqlite:///"):
        Path(chosen.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault(*RETRIES)
    mlflow.set_tracking_uri(chosen)
    return chosen


def ready(experiment: str, uri: str | None = None) -> str:
    """The store's URI, once the experiment is there and its artefacts can be listed: asked before work that is to be logged.

    On the default store artefacts lie beside the database. Raises AcrcastError, with what to do, when the store does not answer,
    does not know who asks, or has no place for artefacts.
    """
    used = use_store(uri)
    with asking(used):
        if mlflow.get_experiment_by_name(experiment) is None:
            beside = used.startswith("sqlite:///")
            location = (Path(used.removeprefix("sqlite:///")).parent / "mlartifacts").as_uri() if beside else None
            mlflow.create_experiment(experiment, artifact_location=location)
        place = mlflow.set_experiment(experiment).artifact_location
        mlflow.artifacts.list_artifacts(artifact_uri=place)
    return used


@contextmanager
def asking(what: str) -> Iterator[None]:
    """MLflow is asked, quietly; its failure is one line that begins with what was asked for.

    Raises UsageError when nothing of that name is there, AcrcastError when the store fails.
    """
    try:
        with _quiet():
            yield
    except (MlflowException, OSError) as error:
        raise explained(what, error) from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in OBJECT_STORES:
            raise
        raise AcrcastError(_no_place(what, error)) from error


def explained(what: str, error: Exception) -> AcrcastError:
    """What a failure of MLflow means, in one line, without credentials that an address may hold."""
    address: str = mlflow.get_tracking_uri()
    place = shown(what) if what == address else f"{shown(what)}: {shown(address)}"
    code = getattr(error, "error_code", None)
    answer = error.response if isinstance(error, requests.HTTPError) else None
    status = answer.status_code if answer is not None else None
    if any(isinstance(cause, requests.ConnectionError | requests.Timeout) for cause in (error, error.__context__)):
        return AcrcastError(f"{place}: the MLflow server does not answer: is it running, and is {TRACKING} right?")
    if code in UNKNOWN or status == requests.codes.unauthorized:
        return AcrcastError(f"{place}: the MLflow server does not know who asks: {SIGN_IN}")
    if WRONG_NAME in str(error):
        return AcrcastError(f"{place}: the MLflow server is not asked by this name: it needs --allowed-hosts with it")
    if code in DENIED or status == requests.codes.forbidden:
        return AcrcastError(f"{place}: the MLflow server does not let this user do that: ask who manages it there")
    if status is not None:
        return AcrcastError(_no_place(what, error))
    return (UsageError if code in ABSENT else AcrcastError)(f"{shown(what)}: {first_line(error)}")


def shown(address: str) -> str:
    """An address without the user and password that it may hold."""
    return CREDENTIALS.sub("", address)


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return shown(lines[0]) if lines else type(error).__name__


def _no_place(what: str, error: Exception) -> str:
    return (
        f"{shown(what)}: MLflow's artefact store fails: does its bucket or folder exist, and has whoever writes to it "
        f"credentials? It said: {first_line(error)}"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """MLflow's own hints and announcements are not news to whoever trains a model."""
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        # the registry announces its versions on standard error, whatever the level of its log
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
