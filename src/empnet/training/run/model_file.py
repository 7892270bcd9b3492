"""Trained model as data: ``model.safetensors`` (numbers) and ``model.json`` (all else). Never code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from empnet.dataset.coverage import DataCoverage
from empnet.errors import EmpnetError
from empnet.model.architecture import Architecture
from empnet.model.network import Network, network_of
from empnet.preparation.preparation import Preparation
from empnet.runtime.durable_files import replacing, write_text
from empnet.system.label_spec import LabelSpec
from empnet.system.one_hot import OneHot
from empnet.training.run.card_record import checked_record
from empnet.training.run.integrity import file_of_tensors, hash_of_card, hash_of_tensors, refuse_flipped
from empnet.training.run.versions import refuse_later_version

__all__ = [
    "FORMAT_VERSION",
    "RESTORE",
    "SPLIT",
    "ModelCard",
    "card_record",
    "load_model",
    "read_card",
    "save_card",
    "save_weights",
    "split_of_weights",
]

FORMAT_VERSION = 5
"""Format version of the two files. A later version of the package must read all earlier ones.

2: baseline_keys, seen. 3: derivatives, moments. 4: classes, preparation, the pooled readout. 5: coarser.
"""

RESTORE = "restore the run folder from a copy, or train again"
"""Remedy for a damaged file."""

WEIGHTS, CARD, SPLIT = "model.safetensors", "model.json", "split.json"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Content of ``model.json``: all that prediction needs apart from the weights.

    Arguments:
        architecture: Sizes, cutoff and pooling.
        species: The species that the model knows, in the order of its one-hot columns.
        properties: Names of the predicted properties.
        units: Their units.
        features: Per-particle arrays that the model needs beside the species.
        baseline_keys: For each property the scalar of the data to which the model adds; empty if there is none.
        length_unit: Unit of lengths in its training data.
        dtype: Floating-point type of the network.
        data: Path, SHA-256 and number of systems of its training data.
        versions: Versions of this package and of those that its results depend on.
        threads: Processor threads in training, of each process.
        processes: Number of processes at the start of the run.
        seen: Coverage of the training set: species, sizes, distances; None in files without it.
        derivatives: Forces and stress that were learned with the first property, and their names in the data.
        classes: Names of the classes in the order of their logits; empty if a number is predicted.
        preparation: Preparation of clouds; None: particles are taken as they are.
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
    seen: DataCoverage | None = None
    derivatives: LabelSpec = field(default_factory=LabelSpec)
    classes: tuple[str, ...] = ()
    preparation: Preparation | None = None

    @property
    def n_outputs(self) -> int:
        """Number of predicted columns F': of classes, or of properties."""
        return len(self.classes) or len(self.properties)

    @property
    def encoder(self) -> OneHot:
        """One-hot encoder of the species."""
        return OneHot(self.species)

    @property
    def baseline_names(self) -> tuple[str, ...]:
        """Description of the baseline of each property's errors."""
        if self.preparation is not None:
            return ("forest",)
        if not self.baseline_keys:
            return ("composition baseline",) * len(self.properties)
        return tuple(f"{key} and composition baseline" for key in self.baseline_keys)

    @property
    def torch_dtype(self) -> torch.dtype:
        """:attr:`dtype` as a type of torch."""
        return {"float32": torch.float32, "float64": torch.float64}[self.dtype]

    def to_json(self) -> dict[str, Any]:
        """Return plain values with the format version."""
        seen = None if self.seen is None else self.seen.to_json()
        architecture = self.architecture.to_json()
        return {"format_version": FORMAT_VERSION, **asdict(self), "architecture": architecture, "seen": seen}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ModelCard:
        """Return the card that :meth:`to_json` wrote, in this or an earlier version."""
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in record.items()
        }
        del values["format_version"]
        if values.get("seen") is not None:
            values["seen"] = DataCoverage.from_json(record["seen"])
        if "derivatives" in values:
            values["derivatives"] = LabelSpec(**record["derivatives"])
        if values.get("preparation") is not None:
            values["preparation"] = Preparation(**record["preparation"])
        return cls(**{**values, "architecture": Architecture.from_json(record["architecture"])})

    def build(self) -> Network:
        """Return a model of this card with fresh weights."""
        model = network_of(self.architecture)
        for parameter in model.parameters():  # not model.to: the baseline stays float64
            parameter.data = parameter.data.to(self.torch_dtype)
        return model


def save_card(folder: Path, card: ModelCard) -> None:
    """Write ``model.json``.

    Arguments:
        folder: The run folder.
        card: The card to write.
    """
    write_text(folder / CARD, json.dumps(card.to_json(), indent=1) + "\n")


