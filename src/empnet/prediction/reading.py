"""Names and units of data other than the run's own: arguments of reading, not of a model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from empnet.errors import EmpnetError, nearest
from empnet.files.read import refuse_length_unit
from empnet.files.source import Data, iter_systems
from empnet.files.stated import First, check_stated, first_of, plain_name, stated_unit
from empnet.inspection.record import UNNAMED_UNIT
from empnet.system.checks import target_of
from empnet.system.classes import class_of
from empnet.system.label_spec import LabelSpec
from empnet.system.system import System
from empnet.system.units import convert, parse_unit
from empnet.training.run.model_file import ModelCard

__all__ = ["Reading", "named_in_data"]

Names = str | Sequence[str] | Mapping[str, str] | None
"""A name in the data; ``"energy=REF_energy"``, several of these, or a mapping from the model's name to the data's."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Names and units for reading data; None stands for those of the run's data.

    Arguments:
        length_unit: Unit of positions and cells in the file; None: what it states, else angstrom.
        unit: Unit of the properties and of the baseline keys.
        property: What the data call the properties.
        baseline_key: What the data call the scalars that the model adds to (delta learning).
        forces: What the data call forces.
        forces_unit: Their unit; a minus before it: these are gradients.
        stress: What the data call the stress.
        stress_unit: Its unit; a minus before it: it is positive under pressure.
        stress_order: Order of its six components.
        virial: What the data call the virial, in place of a stress.
        virial_unit: Its unit.

    Raises:
        EmpnetError: If two of them contradict each other.

    Example:
        >>> Reading.of({"property": "REF_energy"}).property
        'REF_energy'
        >>> Reading.of({"lenght_unit": "bohr"})
        Traceback (most recent call last):
        ...
        empnet.errors.EmpnetError: unknown argument 'lenght_unit'; did you mean 'length_unit'?
    """

    length_unit: str | None = None
    unit: str | None = None
    property: Names = None
    baseline_key: Names = None
    forces: str | None = None
    forces_unit: str | None = None
    stress: str | None = None
    stress_unit: str | None = None
    stress_order: str | None = None
    virial: str | None = None
    virial_unit: str | None = None

    def __post_init__(self) -> None:
        if self.stress and self.virial:
            raise EmpnetError("both stress and virial are given", wanted="one of them")

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Reading:
        """Return a reading from named arguments; None or empty means not given.

        Arguments:
            given: The arguments.

        Raises:
            EmpnetError: If there is no such argument.
        """
        known = [each.name for each in fields(cls)]
        for name in given:
            if name not in known:
                raise EmpnetError(f"unknown argument '{name}'", remedy=nearest(name, known) or f"there are: {known}")
        return cls(**{name: value for name, value in given.items() if value not in (None, (), [], {})})

    def refuse_for_own_data(self, data: object) -> None:
        """Raise if an option describes data, but no data are named: the run knows its own data.

        Arguments:
            data: The data, or None.

        Raises:
            EmpnetError: If so.
        """
        given = [each.name for each in fields(self) if getattr(self, each.name) is not None]
        if data is None and given:
            option = "--" + given[0].replace("_", "-")
            raise EmpnetError(
                f"{option} describes DATA, but no DATA are named; the run's own data are read as in training"
            )

    def for_data(self, data: Data | None, card: ModelCard) -> Reading:
        """Return the reading with the units that the data state.

        Arguments:
            data: The data; None: the run's own data, which are read as in training.
            card: The model's card.

        Raises:
            EmpnetError: If an option describes data but none are named, or contradicts what the data state.
        """
        self.refuse_for_own_data(data)
        beginning = First() if data is None else first_of(data)
        first = beginning.system
        if first is None:
            return self
        return self._in_plain_names(first, card)._with_units(first, beginning.length, card)

    def _in_plain_names(self, first: System, card: ModelCard) -> Reading:
        """Return the reading by the reader's names of values (``E`` of an archive is ``energy``)."""
        named: dict[str, Any] = {}
        for what, own in (("property", card.properties), ("baseline_key", card.baseline_keys)):
            if given := getattr(self, what):
                theirs = named_in_data(given, own, "--" + what.replace("_", "-"))
                named[what] = {mine: plain_name(first, name) for mine, name in theirs.items()}
        for what in ("forces", "stress", "virial"):
            if given := getattr(self, what):
                named[what] = plain_name(first, given)
        return replace(self, **named)

    def _with_units(self, first: System, length: str, card: ModelCard) -> Reading:
        """Return the reading with the units that data state.

        Arguments:
            first: The first system of the data.
            length: The unit of length that the data state; empty: none.
            card: The model's card.
        """
        own = card.properties[0]
        name = named_in_data(self.property, card.properties).get(own, own)
        labels = self.derivatives(card)
        what = "virial" if labels.virial else "stress"
        said = {
            "unit": (name, self.unit),
            "forces_unit": (labels.forces or "forces", self.forces_unit),
            f"{what}_unit": (labels.stress or what, self.virial_unit if labels.virial else self.stress_unit),
        }
        stated: dict[str, str] = {}
        if self.length_unit is None and length:
            stated["length_unit"] = length
        for argument, (key, given) in said.items():
            if given is not None:
                check_stated(first, key, given, "--" + argument.replace("_", "-"))
            elif unit := stated_unit(first, key):
                stated[argument] = unit
        return replace(self, **stated) if stated else self

    def systems(self, data: Data, card: ModelCard) -> Iterator[System]:
        """Yield the systems with properties and baseline keys by the model's names, in the model's units.

        Arguments:
            data: Path of the data, or systems.
            card: The model's card.

        Raises:
            EmpnetError: At once, if a length unit other than angstrom is given for data in memory. At a frame, if the
                frame cannot be read or lacks a named property.
        """
        terms = tuple(self._terms(card))
        return (self._with_class(_in_model_terms(system, terms), card) for system in self.read(data))

    def read(self, data: Data, *, warn: bool = True) -> Iterator[System]:
        """Yield the systems with their own names, with lengths in angstrom.

        Arguments:
            data: Path of the data, or systems.
            warn: Whether to warn of calculators' results that belong to other atoms.
        """
        if not isinstance(data, str | os.PathLike):
            refuse_length_unit(self.length_unit)
        return iter_systems(data, self.length_unit, warn=warn)

    def in_model_terms(self, system: System, card: ModelCard) -> System:
        """Return a system with properties and baseline keys by the model's names, in the model's units.

        Arguments:
            system: The system with the data's names.
            card: The model's card.

        Raises:
            EmpnetError: If it lacks a named property.
        """
        return self._with_class(_in_model_terms(system, self._terms(card)), card)

    def _with_class(self, system: System, card: ModelCard) -> System:
        """Return a system with its class by the model's name, if the user named it."""
        own = card.properties[0]
        if not card.classes or self.property is None:
            return system
        name = named_in_data(self.property, card.properties).get(own, own)
        return replace(system, info={**system.info, own: class_of(system, name)})

    def _terms(self, card: ModelCard) -> Iterator[_Term]:
        for given, own_names, option in (
            (None if card.classes else self.property, () if card.classes else card.properties, "--property"),
            (self.baseline_key, card.baseline_keys, "--baseline-key"),
        ):
            named = named_in_data(given, own_names, option)
            for own, unit in zip(own_names, card.units, strict=False):
                factor = 1.0 if self.unit in (None, unit) else convert(1.0, str(self.unit), unit)
                if factor != 1.0 or own in named:
                    yield _Term(own, named.get(own, own), own in named, factor, option)

    def derivatives(self, card: ModelCard) -> LabelSpec:
        """Return the data's names of forces and stress, and their units.

        A unit that is not given is that of the run's data, if energy and length have the same units there. Otherwise
        forces are in the property's unit per length, and a stress in that unit per volume.

        Arguments:
            card: The model's card.

        Raises:
            EmpnetError: If a unit is unknown, or is not a unit of a force, a stress or a virial of this property.
        """
        learned, length = card.derivatives, self.length_unit or "angstrom"
        virial = bool(self.virial) or (not self.stress and learned.virial)
        named = card.units[0] != UNNAMED_UNIT
        same_units = self.unit is None and parse_unit(length).factor == parse_unit(card.length_unit).factor
        usual = self.unit or card.units[0] if named else ""
        forces, stress = self.forces or learned.forces, self.virial or self.stress or learned.stress
        forces_unit, stress_unit = (
            (f"{usual}/{length}", usual if virial else f"{usual}/{length}^3") if named else ("", "")
        )
        if same_units and learned.forces:
            forces_unit = learned.forces_unit
        if same_units and learned.stress and learned.virial == virial:
            stress_unit = learned.stress_unit
        return LabelSpec(
            forces=forces,
            forces_unit=(self.forces_unit or forces_unit) if forces else "",
            stress=stress,
            stress_unit=(self.stress_unit or self.virial_unit or stress_unit) if stress else "",
            virial=virial and bool(stress),
            energy_unit=card.units[0] if named and (forces or stress) else "",
            stress_order=self.stress_order or learned.stress_order,
        )

    def assumed(self, card: ModelCard) -> Iterator[str]:
        """Describe the assumptions about the data's units.

        Arguments:
            card: The model's card.
        """
        if self.unit is None:
            for name, unit in zip(card.properties, card.units, strict=True):
                if unit != UNNAMED_UNIT:
                    yield f"{name}: assuming {unit}, the run's unit (change with --unit)"
        labels = self.derivatives(card)
        if labels.forces and labels.forces_unit and self.forces_unit is None:
            yield f"forces: assuming {labels.forces_unit} (change with --forces-unit)"
        if labels.stress and labels.stress_unit and self.stress_unit is None and self.virial_unit is None:
            what = "virial" if labels.virial else "stress"
            yield f"{what}: assuming {labels.stress_unit} (change with --{what}-unit)"


