"""A trained model as data: ``model.safetensors`` (numbers) and ``model.json`` (all else). Never code."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from empnet.data.derivatives import Derivatives
from empnet.data.errors import EmpnetError
from empnet.data.files import replacing, write_text
from empnet.data.one_hot import OneHot
from empnet.data.seen import Seen
from empnet.nn.model import Architecture, PropertyModel

__all__ = ["FORMAT_VERSION", "ModelCard", "load_model", "read_card", "save_card", "save_weights"]

FORMAT_VERSION = 3
"""Of the two files. A later version of the package must read all earlier ones.

2: baseline_keys, seen. 3: derivatives, moments.
"""

WEIGHTS, CARD = "model.safetensors", "model.json"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What ``model.json`` says: all that prediction needs apart from the weights.

    Arguments:
        architecture: Sizes, cutoff and pooling.
        species: The species that the model knows, in the order of its one-hot columns.
        properties: Names of what it predicts.
        units: Their units.
        features: Per-particle arrays that it wants beside the species.
        baseline_keys: For each property the scalar of the data to which the model adds; empty if it adds to none.
        length_unit: Unit of lengths in its training data.
        dtype: What the network computes in.
        data: Path, SHA-256 and number of systems of its training data.
        versions: Versions of this package and of those that its results depend on.
        threads: Processor threads in training, of each process.
        processes: How many processes the run was begun with.
        seen: What the training side had: species, sizes, distances; None in files that do not tell.
        derivatives: Forces and stress that were learned with the first property, and what the data call them.
    """

    architecture: Architecture
    species: tuple[int, ...]
    properties: tuple[str, ...]
    units: tuple[str, ...]
    features: tuple[str, ...] = ()
    baseline_keys: tuple[str, ...] = ()
    length_unit: str = "angstrom"
    dtype: str = "float32"
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    processes: int = 1
    seen: Seen | None = None
    derivatives: Derivatives = field(default_factory=Derivatives)

    @property
    def encoder(self) -> OneHot:
        """One-hot encoder of the species."""
        return OneHot(self.species)

    @property
    def baseline_names(self) -> tuple[str, ...]:
        """What stands beside each property's errors for comparison, in words."""
        if not self.baseline_keys:
            return ("composition baseline",) * len(self.properties)
        return tuple(f"{key} and composition baseline" for key in self.baseline_keys)

    @property
    def torch_dtype(self) -> torch.dtype:
        """:attr:`dtype` as torch has it."""
        return {"float32": torch.float32, "float64": torch.float64}[self.dtype]

    def to_json(self) -> dict[str, Any]:
        """Plain values with the format's version."""
        seen = None if self.seen is None else self.seen.to_json()
        architecture = self.architecture.to_json()
        return {"format_version": FORMAT_VERSION, **asdict(self), "architecture": architecture, "seen": seen}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ModelCard:
        """The card that :meth:`to_json` wrote, in this or an earlier version."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
        }
        del values["format_version"]
        if values.get("seen") is not None:
            values["seen"] = Seen.from_json(record["seen"])
        if "derivatives" in values:
            values["derivatives"] = Derivatives(**record["derivatives"])
        return cls(**{**values, "architecture": Architecture.from_json(record["architecture"])})

    def build(self) -> PropertyModel:
        """A model of this card with fresh weights."""
        model = PropertyModel(self.architecture)
        for parameter in model.parameters():  # not model.to: the baseline stays float64
            parameter.data = parameter.data.to(self.torch_dtype)
        return model


def save_card(folder: Path, card: ModelCard) -> None:
    """Write ``model.json``.

    Arguments:
        folder: The run folder.
        card: What it is to say.
    """
    write_text(folder / CARD, json.dumps(card.to_json(), indent=1) + "\n")


def save_weights(folder: Path, model: PropertyModel) -> None:
    """Write ``model.safetensors``, whole or not at all.

    Arguments:
        folder: The run folder.
        model: The model whose weights and statistics are kept.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with replacing(folder / WEIGHTS) as unfinished:
        unfinished.write_bytes(safetensors.torch.save(state))  # its own writing hides the reason of a failure


def read_card(folder: Path) -> ModelCard:
    """Read ``model.json``.

    Arguments:
        folder: The run folder.

    Raises:
        EmpnetError: If it is not there, damaged, or written by a later version of this package.
    """
    path = folder / CARD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = record["format_version"]
        if version > FORMAT_VERSION:
            raise EmpnetError(
                f"format version {version}",
                where=path,
                wanted=f"version {FORMAT_VERSION} or earlier",
                remedy="a later empnet wrote this; update empnet",
            )
        return ModelCard.from_json(record)
    except OSError as error:
        remedy = "is this a run folder of empnet?" if folder.exists() else "no such folder"
        raise EmpnetError(f"cannot be read ({error.strerror})", where=path, remedy=remedy) from None
    except EmpnetError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise EmpnetError(f"is damaged ({error!r})", where=path, wanted="a model file of empnet") from None


def load_model(folder: str | Path) -> tuple[PropertyModel, ModelCard]:
    """The model of a run folder, ready to predict.

    Arguments:
        folder: The run folder.

    Returns:
        The model with its best weights, in evaluation mode, and its card.

    Raises:
        EmpnetError: If a file is missing or damaged.
    """
    folder = Path(folder)
    card = read_card(folder)
    path = folder / WEIGHTS
    if not path.exists():
        raise EmpnetError("there are no weights yet", where=path, remedy=f"go on with: empnet train --resume {folder}")
    model = card.build()
    try:
        model.load_state_dict(safetensors.torch.load_file(path))
    except (safetensors.SafetensorError, RuntimeError) as error:
        raise EmpnetError(f"is damaged ({error})", where=path, wanted="the weights of this run's model") from None
    return model.eval(), card
