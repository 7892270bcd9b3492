"""What tells a run's standard deviations as data: ``uncertainty.safetensors`` beside the model."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from empnet.data.dataset import Dataset
from empnet.data.errors import EmpnetError
from empnet.data.files import replacing
from empnet.data.split import Split
from empnet.learn.calibration import Calibration
from empnet.learn.model_file import load_model
from empnet.learn.uncertainty import LastLayer, fit_last_layer
from empnet.nn.model import PropertyModel

__all__ = ["FILE", "FORMAT_VERSION", "keep_last_layer", "load_last_layer", "save_last_layer"]

FILE = "uncertainty.safetensors"
FORMAT_VERSION = 1
"""Of the file. A later version of the package must read all earlier ones."""


def keep_last_layer(folder: Path, dataset: Dataset, split: Split) -> list[str]:
    """Fit the best weights' last layer, write ``uncertainty.safetensors``, and tell what the deviation means.

    Arguments:
        folder: A run folder with its best weights.
        dataset: Its data with targets.
        split: The sides.

    Returns:
        A line for each property.
    """
    model, card = load_model(folder)
    fitted = fit_last_layer(model, dataset, split, card, torch.device("cpu"))
    if fitted is None:
        (folder / FILE).unlink(missing_ok=True)
        return ["predictions will have no standard deviation: there is no validation side to calibrate it on"]
    save_last_layer(folder, fitted)
    return [f"{name}: {each.told()}" for name, each in zip(card.properties, fitted.calibrations, strict=True)]


def save_last_layer(folder: Path, fitted: LastLayer) -> None:
    """Write ``uncertainty.safetensors``, whole or not at all.

    ================  ===========================================================================
    whitening         W, shape (F', F + 1, F + 1), float64; the last row belongs to the bias
    limits            the standard deviation beyond which a system is unlike the training side
    calibrations      alpha, nu, gamma, the width that holds 95 %, and the number of errors that
                      they were taken from, shape (F', 5), float64
    ================  ===========================================================================

    Arguments:
        folder: The run folder.
        fitted: What is kept.
    """
    tensors = {
        "whitening": fitted.whitening.contiguous(),
        "limits": torch.from_numpy(fitted.limits),
        "calibrations": torch.tensor([astuple(each) for each in fitted.calibrations], dtype=torch.float64),
    }
    with replacing(folder / FILE) as unfinished:
        unfinished.write_bytes(safetensors.torch.save(tensors, metadata={"format_version": str(FORMAT_VERSION)}))


def load_last_layer(folder: str | Path, model: PropertyModel) -> LastLayer | None:
    """What :func:`save_last_layer` wrote.

    Arguments:
        folder: The run folder.
        model: Its model.

    Returns:
        None if the run has no such file: it is older, or had no validation side.

    Raises:
        EmpnetError: If the file is damaged, written by a later version, or belongs to another model.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return None
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            version = int(file.metadata()["format_version"])
            if version > FORMAT_VERSION:
                remedy = "a later empnet wrote this; update empnet"
                raise EmpnetError(f"format version {version}", where=path, remedy=remedy)
            kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        rows = kept["calibrations"].tolist()
        calibrations = tuple(Calibration(row[0], row[1], row[2], row[3], int(row[4])) for row in rows)
        whitening, limits = kept["whitening"], kept["limits"].numpy()
    except (safetensors.SafetensorError, OSError, KeyError, TypeError) as error:
        remedy = "remove it to predict without uncertainty"
        raise EmpnetError(f"is damaged ({error})", where=path, remedy=remedy) from None
    F_prime, F = model.readout[-1].weight.shape  # type: ignore[misc, union-attr]
    wanted = (F_prime, F + 1, F + 1)
    if tuple(whitening.shape) != wanted:
        remedy = "remove it to predict without uncertainty"
        raise EmpnetError("belongs to another model", where=path, wanted=f"shape {wanted}", remedy=remedy)
    return LastLayer(whitening, limits, calibrations)
