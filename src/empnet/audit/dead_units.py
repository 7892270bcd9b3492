"""Find dead hidden units: units with the same output for all particles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from empnet.audit.record import AuditLine, skipped, verdict_of
from empnet.audit.subject import OPERATIONS, Subject
from empnet.dataset.coverage import DataCoverage
from empnet.dataset.dataset import Dataset
from empnet.model.dead_units import Activity, dead_units

__all__ = ["MOST_DEAD", "dead_units_line"]

MOST_DEAD = 0.5
"""Largest accepted share of dead units in a layer. If more than half of the units are dead, a layer of half the width
would be enough, and the network is smaller than its settings say. Single dead units are common and harmless."""

DONE = "In each layer, hidden units with the same output for all particles are counted."


def dead_units_line(subject: Subject, dataset: Dataset) -> AuditLine:
    """Count the dead units of each hidden layer, and judge the layer with the largest share of dead units.

    A unit is dead if its output varies over the data by less than 8 eps times the largest variation in its layer
    (:func:`~empnet.model.dead_units.dead_units`): such a variation is lost in the rounding of the next layer's sum.
    Filters are evaluated at their knots, from the shortest distance in the data on. A layer with the same input for all
    particles is not judged: its output cannot vary.

    Arguments:
        subject: The model under audit.
        dataset: The data, encoded for the model.
    """
    model, card = subject.predictor.model, subject.predictor.card
    knots = model.spline.knots >= DataCoverage.of(dataset).shortest - model.spline.spacing

    def rows(name: str, values: Tensor) -> Tensor:
        return values[knots] if ".phi." in name or ".chi." in name else values

    chunks = dataset.chunks(np.arange(len(dataset)))
    batches = (dataset.batch(chunk, card.encoder, card.torch_dtype) for chunk in chunks)
    layers = dead_units(model, batches, tolerance=OPERATIONS * subject.eps, rows=rows)
    judged = [layer for layer in layers if layer.reached]
    if not judged:
        return skipped("dead units", DONE, "all particles of these data are alike")
    return _line(judged)


def _line(judged: Sequence[Activity]) -> AuditLine:
    share = max(layer.dead / layer.units for layer in judged)
    all_dead, everything = sum(layer.dead for layer in judged), sum(layer.units for layer in judged)
    by_layer = ", ".join(
        f"{layer.name.rpartition('.')[0]} {layer.dead} of {layer.units}" for layer in judged if layer.dead
    )
    text = f"{all_dead} of {everything} units are dead" + (f": {by_layer}" if by_layer else "")
    return AuditLine("dead units", DONE, share, MOST_DEAD, "", verdict_of(share <= MOST_DEAD), remark=text)
