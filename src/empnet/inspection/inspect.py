"""Complete inspection: one pass over the data, then all checks."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.bundled import card
from empnet.files.read import iread_unchecked
from empnet.files.source import Data, as_source
from empnet.files.stated import check_stated, first_of, plain_name, stated_unit
from empnet.inspection.clouds.inspect import inspect_clouds
from empnet.inspection.consistency import N_FRAMES, consistency_findings, rival_findings
from empnet.inspection.duplicates import (
    exact_duplicates,
    exact_findings,
    further_frames,
    near_duplicates,
    near_findings,
)
from empnet.inspection.forces import force_findings, force_key
from empnet.inspection.frames import Frames
from empnet.inspection.gather import MAX_PARTICLES, Gathered, gather
from empnet.inspection.geometry import LARGEST, Geometry, measure
from empnet.inspection.histograms import histograms
from empnet.inspection.keys import key_findings
from empnet.inspection.lengths import distance_findings
from empnet.inspection.record import UNNAMED_UNIT, Finding, Inspection, Key, PropertyFacts, gravest_first
from empnet.inspection.reference import reference_findings
from empnet.inspection.stress import stress_findings
from empnet.inspection.targets import is_energy, isolated_findings, property_facts, target_findings
from empnet.inspection.time_order import LARGEST_GROUP, order_findings
from empnet.preparation.preparation import are_clouds
from empnet.runtime.pipes import keeping_pipes
from empnet.system.label_spec import RIVALS
from empnet.system.one_hot import symbol
from empnet.system.system import System
from empnet.system.units import default_unit, parse_unit, per_particle

__all__ = ["inspect_data"]


@keeping_pipes
def inspect_data(
    source: Data,
    *,
    properties: Sequence[str] = (),
    unit: Sequence[str] = (),
    length_unit: str | None = None,
    quiet: bool = False,
) -> Inspection:
    """Inspect data before training, and return facts and suspected errors.

    Nothing is corrected silently: a probable error is reported as suspected, with evidence in numbers.

    Arguments:
        source: Path of a file, the name of bundled data such as ``"qm7"``, or one or more systems or ase.Atoms.
        properties: Names of the target scalars; faults in them are errors. By default, all scalars are inspected, and
            none is required.
        unit: Unit of each property, or one unit for all; by default the units of bundled data, and eV for ``energy``.
        length_unit: Unit of lengths in a file; None for the unit stated in the file, or angstrom if none is stated.
        quiet: Whether to hide the progress bar.

    Raises:
        EmpnetError: If no frame can be read, or a unit is unknown.

    Example:
        >>> pairs = [System([[0, 0, 0], [0, 0, d]], [1, 1], properties={"energy": 0.0}) for d in (0.7, 0.8, 0.9)]
        >>> print(inspect_data(pairs, properties=["energy"]).findings[0])
        error: energy: it is 0 in all 3 frames: there is nothing to learn; is this the right key?
    """
    begun, data = time.perf_counter(), as_source(source)
    first = next(iter(_first(data)), None)
    if are_clouds(first):
        return inspect_clouds(data, properties, quiet)
    first = first_of(data).system
    properties = tuple(plain_name(first, name) for name in properties)
    named = _named_units(data, first, properties, unit)
    gathered = gather(data, length_unit, quiet)
    file = data if isinstance(data, str) else ""
    frames = gathered.frames(file)
    geometry = measure(frames)
    units = {name: _unit(name, named) for name in frames.properties}
    learnable = [name for name in frames.properties if _is_learnable(frames, name, properties)]
    facts = [fact for name in learnable if (fact := property_facts(frames, name, units[name]))]
    record = {fact.name: fact.unit for fact in facts}
    near, tolerance = near_duplicates(frames, geometry)
    keys = gathered.tally.keys()
    findings = [
        *gathered.findings(),
        *key_findings(keys, gathered.tally.frames, properties),
        *distance_findings(frames, geometry),
        *exact_findings(frames, record),
        *near_findings(frames, near, tolerance, record),
        *order_findings(frames),
        *isolated_findings(frames, record),
        *_taken_units(facts, named),
        *_property_findings(frames, facts, properties),
        *_force_findings(frames, facts, named),
        *_alike(frames, keys),
    ]
    return _inspection(frames, geometry, gathered, facts, gravest_first(findings), further_frames(near), begun)


def _first(data: str | Sequence[System]) -> Iterator[System]:
    """Yield the first readable system; none if reading fails, which the inspection reports."""
    with suppress(EmpnetError), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the warnings appear when all data are read
        yield from islice(iread_unchecked(data) if isinstance(data, str) else data, 1)


def _named_units(
    source: str | Sequence[System], first: System | None, properties: Sequence[str], unit: Sequence[str]
) -> dict[str, str]:
    """Return the units named by the user, by the data, or by the card of bundled data."""
    for text in unit:
        parse_unit(text)
    bundled = card(source) if isinstance(source, str) else None
    stated = {name: _stated_unit(first, name) for name in ((*first.properties, *first.arrays) if first else ())}
    names = properties or ((bundled.property,) if bundled else ("energy",))
    given = list(unit) * len(names) if len(unit) == 1 else list(unit)
    if len(given) not in (0, len(names)):
        raise EmpnetError(f"{len(given)} units for {len(names)} properties", wanted="one for each, or one for all")
    for name, text in zip(names, given, strict=False):
        check_stated(first, name, text)
    known = {name: text for name, text in stated.items() if text}
    return {**(bundled.units if bundled else {}), **known, **dict(zip(names, given, strict=False))}


def _stated_unit(first: System | None, name: str) -> str:
    """Return the unit stated in the data for a value; the unit of another quantity causes a warning and is ignored."""
    try:
        return stated_unit(first, name)
    except EmpnetError as error:
        warnings.warn(str(error), stacklevel=2)
        return ""


def _unit(name: str, named: dict[str, str]) -> str:
    usual = default_unit(name)
    return named.get(name) or (usual.name if usual else UNNAMED_UNIT)


def _taken_units(facts: list[PropertyFacts], named: dict[str, str]) -> list[Finding]:
    """Report units that are not stated, so that ASE's units are assumed."""
    return [
        Finding("note", fact.name, f"assuming {fact.unit}, the unit of ASE", "change with --unit")
        for fact in facts
        if fact.name not in named and fact.unit != UNNAMED_UNIT
    ]