def save_weights(folder: Path, model: Network) -> None:
    """Write ``model.safetensors``, whole or not at all, with hashes of its numbers, its card and its split.

    The hashes are part of the file, so no reader ever finds weights of one time and hashes of another.

    Arguments:
        folder: The run folder, with its card and its split.
        model: The model whose weights and statistics are kept.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    metadata = {"sha256": hash_of_tensors(state)}
    if (folder / CARD).exists():
        metadata["card_sha256"] = hash_of_card(card_record(folder))
    if (folder / SPLIT).exists():
        metadata["split_sha256"] = hashlib.sha256((folder / SPLIT).read_bytes()).hexdigest()
    with replacing(folder / WEIGHTS) as unfinished:
        # safetensors' own writer hides the reason of a failure
        unfinished.write_bytes(file_of_tensors(state, metadata))


def split_of_weights(folder: Path) -> str | None:
    """Return the hash of the split that a run's weights were trained with; None if the file has none.

    Arguments:
        folder: The folder of a run, or of an ensemble, whose members share a split.
    """
    weights = folder / WEIGHTS
    path = weights if weights.exists() else folder / "member-1" / WEIGHTS
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("split_sha256")
    except (safetensors.SafetensorError, OSError):  # missing or damaged: the reader of the weights will raise
        return None


def card_record(folder: Path) -> dict[str, Any]:
    """Return the checked content of ``model.json``.

    Arguments:
        folder: The run folder.

    Raises:
        EmpnetError: If it is missing, damaged, or written by a later version of this package.
    """
    path = folder / CARD
    try:
        text = path.read_bytes()
    except OSError as error:
        remedy = "is this a run folder of empnet?" if folder.exists() else "no such folder"
        raise EmpnetError(f"cannot be read ({error.strerror})", where=path, remedy=remedy) from None
    refuse_later_version(text, FORMAT_VERSION, path)
    checked_record(text, path)
    try:
        record: dict[str, Any] = json.loads(text)
    except ValueError:  # an integer of thousands of digits in a field that is not read
        raise EmpnetError("is damaged (a number is too long)", where=path, wanted="a model file of empnet") from None
    return record


def read_card(folder: Path) -> ModelCard:
    """Read ``model.json``.

    Arguments:
        folder: The run folder.

    Raises:
        EmpnetError: If it is missing, damaged, or written by a later version of this package.
    """
    path = folder / CARD
    try:
        return ModelCard.from_json(card_record(folder))
    except EmpnetError as error:
        raise error if str(error).startswith(str(path)) else EmpnetError(f"is damaged ({error})", where=path) from None


def load_model(folder: str | Path) -> tuple[Network, ModelCard]:
    """Load the model of a run folder, ready to predict.

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
    state = _read_weights(folder, card)
    model = card.build()
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise EmpnetError(f"is damaged ({error})", where=path, wanted="the weights of this run's model") from None
    return model.eval(), card


def _read_weights(folder: Path, card: ModelCard) -> dict[str, torch.Tensor]:
    """Read the weights and check that they belong to this card, before anything of the card's sizes is built."""
    path = folder / WEIGHTS
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            names, written = list(file.keys()), file.metadata() or {}
            _refuse_other_shapes({name: tuple(file.get_slice(name).get_shape()) for name in names}, card, path)
            state = {name: file.get_tensor(name) for name in names}
    except (safetensors.SafetensorError, OSError, TypeError) as error:
        raise EmpnetError(f"is damaged ({error})", where=path, wanted="the weights of this run's model") from None
    refuse_flipped(written.get("sha256"), hash_of_tensors(state), where=path, remedy=RESTORE)
    stated = written.get("card_sha256")
    if stated is not None and stated != hash_of_card(card_record(folder)):
        raise EmpnetError(
            "is not the card that the weights were written with: it was changed, or one of the two is damaged",
            where=folder / CARD,
            remedy=RESTORE,
        )
    return state


def _refuse_other_shapes(shapes: dict[str, tuple[int, ...]], card: ModelCard, path: Path) -> None:
    """Raise if the shapes of the weights in a file differ from those of the card's model."""
    layers = len({name.split(".")[1] for name in shapes if name.startswith("interactions.")})
    a = card.architecture
    first = shapes.get("embedding.weight")
    wanted: dict[str, tuple[int, ...]] = {}
    if layers == a.layers and first == (a.width, a.n_species + a.n_features):
        with torch.device("meta"):  # without memory
            wanted = {name: tuple(value.shape) for name, value in network_of(a).state_dict().items()}
    if shapes != wanted:
        found = f"is damaged, or belongs to another model: {layers} interactions, embedding {first}"
        raise EmpnetError(found, where=path, wanted=f"the weights of this run's model ({a.layers} of width {a.width})")
