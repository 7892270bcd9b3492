"""Histograms of the inspected data."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from empnet.inspection.forces import force_key
from empnet.inspection.frames import Frames
from empnet.inspection.geometry import Geometry
from empnet.inspection.record import UNNAMED_UNIT, Bars, PropertyFacts, bars
from empnet.inspection.targets import residuals
from empnet.system.units import default_unit

__all__ = ["histograms"]


def histograms(frames: Frames, geometry: Geometry, facts: Iterable[PropertyFacts]) -> tuple[Bars, ...]:
    """Return histograms of sizes, distances, each property, its residual of the composition fit, and forces.

    Arguments:
        frames: The data.
        geometry: Their distances.
        facts: Facts of the properties.
    """
    drawn = [
        bars("Sizes", "particles", frames.sizes),
        bars("Nearest particle", "distance [angstrom]", geometry.nearest, "particles"),
    ]
    for fact in facts:
        each = " per particle" if fact.pooling == "sum" else ""
        drawn.append(bars(fact.name, f"{fact.name} [{fact.unit}]", frames.properties[fact.name]))
        if fact.left > 0:
            label = f"{fact.name} minus composition fit [{fact.unit}{each}]"
            drawn.append(bars(f"{fact.name}, residual", label, residuals(frames, fact.name, fact.pooling)))
    forces = force_key(frames)
    if forces:
        usual = default_unit(forces)
        label = f"size of a force [{usual.name if usual else UNNAMED_UNIT}]"
        drawn.append(bars("Forces", label, np.linalg.norm(frames.vectors[forces], axis=1), "particles"))
    return tuple(bar for bar in drawn if bar is not None)
