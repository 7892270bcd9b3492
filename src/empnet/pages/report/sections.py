"""The parts of the page on model and training: learning curves, filters, split, configuration, model, files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from html import escape

import numpy as np
import torch

from empnet.dataset.dataset import collate
from empnet.model.ensemble import Ensemble
from empnet.model.summary import summary
from empnet.model.system_model import SystemModel
from empnet.pages.page import Section, figure, paragraph, table
from empnet.pages.report.course import draw_learning_rate, draw_losses, draw_validation_error
from empnet.pages.report.filters import draw_filters, filters_of
from empnet.pages.report.material import Material
from empnet.pages.report.words import amount, size
from empnet.preparation.preparation import Preparation
from empnet.system.one_hot import species_name
from empnet.system.system import System
from empnet.training.run.config import TrainConfig
from empnet.training.run.model_file import ModelCard

__all__ = ["configuration", "course", "files_and_versions", "filters", "model_section", "split"]

FILES = {
    "config.toml": "the merged configuration",
    "split.json": "the systems of each set",
    "model.json": "architecture, species, properties, units, versions, data",
    "model.safetensors": "the best weights",
    "metrics.csv": "one row for each epoch",
    "results.json": "errors on validation and test set",
    "uncertainty.safetensors": "data for computing standard deviations",
    "temperature.json": "the temperature of the probabilities",
    "forest.safetensors": "the random forest beside the network",
    "ensemble.json": "the members, and the calibration of their spread",
    "log.txt": "the printed messages",
}
"""Content of the files in a run folder; other files are listed without a description."""


def course(material: Material) -> Section | None:
    """Return the section of learning curves; None before the first epoch."""
    curves = material.curves
    if curves is None:
        return None
    drawn = [
        figure(
            draw_losses(curves, "cross-entropy" if material.card.classes else material.config.loss),
            f"{_loss_in_words(material)} The "
            "training loss is the mean over the epoch, in which the weights change; the validation loss is computed "
            "with their moving average.",
        )
    ]
    if material.card.classes:
        name = material.card.properties[0]
        caption = f"Log-loss of {name} on the validation set: smaller is better."
        drawn.append(figure(draw_validation_error(curves, 0, name, "nat", None, "log-loss"), caption))
    numbers = () if material.card.classes else zip(material.card.properties, material.card.units, strict=True)
    for k, (name, unit) in enumerate(numbers):
        recorded = material.results.get("validation", {}).get(name)
        beside = None if recorded is None else (material.card.baseline_names[k], recorded["baseline_mae"])
        error = amount(float(curves.validation_mae[curves.best, k]), unit)
        caption = f"Mean absolute error of {name} on the validation set; {error} in epoch {curves.best + 1}, the best."
        drawn.append(figure(draw_validation_error(curves, k, name, unit, beside), caption))
    drawn.append(figure(draw_learning_rate(curves), "The learning rate at the end of each epoch."))
    return Section("Learning curves", _side_by_side(drawn))


def _loss_in_words(material: Material) -> str:
    if material.card.classes:
        return "The loss is the cross-entropy, in training with smoothed labels, so that it does not fall to zero."
    base = "constant" if material.card.preparation is not None else "composition baseline"
    return f"The loss is relative to the spread after subtracting the {base}, so it has no unit."


SUMMED = {"phi": "sums of features", "chi": "sums of tensors"}
"""Use of a filter, by its name."""


def filters(material: Material) -> Section | None:
    """Return the section of each interaction's filters; None before the first weights, and for an ensemble."""
    if material.predictor is None or isinstance(material.predictor.model, Ensemble):
        return None
    distances = None if material.side is None or material.card.preparation is not None else material.side.distances
    lead = paragraph(
        "In each interaction a particle sums the features of its neighbours. Each feature k is weighted by a learned "
        "function phi_k of the distance. The envelope env brings it smoothly to zero at the cutoff. The eight "
        "filters that vary most are coloured; the others are grey. At distances below the shortest one in the data, "
        "the filters are not fitted."
    )
    unit = "angstrom" if material.card.preparation is None else "units of length of the clouds"
    behind = "; the grey area behind shows how often each distance occurs in the data"
    behind = "" if distances is None else behind
    drawn = [
        figure(draw_filters(one, distances, unit), f"Interaction {one.number}, {SUMMED[one.name]}{behind}.")
        for one in filters_of(material.predictor.model)
    ]
    if material.card.architecture.moments:
        lead += paragraph(
            "There is a filter for each degree l of the moments: degree 0 is a plain sum, degree 1 shows the side on "
            "which neighbours are, and degree 2 the line along which they are. From the second interaction on, filters "
            "chi are the weights of the neighbours' tensors."
        )
    return Section("Learned filters", lead + _side_by_side(drawn))


