"""MLflow's model registry, asked without importing MLflow: by plain HTTP where it is a server, else by a process of its own."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from acrcast.errors import ArtefactError, UsageError

REGISTRY_SCHEMES = ("models:/", "runs:/", "mlflow-artifacts:/")
ALIAS = re.compile(r"models:/(?P<name>[^/@]+)@(?P<alias>[^/@]+)")
LATEST = re.compile(r"models:/[^/@]+/latest")
ASK_SECONDS, DOWNLOAD_SECONDS = 60, 600
HTTP_SECONDS = 5
LARGEST_ANSWER = 4 * 1024 * 1024

# Tag of a model version: the record of its promotion. As in acrcast_training.tracking.registry, which is never imported here.
PROMOTION = "promotion"

# Exit codes of `python -m acrcast_training.tracking` that are an answer; any other failure is of the registry.
NOT_THERE, NO_MODEL = 2, 3


class UnreachableError(ArtefactError):
    """The registry cannot be asked, or does not deliver, at this moment."""


class Registry:
    """The registry that the environment names as MLflow's own tools do; else the one in the state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state.absolute()
        self.tracking = (
            os.environ.get("MLFLOW_REGISTRY_URI")
            or os.environ.get("MLFLOW_TRACKING_URI")
            or f"sqlite:///{self._state / 'mlflow.db'}"
        )
        self._running: subprocess.Popen[str] | None = None
        self._asked: tuple[str, tuple[str, str]] | None = None

    @staticmethod
    def moves(uri: str) -> bool:
        """Whether the same URI may name another model tomorrow."""
        return ALIAS.fullmatch(uri) is not None or LATEST.fullmatch(uri) is not None

    def ask(self, uri: str) -> tuple[str, str]:
        """The address of the version that a URI names now, and a mark that changes with it.

        Raises UnreachableError, UsageError when nothing of that name is there.
        """
        if not self.moves(uri):
            return uri, ""
        named = ALIAS.fullmatch(uri)
        if named is not None and self.tracking.startswith(("http://", "https://")):
            try:
                return _mark_of(self._by_http(uri, named["name"], named["alias"]))
            except PermissionError:
                # MLflow knows more ways to prove who it is than are known here
                return _mark_of(json.loads(self._by_process("point", uri, seconds=ASK_SECONDS)))
        # a store in a file is only asked again when the file has changed
        before = self._file_mark(uri)
        if self._asked is None or not before or self._asked[0] != before:
            answer = _mark_of(json.loads(self._by_process("point", uri, seconds=ASK_SECONDS)))
            self._asked = before, answer
        return self._asked[1]

    def download(self, address: str, target: str) -> Path:
        """The folder of the artefact at an address, below `target`, with the record of its promotion beside it.

        Raises UnreachableError, UsageError when it is not there, ArtefactError when it is no model of acrcast.
        """
        return Path(self._by_process("download", address, target, seconds=DOWNLOAD_SECONDS))

    def stop(self) -> None:
        """Ends the process that is asking, if any."""
        running = self._running
        if running is not None:
            running.kill()

    def _file_mark(self, uri: str) -> str:
        """Of the files of an SQLite store; empty for any other. Raises UnreachableError when there is no such file."""
        if not self.tracking.startswith("sqlite:///"):
            return ""
        path = Path(self.tracking.removeprefix("sqlite:///").partition("?")[0])
        if not path.is_file():
            raise UnreachableError(f"{uri}: could not be fetched from the registry: there is no {path}")
        files = (path, path.with_name(path.name + "-wal"))
        return repr([(file.stat().st_mtime_ns, file.stat().st_size) for file in files if file.is_file()])

    def _by_http(self, uri: str, name: str, alias: str) -> dict[str, Any]:
        """The version as MLflow's REST API describes it. Raises PermissionError when it does not believe who asks."""
        import urllib.error  # noqa: PLC0415  only for those who have a registry
        import urllib.parse  # noqa: PLC0415  as above
        import urllib.request  # noqa: PLC0415

        query = urllib.parse.urlencode({"name": name, "alias": alias})
        address = f"{self.tracking.rstrip('/')}/api/2.0/mlflow/registered-models/alias?{query}"
        request = urllib.request.Request(address, headers=_credentials())  # noqa: S310  its scheme was looked at
        try:
            with urllib.request.urlopen(request, timeout=HTTP_SECONDS) as answer:  # noqa: S310  as above
                version = json.loads(answer.read(LARGEST_ANSWER))["model_version"]
                tags = {tag["key"]: tag.get("value", "") for tag in version.get("tags", [])}
                return {
                    "name": version["name"],
                    "version": version["version"],
                    "created": version["creation_timestamp"],
                    "promotion": tags.get(PROMOTION, ""),
                }
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise PermissionError from None
            if error.code == 404 or (error.code == 400 and b"INVALID_PARAMETER_VALUE" in error.read(LARGEST_ANSWER)):
                raise UsageError(f"{uri}: the registry has no such model or alias") from None
            raise UnreachableError(f"{uri}: the registry answers with status {error.code}") from None
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise UnreachableError(f"{uri}: the registry does not answer ({type(error).__name__})") from None

    def _by_process(self, *arguments: str, seconds: float) -> str:
        """The last line that `python -m acrcast_training.tracking` prints."""
        uri = arguments[1]
        if find_spec("mlflow") is None:
            raise UsageError(f"{uri}: a model registry needs MLflow; pip install 'acrcast[training]', or give a folder")
        process = subprocess.Popen(  # noqa: S603  our own module, and no shell
            [sys.executable, "-m", "acrcast_training.tracking", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"MLFLOW_TRACKING_URI": self.tracking, "ACRCAST_STATE": str(self._state)},
        )
        self._running = process
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise UnreachableError(f"{uri}: the registry did not deliver it within {seconds:g} s") from None
        finally:
            self._running = None
        said = (out if process.returncode == 0 else err).strip().splitlines()
        if process.returncode == 0 and said:
            return said[-1]
        reason = said[-1].removeprefix(f"{uri}: ") if said else "no reason given"
        kind = {NOT_THERE: UsageError, NO_MODEL: ArtefactError}.get(process.returncode, UnreachableError)
        raise kind(f"{uri}: could not be fetched from the registry: {reason}")


def _mark_of(version: dict[str, Any]) -> tuple[str, str]:
    """A name may be registered anew and a version promoted anew: when it was made and its promotion are in the mark."""
    promotion = hashlib.sha256(str(version["promotion"] or "").encode()).hexdigest()[:16]
    return f"models:/{version['name']}/{version['version']}", f"{version['created']} {promotion}"


def _credentials() -> dict[str, str]:
    """The header by which MLflow's clients say who they are, from the variables that they read."""
    token, user = os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_USERNAME")
    if user:
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}
