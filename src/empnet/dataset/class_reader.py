"""Reading the classes of systems, and counting their members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from empnet.errors import EmpnetError
from empnet.system.classes import class_of, encoded
from empnet.system.system import System

__all__ = ["ClassReader"]

LEAST_MEMBERS = 3
"""Least number of members of a class: one each for training, validation and test."""


@dataclass
class ClassReader:
    """Reads the class of each system, and counts the members of each class.

    Arguments:
        property: Name of the property.
        members: Number of systems of each class so far.
        lone: Origin of the first system of each class.
        file: Path of the file with the systems.
        count: Number of systems so far.
    """

    property: str
    members: dict[str, int] = field(default_factory=dict)
    lone: dict[str, str] = field(default_factory=dict)
    file: str = ""
    count: int = 0

    def state(self) -> dict[str, Any]:
        """Return the state; another reader can continue from it."""
        return {"members": self.members, "lone": self.lone, "file": self.file, "count": self.count}

    def of(self, system: System) -> np.ndarray:
        """Return the class of a system as bytes, shape (1, 64).

        Arguments:
            system: System to read.

        Raises:
            EmpnetError: If it has no class.
        """
        name = class_of(system, self.property)
        self.count, self.file = self.count + 1, self.file or system.origin.file
        self.members[name] = self.members.get(name, 0) + 1
        self.lone.setdefault(name, str(system.origin))
        return encoded(name)[None]

    def refuse_unlearnable(self) -> None:
        """Raise if there is only one class, or a class has too few members.

        Raises:
            EmpnetError: If so; the message names the class and its first member.
        """
        if not self.count:
            raise EmpnetError("no systems", wanted="at least one frame")
        if len(self.members) < 2:
            text = f"all {self.count} systems are of class '{next(iter(self.members))}'"
            raise EmpnetError(text, where=self.file, wanted="two classes or more", remedy="is this the right key?")
        name, least = min(self.members.items(), key=lambda item: item[1])
        if least < LEAST_MEMBERS:
            each = "one member" if least == 1 else f"{least} members"
            raise EmpnetError(
                f"class '{name}' has {each} only",
                where=self.lone[name] or self.file,
                wanted=f"at least {LEAST_MEMBERS}: one each for training, validation and test",
                remedy="add members, or remove the class from the data",
            )
