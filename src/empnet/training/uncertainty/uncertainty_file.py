"""File of a run's calibrated standard deviations: ``uncertainty.safetensors`` beside the model."""

from __future__ import annotations

import warnings
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from jaxtyping import Float64, Int64

from empnet.dataset.dataset import Dataset
from empnet.dataset.split import Split
from empnet.errors import EmpnetError
from empnet.model.network import Network
from empnet.runtime.durable_files import replacing
from empnet.training.earlier import limits_with_earlier
from empnet.training.run.integrity import file_of_tensors, hash_of_tensors, refuse_flipped
from empnet.training.run.model_file import ModelCard, load_model
from empnet.training.run.run_folder import RunFolder
from empnet.training.uncertainty.calibration import Calibration
from empnet.training.uncertainty.rigidity import LastLayer, deviations, fit_last_layer, rows_of_model

__all__ = ["FILE", "FORMAT_VERSION", "deviations_of_sets", "keep_last_layer", "load_last_layer", "save_last_layer"]

FILE = "uncertainty.safetensors"
FORMAT_VERSION = 1
"""Format version of the file. A later version of the package must read all earlier ones."""


def keep_last_layer(folder: Path, dataset: Dataset, split: Split) -> list[str]:
    """Fit the best weights' last layer, write ``uncertainty.safetensors``, and describe the standard deviations.

    Arguments:
        folder: A run folder with its best weights.
        dataset: Its data with targets.
        split: Training, validation and test sets.

    Returns:
        A line for each property, and for each earlier run whose data are not available.
    """
    model, card = load_model(folder)
    fitted = fit_last_layer(model, dataset, split, card, torch.device("cpu"))
    if fitted is None:
        (folder / FILE).unlink(missing_ok=True)
        if card.classes:
            return ["systems unlike the training data will not be flagged: that needs a validation set"]
        return ["predictions will have no standard deviation: there is no validation set to calibrate it on"]
    config = RunFolder(folder).read_config()
    limits, missing = limits_with_earlier(fitted.limits, fitted, model, config, card)
    save_last_layer(folder, replace(fitted, limits=limits), model)
    if card.classes:
        return missing
    lines = [f"{name}: {each.summary()}" for name, each in zip(card.properties, fitted.calibrations, strict=True)]
    return lines + missing


def save_last_layer(folder: Path, fitted: LastLayer, model: Network | None = None) -> None:
    """Write ``uncertainty.safetensors``, whole or not at all.

    ================  ===========================================================================
    whitening         W, shape (F', F + 1, F + 1), float64; the last row belongs to the bias;
                      a single one for classes
    limits            the standard deviation above which a system is out of distribution
    calibrations      alpha, nu, gamma, the width that holds 95 %, and the number of errors used,
                      shape (F', 5), float64
    ================  ===========================================================================

    Arguments:
        folder: The run folder.
        fitted: The fitted last layer.
        model: The fitted model; its hash is written, too.
    """
    tensors = {
        "whitening": fitted.whitening.contiguous(),
        "limits": torch.from_numpy(fitted.limits),
        "calibrations": torch.tensor([astuple(each) for each in fitted.calibrations], dtype=torch.float64),
    }
    metadata = {"format_version": str(FORMAT_VERSION), "sha256": hash_of_tensors(tensors)}
    if model is not None:
        metadata["weights_sha256"] = hash_of_tensors(model.state_dict())
    with replacing(folder / FILE) as unfinished:
        unfinished.write_bytes(file_of_tensors(tensors, metadata))


def load_last_layer(folder: str | Path, model: Network) -> LastLayer | None:
    """Read the file that :func:`save_last_layer` wrote.

    Arguments:
        folder: The run folder.
        model: Its model.

    Returns:
        The last layer; None if the run has no such file: it is older, had no validation set, or lost it (a warning).

    Raises:
        EmpnetError: If the file is damaged, written by a later version, or belongs to another model.
    """
    path = Path(folder) / FILE
    if not path.exists():
        _warn_if_lost(path)
        return None
    remedy = "remove it to predict without uncertainty"
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            written = file.metadata()
            version = int(written["format_version"])
            if version > FORMAT_VERSION:
                later = "a later empnet wrote this; update empnet"
                raise EmpnetError(f"format version {version}", where=path, remedy=later)
            kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        _refuse_other_shapes(kept, model, path, remedy)
    except EmpnetError:
        raise
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise EmpnetError(f"is damaged ({error})", where=path, remedy=remedy) from None
    refuse_flipped(written.get("sha256"), hash_of_tensors(kept), where=path, remedy=remedy)
    if written.get("weights_sha256", now := hash_of_tensors(model.state_dict())) != now:
        raise EmpnetError("belongs to other weights than model.safetensors", where=path, remedy=remedy)
    rows = kept["calibrations"].tolist()
    calibrations = tuple(Calibration(row[0], row[1], row[2], row[3], int(row[4])) for row in rows)
    relative = model.architecture.scale_power is not None
    return LastLayer(kept["whitening"], kept["limits"].numpy(), calibrations, rows_of_model(model), relative)


def deviations_of_sets(
    folder: Path, dataset: Dataset, sets: dict[str, Int64[np.ndarray, " n"]], card: ModelCard
) -> dict[str, Float64[np.ndarray, "n F_prime"]]:
    """Return standard deviations of sets by a run's best weights; empty if it predicts none.

    Arguments:
        folder: The run folder.
        dataset: The data.
        sets: Indices of each set, at least one system in each.
        card: Its card.
    """
    model, _ = load_model(folder)
    sure = load_last_layer(folder, model)
    if sure is None:
        return {}
    return {name: deviations(sure.std, model, dataset, indices, card) for name, indices in sets.items()}


def _warn_if_lost(path: Path) -> None:
    """Warn if the run had standard deviations when it ended: their coverage is part of its results."""
    results = path.with_name("results.json")
    if results.is_file() and '"coverage"' in results.read_text(encoding="utf-8", errors="replace"):
        text = f"{path} is missing, so predictions have no standard deviation; restore the file, or train again"
        warnings.warn(text, stacklevel=3)


def _refuse_other_shapes(kept: dict[str, torch.Tensor], model: Network, path: Path, remedy: str) -> None:
    """Raise if the shapes are those of another model, or a value that must be finite is not."""
    F_prime, F = len(rows_of_model(model)), model.readout[-1].weight.shape[1]  # type: ignore[index, union-attr]
    wanted = {"whitening": (F_prime, F + 1, F + 1), "limits": (F_prime,), "calibrations": (F_prime, 5)}
    for name, shape in wanted.items():
        if tuple(kept[name].shape) != shape or kept[name].dtype != torch.float64:
            raise EmpnetError("belongs to another model", where=path, wanted=f"{name} of shape {shape}", remedy=remedy)
    if not kept["whitening"].isfinite().all() or not kept["calibrations"][:, 4].isfinite().all():
        raise EmpnetError("is damaged (a number is not finite)", where=path, remedy=remedy)
