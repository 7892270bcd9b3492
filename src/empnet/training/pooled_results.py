"""Results of a model for whole clouds or classes, with the forest beside it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from jaxtyping import Int64

from empnet.training.classes.class_errors import ClassErrors
from empnet.training.classes.comparison import difference
from empnet.training.classes.temperature import fit_temperature
from empnet.training.classes.temperature_file import save_temperature
from empnet.training.forest.forest import fit_forest, save_forest
from empnet.training.job import Job
from empnet.training.measure import AnyMeasured, ClassMeasured
from empnet.training.run.run_folder import RunFolder
from empnet.training.uncertainty.uncertainty_file import deviations_of_sets, keep_last_layer

__all__ = ["class_record", "pooled_results"]

Sides = dict[str, Int64[np.ndarray, " n"]]


def pooled_results(
    job: Job, run: RunFolder, measured: dict[str, AnyMeasured], sides: Sides
) -> tuple[list[str], dict[str, Any]]:
    """Fit forest, temperature and standard deviations; return lines for the user and the content of ``results.json``.

    Arguments:
        job: The job of the run.
        run: The run folder, with its best weights.
        measured: Predictions for each set.
        sides: Indices of each set.
    """
    card = job.card
    forest = fit_forest(job.dataset, job.split.train, card)
    save_forest(run.path, forest)
    lines, temperature = keep_last_layer(run.path, job.dataset, job.split), 1.0
    validation = measured.get("validation")
    if isinstance(validation, ClassMeasured):
        temperature = fit_temperature(validation.predicted, validation.labels)
        save_temperature(run.path, temperature, len(validation.labels))
        on = f"fitted to {len(validation.labels)} validation {_what(job)}"
        lines.append(f"probabilities: logits are divided by a temperature of {temperature:.3g}, {on}")
    stds = {} if card.classes else deviations_of_sets(run.path, job.dataset, sides, card)
    results: dict[str, Any] = {}
    for side, found in measured.items():
        beside = forest.predict(job.dataset, sides[side])
        if isinstance(found, ClassMeasured):
            of_forest = ClassErrors.of(beside, found.labels, card.classes)
            record = class_record(found.errors(card, temperature), of_forest)
            right, forest_right = (each.argmax(axis=1) == found.labels for each in (found.predicted, beside))
            record["better"] = asdict(difference(found.labels, right, forest_right))
            results[side] = {card.properties[0]: record}
        else:
            results[side] = replace(found, baseline=beside).summary(card, stds.get(side))
    return lines, results


def class_record(errors: ClassErrors, forest: ClassErrors | None) -> dict[str, Any]:
    """Return the errors of a set for ``results.json``.

    Arguments:
        errors: Errors of the network.
        forest: Errors of the forest; None if there is none.
    """
    return {"systems": errors.systems, "errors": errors.to_json(), "forest": forest and forest.to_json()}


def _what(job: Job) -> str:
    return "systems" if job.config.preparation is None else "clouds"
