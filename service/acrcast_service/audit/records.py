"""What is recorded, and the bytes of a record that its keyed hash is taken over."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Connection

from acrcast import exported
from acrcast_service.audit.keys import AuditKeys

# Until somebody asks callers who they are.
LOCAL_CALLER, DEFAULT_TENANT = "local", "default"

PREDICTION, OUTCOME, SHADOW = exported.PREDICTION, exported.OUTCOME, exported.SHADOW
ERASURE, RETENTION = "erasure", "retention"
# What a record system's user did with the card of a prediction; `about` is that prediction.
FEEDBACK = "feedback"
# The chain was found whole; `about` is how many records it then had, and the hash of the last.
VERIFICATION = "verification"
KINDS = (PREDICTION, OUTCOME, SHADOW, FEEDBACK, ERASURE, RETENTION, VERIFICATION)

# The members of a record that its hash is taken over, in this order, between its place and the hash of its payload.
SIGNED = ("record_id", "kind", "time", "tenant", "caller", "model", "study", "about")
FORMAT = b"acrcast audit 1\n"


class Entry(NamedTuple):
    """Something to be recorded.

    subject: the caller's pseudonym of the patient; None makes the record its own subject, by its `record_id`; bytes are
    the keyed name of a subject that is known already. inputs and answer: what came in and what went out, sealed together.
    about: what a record of this kind refers to. within: run in the transaction that appends the record; what it raises as
    HttpProblem refuses this entry alone.
    """

    kind: str
    record_id: str
    inputs: bytes = b""
    answer: bytes = b""
    subject: str | bytes | None = None
    tenant: str = DEFAULT_TENANT
    caller: str = LOCAL_CALLER
    model: str = ""
    study: str = ""
    about: str = ""
    within: Callable[[Connection], None] | None = None


class Sealed(NamedTuple):
    """An entry ready to be appended: everything but its place in the chain. row: in the order of the table's columns."""

    entry: Entry
    row: dict[str, Any]
    sealed_key: bytes | None
    signed: bytes


def seal(keys: AuditKeys, entry: Entry, time: str) -> Sealed:
    subject = entry.subject
    if not isinstance(subject, bytes):
        subject = keys.subject(entry.tenant, entry.record_id if subject is None else subject)
    payload, sealed_key = keys.seal(entry.record_id, entry.inputs, entry.answer) if entry.inputs else (b"", None)
    row: dict[str, Any] = {
        "record_id": entry.record_id,
        "kind": entry.kind,
        "time": time,
        "tenant": entry.tenant,
        "caller": entry.caller,
        "model": entry.model,
        "study": entry.study,
        "about": entry.about,
        "subject": subject,
        "payload": payload,
    }
    return Sealed(entry, row, sealed_key, signed_part(row))


def signed_part(row: Mapping[str, Any]) -> bytes:
    """The record without its place. Each text has its length in front: no two records are the same bytes."""
    name, *others = _SIGNED_OF(row)
    subject: bytes = row["subject"]
    return f"{len(name)}:{name}{_with_lengths(*others)}".encode() + subject + sha256(row["payload"]).digest()


_SIGNED_OF = itemgetter(*SIGNED)


@lru_cache(maxsize=256)
def _with_lengths(*texts: str) -> str:
    """Records that are written together differ in their name alone."""
    return "".join([f"{len(text)}:{text}" for text in texts])


def signature(keys: AuditKeys, sequence: int, previous: bytes, signed: bytes) -> bytes:
    return keys.sign(FORMAT + sequence.to_bytes(8, "big") + previous + signed)


def now() -> str:
    return time_text(datetime.now(UTC))


def time_text(moment: datetime) -> str:
    """moment: with its time zone."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
