"""Forces and stress in data: their names, units and signs, and reading them frame by frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float64

from empnet.errors import EmpnetError
from empnet.system.system import System
from empnet.system.units import convert, parse_unit
from empnet.system.values import array_of

__all__ = ["ASYMMETRIC", "CONSTRAINTS", "RIVALS", "UNEVEN", "VOIGT_ORDER", "LabelSpec", "asymmetry"]

CONSTRAINTS = "constraints"
"""Key of ``info`` for the names of constraints in a file."""

RIVALS = {"energy": "free_energy", "free_energy": "energy"}
"""Two energies that ASE stores together: the energy for sigma to zero and the free energy. With smeared levels, the
forces are the negative gradient of the free energy."""

VOIGT_ORDER = "xx yy zz yz xz xy"
"""ASE's order of the components of a stress."""

ASYMMETRIC = 0.05
"""Difference of two mirrored components, over the largest component, above which a tensor is refused; printing with two
digits and unconverged calculations cause less."""

NEGLIGIBLE = 5e-4
"""Asymmetry of a converged calculation, eV/angstrom^3 (0.8 kB); a smaller one is noise, even in relaxed cells."""

UNEVEN = ASYMMETRIC / 5
"""Difference of two mirrored components, over the largest component, above which a warning is shown; printing three
digits causes less."""

AXES = "xyz"
VOIGT = ([0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1])  # rows and columns of the six components


