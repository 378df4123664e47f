"""Many trials in several processes. Each is kept as soon as it is done, so that a run that was stopped goes on where it was."""

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import asdict, fields
from math import isnan, nan
from pathlib import Path
from typing import Any

from acrcast.errors import AcrcastError, FitError
from acrcast_training.operating_characteristics.trial import Accuracy, Intervals, Setting, TrialResult, run_trial

# A trial that cannot be fitted is an outcome too: the reason in place of a result.
Outcome = TrialResult | FitError
FILE = "trials.jsonl"
ACCURACIES = ("served", "rate", "hierarchical", "procedure", "validated")
INTERVALS = ("control", "treated", "benefit")


class Results:
    """The trials done so far: a file with one line of JSON for each, named by its setting's digest and its number."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> dict[tuple[str, int], Outcome]:
        """All trials by digest and number. A line that is cut off, as when the run was killed while writing, is left out."""
        found: dict[tuple[str, int], Outcome] = {}
        for line in self.path.read_bytes().splitlines() if self.path.exists() else ():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            found[record["setting"], record["trial"]] = _outcome(record)
        return found

    def add(self, setting: Setting, number: int, outcome: Outcome) -> None:
        """Write one line; it is on the disk when this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"setting": setting.digest, "trial": number} | _record(outcome), allow_nan=False)
        with self.path.open("a+b") as file:
            # what a kill cut off is ended, so that it takes no line after it along
            if file.tell() and file.seek(-1, os.SEEK_END) is not None and file.read(1) != b"\n":
                file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def run(
    trials: Mapping[Setting, int], results: Results, *, processes: int, progress: Callable[[int], None] = lambda _: None
) -> dict[Setting, list[Outcome]]:
    """For each setting the outcomes of its trials 0, 1, ..., in order; those that `results` lacks are run and added.

    trials: how many of each setting. progress: called with the trials done, first with those that were there already.
    The outcomes are the same for any number of processes. Raises AcrcastError when a process was ended from outside.
    """
    kept = results.read()
    wanted = [(setting, number) for setting, count in trials.items() for number in range(count)]
    missing = [(setting, number) for setting, number in wanted if (setting.digest, number) not in kept]
    progress(len(wanted) - len(missing))
    if missing:
        with _workers(min(processes, len(missing))) as pool:
            pending = {pool.submit(_outcome_of, setting, number): (setting, number) for setting, number in missing}
            for done in as_completed(pending):
                setting, number = pending[done]
                kept[setting.digest, number] = done.result()
                results.add(setting, number, done.result())
                progress(1)
    return {setting: [kept[setting.digest, number] for number in range(count)] for setting, count in trials.items()}


@contextmanager
def _workers(processes: int) -> Iterator[ProcessPoolExecutor]:
    """A pool, also for one process, so that the arithmetic is the same; when left early its processes are ended at once."""
    # Read by NumPy when a child imports it; many small matrices, and each child has one core.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"), initializer=_start_worker)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise AcrcastError(
            "a process was ended from outside, perhaps for want of memory: the same command goes on, --processes fewer"
        ) from error
    except BaseException:
        for worker in multiprocessing.active_children():
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    """Ctrl-C is for the parent to act on; and when the parent is killed, its workers end too."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _outcome_of(setting: Setting, number: int) -> Outcome:
    try:
        return run_trial(setting, number)
    except FitError as error:
        return error


def _record(outcome: Outcome) -> dict[str, Any]:
    """JSON has no NaN: null stands for it."""
    if isinstance(outcome, FitError):
        return {"failed": str(outcome)}
    record = asdict(outcome)
    for part in ACCURACIES:
        record[part] = {name: None if isnan(value) else value for name, value in record[part].items()}
    return record


def _outcome(record: Mapping[str, Any]) -> Outcome:
    if "failed" in record:
        return FitError(record["failed"])

    def accuracy(part: str) -> Accuracy:
        return Accuracy(**{name: nan if value is None else value for name, value in record[part].items()})

    facts = {field.name: record[field.name] for field in fields(TrialResult)}
    facts |= {part: accuracy(part) for part in ACCURACIES} | {part: Intervals(**record[part]) for part in INTERVALS}
    return TrialResult(**facts)
