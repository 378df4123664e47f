"""A response model on disk: a folder of plain arrays, JSON and XGBoost's own files, checked before it is believed.

    manifest.json   format, study, contract digest, SHA-256 of every other file, and where the model comes from
    arrays.npz      numbers, without pickled objects
    boosters/*.ubj  XGBoost's own format, for boosted trees only
    card.json       the model card
    evidence.json   what the card's figures and the report's pictures rest on, without patients
    self_test.npz   made-up inputs and the answers that they must give

Loading runs no code from the folder. The digest of the manifest, which holds all others, is the model's digest.
How a model became champion is recorded beside its folder, see `acrcast.promotion`.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

import acrcast
from acrcast import promotion
from acrcast.arrays import Floats
from acrcast.errors import ArtefactError, NewerFormatError, OtherContractError, TamperedError, UsageError
from acrcast.estimators.design import Standardisation, Terms, columns_of
from acrcast.estimators.ensemble import BoostedEnsemble, Ensemble, LogisticEnsemble
from acrcast.estimators.missing import ConditionalNormal
from acrcast.estimators.rows import Preparation
from acrcast.prediction import ModelIdentity, TrainingData
from acrcast.response_model import ResponseModel
from acrcast.studies import load_study, shipped_studies
from acrcast.studies.study import Study
from acrcast.support import Limits, TrainingRange

if TYPE_CHECKING:
    import xgboost as xgb

FORMAT = 1
MANIFEST, ARRAYS, SELF_TEST, BOOSTERS = "manifest.json", "arrays.npz", "self_test.npz", "boosters"
CARD, EVIDENCE = "card.json", "evidence.json"
RELEASED = Path(acrcast.__file__).parent / "released" / "ld-il2-ra"
SELF_TEST_TOLERANCE = 1e-9
SELF_TEST_ROWS, SELF_TEST_MISSING = 16, 0.3
# Arrays in which NaN says that there is none, or infinity that a column does not vary.
MAY_BE_OPEN = ("sd", "conditional_low", "conditional_high", "range_low", "range_high")
LARGEST_FILE = 200 * 1024 * 1024

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a model says of itself. Every file of the folder is listed with its SHA-256; an unlisted file is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    name: str
    version: str
    study: str
    contract: Digest
    endpoint: str
    arms: list[str]
    control: str | None
    effect_modifiers: list[str]
    assays: dict[str, str]
    candidate: str
    estimate_conditions_on: str
    training_data: TrainingData
    data_fingerprint: str
    code_revision: str
    created: str
    library_versions: dict[str, str]
    booster_factor: float | None = None
    files: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+)?\.(npz|json|ubj)$")], Digest]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a model comes from; recorded in the manifest."""

    name: str
    version: str
    training_data: TrainingData
    data_fingerprint: str
    code_revision: str
    created: str
    library_versions: Mapping[str, str]