@dataclass(frozen=True, slots=True)
class LabelSpec:
    """Names, units and signs of the derivatives that are learned with the property.

    Forces are F_i = -dE/dr_i; stress is (1 / V) dE / d strain, with ASE's sign: positive if the system tends to shrink.
    A virial is -V times the stress, an energy. A minus before the unit stands for the opposite sign: ``-kB`` is the
    stress that VASP prints, positive under pressure; forces in ``-eV/angstrom`` are gradients.

    Arguments:
        forces: Name of the per-particle array of forces; empty: none are learned.
        forces_unit: Its unit; empty: the property's unit per angstrom.
        stress: Name of the stress, or of the virial; empty: none is learned.
        stress_unit: Its unit; empty: the property's unit per cubic angstrom (of a virial: the property's unit).
        virial: Whether ``stress`` names a virial.
        energy_unit: Unit of the property; empty if unknown.
        stress_order: Order of six components in the data, such as VASP's ``"xx yy zz xy yz zx"``; empty: ASE's.

    Raises:
        EmpnetError: If a unit is unknown, or is not a unit of a force, a stress or a virial of this property.

    Example:
        >>> round(LabelSpec("forces", "kcal/mol/angstrom", energy_unit="eV").forces_factor, 5)
        0.04336
        >>> round(LabelSpec(stress="stress", stress_unit="-kB", energy_unit="eV").stress_factor, 8)
        -0.00062415
    """

    forces: str = ""
    forces_unit: str = ""
    stress: str = ""
    stress_unit: str = ""
    virial: bool = False
    energy_unit: str = ""
    stress_order: str = ""

    def __post_init__(self) -> None:
        _ = self.stress_places
        _ = self.forces_factor, self.stress_factor  # raise errors at once

    def __bool__(self) -> bool:
        return bool(self.forces or self.stress)

    @property
    def forces_factor(self) -> float:
        """Factor from the data's forces to the property's unit per angstrom."""
        return _factor("forces", self.forces_unit, self.energy_unit, "/angstrom") if self.forces else 1.0

    @property
    def stress_factor(self) -> float:
        """Factor from the data's stress to the property's unit per cubic angstrom, or from its virial to the unit."""
        if not self.stress:
            return 1.0
        if not self.virial:
            remedy = f"an energy is a virial: --virial {self.stress}" if self._measures("an energy") else ""
            return _factor("stress", self.stress_unit, self.energy_unit, "/angstrom^3", remedy)
        remedy = ""
        if self._measures("a pressure"):
            unit = self.stress_unit.removeprefix("-")
            remedy = f"a pressure is a stress: --stress {self.stress} --stress-unit {unit} (-{unit} for VASP's sign)"
        return _factor("virial", self.stress_unit, self.energy_unit, "", remedy)

    @property
    def stress_places(self) -> tuple[int, ...]:
        """Return the positions of xx yy zz yz xz xy among the six components in the data.

        Raises:
            EmpnetError: If the order does not name each of them once.
        """
        return _places(self.stress_order or VOIGT_ORDER)

    def _measures(self, kind: str) -> bool:
        return bool(self.stress_unit) and parse_unit(self.stress_unit.lstrip("-")).kind == kind

    def forces_of(self, system: System) -> Float64[np.ndarray, "N 3"]:
        """Return a system's forces in the property's unit per angstrom; nan if it has none.

        Arguments:
            system: The system.

        Raises:
            EmpnetError: If the array has another shape, or a number is not finite.

        Example:
            >>> atom = System([[0, 0, 0]], arrays={"F": np.array([[0.0, 0.0, 2.0]])})
            >>> LabelSpec(forces="F").forces_of(atom)
            array([[0., 0., 2.]])
        """
        absent = np.full((len(system), 3), np.nan)
        if self.forces not in system.arrays:
            if self.forces in system.properties or self.forces in system.info:
                raise EmpnetError(
                    f"forces '{self.forces}' belong to the whole system",
                    where=system.origin,
                    wanted="one row for each particle",
                )
            return absent
        values = system.arrays[self.forces]
        if values.shape != (len(system), 3) or values.dtype.kind not in "iuf":
            raise EmpnetError(
                f"forces '{self.forces}' have shape {values.shape} of {values.dtype}",
                where=system.origin,
                wanted=f"numbers of shape {(len(system), 3)}",
            )
        return _all_or_none(values, absent, self.forces_factor, f"forces '{self.forces}'", "particle", system)

    def stress_of(self, system: System) -> Float64[np.ndarray, " 6"]:
        """Return a system's stress with ASE's sign and order, in the property's unit per cubic angstrom.

        Arguments:
            system: The system.

        Returns:
            Shape (6,); nan if the system has no stress, or is not periodic along all three axes.

        Raises:
            EmpnetError: If the stress has neither 6 nor 3 x 3 numbers, or a number is not finite.

        Example:
            >>> cube = System([[0, 0, 0]], cell=2 * np.eye(3), pbc=(True,) * 3, info={"virial": np.diag([8.0, 0, 0])})
            >>> LabelSpec(stress="virial", virial=True).stress_of(cube)[:2].round(6).tolist()
            [-1.0, -0.0]
        """
        absent = np.full(6, np.nan)
        value = self._stress_in(system)
        if value is None:
            return absent
        values = array_of(value)
        what = f"{'virial' if self.virial else 'stress'} '{self.stress}'"
        if values is None or values.dtype.kind not in "iuf" or values.size not in (6, 9):
            found = type(value).__name__ if values is None else f"of shape {values.shape} of {values.dtype}"
            raise EmpnetError(
                f"{what} is {found}",
                where=system.origin,
                wanted="6 numbers xx yy zz yz xz xy, or 3 x 3",
            )
        if values.size == 9:
            full = values.reshape(3, 3)
            self._refuse_asymmetric(full, what, system)
            values = ((full + full.T) / 2)[VOIGT]
        else:
            values = values.reshape(6)[list(self.stress_places)]
        factor = self.stress_factor
        values = _all_or_none(values, absent, factor, what, "component", system)
        if not all(system.pbc) or system.cell is None:
            return absent
        return -values / abs(float(np.linalg.det(system.cell))) if self.virial else values

    def unevenness_of(self, system: System) -> float:
        """Return the largest relative difference of two mirrored components of a 3 x 3 stress; 0 if it is noise.

        Arguments:
            system: The system.

        Example:
            >>> skew = np.array([[1.0, 0.5, 0.0], [0.52, 1.0, 0.0], [0.0, 0.0, 1.0]])
            >>> round(LabelSpec(stress="s").unevenness_of(System([[0, 0, 0]], info={"s": skew})), 6)
            0.02
        """
        values = array_of(self._stress_in(system))
        if values is None or values.dtype.kind not in "iuf" or values.size != 9:
            return 0.0
        full = np.asarray(values, dtype=np.float64).reshape(3, 3)
        size, largest = asymmetry(full)[0], float(np.abs(full).max())
        uneven = largest > 0 and np.isfinite(size) and not self._is_noise(size, system)
        return size / largest if uneven else 0.0

    def _is_noise(self, size: float, system: System) -> bool:
        """Return True if a difference of components is noise, which even relaxed cells have."""
        volume = abs(float(np.linalg.det(system.cell))) if self.virial and system.cell is not None else 1.0
        energy = parse_unit(self.energy_unit).factor if self.energy_unit else 1.0
        return bool(volume) and size * abs(self.stress_factor) * energy / volume <= NEGLIGIBLE

    def _refuse_asymmetric(self, full: np.ndarray, what: str, system: System) -> None:
        """Raise if a tensor's asymmetry is more than rounding and noise, because half of it would be lost."""
        size, row, column = asymmetry(full)
        if not size > ASYMMETRIC * float(np.abs(full).max()):
            return
        if self._is_noise(size, system):
            return
        one, two = AXES[row] + AXES[column], AXES[column] + AXES[row]
        raise EmpnetError(
            f"{what} is not symmetric: {one} is {full[row, column]:.6g} and {two} {full[column, row]:.6g} in the data, "
            f"of components up to {np.abs(full).max():.3g}",
            where=system.origin,
            wanted="a symmetric 3 x 3 tensor (without torque every stress is symmetric), row after row",
            remedy="check whether the nine numbers mean something else; otherwise correct or remove the frame",
        )

    def _stress_in(self, system: System) -> Any:
        """Return a system's value under the stress's name, wherever it is; None if there is none."""
        found = (held[self.stress] for held in (system.info, system.properties, system.arrays) if self.stress in held)
        return next(found, None)


