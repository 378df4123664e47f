"""Dask's workers, in processes of this machine or wherever a scheduler has them. Imported only when it is asked for.

A task, and what all tasks share, is kept by the scheduler until its result has arrived: whatever a lost worker had is done
anew by another. Workers use one thread of linear algebra, as `acrcast` does, so that the arithmetic is the same.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import dask
import numpy as np
from distributed import Client, Future, KilledWorker, LocalCluster, Security, rpc, wait
from threadpoolctl import ThreadpoolController

import acrcast
from acrcast.errors import AcrcastError, UsageError
from acrcast_training.engines.shipped import Shipped

S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")

# Seconds until a scheduler has to answer, and has to have a worker.
PATIENCE = 15
# Tasks with a worker, or on their way to it, for each of its threads: it need not wait, and the scheduler holds few.
AHEAD = 2
SETTINGS: dict[str, Any] = {
    # of what all tasks share: it is sent once
    "distributed.admin.large-graph-warning-threshold": "1TB",
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # Dask's own 64 kB give every block of arithmetic back to the system at once, which takes two thirds of the time
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "logging.distributed": "error",
}
NO_WORKERS = "the scheduler has no workers left: start some, and give the command again"
NO_SCHEDULER = "the scheduler of Dask is gone: start it, and give the command again"
# What decides the last bit.
VERSIONS = (acrcast.__version__, np.__version__)


class DaskEngine:
    """Does tasks by the workers of a scheduler. own_study: the file of a study that does not ship."""

    def __init__(self, client: Client, own_study: Path | None) -> None:
        self._client = client
        self._own_study = own_study
        # the object is kept beside: another one may have its id when it is gone
        self._shared: tuple[object, Future] | None = None

    def map(
        self, function: Callable[[S, T], Iterable[R]], shared: S, tasks: Iterable[T]
    ) -> Iterator[tuple[T, Iterable[R]]]:
        """As they are finished. Raises AcrcastError when the workers or the scheduler are gone, or are of another version."""
        waiting, running = iter(tasks), dict[Future, T]()
        there = self._there(shared)
        try:
            while True:
                for task in islice(waiting, max(0, self._most_at_once() - len(running))):
                    running[self._client.submit(_done, function, there, task, VERSIONS, pure=False)] = task
                if not running:
                    return
                for future in self._finished(running):
                    yield running.pop(future), self._result_of(future)
        finally:
            self._client.cancel(list(running))

    def _there(self, shared: object) -> Future:
        """What all tasks share, sent once for as long as it is the same object."""
        if self._shared is None or self._shared[0] is not shared:
            self._shared = shared, self._client.submit(_kept, Shipped.of(shared, self._own_study), pure=False)
        return self._shared[1]

    def _most_at_once(self) -> int:
        return AHEAD * max(1, self._threads())

    def _threads(self) -> int:
        """Of all workers. The client asks the scheduler for it."""
        try:
            return sum(self._client.nthreads().values())
        except OSError as error:
            raise AcrcastError(NO_SCHEDULER) from error

    def _finished(self, running: Iterable[Future]) -> Iterable[Future]:
        while True:
            try:
                found: Iterable[Future] = wait(list(running), timeout=PATIENCE, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                self._need_workers()
            except CancelledError as error:
                raise AcrcastError(NO_SCHEDULER) from error
            else:
                return found

    def _result_of(self, future: Future) -> Any:  # noqa: ANN401  whatever the function gave
        """Raises what the function raised, and AcrcastError for what is the matter with workers and scheduler.

        A worker that is lost after it has finished takes its result along: until another one has done the task anew, it is waited.
        """
        while True:
            try:
                return future.result(timeout=PATIENCE)
            except TimeoutError:
                self._need_workers()
            except CancelledError as error:
                raise AcrcastError(NO_SCHEDULER) from error
            except KilledWorker as error:
                raise AcrcastError(
                    "a part of the work has ended its worker again and again, most likely for want of memory: fewer workers leave each more"
                ) from error
            except ModuleNotFoundError as error:
                raise AcrcastError(
                    f"a worker lacks {error.name}: install acrcast[training] there as it is here"
                ) from error

    def _need_workers(self) -> None:
        """Raises AcrcastError when there are none left, or no scheduler."""
        if not self._threads():
            raise AcrcastError(NO_WORKERS)


@contextmanager
def on_this_machine(workers: int, own_study: Path | None) -> Iterator[DaskEngine]:
    """An engine of so many processes, which end with it; nobody else can reach them."""
    with (
        dask.config.set(SETTINGS),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            protocol="tls",
            security=Security.temporary(),
            # without one it would be a port that others may have
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs="ERROR",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield DaskEngine(client, own_study)


@contextmanager
def of_scheduler(address: str, own_study: Path | None) -> Iterator[DaskEngine]:
    """An engine of the workers that a scheduler has. Raises AcrcastError when it does not answer, or has none.

    Raises UsageError for TLS without certificates, which Dask's own configuration names.
    """
    if address.startswith("tls://") and Security().get_connection_args("client")["ssl_context"] is None:
        raise UsageError(
            f"--scheduler {address}: TLS needs certificates: name them in Dask's configuration, distributed.comm.tls"
        )
    with dask.config.set({**SETTINGS, "distributed.comm.timeouts.connect": f"{PATIENCE}s"}):
        try:
            asyncio.run(_asked(address))
        except (OSError, TimeoutError, ValueError) as error:
            raise AcrcastError(
                f"--scheduler {address}: no scheduler of Dask answered within {PATIENCE} s: is it running, and may this machine reach it?"
            ) from error
        with Client(address, timeout=PATIENCE) as client:
            try:
                client.wait_for_workers(1, timeout=PATIENCE)
            except TimeoutError as error:
                raise AcrcastError(
                    f"--scheduler {address}: it has no workers: start some, dask worker {address}"
                ) from error
            yield DaskEngine(client, own_study)


async def _asked(address: str) -> None:
    """Raises an error when no scheduler is there; a client of one that is not there would try for long to leave it."""
    secured = Security().get_connection_args("client")
    async with asyncio.timeout(PATIENCE), rpc(address, timeout=PATIENCE, connection_args=secured) as scheduler:
        if (await scheduler.identity()).get("type") != "Scheduler":
            raise ValueError(address)


def _kept(shipped: Shipped) -> Shipped:
    return shipped


def _done(
    function: Callable[[Any, T], Iterable[R]], shipped: Shipped, task: T, versions: tuple[str, ...]
) -> tuple[R, ...]:
    """On the worker."""
    if versions != VERSIONS:
        raise AcrcastError(
            f"a worker has acrcast {VERSIONS[0]} with NumPy {VERSIONS[1]}, and here it is {versions[0]} with {versions[1]}: install the same"
        )
    with _libraries().limit(limits=1):
        return tuple(function(shipped.received(), task))


@cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()