def save(model: ResponseModel, provenance: Provenance, folder: Path) -> ModelIdentity:
    """Write the model into an empty or new folder and return its identity.

    Raises UsageError when the folder already holds something.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty: give a new folder for the model")
    contents = {
        ARRAYS: _npz(_arrays(model)),
        CARD: _json(model.card),
        EVIDENCE: _json(model.evidence),
        SELF_TEST: _npz(_self_test(model)),
    }
    contents |= _boosters(model.ensemble)
    manifest = Manifest(
        name=provenance.name,
        version=provenance.version,
        study=model.study.key,
        contract=model.study.contract.digest,
        **_declared(model.study),
        candidate=model.candidate,
        estimate_conditions_on=model.estimate_conditions_on,
        training_data=provenance.training_data,
        data_fingerprint=provenance.data_fingerprint,
        code_revision=provenance.code_revision,
        created=provenance.created,
        library_versions=dict(provenance.library_versions),
        booster_factor=model.ensemble.factor if isinstance(model.ensemble, BoostedEnsemble) else None,
        files={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    written = _json(manifest.model_dump(mode="json"))
    (folder / MANIFEST).write_bytes(written)
    return _identity(manifest, written)


def load(folder: Path, study: Study | None = None) -> ResponseModel:
    """The model of a folder, after its digests, its contract and its self-test have been checked.

    study: needed for a study of your own, which the model names but does not contain.
    Raises ArtefactError (incomplete or unreadable), TamperedError, NewerFormatError, OtherContractError, UsageError.
    """
    manifest, written = _manifest(folder)
    study = _study(manifest, study)
    contents = _checked_files(folder, manifest)
    arrays = _read_npz(contents[ARRAYS], ARRAYS)
    try:
        model = _model(study, manifest, _identity(manifest, written), _object(contents[CARD], CARD), arrays, contents)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise ArtefactError(f"{folder}: the model's arrays are not those of format {FORMAT}: {error}") from error
    _check_self_test(model, _read_npz(contents[SELF_TEST], SELF_TEST), folder)
    return replace(model, promotion=promotion.beside(folder, model.identity.digest))


def described(folder: Path) -> tuple[Manifest, ModelIdentity, dict[str, Any]]:
    """What the model of a folder says of itself, and its card, every digest checked; its study is not needed.

    Raises what `load` raises for an artefact that is incomplete, unreadable, tampered with or too new.
    """
    manifest, written = _manifest(folder)
    card = _object(_checked_files(folder, manifest)[CARD], CARD)
    return manifest, _identity(manifest, written), card


def _manifest(folder: Path) -> tuple[Manifest, bytes]:
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtefactError(f"{folder}: no {MANIFEST} here; give a folder that `acrcast train` wrote")
    written = _content(path, folder)
    try:
        found = json.loads(written)
        if isinstance(found, dict) and isinstance(found.get("format"), int) and found["format"] > FORMAT:
            raise NewerFormatError(
                f"{folder}: written in format {found['format']}, this is acrcast {acrcast.__version__} which reads format {FORMAT}: upgrade acrcast"
            )
        return Manifest.model_validate(found), written
    except (ValueError, RecursionError) as error:
        raise TamperedError(f"{path}: not a manifest of format {FORMAT}") from error


def _study(manifest: Manifest, study: Study | None) -> Study:
    if study is None:
        if manifest.study not in shipped_studies():
            raise UsageError(
                f"the model is of the study {manifest.study!r}, which does not ship: name its file by --study"
            )
        study = load_study(manifest.study)
    if study.key != manifest.study:
        raise UsageError(f"the model is of the study {manifest.study!r}, not of {study.key!r}")
    declared = _declared(study)
    changed = ["fields"] if study.contract.digest != manifest.contract else []
    changed += [name.replace("_", " ") for name, value in declared.items() if getattr(manifest, name) != value]
    if changed:
        raise OtherContractError(
            f"the {' and '.join(changed)} of study {study.key!r} have changed since the model was trained: train it anew"
        )
    return study


def _declared(study: Study) -> dict[str, Any]:
    """What of a study its model depends on besides the fields: with other arms it would answer for the wrong one."""
    return {
        "endpoint": study.endpoint.title,
        "arms": [arm.key for arm in study.arms],
        "control": study.control,
        "effect_modifiers": list(study.effect_modifiers),
        "assays": dict(study.assays),
    }


def _checked_files(folder: Path, manifest: Manifest) -> dict[str, bytes]:
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()} - {MANIFEST}
    unlisted, lost = sorted(present - manifest.files.keys()), sorted(manifest.files.keys() - present)
    if lost:
        raise ArtefactError(f"{folder}: {lost[0]} is missing")
    if unlisted:
        raise TamperedError(f"{folder}: {unlisted[0]} does not belong to the model")
    contents = {}
    for name, digest in manifest.files.items():
        contents[name] = _content(folder / name, folder)
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            raise TamperedError(f"{folder / name}: its content differs from the digest in {MANIFEST}")
    if not {ARRAYS, CARD, EVIDENCE, SELF_TEST} <= contents.keys():
        raise ArtefactError(f"{folder}: {MANIFEST} does not list {ARRAYS}, {CARD}, {EVIDENCE} and {SELF_TEST}")
    return contents


def _content(path: Path, folder: Path) -> bytes:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise TamperedError(f"{path}: a link that leaves the model's folder")
    if not path.is_file():
        raise TamperedError(f"{path}: not a plain file")
    if path.stat().st_size > LARGEST_FILE:
        raise ArtefactError(f"{path}: larger than {LARGEST_FILE // 1024**2} MiB")
    return path.read_bytes()


def _identity(manifest: Manifest, written: bytes) -> ModelIdentity:
    digest = f"sha256:{hashlib.sha256(written).hexdigest()}"
    return ModelIdentity(manifest.name, manifest.version, digest, manifest.training_data)


def _arrays(model: ResponseModel) -> dict[str, Floats]:
    standardisation, conditional = model.preparation.standardisation, model.preparation.conditional
    arrays = {
        "mean": standardisation.mean,
        "sd": standardisation.sd,
        "conditional_mean": conditional.mean,
        "conditional_covariance": conditional.covariance,
        "conditional_low": conditional.low,
        "conditional_high": conditional.high,
        "nodes": model.nodes,
        "range_low": model.training_range.low,
        "range_high": model.training_range.high,
        "range_excess": np.array(model.training_range.excess),
        "range_distance": np.array(model.training_range.distance),
        "averages": np.stack([model.averages[arm.key] for arm in model.study.arms]),
    }
    if isinstance(model.ensemble, LogisticEnsemble):
        arrays |= {"point": model.ensemble.point, "members": model.ensemble.members}
    return arrays


def _object(content: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ArtefactError(f"{name}: not JSON") from error
    if not isinstance(found, dict):
        raise ArtefactError(f"{name}: not an object")
    return found


def _model(
    study: Study,
    manifest: Manifest,
    identity: ModelIdentity,
    card: dict[str, Any],
    arrays: dict[str, Floats],
    contents: dict[str, bytes],
) -> ResponseModel:
    terms = Terms.of(study)
    _check_arrays(arrays, study, terms)
    block = np.array([column.position for column in columns_of(study.contract)], dtype=np.int64)
    conditional = ConditionalNormal(
        arrays["conditional_mean"],
        arrays["conditional_covariance"],
        arrays["conditional_low"],
        arrays["conditional_high"],
        block,
    )
    return ResponseModel(
        study=study,
        identity=identity,
        card=card,
        candidate=manifest.candidate,
        estimate_conditions_on=manifest.estimate_conditions_on,
        terms=terms,
        preparation=Preparation(Standardisation(arrays["mean"], arrays["sd"]), conditional),
        training_range=TrainingRange(
            arrays["range_low"],
            arrays["range_high"],
            Limits(*arrays["range_excess"].tolist()),
            Limits(*arrays["range_distance"].tolist()),
        ),
        ensemble=_ensemble(terms, manifest, arrays, contents),
        nodes=arrays["nodes"],
        averages={arm.key: arrays["averages"][i] for i, arm in enumerate(study.arms)},
        evidence=_object(contents[EVIDENCE], EVIDENCE),
    )


def _check_arrays(arrays: dict[str, Floats], study: Study, terms: Terms) -> None:
    """Raises KeyError or ValueError: the self-test would not notice an array that only a raw or an odd patient meets."""
    q, k, members = len(terms.columns), len(study.contract.covariates), len(arrays["nodes"])
    shapes = {
        "mean": (q,),
        "sd": (q,),
        "conditional_mean": (q,),
        "conditional_covariance": (q, q),
        "conditional_low": (q,),
        "conditional_high": (q,),
        "nodes": (members, q),
        "range_low": (k,),
        "range_high": (k,),
        "range_excess": (2,),
        "range_distance": (2,),
        "averages": (len(study.arms), arrays["averages"].shape[-1]),
    }
    if "members" in arrays:
        shapes |= {"point": (terms.size,), "members": (members, terms.size)}
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name} does not fit the study")
        if name not in MAY_BE_OPEN and not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name} holds what is no number")
    if not (arrays["sd"] > 0).all():
        raise ValueError("sd is not above zero")


def _ensemble(terms: Terms, manifest: Manifest, arrays: dict[str, Floats], contents: dict[str, bytes]) -> Ensemble:
    if manifest.booster_factor is None:
        return LogisticEnsemble(terms, arrays["point"], arrays["members"])
    from acrcast.estimators.boosted import from_bytes  # noqa: PLC0415  only when a model needs it
    from acrcast.estimators.booster_check import check_booster  # noqa: PLC0415  only when a model needs it

    for name, content in contents.items():
        if name.startswith(f"{BOOSTERS}/"):
            check_booster(content, len(terms.columns) + terms.two_arms)
    names = sorted(name for name in contents if name.startswith(f"{BOOSTERS}/member_"))
    members: tuple[xgb.Booster, ...] = tuple(from_bytes(contents[name]) for name in names)
    if len(members) != len(arrays["nodes"]):
        raise ValueError("one booster for each node is needed")
    return BoostedEnsemble(terms, from_bytes(contents[f"{BOOSTERS}/point.ubj"]), members, manifest.booster_factor)


def _boosters(ensemble: Ensemble) -> dict[str, bytes]:
    if not isinstance(ensemble, BoostedEnsemble):
        return {}
    from acrcast.estimators.boosted import as_bytes  # noqa: PLC0415  only when a model needs it

    members = {f"{BOOSTERS}/member_{m:03}.ubj": as_bytes(member) for m, member in enumerate(ensemble.boosters)}
    return {f"{BOOSTERS}/point.ubj": as_bytes(ensemble.point), **members}


def _self_test(model: ResponseModel) -> dict[str, Floats]:
    """Made-up rows on the columns' scales, drawn from the model's own description of them, some with measures missing."""
    rng = np.random.default_rng(0)
    q = len(model.terms.columns)
    nothing = np.full((SELF_TEST_ROWS, q), np.nan)
    nodes = rng.standard_normal((SELF_TEST_ROWS, 1, q))
    rows = model.preparation.conditional.draw(nothing, np.zeros(nothing.shape, dtype=bool), nodes)[:, 0]
    # a measure is missing with all of its columns, as a patient's is
    fields = len(model.study.contract.covariates)
    lost = rng.random((SELF_TEST_ROWS, fields))[:, model.preparation.conditional.block] < SELF_TEST_MISSING
    rows[lost & (np.arange(SELF_TEST_ROWS) % 2 == 1)[:, None]] = np.nan
    standardisation = model.preparation.standardisation
    rows = standardisation.mean + rows * np.where(np.isfinite(standardisation.sd), standardisation.sd, 0.0)
    return {"rows": rows, "answers": _answers(model, rows)}


def _answers(model: ResponseModel, rows: Floats) -> Floats:
    Z = model.preparation.standardisation.apply(rows)
    risks = model.risks_of(Z, np.zeros(Z.shape, dtype=bool), 0.95)
    arms = [risks.treated, *(part for part in (risks.control, risks.benefit) if part is not None)]
    return np.stack([value for arm in arms for value in (arm.probability, arm.low, arm.high)], axis=1)


def _check_self_test(model: ResponseModel, expected: dict[str, Floats], folder: Path) -> None:
    try:
        given = _answers(model, expected["rows"])
        agrees = (
            len(given) == SELF_TEST_ROWS
            and given.shape == expected["answers"].shape
            and np.allclose(given, expected["answers"], rtol=0, atol=SELF_TEST_TOLERANCE)
        )
    except (KeyError, ValueError, IndexError, TypeError, np.linalg.LinAlgError) as error:
        raise TamperedError(f"{folder}: the self-test cannot be run: {error}") from error
    if not agrees:
        raise TamperedError(f"{folder}: the model no longer gives the answers recorded in {SELF_TEST}")


def _npz(arrays: Mapping[str, Floats]) -> bytes:
    """An .npz whose bytes depend on the arrays alone: no time stamps."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(arrays):
            content = io.BytesIO()
            np.lib.format.write_array(content, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
    return buffer.getvalue()


def _read_npz(content: bytes, name: str) -> dict[str, Floats]:
    """Arrays as `_npz` wrote them: uncompressed, so that a small file cannot become a huge one, and without objects."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in archive.infolist()}
    except (
        ValueError,
        TypeError,
        OSError,
        EOFError,
        RuntimeError,
        MemoryError,
        OverflowError,
        zipfile.BadZipFile,
    ) as error:
        raise ArtefactError(f"{name}: not plain arrays of numbers; pickled objects are never loaded") from error


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Floats:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError("compressed")
    array = np.lib.format.read_array(io.BytesIO(archive.read(member)), allow_pickle=False)
    if array.dtype != np.float64:
        raise ValueError("not numbers")
    return np.asarray(array, dtype=np.float64)


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
