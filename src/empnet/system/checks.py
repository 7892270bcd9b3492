"""Checks of a system before any computation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from empnet.errors import EmpnetError, nearest_name
from empnet.system.system import System

__all__ = ["check_geometry", "target_of", "targets_of"]

# A volume below either bound is zero except for rounding (coplanar lattice vectors with 8 decimals).
LEAST_VOLUME = 1e-9  # angstrom^3
LEAST_FILLING = 1e-6  # fraction of the volume of the cuboid with the same edges


def check_geometry(system: System) -> System:
    """Raise for an invalid geometry; complete the cell of a slab or a wire.

    Arguments:
        system: The system from a reader.

    Returns:
        The same system; unit vectors replace missing lattice vectors along axes that do not repeat.

    Raises:
        EmpnetError: If there are no particles, a position or the cell is not finite, or the cell of a periodic
            system is missing or has no volume.

    Example:
        >>> slab = System([[0, 0, 0]], cell=[[3, 0, 0], [0, 3, 0], [0, 0, 0]], pbc=(True, True, False))
        >>> check_geometry(slab).cell[2]
        array([0., 0., 1.])
    """
    part = "particle" if system.species is not None else "point"
    whole = "file" if system.origin.file and system.origin.frame is None else "frame"
    if not len(system):
        raise EmpnetError(f"no {part}s", where=system.origin, wanted="at least one", remedy=f"remove the {whole}")
    finite = np.isfinite(system.positions).all(axis=1)
    if not finite.all():
        particle = int(np.argmin(finite))
        where = ", ".join(f"{x:g}" for x in system.positions[particle])
        raise EmpnetError(
            f"position of {part} {particle} is not finite ({where})",
            where=system.origin,
            remedy=f"correct or remove the {whole}",
        )
    if system.cell is not None and not np.isfinite(system.cell).all():
        raise EmpnetError("the cell is not finite", where=system.origin, remedy="correct or remove the frame")
    return _check_periodic(system) if any(system.pbc) else system


def _check_periodic(system: System) -> System:
    from ase.geometry import complete_cell  # periodic systems only

    cell = np.zeros((3, 3)) if system.cell is None else system.cell
    there = np.any(cell != 0, axis=1)
    for axis in range(3):
        if system.pbc[axis] and not there[axis]:
            raise EmpnetError(
                f"periodic along axis {axis}, but lattice vector {axis} is missing or zero",
                where=system.origin,
                remedy="give the cell (Lattice in extended XYZ) or set pbc to F",
            )
    complete = cell if there.all() else complete_cell(cell)
    volume = abs(float(np.linalg.det(complete)))
    edges = float(np.prod(np.linalg.norm(complete, axis=1)))
    if not volume > max(LEAST_VOLUME, LEAST_FILLING * edges):
        raise EmpnetError(
            f"the periodic cell has zero volume ({volume:.2g} angstrom^3)",
            where=system.origin,
            wanted="three lattice vectors that do not lie in one plane",
        )
    return system if there.all() else replace(system, cell=complete)


def target_of(system: System, name: str, option: str = "--property") -> float:
    """Return the target, after a check that it is one finite number for the whole system.

    Arguments:
        system: The system.
        name: Name of the property.
        option: The option that names the property, for the error message.

    Returns:
        The value in the file's unit.

    Raises:
        EmpnetError: If the property is absent, of another kind, or not finite.

    Example:
        >>> target_of(System([[0, 0, 0]], properties={"energy": -13.6}), "energy")
        -13.6
    """
    if name in system.properties:
        value = system.properties[name]
        if not math.isfinite(value):
            raise EmpnetError(
                f"property '{name}' is {value}",
                where=system.origin,
                wanted="a finite number",
                remedy="correct or remove the frame",
            )
        return value
    wanted = "one number for the whole system"
    numbers = ", ".join(sorted(system.properties)) or "none"
    remedy = _say(option, name, system) or f"numeric properties found: {numbers}"
    if name in system.arrays:
        raise EmpnetError(
            f"'{name}' is an array with one row for each particle", where=system.origin, wanted=wanted, remedy=remedy
        )
    if name in system.info:
        raise EmpnetError(f"'{name}' is {_kind(system.info[name])}", where=system.origin, wanted=wanted, remedy=remedy)
    found = f"no property '{name}'; numeric properties found: {numbers}"
    raise EmpnetError(found, where=system.origin, remedy=_say(option, name, system))


def _say(option: str, name: str, system: System) -> str:
    """Suggest the likely name and the option for it; empty if there are no numeric values."""
    meant = nearest_name(name, system.properties)
    if meant is not None:
        return f"did you mean '{meant}'? then use {option} {meant}"
    return f"choose one with {option}" if system.properties else ""


def targets_of(
    system: System, properties: Sequence[str], baseline_keys: Sequence[str] = ()
) -> Float64[np.ndarray, " F_prime"]:
    """Return a system's targets: its properties minus the values of the baseline keys (delta learning).

    Arguments:
        system: The system.
        properties: Names of F' properties.
        baseline_keys: For each property the name of a scalar to subtract, in the same unit; or no names.

    Returns:
        The values in the file's units, shape (F',).

    Raises:
        EmpnetError: If one of them is absent, of another kind, or not finite.

    Example:
        >>> atom = System([[0, 0, 0]], properties={"energy": -13.5, "cheap": -13.0})
        >>> targets_of(atom, ["energy"], ["cheap"])
        array([-0.5])
    """
    values = np.array([target_of(system, name) for name in properties])
    return values - [target_of(system, name, "--baseline-key") for name in baseline_keys] if baseline_keys else values


def _kind(value: object) -> str:
    """Describe the kind of a value in words."""
    if isinstance(value, str):
        return f"text {value!r}"
    if isinstance(value, (np.ndarray, list, tuple)):
        shape = np.shape(np.asarray(value, dtype=object))
        return f"a {'vector' if len(shape) == 1 else 'tensor'} of shape {shape}"
    return f"{value!r}"