@dataclass(frozen=True, slots=True)
class _Term:
    """A scalar by two names: the model's and the data's.

    Arguments:
        own: The model's name.
        theirs: The data's name.
        needed: Whether every system must have it, because the user named it.
        factor: Factor from the data's unit to the model's.
        option: The option that names it.
    """

    own: str
    theirs: str
    needed: bool
    factor: float
    option: str


def _in_model_terms(system: System, terms: Iterable[_Term]) -> System:
    found = {
        term.own: target_of(system, term.theirs, term.option) * term.factor
        for term in terms
        if term.needed or term.theirs in system.properties
    }
    return replace(system, properties={**system.properties, **found}) if found else system


def named_in_data(given: Names, own: Sequence[str], option: str = "--property") -> dict[str, str]:
    """Return the data's names of the model's properties, where the user gave them.

    Arguments:
        given: A name, ``"own=theirs"``, several of these, or a mapping.
        own: The model's names.
        option: The option that gave them, for messages.

    Raises:
        EmpnetError: If a name belongs to no property of the model, or it is unclear to which.

    Example:
        >>> named_in_data("REF_energy", ["energy"]), named_in_data(["gap=E_gap"], ["energy", "gap"])
        ({'energy': 'REF_energy'}, {'gap': 'E_gap'})
    """
    if given is None:
        return {}
    pairs = given.items() if isinstance(given, Mapping) else (_pair(text, own, option) for text in _several(given))
    found: dict[str, str] = {}
    for name, theirs in pairs:
        if name not in own:
            raise _not_predicted(name, own, option)
        if name in found:
            raise EmpnetError(f"'{name}' is named twice", where=option, wanted="once")
        found[name] = theirs
    return found


def _several(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _pair(text: str, own: Sequence[str], option: str) -> tuple[str, str]:
    """Return the model's name and the data's."""
    if text in own:
        return text, text
    for name in own:  # names may have an equals sign in them
        if text.startswith(f"{name}="):
            return name, text[len(name) + 1 :]
    if len(own) == 1 and "=" not in text:
        return own[0], text
    name, _, theirs = text.partition("=")
    if theirs or not own:
        return name, theirs
    raise _not_predicted(text, own, option, f"; if it is DATA's name of one of them, give {option} NAME={text}")


def _not_predicted(name: str, own: Sequence[str], option: str, more: str = "") -> EmpnetError:
    remedy = nearest(name, own) or (f"there are: {', '.join(own)}" if own else "there are none")
    return EmpnetError(f"'{name}' is not predicted", where="" if more else option, remedy=remedy + more)
