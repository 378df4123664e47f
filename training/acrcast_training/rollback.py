"""Taking a champion back: which version was it before, by the records of promotions."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from acrcast import artefact, promotion
from acrcast.errors import UsageError
from acrcast.promotion import Promotion, Rollback
from acrcast_training.promote import LONGEST_REASON
from acrcast_training.tracking import registry
from acrcast_training.tracking.registry import Champions


def previous(name: str, found: Champions) -> Promotion:
    """The promotion of the champion before the one that there is.

    That is the latest before the champion's own, of a version that was not taken back since; a champion that has no record
    came after all that have one. Raises UsageError when there is none.
    """
    if found.now is None:
        raise UsageError(f"{name} has no champion: acrcast promote {name} VERSION")
    own = [known.when for known in found.promotions if known.version == found.now]
    taken_back = {known.version: known.when for known in found.rollbacks}
    before = [
        known
        for known in found.promotions
        if known.version != found.now
        and (not own or known.when <= own[0])
        and taken_back.get(known.version, "") < known.when
    ]
    if not before:
        raise UsageError(
            f"{name} version {found.now}: no champion before it is on record; name one: acrcast promote {name} VERSION"
        )
    return max(before, key=lambda known: (known.when, known.version))


def roll_back(name: str, *, reason: str, store: str | None = None) -> Rollback:
    """Let the champion be the version that it was before, once that is fetched and found to be what was promoted.

    Raises UsageError when there is none or the reason is too long, TamperedError when it is not what was promoted.
    """
    if len(reason) > LONGEST_REASON:
        raise UsageError(f"--reason: expected at most {LONGEST_REASON} characters")
    found = registry.champions(name, store)
    target = previous(name, found)
    with tempfile.TemporaryDirectory(prefix="acrcast-model-") as folder:
        local = registry.download(f"models:/{name}/{target.version}", Path(folder), store)
        _, identity, _ = artefact.described(local)
        promotion.beside(local, identity.digest)
    assert found.now is not None  # noqa: S101  says to the type checker what `previous` raises for
    rollback = Rollback(
        name=name,
        version=found.now,
        to=target.version,
        when=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        reason=reason,
    )
    registry.take_back(rollback, store)
    return rollback
