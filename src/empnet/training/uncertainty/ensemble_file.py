"""The file that makes a run folder an ensemble: its members, and the calibration of their spread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from empnet.errors import EmpnetError
from empnet.model.ensemble import Ensemble
from empnet.model.property_model import PropertyModel
from empnet.runtime.durable_files import write_text
from empnet.training.run.integrity import hash_of_card, refuse_flipped
from empnet.training.run.model_file import RESTORE, ModelCard, load_model
from empnet.training.run.versions import refuse_later_version
from empnet.training.uncertainty.calibration import Calibration
from empnet.training.uncertainty.ensemble_std import EnsembleStd

__all__ = ["FILE", "is_ensemble", "load_ensemble", "load_members", "refuse_ensemble", "save_ensemble"]

FILE = "ensemble.json"
FORMAT_VERSION = 1
"""Format version of the file. A later version of the package must read all earlier ones."""


def is_ensemble(folder: str | Path) -> bool:
    """Return True if a run folder holds an ensemble.

    Arguments:
        folder: The run folder.
    """
    return (Path(folder) / FILE).exists()


def refuse_ensemble(folder: str | Path, remedy: str) -> None:
    """Raise if a run folder holds an ensemble, finished or not, where a single network is needed.

    Arguments:
        folder: The run folder.
        remedy: What to do instead.

    Raises:
        EmpnetError: If so.
    """
    if is_ensemble(folder) or (Path(folder) / "member-1").exists():
        raise EmpnetError("is an ensemble", where=folder, wanted="the run of one network", remedy=remedy)


def save_ensemble(folder: Path, members: Sequence[str], spread: EnsembleStd) -> None:
    """Write ``ensemble.json``.

    Arguments:
        folder: The run folder.
        members: Names of the members' run folders within it.
        spread: Its calibrated spread.
    """
    record = {
        "format_version": FORMAT_VERSION,
        "members": list(members),
        "limits": spread.limits.tolist(),
        "calibrations": [asdict(each) for each in spread.calibrations],
    }
    record["sha256"] = hash_of_card(record)
    write_text(folder / FILE, json.dumps(record, indent=1) + "\n")


def load_ensemble(folder: str | Path) -> tuple[Ensemble, ModelCard, EnsembleStd]:
    """Load the ensemble of a run folder, ready to predict.

    Arguments:
        folder: The run folder.

    Returns:
        The ensemble in evaluation mode, the card of its first member, and its spread.

    Raises:
        EmpnetError: If a file is missing or damaged, or written by a later version.
    """
    path = Path(folder) / FILE
    try:
        text = path.read_bytes()
        refuse_later_version(text, FORMAT_VERSION, path)
        record = EnsembleRecord.model_validate_json(text)
    except OSError as error:
        raise EmpnetError(f"cannot be read ({error.strerror})", where=path) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part)[:40] for part in first["loc"])
        raise EmpnetError(
            f"is damaged ({where}: {first['msg'][:200]})", where=path, wanted="an ensemble of empnet"
        ) from None
    if len(set(record.members)) != len(record.members):
        raise EmpnetError("is damaged: a member is named twice", where=path)
    rest = {key: value for key, value in json.loads(text).items() if key != "sha256"}
    refuse_flipped(record.sha256, hash_of_card(rest), where=path, remedy=RESTORE)
    ensemble, card = load_members(path.parent, record.members)
    F_prime = len(card.properties)
    if (len(record.limits), len(record.calibrations)) != (F_prime, F_prime):
        raise EmpnetError("is damaged", where=path, wanted=f"limits and calibrations of {F_prime} properties")
    calibrations = tuple(Calibration(**each.model_dump()) for each in record.calibrations)
    return ensemble, card, EnsembleStd(np.array(record.limits, dtype=np.float64), calibrations)


class CalibrationRecord(BaseModel):
    """Record of the calibration of one property, see :class:`~empnet.training.uncertainty.calibration.Calibration`.

    nan and infinity are valid values.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    scale: float
    noise: float = 0.0
    power: float = 1.0
    wide: float = np.nan
    n: int = Field(default=0, ge=0, le=10**12)


class EnsembleRecord(BaseModel):
    """Record of a whole ``ensemble.json``; members are names of folders within the run folder."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format_version: int = Field(ge=1)
    members: list[Annotated[str, Field(pattern=r"^[\w-][\w.-]{0,200}$")]] = Field(min_length=2, max_length=1000)
    limits: list[float]
    calibrations: list[CalibrationRecord]
    sha256: str | None = None


def load_members(folder: Path, names: Sequence[str]) -> tuple[Ensemble, ModelCard]:
    """Load an ensemble of trained runs, and the card of the first.

    Arguments:
        folder: Folder that holds the run folders.
        names: Their names.

    Raises:
        EmpnetError: If a file is missing or damaged, or the members differ in what they predict.
    """
    loaded = [load_model(folder / name) for name in names]
    card = loaded[0][1]
    for name, (_, other) in zip(names, loaded, strict=True):
        if _kind(other) != _kind(card):
            raise EmpnetError(f"is a model of another kind than {names[0]}", where=folder / name)
    models = [model for model, _ in loaded if isinstance(model, PropertyModel)]
    if len(models) < len(loaded):
        raise EmpnetError("a member is a model of clouds or classes, which have no ensembles", where=folder)
    return Ensemble(models).eval(), card


def _kind(card: ModelCard) -> tuple[object, ...]:
    """Return the fields of a card that all members must share."""
    names = card.species, card.properties, card.units, card.features, card.baseline_keys
    return card.architecture, *names, card.dtype
