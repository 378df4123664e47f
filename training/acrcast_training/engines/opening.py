"""The engine that a command was asked for."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from acrcast.engine import HERE, Engine
from acrcast.errors import UsageError

ENGINES = LOCAL, DASK = "local", "dask"


@dataclass(frozen=True, slots=True)
class Asked:
    """engine: one of `ENGINES`. scheduler: address of Dask's. workers: of a cluster that is started for this. None is not given.

    Raises UsageError for options that do not go together.
    """

    engine: str
    scheduler: str | None
    workers: int | None

    def __post_init__(self) -> None:
        for name, value in (("--scheduler", self.scheduler), ("--workers", self.workers)):
            if value is not None and self.engine != DASK:
                raise UsageError(f"{name} is for Dask: add --engine {DASK}")
        if self.scheduler is not None and self.workers is not None:
            raise UsageError(
                "--workers is for a cluster on this machine: leave it out with --scheduler, which has its own"
            )


@contextmanager
def opened(asked: Asked, own_study: Path | None) -> Iterator[Engine]:
    """The engine, for as long as it is needed. own_study: the file of a study that does not ship.

    Raises AcrcastError when a scheduler does not answer or has no workers.
    """
    if asked.engine == LOCAL:
        yield HERE
        return
    from acrcast_training.engines.dask_engine import of_scheduler, on_this_machine  # noqa: PLC0415  takes a second to import

    if asked.scheduler is not None:
        with of_scheduler(asked.scheduler, own_study) as engine:
            yield engine
    else:
        with on_this_machine(asked.workers or os.cpu_count() or 1, own_study) as engine:
            yield engine