def asymmetry(full: Float64[np.ndarray, "3 3"]) -> tuple[float, int, int]:
    """Return the largest difference of two mirrored components of a tensor, and its place.

    Arguments:
        full: The tensor.

    Example:
        >>> asymmetry(np.array([[1.0, 0.5, 0.0], [0.25, 1.0, 0.0], [0.0, 0.0, 1.0]]))
        (0.25, 0, 1)
    """
    apart = np.abs(np.asarray(full, dtype=np.float64) - np.transpose(full))
    row, column = divmod(int(np.argmax(apart)), 3)
    return float(apart[row, column]), row, column


@lru_cache(maxsize=64)  # called for every frame
def _factor(what: str, unit: str, energy_unit: str, per: str, remedy: str = "") -> float:
    """Return the factor from a unit, perhaps with a sign, to the property's unit per length or volume."""
    if not unit:
        return 1.0
    plain = unit.removeprefix("-")
    source = parse_unit(plain)
    if not energy_unit:
        found = f"{what} are in {plain}, but the unit of the property is not known"
        raise EmpnetError(found, remedy="give it with --unit")
    wanted = parse_unit(energy_unit + per)
    if source.dimension != wanted.dimension:
        raise EmpnetError(
            f"unit '{plain}' of the {what} is {source.kind}", wanted=f"a unit such as {wanted}", remedy=remedy
        )
    return convert(1.0, source, wanted) * (-1.0 if unit.startswith("-") else 1.0)


@lru_cache(maxsize=64)
def _places(order: str) -> tuple[int, ...]:
    """Return the positions of xx yy zz yz xz xy in an order."""
    names = ["".join(sorted(name)) for name in order.lower().replace(",", " ").split()]  # zx is xz
    if sorted(names) != sorted(VOIGT_ORDER.split()):
        wanted = f"each of {VOIGT_ORDER} once"
        raise EmpnetError(f"stress order '{order}'", wanted=wanted, remedy="VASP's is xx yy zz xy yz zx")
    return tuple(names.index(name) for name in VOIGT_ORDER.split())


def _all_or_none(
    values: np.ndarray, absent: np.ndarray, factor: float, what: str, row: str, system: System
) -> np.ndarray:
    """Return the values times a factor; nan if all are nan; raise if only some are not finite."""
    finite = np.isfinite(values)
    if finite.all():
        scaled: np.ndarray = values.astype(np.float64) * factor
        return scaled
    if np.isnan(values).all():
        return absent
    first = int(np.argmin(finite.reshape(len(finite), -1).all(axis=1)))
    raise EmpnetError(
        f"{what}: {row} {first} is not finite ({values[first]})",
        where=system.origin,
        wanted="finite numbers, or only nan in a frame without values",
        remedy="correct or remove the frame",
    )
