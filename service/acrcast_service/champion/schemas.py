"""What `POST /admin/model/refresh` answers."""

from dataclasses import dataclass

from acrcast_service.champion.watch import Outcome


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What came of looking for another model.

    outcome: `refused` and `unreachable` leave the model that was there. model: digest of the one that answers from now on.
    refused, unconfirmed: why, as in GET /health/ready.
    """

    outcome: Outcome
    model: str
    refused: str | None
    unconfirmed: str | None
