"""Ensemble of networks that differ in their seed: the mean is the prediction, the spread its uncertainty."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Float64
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from torch import Tensor

from empnet.basis.spline import CubicSpline
from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.errors import EmpnetError
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.model.system_model import BatchPrediction
from empnet.runtime.durable_files import write_text
from empnet.system.batch import Batch
from empnet.system.composition import Pooling
from empnet.training.run.integrity import hash_of_card, refuse_flipped
from empnet.training.run.model_file import RESTORE, ModelCard, load_model
from empnet.training.run.versions import refuse_later_version
from empnet.training.uncertainty.calibration import Calibration
from empnet.training.uncertainty.rigidity import INSIDE

__all__ = [
    "FILE",
    "Ensemble",
    "EnsembleStd",
    "fit_spread",
    "is_ensemble",
    "load_ensemble",
    "load_members",
    "members_of",
    "refuse_ensemble",
    "save_ensemble",
]

FILE = "ensemble.json"
FORMAT_VERSION = 1
"""Format version of the file. A later version of the package must read all earlier ones."""


class Ensemble(torch.nn.Module):
    r"""Mean of several models of the same architecture.

    .. math:: y = \frac 1K \sum_k y_k

    Arguments:
        members: K models.

    Example:
        >>> from empnet.dataset.dataset import collate
        >>> from empnet.model.architecture import Architecture
        >>> from empnet.system.one_hot import OneHot
        >>> from empnet.system.system import System
        >>> models = [PropertyModel(Architecture(n_species=1, pooling=("sum",))) for _ in range(2)]
        >>> batch = collate([System([[0, 0, 0], [0, 0, 1.0]], species=[1, 1])], 5.0, OneHot([1]))
        >>> torch.allclose(Ensemble(models)(batch), (models[0](batch) + models[1](batch)) / 2)
        True
    """

    def __init__(self, members: Sequence[PropertyModel]) -> None:
        super().__init__()
        self.architecture: Architecture = members[0].architecture
        self.members = torch.nn.ModuleList(members)

    def each(self) -> Iterator[PropertyModel]:
        """Yield the members in order."""
        for member in self.members:
            assert isinstance(member, PropertyModel)  # invariant, for the type checker
            yield member

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the networks."""
        return next(self.each()).dtype

    @property
    def is_frozen(self) -> bool:
        """True if the members' tables are precomputed and fixed."""
        return all(member.is_frozen for member in self.each())

    @property
    def baseline(self) -> Float64[Tensor, "K F_prime"]:
        """Contribution of a particle of each species to the composition baseline, averaged over the members."""
        return self._mean([member.baseline for member in self.each()])

    @property
    def scale(self) -> Float64[Tensor, " F_prime"]:
        """Largest of the members' scales, for each property."""
        return torch.stack([member.scale for member in self.each()]).amax(dim=0)

    @property
    def spline(self) -> CubicSpline:
        """Knots of the members' tables, the same for all members."""
        return next(self.each()).spline

    def frozen(self) -> Ensemble:
        """Return a copy for predictions: see :meth:`~empnet.model.property_model.PropertyModel.frozen`."""
        return Ensemble([member.frozen() for member in self.each()]).eval()

    def predict(self, batch: Batch) -> BatchPrediction:
        """Return the members' values, and the means of their values and contributions."""
        found = [member.predict(batch) for member in self.each()]
        members = torch.stack([each.values for each in found])
        return BatchPrediction(members.mean(dim=0), self._mean([each.contributions for each in found]), members=members)

    def forward(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the mean of the members' predictions."""
        return self.predict(batch).values

    def composition_baseline(self, batch: Batch) -> Float64[Tensor, "B F_prime"]:
        """Return the composition baseline, averaged over the members."""
        return self._mean([member.composition_baseline(batch) for member in self.each()])

    def representation(self, batch: Batch, pooling: Pooling) -> Float64[Tensor, "B K_F"]:
        """Return the members' representations of each system, concatenated.

        Arguments:
            batch: The systems.
            pooling: ``"sum"`` or ``"mean"``.
        """
        return torch.cat([member.representation(batch, pooling) for member in self.each()], dim=1)

    @staticmethod
    def _mean(values: list[Tensor]) -> Tensor:
        return torch.stack(values).mean(dim=0)


def members_of(model: PropertyModel | Ensemble) -> list[PropertyModel]:
    """Return the members of an ensemble; any other model counts as its only member.

    Arguments:
        model: The model.
    """
    return list(model.each()) if isinstance(model, Ensemble) else [model]


@dataclass(frozen=True, slots=True, eq=False)
class EnsembleStd:
    r"""Standard deviation of an ensemble's prediction.

    .. math::
        q(x)^2 = \frac{1}{K - 1} \sum_k (y_k(x) - \bar y(x))^2, \quad s = \alpha \, (\nu + q^2)^{\gamma / 2}

    All members may agree and be wrong: alpha, nu and gamma come from the errors of the validation set, see
    :class:`~empnet.training.uncertainty.calibration.Calibration`.

    References:
        Simple and scalable predictive uncertainty estimation using deep ensembles, Lakshminarayanan et al., 2017,
        https://arxiv.org/abs/1612.01474

    Arguments:
        limits: 99.5 % quantile of the standard deviations of the validation set, shape (F',).
        calibrations: Map from q to s, for each property.
    """

    limits: Float64[np.ndarray, " F_prime"]
    calibrations: tuple[Calibration, ...]

    def std(self, found: BatchPrediction, batch: Batch) -> Float64[np.ndarray, "B F_prime"]:
        """Return the standard deviation of each prediction, in the properties' units.

        Arguments:
            found: The ensemble's prediction.
            batch: The systems.
        """
        assert found.members is not None  # invariant: an ensemble predicts with its members
        q = found.members.std(dim=0).detach().cpu().numpy()
        return np.stack([each.std(q[:, k]) for k, each in enumerate(self.calibrations)], axis=1)


def fit_spread(model: Ensemble, dataset: Dataset, split: Split, card: ModelCard, device: torch.device) -> EnsembleStd:
    """Calibrate the spread by the errors of the validation set.

    Arguments:
        model: The ensemble.
        dataset: Its data with targets.
        split: The split, the same for all members; without a validation set the spread is not calibrated.
        card: Species and dtype of the models.
        device: Device of the models.
    """
    F_prime = len(card.properties)
    raw = EnsembleStd(np.full(F_prime, np.inf), (Calibration(1.0),) * F_prime)
    if not len(split.validation):
        return raw
    q, predicted = [], []
    for piece in dataset.chunks(split.validation):
        batch = dataset.batch(piece, card.encoder, card.torch_dtype).to(device)
        with torch.no_grad():
            found = model.predict(batch)
        predicted.append(found.values.cpu().numpy())
        q.append(raw.std(found, batch))
    spread, errors = np.concatenate(q), np.concatenate(predicted) - dataset.targets[split.validation]
    calibrations = tuple(Calibration.of(errors[:, k], spread[:, k]) for k in range(F_prime))
    limits = np.quantile(spread, INSIDE, axis=0, method="higher")
    return EnsembleStd(np.concatenate([each.std(limits[[k]]) for k, each in enumerate(calibrations)]), calibrations)


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
    return Ensemble([model for model, _ in loaded]).eval(), card


def _kind(card: ModelCard) -> tuple[object, ...]:
    """Return the fields of a card that all members must share."""
    names = card.species, card.properties, card.units, card.features, card.baseline_keys
    return card.architecture, *names, card.dtype
