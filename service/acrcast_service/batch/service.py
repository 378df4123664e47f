"""Predicts for a batch, a chunk of rows at a time, beside the event loop, and records each answered row."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np
import orjson

from acrcast.arrays import Integers
from acrcast.contract import OnePatient
from acrcast.prediction import ModelIdentity
from acrcast.table import column_names, prediction_columns
from acrcast_service.answers import plain_problems
from acrcast_service.audit.records import PREDICTION, Entry
from acrcast_service.audit.trail import AuditTrail
from acrcast_service.auth.callers import Caller
from acrcast_service.batch.rows import answers_in_rows
from acrcast_service.batch.schemas import Answered, Batch
from acrcast_service.model_store import ServedModel
from acrcast_service.problems import BUSY, HttpProblem

# Rows that are worked on and sent at a time: some 20 ms of work.
CHUNK = 4096
# Rows that are recorded in one commit. Fewer would cost more each; while they are written, some 20 ms, single patients wait.
RECORDED_AT_ONCE = 1024


class Pool:
    """Threads for batches: as many requests at a time as there are threads, and none that waits."""

    def __init__(self, threads: int) -> None:
        self._free = threads
        self._threads = ThreadPoolExecutor(threads, "batch")

    def take(self) -> None:
        """Raises HttpProblem (503, Retry-After) when all are taken. Whoever took one gives it back."""
        if self._free == 0:
            raise HttpProblem(BUSY, headers={"Retry-After": "1"})
        self._free -= 1

    def give_back(self) -> None:
        self._free += 1

    async def run(self, work: Any, *of: object) -> Any:  # noqa: ANN401  what the work returns
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *of)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be answered. full: complete answers. level: of the intervals."""

    level: float
    full: bool = False


def head_of(served: ServedModel, batch: Batch, wanted: Wanted) -> dict[str, Any]:
    """What holds for all rows."""
    study, identity = served.model.study, served.model.identity
    return {
        "study": study.key,
        "endpoint": study.endpoint.title,
        "model": {name: getattr(identity, name) for name in ModelIdentity.__slots__},
        "level": wanted.level,
        "cautions": [*served.bedside.always, *_unnamed(served, batch)],
        "intended_use": study.intended_use,
    }


async def answers(
    pool: Pool, audit: AuditTrail, caller: Caller, served: ServedModel, batch: Batch, wanted: Wanted
) -> AsyncIterator[Answered]:
    """Chunk after chunk, each once its rows are recorded. Raises HttpProblem when they cannot be."""
    base = str(uuid4())[:28]
    for first in range(0, max(len(batch), 1), CHUNK):
        answered: Answered = await pool.run(predict, served, batch, wanted, first, base)
        if audit.is_on:
            entries = await pool.run(entries_of, caller, served, batch, answered)
            for start in range(0, len(entries), RECORDED_AT_ONCE):
                await audit.record_together(entries[start : start + RECORDED_AT_ONCE])
        yield answered


def predict(served: ServedModel, batch: Batch, wanted: Wanted, first: int, base: str) -> Answered:
    """Rows `first` to `first + CHUNK`. base: of the prediction ids, which end with the row."""
    last = min(first + CHUNK, len(batch))
    these = range(first, last) if batch.refused else ()
    refused = {i: plain_problems(batch.refused[i]) for i in these if i in batch.refused}
    rows = np.arange(first, last)
    if refused:
        rows = rows[~np.isin(rows, list(refused))]
    ids = ids_in_json(base, rows)
    covariates, digest = batch.covariates.rows(rows if refused else slice(first, last)), served.model.identity.digest
    if wanted.full:
        names: list[str] = orjson.loads(b"[%b]" % ids)
        full = [served.bedside.answer(OnePatient.of_row(covariates, k), name) for k, name in enumerate(names)]
        support = [answer["support"]["status"] for answer in full]
        return Answered(digest, support, first, last - first, rows, ids, {}, full, refused)
    columns = prediction_columns(served.model, covariates, level=wanted.level)
    return Answered(digest, columns["support"].tolist(), first, last - first, rows, ids, columns, None, refused)


def ids_in_json(base: str, rows: Integers) -> bytes:
    """Prediction ids: `base`, 28 characters, ended by the row in 8 hexadecimal digits. As in `Answered`."""
    text = np.tile(np.frombuffer(f'"{base}00000000",'.encode(), dtype=np.uint8), (len(rows), 1))
    text[:, -10:-2] = np.frombuffer(rows.astype(">u4").tobytes().hex().encode(), dtype=np.uint8).reshape(-1, 8)
    return text.tobytes()[:-1]


def entries_of(caller: Caller, served: ServedModel, batch: Batch, answered: Answered) -> list[Entry]:
    """Of every answered row what is to be recorded, each as a prediction of its own."""
    model, study = served.model.identity.digest, served.model.study.key
    rows, subjects = answered.rows.tolist(), batch.subjects
    sent = zip(rows, answered.ids, batch.inputs(rows), answers_in_rows(answered), strict=True)
    return [
        Entry(
            PREDICTION,
            name,
            inputs=inputs,
            answer=answer,
            subject=None if subjects is None else subjects[i],
            tenant=caller.tenant,
            caller=caller.name,
            model=model,
            study=study,
        )
        for i, name, inputs, answer in sent
    ]


def names_of_columns(served: ServedModel) -> dict[str, bool]:
    """Of an answer in columns, after `row`; whether each holds numbers."""
    names = column_names(served.model.study.has_control)
    return {"prediction_id": False, **dict(names), "error": False}


def _unnamed(served: ServedModel, batch: Batch) -> Iterator[str]:
    """A caution for each assay that is not named where its measure was taken."""
    contract, assays = served.model.study.contract, served.model.study.assays
    for field, position in contract.assay_positions:
        unnamed = (batch.covariates.assays[field.name] == "") & ~np.isnan(batch.covariates.values[:, position])
        if count := int(np.count_nonzero(unnamed)):
            yield (
                f"{field.measure.label} is not named in {count} rows: the model was trained with {assays[field.name]}, "
                "and other assays differ in scale."
            )
