"""Unit and sign of stress and virials, judged by the change of the energy under strain, or by their size."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from empnet.inspection.consistency import MATCH, SHARP, Slope
from empnet.inspection.frames import Frames
from empnet.inspection.outlying import outlying_finding
from empnet.inspection.record import UNNAMED_UNIT, Finding
from empnet.inspection.strain import order_in_words, shear_order, strain_slopes
from empnet.system.label_spec import UNEVEN, asymmetry
from empnet.system.units import parse_unit
from empnet.system.values import array_of

__all__ = ["STRESSES", "STRONGEST", "VIRIALS", "stress_findings", "symmetric"]

STRONGEST = 1.0
"""Largest usual stress in eV/angstrom^3 (160 GPa); the bulk modulus of diamond is 2.8 eV/angstrom^3."""

STRESSES = ("eV/angstrom^3", "GPa", "kB", "bar", "Hartree/bohr^3")
VIRIALS = ("eV", "Hartree", "kcal/mol")


def symmetric(value: object) -> np.ndarray | None:
    """Return a stress as a 3 x 3 tensor; None if the value is not a stress.

    Arguments:
        value: Value from the data: 6 components xx yy zz yz xz xy, 9 components, or shape (3, 3).

    Example:
        >>> symmetric([1, 2, 3, 0, 0, 4]).tolist()
        [[1.0, 4.0, 0.0], [4.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
    """
    array = array_of(value)
    if array is None or array.dtype.kind not in "iuf" or array.size not in (6, 9):
        return None
    flat = array.reshape(-1).astype(np.float64)
    return flat[[0, 5, 4, 5, 1, 3, 4, 3, 2]].reshape(3, 3) if array.size == 6 else flat.reshape(3, 3)


def stress_findings(frames: Frames, name: str, energy: str, unit: str, forces: str) -> list[Finding]:
    """Check whether a stress can be in eV/angstrom^3 with ASE's sign; otherwise find its probable unit.

    Arguments:
        frames: The data.
        name: Key of the stress or virial.
        energy: Key of the energies; empty if there are none.
        unit: Unit of the energies.
        forces: Key of the forces; empty if there are none.
    """
    stress = frames.stresses[name]
    there = np.isfinite(stress).all(axis=(1, 2)) & frames.wraps
    size = np.abs(stress[there]).max(axis=(1, 2), initial=0.0)
    if not there.any() or not size.any():
        return []
    odd = _asymmetric(frames, name, there, float(np.median(size)))
    frames = replace(frames, stresses={**frames.stresses, name: (stress + stress.transpose(0, 2, 1)) / 2})
    sizes = np.where(there, np.abs(stress).max(axis=(1, 2)), np.nan)
    odd += outlying_finding(frames, name, sizes, "(in the data's unit)", "largest component")
    slopes = strain_slopes(frames, energy, forces, name) if energy else None
    found = _kind(slopes, unit) if slopes else None
    if found is None:
        return [*odd, *_by_size(name, frames.cells[there], size)]
    return [*odd, _by_strain(name, *found), *_by_shear(frames, name, energy, unit, forces, *found)]


def _asymmetric(frames: Frames, name: str, there: np.ndarray, usual: float) -> list[Finding]:
    """Report tensors that are not symmetric by more than rounding."""
    stress = frames.stresses[name]
    apart = np.abs(stress - stress.transpose(0, 2, 1)).max(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        wrong = there & (apart > UNEVEN * np.maximum(np.abs(stress).max(axis=(1, 2)), usual))
    if not wrong.any():
        return []
    worst = int(np.nanargmax(np.where(wrong, apart, np.nan)))
    _, row, column = asymmetry(stress[worst])
    text = (
        f"not symmetric in {int(wrong.sum())} of {int(there.sum())} frames; in the worst frame, mirrored components "
        f"are {stress[worst, row, column]:.4g} and {stress[worst, column, row]:.4g}"
    )
    remedy = "check whether the nine numbers mean something else: training refuses such a frame"
    return [Finding("warning", name, text, remedy, frames.where(worst))]


def _kind(slopes: tuple[Slope, Slope], unit: str) -> tuple[str, str, Slope] | None:
    """Find kind and unit of a stress from strains and energies; None if the comparison is not clear."""
    found = []
    energy = 1.0 if unit == UNNAMED_UNIT else parse_unit(unit).factor
    for slope, kind, units in zip(slopes, ("a stress", "a virial"), (STRESSES, VIRIALS), strict=True):
        for candidate in units if slope.spread < SHARP else ():
            miss = abs(np.log(abs(slope.value) * energy / parse_unit(candidate).factor))
            if miss < MATCH:
                found.append((slope.spread, miss, kind, candidate, slope))
    return min(found)[2:] if found else None


def _by_shear(
    frames: Frames, name: str, energy: str, unit: str, forces: str, kind: str, candidate: str, slope: Slope
) -> list[Finding]:
    """Report the order of the components if it differs from ASE's."""
    factor = parse_unit(candidate).factor / (1.0 if unit == UNNAMED_UNIT else parse_unit(unit).factor)
    volumes = np.abs(np.linalg.det(frames.cells))[:, None, None]
    scale = np.sign(slope.value) * factor / (volumes if kind == "a virial" else 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):  # open systems
        converted = replace(frames, stresses={name: frames.stresses[name] * scale})
    order = shear_order(converted, energy, forces, name)
    if order in (None, (0, 1, 2)):
        return []
    words = order_in_words(order)
    return [
        Finding(
            "warning",
            name,
            f"suspected: components in the order {words}, according to sheared cells",
            f'ASE has xx yy zz yz xz xy; train with --stress-order "{words}"',
        )
    ]


def _by_strain(name: str, kind: str, candidate: str, slope: Slope) -> Finding:
    """Report the kind, unit and sign of a stress."""
    sign = "positive under tension (as ASE's stress)" if slope.value > 0 else "positive under pressure (as VASP's)"
    text = (
        f"{kind} in {candidate}, {sign}: between {slope.pairs} pairs of similar frames in different cells, energy "
        f"differences are {slope.value:.3g} times its work (half of them within {slope.spread:.0%})"
    )
    if (candidate, slope.value > 0) == ("eV/angstrom^3", True) or (kind == "a virial" and candidate == "eV"):
        return Finding("note", name, text)
    factor = parse_unit(candidate).factor * (1 if slope.value > 0 else -1)
    minus = "-" if (slope.value > 0) == (kind == "a virial") else ""
    what = kind.split()[1]
    remedy = f"multiplied by {factor:.4g}, it is ASE's stress in eV/angstrom^3; " if what == "stress" else ""
    remedy += f"train with --{what} {name} --{what}-unit {minus}{candidate}"
    return Finding("warning", name, f"suspected: {text}", remedy)


def _by_size(name: str, cells: np.ndarray, size: np.ndarray) -> list[Finding]:
    usual, largest = float(np.median(size)), float(size.max())
    shown = f"largest component of a frame: median {usual:.3g}, up to {largest:.3g}"
    if usual <= STRONGEST:
        return [Finding("note", name, f"{shown}: plausible for a stress in eV/angstrom^3")]
    volume = np.abs(np.linalg.det(cells))
    options = ", ".join(unit for unit in STRESSES if usual * parse_unit(unit).factor < STRONGEST)
    per_volume = float(np.median(size / np.where(volume > 0, volume, np.inf)))
    virial = f", or a virial in eV (over the volume: {per_volume:.2g} eV/angstrom^3)" if per_volume < STRONGEST else ""
    text = (
        f"{shown}: too large for a stress in eV/angstrom^3 (more than {STRONGEST:g} is rare; 1 eV/angstrom^3 = 1602 kB "
        f"= 160 GPa); suspected: {options}{virial}"
    )
    return [Finding("warning", name, text, "find out unit and sign: ASE's stress is positive under tension")]
