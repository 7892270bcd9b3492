"""Conversion between ase.Atoms and System, including ASE's several places for values."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from ase import Atoms
from ase.calculators.calculator import all_properties
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import chemical_symbols
from ase.outputs import ArrayProperty, all_outputs
from ase.spacegroup import Spacegroup

from empnet.errors import EmpnetError
from empnet.system.label_spec import CONSTRAINTS
from empnet.system.system import Origin, System
from empnet.system.values import array_of

__all__ = [
    "NESTED_ARRAYS",
    "PER_PARTICLE",
    "atomic_numbers",
    "from_atoms",
    "particle_arrays",
    "split_values",
    "with_results",
]

# Names of calculators' results with one row for each particle; shapes alone are ambiguous (a dipole of 3 atoms).
PER_PARTICLE = frozenset(
    name
    for name, output in all_outputs.items()
    if isinstance(output, ArrayProperty) and output.shapespec[0] == "natoms"
)
# One key for all per-particle arrays, in formats that store values of the whole system but no arrays of the user.
NESTED_ARRAYS = "empnet_arrays"
LARGEST_EXACT_INTEGER = 2**53  # float64 is exact up to this whole number


def from_atoms(atoms: Atoms, origin: Origin = Origin()) -> System:
    """Convert an :class:`ase.Atoms`, with its ``info``, its ``arrays`` and its calculator's results, to a System.

    Results are taken unchanged, without constraints (``get_forces()`` sets forces of fixed atoms to zero). If a key is
    both a result and in ``info`` or ``arrays``, the result is used.

    Arguments:
        atoms: Particles, in angstrom.
        origin: Origin of the atoms.

    Returns:
        The system, with each value under its plain name: scalars in ``properties``, other values of the whole system in
        ``info``, values of particles in ``arrays``. ``info["constraints"]`` names the kinds of constraints, if any.

    Example:
        >>> from ase.build import molecule
        >>> water = molecule("H2O")
        >>> water.info["energy"] = -14.2
        >>> from_atoms(water).properties["energy"]
        -14.2
    """
    values = dict(atoms.info)
    arrays = {name: array for name, array in atoms.arrays.items() if name not in ("positions", "numbers")}
    arrays.update(values.pop(NESTED_ARRAYS, {}))
    for name, value in getattr(atoms.calc, "results", {}).items():
        if value is not None:
            (arrays if name in PER_PARTICLE else values)[name] = value
    odd = [name for name, array in arrays.items() if not _fits(array, len(atoms))]
    if odd:  # a warning is enough, because nobody may need them
        text = f"left out, because they do not have one row for each particle: {', '.join(sorted(odd))}"
        warnings.warn(text, stacklevel=2)
        arrays = {name: array for name, array in arrays.items() if name not in odd}
    # ASE reads columns of text as Python objects; no format without pickle can store these.
    arrays = {n: np.asarray(a).astype(str) if np.asarray(a).dtype == object else a for n, a in arrays.items()}
    properties, info = split_values(values)
    if atoms.constraints:
        info.setdefault(CONSTRAINTS, ", ".join(sorted({type(item).__name__ for item in atoms.constraints})))
    cell = np.asarray(atoms.cell)
    return System(
        positions=atoms.positions,
        species=atoms.numbers,
        cell=cell if cell.any() else None,
        pbc=tuple(atoms.pbc),
        properties=properties,
        info=info,
        arrays=arrays,
        origin=origin,
    )


def _fits(array: Any, n: int) -> bool:
    """Return whether an array has a row for each of n particles."""
    try:
        return np.shape(array)[:1] == (n,)
    except ValueError:  # rows of different lengths
        return False


def split_values(values: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """Separate scalars from all other values of a whole system.

    Arguments:
        values: Values by name.

    Returns:
        Numbers, including arrays of a single number; and all other values: texts, truth values, vectors, and whole
        numbers too large for float64, such as identifiers.

    Example:
        >>> split_values({"energy": np.array([-1.5]), "name": "water", "converged": True})
        ({'energy': -1.5}, {'name': 'water', 'converged': True})
    """
    properties, info = {}, {}
    for name, value in values.items():
        number = _number(value)
        if number is not None:
            properties[str(name)] = number
        else:
            info[str(name)] = _plain(value)
    return properties, info


def _plain(value: Any) -> Any:
    if isinstance(value, Spacegroup):
        return value.symbol
    return value.item() if isinstance(value, (np.ndarray, np.generic)) and value.ndim == 0 else value


def _number(value: Any) -> float | None:
    if isinstance(value, np.ndarray) and value.size == 1 and value.ndim <= 1:
        value = value.reshape(())[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        return None
    if isinstance(value, numbers.Integral) and abs(int(value)) > LARGEST_EXACT_INTEGER:
        return None
    return float(value)


def particle_arrays(system: System) -> dict[str, np.ndarray]:
    """Return the arrays of particles for a file, without positions and species; features under that name.

    Arguments:
        system: The system.

    Example:
        >>> list(particle_arrays(System([[0, 0, 0]], features=[[1.0, 2.0]])))
        ['features']
    """
    features = {} if system.features is None else {"features": system.features}
    return {**features, **system.arrays}


def atomic_numbers(system: System) -> np.ndarray:
    """Return the species for ASE's formats; 0, ASE's "X", if all particles are alike.

    Arguments:
        system: The system.

    Raises:
        EmpnetError: If a species is not an atomic number.
    """
    if system.species is None:
        return np.zeros(len(system), dtype=np.int64)
    wrong = (system.species < 0) | (system.species >= len(chemical_symbols))
    if wrong.any():
        particle = int(np.argmax(wrong))
        raise EmpnetError(
            f"species {system.species[particle]} of particle {particle} has no chemical symbol",
            where=system.origin,
            wanted=f"atomic numbers up to {len(chemical_symbols) - 1}",
            remedy="write .npz, which keeps any number",
        )
    return system.species


def with_results(system: System, *, nested: bool = False) -> Atoms:
    """Return atoms for ASE's formats, with ASE's results (energy, forces, ...) in a calculator.

    Arguments:
        system: The system.
        nested: Whether to keep arrays of particles in ``info``, for formats without arrays of the user.

    Returns:
        Atoms with other values of the whole system in ``info``, and other arrays of particles in ``arrays``.
    """
    atoms = Atoms(numbers=atomic_numbers(system), positions=system.positions, cell=system.cell, pbc=system.pbc)
    results: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name, value in {**system.properties, **system.info}.items():
        array = array_of(value) if name in all_properties and name not in PER_PARTICLE else None
        is_result = array is not None and array.dtype.kind in "iuf"
        (results if is_result else atoms.info)[name] = value
    for name, array in particle_arrays(system).items():
        is_result = name in all_properties and name in PER_PARTICLE and array.dtype.kind in "iuf"
        (results if is_result else arrays)[name] = array
    if nested and arrays:
        # ASE's encodings support lists of text, but not arrays of text.
        atoms.info[NESTED_ARRAYS] = {k: v.tolist() if v.dtype.kind == "U" else v for k, v in arrays.items()}
    else:
        for name, array in arrays.items():
            atoms.set_array(name, array)
    atoms.calc = SinglePointCalculator(atoms, **results) if results else None
    return atoms
