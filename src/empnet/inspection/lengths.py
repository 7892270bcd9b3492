"""Coincident particles, and the plausibility of distances between atoms in angstrom."""

from __future__ import annotations

import numpy as np
from ase.data import covalent_radii

from empnet.dataset.neighbours import COINCIDENT
from empnet.inspection.frames import Frames
from empnet.inspection.geometry import Geometry
from empnet.inspection.record import Finding
from empnet.system.units import parse_unit

__all__ = ["distance_findings"]

LENGTHS = ("bohr", "nm", "pm")
NOBLE = (2, 10, 18, 36, 54, 86)  # noble gases: no bonds, so their distances are longer

BONDED = (0.88, 1.2)
"""Usual ratio of the distance to the nearest atom and the sum of covalent radii: 0.89 in molybdenum, 1 in molecules,
1.19 in lithium."""

COLLIDING = 0.5
"""Share of the sum of covalent radii below which atoms collide; the shortest bonds, as in H2, have at least 0.9."""

ATOMS = 96  # number of elements with a covalent radius


def distance_findings(frames: Frames, geometry: Geometry) -> list[Finding]:
    """Report coincident particles, colliding atoms, and lengths that are not in angstrom.

    Arguments:
        frames: The data.
        geometry: Their distances.
    """
    findings = []
    coincident = geometry.nearest < COINCIDENT
    if coincident.any():
        of_frame = np.bincount(frames.frame_of[coincident], minlength=len(frames))
        first = int(np.argmax(of_frame > 0))
        text = (
            f"{int(coincident.sum())} particles in {int((of_frame > 0).sum())} of {len(frames)} frames are within "
            f"{COINCIDENT:g} angstrom of another particle"
        )
        remedy = "remove one particle of each such pair"
        findings.append(Finding("error", "distances", text, remedy, frames.where(first)))
    return findings + _against_radii(frames, geometry)


def _against_radii(frames: Frames, geometry: Geometry) -> list[Finding]:
    """Compare the distance from each atom to the nearest one with the sum of their covalent radii."""
    known = frames.named & np.isfinite(geometry.nearest) & (geometry.nearest >= COINCIDENT)
    for kind in (frames.species, geometry.partner):
        known &= (kind > 0) & (kind <= ATOMS) & ~np.isin(kind, NOBLE)
    if not known.any():
        return []
    bond = covalent_radii[np.where(known, frames.species, 1)] + covalent_radii[np.where(known, geometry.partner, 1)]
    middle = float(np.median(geometry.nearest[known] / bond[known]))
    for name in LENGTHS:
        if BONDED[0] < middle * parse_unit(name).factor < BONDED[1]:
            text = (
                f"suspected: lengths are in {name}, not angstrom: the distance to the nearest atom is {middle:.2f} "
                "times the sum of covalent radii"
            )
            return [Finding("warning", "distances", text, f"if so, say --length-unit {name}")]
    near = known & (geometry.nearest < COLLIDING * bond)
    if not near.any():
        return []
    worst = int(np.argmin(np.where(near, geometry.nearest, np.inf)))
    frame = int(frames.frame_of[worst])
    text = (
        f"{int(near.sum())} atoms in {len(np.unique(frames.frame_of[near]))} frames are closer to another atom than "
        f"half the sum of their covalent radii, down to {geometry.nearest[worst]:.3g} angstrom"
    )
    remedy = "look at them; possible reasons: fused atoms, a wrong cell, or a wrong unit of length"
    return [Finding("warning", "distances", text, remedy, frames.where(frame))]
