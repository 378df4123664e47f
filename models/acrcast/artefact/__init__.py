"""A response model on disk: a folder of plain arrays, JSON and XGBoost's own file, checked before it is believed.

    manifest.json   format, study, contract digest, SHA-256 of every other file, and where the model comes from
    arrays.npz      numbers, without pickled objects
    booster.ubj     XGBoost's own format, for boosted trees only
    card.json       the model card
    evidence.json   what the card's figures and the report's pictures rest on, without patients
    self_test.npz   made-up inputs and the answers that they must give
    manifest.sig    a signature of the manifest, where somebody signed the model; who must have, a server decides

Loading runs no code from the folder. The digest of the manifest, which holds all others, is the model's digest.
How a model became champion is recorded beside its folder, see `acrcast.promotion`.
"""

from pathlib import Path

import acrcast
from acrcast.artefact.files import MANIFEST, SIGNATURE
from acrcast.artefact.loading import described, load
from acrcast.artefact.manifest import Manifest, Provenance, digest_of
from acrcast.artefact.saving import save

__all__ = ["MANIFEST", "RELEASED", "SIGNATURE", "Manifest", "Provenance", "described", "digest_of", "load", "save"]

RELEASED = Path(acrcast.__file__).parent / "released" / "ld-il2-ra"