def _is_learnable(frames: Frames, name: str, properties: Sequence[str]) -> bool:
    """Return whether a scalar is a possible target: requested, an energy, or not all integers."""
    y = frames.properties[name]
    whole = np.all(y[np.isfinite(y)] == np.round(y[np.isfinite(y)]))
    return name in properties or is_energy(name) or not whole


def _property_findings(frames: Frames, facts: list[PropertyFacts], properties: Sequence[str]) -> list[Finding]:
    findings = []
    for fact in facts:
        findings += target_findings(frames, fact, wanted=fact.name in properties)
        if is_energy(fact.name) and fact.pooling != "mean":
            findings += reference_findings(frames, fact)
    return findings


def _alike(frames: Frames, keys: Sequence[Key]) -> list[Finding]:
    """Report data without species."""
    if frames.named:
        return []
    there = ", ".join(key.name for key in keys) or "none"
    return [Finding("note", "species", f"the data have none: all particles are taken to be alike; keys found: {there}")]


def _force_findings(frames: Frames, facts: list[PropertyFacts], named: dict[str, str]) -> list[Finding]:
    energies = {fact.name: fact.unit for fact in facts if is_energy(fact.name) and not per_particle(fact.unit)}
    energy = min(energies, key=lambda name: (name != "energy", len(name)), default="")
    findings = []
    forces = force_key(frames)
    if forces:
        findings += force_findings(frames, forces, _unit(forces, named))
        if energy:
            findings += consistency_findings(frames, energy, forces)
            rival = RIVALS.get(energy, "")
            if rival in frames.properties:
                findings += rival_findings(frames, energy, rival, forces)
    for name in frames.stresses:
        findings += stress_findings(frames, name, energy, energies.get(energy, UNNAMED_UNIT), forces)
    return findings


def _inspection(
    frames: Frames,
    geometry: Geometry,
    gathered: Gathered,
    facts: list[PropertyFacts],
    findings: tuple[Finding, ...],
    near: int,
    begun: float,
) -> Inspection:
    counts, species = frames.composition
    shortest = int(np.argmin(geometry.nearest))
    known = bool(np.isfinite(geometry.nearest[shortest]))
    return Inspection(
        file=frames.file,
        systems=gathered.tally.frames,
        particles=int(frames.sizes.sum()),
        sizes=(int(frames.sizes.min()), int(np.median(frames.sizes)), int(frames.sizes.max())),
        periodic=int(frames.wraps.sum()),
        species={symbol(z): int(n) for z, n in zip(species, (counts > 0).sum(axis=0), strict=True)}
        if frames.named
        else {},
        shortest=float(geometry.nearest[shortest]) if known else None,
        shortest_where=frames.where(int(frames.frame_of[shortest])) if known else "",
        exact_duplicates=sum(len(part) - 1 for part in exact_duplicates(frames)),
        near_duplicates=near,
        keys=gathered.tally.keys(),
        properties=tuple(facts),
        findings=findings,
        histograms=histograms(frames, geometry, facts),
        sampled=tuple(_sampled(frames, gathered)),
        seconds=time.perf_counter() - begun,
    )


def _sampled(frames: Frames, gathered: Gathered) -> Iterator[str]:
    """Describe the parts of the data that were only sampled."""
    if gathered.left_out:
        yield f"{gathered.left_out} frames were only counted: the data have more than {MAX_PARTICLES:,} particles"
    large = int((frames.sizes > LARGEST).sum())
    if large:
        yield f"near duplicates of {large} frames with more than {LARGEST} particles: only nearest distances compared"
    most = int(np.bincount(frames.sequences).max())
    if most > N_FRAMES:
        yield f"forces and stress against energies: {N_FRAMES:,} of {most:,} frames of one kind"
    if most > LARGEST_GROUP:
        yield f"order: the first {LARGEST_GROUP:,} of {most:,} frames of one kind"