def _side_by_side(figures: list[str]) -> str:
    return f'<div class="figures">{"".join(figures)}</div>'


def split(material: Material) -> Section:
    """Return the section on the three sets: their sizes, and how they were chosen."""
    config = material.config
    how = (
        f"drawn at random (seed {config.seed})"
        if config.split == "random"
        else "cut in the file's order: training first, then validation, then test"
    )
    sides = {
        "training": (material.split.train, "the weights are fitted to it"),
        "validation": (material.split.validation, "it chooses the best weights"),
        "test": (material.split.test, "it measures the errors; it was not used to fit or choose anything"),
    }
    total = sum(len(indices) for indices, _ in sides.values())
    rows = [
        [name, f"{len(indices):,}", f"{len(indices) / max(1, total):.1%}".replace("%", " %"), purpose]
        for name, (indices, purpose) in sides.items()
    ]
    lead = paragraph(f"The sets were {how}. Exact duplicates are in the same set. split.json lists every system.")
    return Section("Split", lead + table(["set", "systems", "share", "use"], rows, numbers=[1, 2]))


OF_PARTICLES = frozenset({"length_unit", "energy_weight", "pooling"})
"""Settings that mean nothing for clouds."""


def configuration(material: Material) -> Section:
    """Return the section of all settings with their values and meanings."""
    values = material.config.model_dump(mode="json", exclude_none=True)
    hidden = OF_PARTICLES if material.card.preparation is not None else frozenset()
    rows = [
        [name, _setting(value), _meaning(name, material.card.preparation is not None)]
        for name, value in values.items()
        if value != [] and name not in hidden
    ]
    return Section("Configuration", table(["setting", "value", "meaning"], rows))


def _meaning(name: str, clouds: bool) -> str:
    """Return the meaning of a setting; that of the cutoff has a unit for particles and one for clouds."""
    particles, _, of_clouds = (TrainConfig.model_fields[name].description or "").partition("; of clouds ")
    return particles.replace("angstrom", of_clouds) if clouds and of_clouds else particles


def _setting(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


def model_section(material: Material) -> Section:
    """Return the section on the parts of the model."""
    card = material.card
    species = paragraph(f"Species in the model: {', '.join(map(species_name, card.species))}.")
    if card.preparation is not None:
        species = paragraph(_preparation(card.preparation))
    model = card.build() if material.predictor is None else material.predictor.model
    layers = escape(str(summary(model, inputs=(_example(card, model),))))
    shapes = "<summary>Layers, with output shapes for a system of two particles</summary>"
    return Section("Model", f"{species}<details>{shapes}<pre>{layers}</pre></details>")


def _preparation(preparation: Preparation) -> str:
    """Describe the preparation of clouds."""
    which = "about the vertical (z)" if preparation.symmetry == "vertical" else "of any kind"
    unit = "its own spacing of points" if preparation.length is None else f"{preparation.length:g} units of the file"
    sized = "a feature" if preparation.sized else "no feature"
    return (
        f"Each cloud keeps up to {preparation.points} points, the farthest from each other; its unit of length is "
        f"{unit}, and its size is {sized}. Rotations {which} change no prediction."
    )


def _example(card: ModelCard, model: SystemModel) -> object:
    """Return a batch of two particles as an input of the model."""
    features = np.zeros((2, card.architecture.n_features))
    system = System(np.eye(2, 3), species=np.array(card.species[:1] * 2), features=features)
    batch = collate([system], card.architecture.cutoff, card.encoder, model.dtype)
    n_cloud = card.architecture.n_cloud
    return replace(batch, clouds=torch.zeros(1, n_cloud + 1, dtype=torch.float64)) if n_cloud else batch


def files_and_versions(material: Material) -> Section:
    """Return the section of versions, the data's hash, and the files of the run folder."""
    data = material.card.data
    rows = [["data", material.config.data], ["sha256 of the data", str(data.get("sha256", ""))]]
    rows += [[name, version] for name, version in material.card.versions.items()]
    rows.append(["processor threads", str(material.card.threads)])
    listed = table(["file", "size", "content"], list(_listed(material)), numbers=[1])
    return Section("Versions and files", table(["name", "version"], rows) + "<h3>Run folder</h3>" + listed)


def _listed(material: Material) -> Iterator[list[str]]:
    folder = material.run.path
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.name.startswith(".") and name != "report.html":
            what = "data for resuming" if name.startswith("checkpoint/") else FILES.get(name, "")
            yield [name, size(path.stat().st_size), what]
