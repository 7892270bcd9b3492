"""Reading forces and stress system by system, and counting the systems that have them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from empnet.errors import EmpnetError, nearest
from empnet.system.label_spec import CONSTRAINTS, LabelSpec
from empnet.system.system import System

__all__ = ["LabelReader"]


@dataclass
class LabelReader:
    """Reads the derivatives of each system, and counts the systems that have them.

    Arguments:
        wanted: Labels to read.
        frames: Number of systems so far.
        with_forces: Number of systems with forces.
        with_stress: Number of systems with a stress.
        named_stress: Number of systems with any value under the name of the stress.
        names: Names found in the systems, for the error message if a label is never found.
        file: Path of the file with the systems.
        width: Number of feature columns so far; None before the first system.
    """

    wanted: LabelSpec
    frames: int = 0
    with_forces: int = 0
    with_stress: int = 0
    named_stress: int = 0
    names: list[str] = field(default_factory=list)
    file: str = ""
    width: int | None = None

    def state(self) -> dict[str, Any]:
        """Return the state; another reader can continue from it."""
        names = ("frames", "with_forces", "with_stress", "named_stress", "names", "file", "width")
        return {name: getattr(self, name) for name in names}

    def of(self, system: System) -> dict[str, np.ndarray]:
        """Return the rows of a system: ``forces`` (N, 3), ``constrained`` (1,), ``stress`` (1, 6), ``uneven`` (1,).

        Arguments:
            system: System to read.
        """
        self.frames += 1
        self.file = system.origin.file
        rows = {}
        if self.wanted.forces:
            rows["forces"] = self.wanted.forces_of(system)
            rows["constrained"] = np.array([CONSTRAINTS in system.info])
            self.with_forces += not np.isnan(rows["forces"][0, 0])
        if self.wanted.stress:
            rows["stress"] = self.wanted.stress_of(system)[None]
            rows["uneven"] = np.array([self.wanted.unevenness_of(system)])
            self.with_stress += not np.isnan(rows["stress"][0, 0])
            self.named_stress += self.wanted._stress_in(system) is not None
        if (self.wanted.forces and not self.with_forces) or (self.wanted.stress and not self.named_stress):
            self.names = sorted({*self.names, *system.arrays, *system.info} - {CONSTRAINTS})
        return rows

    def check_width(self, width: int, system: System) -> None:
        """Raise an error if a system has another number of feature columns than the systems before.

        Arguments:
            width: Number of its feature columns.
            system: The system.
        """
        if self.width not in (None, width):
            raise EmpnetError(
                f"{width} feature columns", where=system.origin, wanted=f"{self.width}, as in the earlier frames"
            )
        self.width = width

    def refuse_absent(self) -> None:
        """Raise an error if no system has the requested labels.

        Raises:
            EmpnetError: If no system has them; the message suggests a similar name.
        """
        for what, name, count in (
            ("forces", self.wanted.forces, self.with_forces),
            ("virial" if self.wanted.virial else "stress", self.wanted.stress, self.named_stress),
        ):
            if name and not count:
                there = ", ".join(self.names) or "none"
                raise EmpnetError(
                    f"no {what} '{name}' in any of {self.frames} frames; names found: {there}",
                    where=self.file,
                    remedy=nearest(name, self.names),
                )
        if self.wanted.stress and not self.with_stress:
            raise EmpnetError(
                f"stress '{self.wanted.stress}': no frame that has one is periodic along all three axes",
                where=self.file,
                wanted="crystals with a cell and pbc T T T: an open system has no volume, and so no stress",
                remedy="for slabs and wires with vacuum in the cell: set pbc T T T; otherwise train without stress",
            )
