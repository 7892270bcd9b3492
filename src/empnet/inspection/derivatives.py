"""Comparison of forces and stress with the energies before training: errors, and options that correct them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from empnet.inspection.consistency import (
    CLOSE,
    ENERGIES,
    FORCES,
    MATCH,
    SHARP,
    Slope,
    force_energy_slope,
    per_particle,
    rival_findings,
    verdict,
)
from empnet.inspection.forces import force_findings, largest_forces
from empnet.inspection.frames import Frames
from empnet.inspection.outlying import outlying_finding
from empnet.inspection.record import Finding, Level
from empnet.inspection.strain import order_in_words, shear_order, strain_slopes
from empnet.inspection.stress import STRESSES, STRONGEST, VIRIALS
from empnet.system.label_spec import RIVALS, LabelSpec
from empnet.system.units import parse_unit

__all__ = ["MOST", "derivative_findings"]

MOST = 500_000
"""Maximum number of particles to inspect; larger data are sampled in runs of consecutive frames."""

STRONGEST_FORCE = 1000.0
"""Largest possible force in eV/angstrom: two atoms at half a bond length repel each other with a few hundred."""

SMALL_FORCES = ("meV/angstrom",)

STRONGEST_NAMED = 10.0
"""Largest possible stress in eV/angstrom^3 (1,600 GPa, matter inside planets) if the user has named its unit."""

BLUNT = 0.2  # like MATCH, but for a blurred comparison: 1.5 times the usual bias of its factor


def derivative_findings(frames: Frames, energy: str, derivatives: LabelSpec, named: bool = False) -> list[Finding]:
    """Check that forces and stress fit the energies in sign and unit; errors name the option that corrects them.

    Arguments:
        frames: The data, with converted "forces" and "stress".
        energy: Name of the energies.
        derivatives: Keys and original units of the converted forces and stress.
        named: Whether the user named the unit of the stress; otherwise it is assumed.
    """
    frames = frames.sample(MOST)
    findings, unit = [], derivatives.energy_unit or "units of energy"
    if derivatives.forces:
        odd = [found for found in force_findings(frames, "forces", f"{unit}/angstrom") if found.level != "note"]
        findings += [*_forces(frames, energy, derivatives), *odd]
        rival = RIVALS.get(energy, "")
        if rival in frames.properties:
            findings += rival_findings(frames, energy, rival, "forces")
    if derivatives.stress:
        sizes = np.abs(frames.stresses["stress"]).max(axis=(1, 2))
        topic = "virial" if derivatives.virial else "stress"
        findings += outlying_finding(frames, topic, sizes, f"{unit}/angstrom^3", "largest component")
        findings += _stress(frames, energy, derivatives, named)
    return findings


def _forces(frames: Frames, energy: str, derivatives: LabelSpec) -> list[Finding]:
    absurd = _absurd_forces(frames, derivatives)
    if absurd:
        return absurd
    slope = force_energy_slope(frames, energy, "forces")
    if slope is None:
        text = "too few frames of one kind to compare them with the energies"
        return [Finding("note", "forces", text, "sign and unit are not checked")]
    measured = (
        f"between {slope.pairs} pairs of similar frames, energy differences are {slope.value:.3g} times the work of "
        f"the forces (half of them within {slope.spread:.0%})"
    )
    found = verdict(slope)
    if found == "unclear":
        text = f"{measured}: frames are too far apart, or forces do not belong to the energies"
        return [Finding("note", "forces", text, "sign and unit are not checked")]
    if found == "fits":
        return [Finding("note", "forces", f"they fit '{energy}' in sign and unit: {measured}")]
    wrong = _wrong_forces(slope, derivatives, measured)
    if wrong.level == "warning" and (n := per_particle(frames, slope)):
        text = f"'{energy}' seems to be divided by the number of particles ({n}), but the forces are not"
        return [Finding("error", "forces", f"{text}; {measured}", f"multiply '{energy}' by {n} in the data")]
    return [wrong]


def _absurd_forces(frames: Frames, derivatives: LabelSpec) -> list[Finding]:
    """Report impossible forces without using energies: half of the frames have a force above the limit."""
    if not derivatives.energy_unit:
        return []
    factor = parse_unit(derivatives.energy_unit).factor
    usual = float(np.nanmedian(largest_forces(frames, "forces"))) * factor
    if not usual > STRONGEST_FORCE:
        return []
    raw = usual / abs(derivatives.forces_factor) / factor  # in the unit of the data
    minus = "-" if derivatives.forces_unit.startswith("-") else ""
    options = [unit for unit in (*SMALL_FORCES, *FORCES) if raw * parse_unit(unit).factor < STRONGEST_FORCE / 20]
    text = f"the largest force of a frame is {usual:.3g} eV/angstrom (median): above {STRONGEST_FORCE:g} is impossible"
    remedy = " or ".join(f"--forces-unit {minus}{unit}" for unit in options[:3]) or "find out their unit"
    return [Finding("error", "forces", text, f"is the unit right? say {remedy}" if options else remedy)]


def _wrong_forces(slope: Slope, derivatives: LabelSpec, measured: str) -> Finding:
    """Return an error if the sign is wrong or units explain the factor; otherwise a warning."""
    reversed_ = slope.value < 0
    size = abs(slope.value)
    turned = derivatives.forces_unit.startswith("-") != reversed_
    options = []
    if abs(np.log(size)) > CLOSE and (slope.spread < SHARP or abs(np.log(size)) > np.log(2)):
        raw = size * abs(derivatives.forces_factor)
        options = _force_options(raw, derivatives, "-" if turned else "", MATCH if slope.spread < SHARP else BLUNT)
    sign = "their sign is reversed (gradients instead of forces)" if reversed_ else ""
    other = f"their unit is wrong by a factor of {size:.3g}" if options or not reversed_ else ""
    text = " and ".join(part for part in (sign, other) if part)
    if reversed_ and not options and derivatives.forces_unit:
        options = [f"--forces-unit {'-' if turned else ''}{derivatives.forces_unit.removeprefix('-')}"]
    level: Level = "error" if reversed_ or options else "warning"
    remedy = f"say {' or '.join(options)}" if options else "correct the forces or the energies"
    return Finding(level, "forces", f"{text}; {measured}", remedy)


def _force_options(raw: float, derivatives: LabelSpec, minus: str, miss: float) -> list[str]:
    """Return options for units that give dE = W, if dE is ``raw`` times W in the numbers of the data."""
    given, own = derivatives.energy_unit, derivatives.forces_unit.removeprefix("-")
    pairs = [(given, unit) for unit in (*FORCES, own)] if given else []
    pairs += [("Hartree", "Hartree/bohr"), *((energy, own) for energy in ENERGIES)]
    pairs += [] if given else [(energy, unit) for unit in FORCES for energy in ENERGIES if unit.startswith(energy)]
    found = []
    for energy, unit in pairs:
        if not (energy and unit) or energy not in (given, *ENERGIES):
            continue
        off = abs(np.log(raw * parse_unit(energy).factor / parse_unit(unit).factor))
        of_energy = [] if energy == given else [f"--unit {energy}"]
        of_unit = [] if f"{minus}{unit}" == derivatives.forces_unit else [f"--forces-unit {minus}{unit}"]
        if off < miss and of_energy + of_unit:
            found.append((len(of_energy + of_unit), off, " ".join(of_energy + of_unit)))
    return list(dict.fromkeys(option for *_, option in sorted(found)))[:2]


def _stress(frames: Frames, energy: str, derivatives: LabelSpec, named: bool) -> list[Finding]:
    """Compare the change of the energy under strain with the stress as written in the data."""
    volumes = np.abs(np.linalg.det(frames.cells))[:, None, None]
    stress = frames.stresses["stress"]
    raw = stress / derivatives.stress_factor * (-volumes if derivatives.virial else 1.0)
    topic = "virial" if derivatives.virial else "stress"
    forces = "forces" if derivatives.forces else ""
    slopes = strain_slopes(replace(frames, stresses={"stress": raw}), energy, forces, "stress")
    if slopes is None or min(slope.spread for slope in slopes) > SHARP:
        return _large(stress, derivatives, topic, named)
    given = slopes[1 if derivatives.virial else 0]
    off = given.value / derivatives.stress_factor * (-1 if derivatives.virial else 1)
    if given.spread < SHARP and off > 0 and abs(np.log(off)) < CLOSE:
        wrong = _wrong_order(frames, energy, forces, derivatives, topic)
        return wrong or [Finding("note", topic, f"it fits '{energy}' in sign and unit: {_measured(given, off)}")]
    units = _stress_units(slopes, derivatives)
    measured = _measured(given, off)
    if units:
        text = f"its sign, its unit or its kind is wrong: {measured}"
        return [Finding("error", topic, text, f"say {' or '.join(units)}")]
    if given.spread < SHARP:
        return [Finding("warning", topic, f"no unit explains this: {measured}", "correct the stress or the energies")]
    return _large(stress, derivatives, topic, named)


def _wrong_order(frames: Frames, energy: str, forces: str, derivatives: LabelSpec, topic: str) -> list[Finding]:
    """Report a stress that fits the energies of sheared cells only with another order of its components."""
    order = shear_order(frames, energy, forces, "stress")
    if order is None or order == (0, 1, 2):
        return []
    found = order_in_words(order, derivatives.stress_places)
    text = f"in sheared cells it fits '{energy}' only if its components are in the order {found}"
    return [Finding("error", topic, text, f'say --stress-order "{found}"')]


def _measured(slope: Slope, off: float) -> str:
    return (
        f"between {slope.pairs} pairs of similar frames in different cells, energy differences are {off:.3g} times its "
        f"work (half of them within {slope.spread:.0%})"
    )


def _stress_units(slopes: tuple[Slope, Slope], derivatives: LabelSpec) -> list[str]:
    """Return options that make the stress fit the energies, the most precise fit first."""
    if not derivatives.energy_unit:
        return []
    energy = parse_unit(derivatives.energy_unit).factor
    own = derivatives.stress_unit.removeprefix("-")
    found = []
    for slope, name, usual in zip(slopes, ("stress", "virial"), (STRESSES, VIRIALS), strict=True):
        units = (own, *usual) if own and derivatives.virial == (name == "virial") else usual
        for unit in units if slope.spread < SHARP else ():
            miss = abs(np.log(abs(slope.value) * energy / parse_unit(unit).factor))
            if miss < MATCH:
                minus = "-" if (slope.value > 0) == (name == "virial") else ""
                found.append((slope.spread, miss, f"--{name} {derivatives.stress} --{name}-unit {minus}{unit}"))
    return list(dict.fromkeys(option for *_, option in sorted(found)))[:2]


def _large(stress: np.ndarray, derivatives: LabelSpec, topic: str, named: bool) -> list[Finding]:
    """Judge a stress by its size alone if it cannot be compared with energies."""
    size = np.abs(stress[np.isfinite(stress).all(axis=(1, 2))]).max(axis=(1, 2))
    usual = float(np.median(size)) * (parse_unit(derivatives.energy_unit).factor if derivatives.energy_unit else 1.0)
    if usual <= STRONGEST:
        text = "no similar frames in different cells to compare it with the energies"
        return [Finding("note", topic, text, "sign and unit are not checked")]
    text = f"the largest component of a frame is {usual:.3g} eV/angstrom^3 (median): more than {STRONGEST:g} is rare"
    if named and usual <= STRONGEST_NAMED:  # possible in planets and stars: trust the user's unit
        remedy = f"is --{topic}-unit right? 1 eV/angstrom^3 = 160 GPa = 1602 kB"
        return [Finding("warning", topic, text, remedy)]
    remedy = "1 eV/angstrom^3 = 160 GPa = 1602 kB"
    options = " or ".join(_smaller_units(usual, derivatives))
    return [Finding("error", topic, text, f"{remedy}; say {options}" if options else f"{remedy}; correct the data")]


def _smaller_units(usual: float, derivatives: LabelSpec) -> list[str]:
    """Return options that make numbers of this size possible; VASP's unit and sign come first."""
    name, given = derivatives.stress, parse_unit(derivatives.energy_unit or "eV").factor
    raw = usual / given / abs(derivatives.stress_factor)  # in the unit of the data; a virial is divided by the volume
    minus = derivatives.stress_unit.startswith("-")
    found = []
    if derivatives.virial:
        fits = [unit for unit in VIRIALS if raw * parse_unit(unit).factor < STRONGEST]
        found += [f"--virial-unit {'-' if minus else ''}{unit}" for unit in fits]
        return [*found, f"--stress {name} --stress-unit -kB (as VASP prints it) or kB, if it is a stress"]
    for unit in STRESSES[1:]:
        if raw * parse_unit(unit).factor < STRONGEST:
            found += [f"--stress-unit -{unit}", f"--stress-unit {unit}"]
    order = sorted(found, key=lambda option: "kB" not in option)
    return [*order[:4], f"--virial {name}, if it is a virial"]
