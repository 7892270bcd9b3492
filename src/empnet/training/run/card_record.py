"""Schema of ``model.json``: types and bounds, checked before anything is built from the file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from empnet.errors import EmpnetError
from empnet.inspection.record import UNNAMED_UNIT
from empnet.system.units import parse_unit
from empnet.training.run.sizes import LONGEST_CUTOFF, MOST_LAYERS, MOST_POINTS, MOST_THREADS, WIDEST

__all__ = ["CardRecord", "checked_record"]

MOST_NAMES = 10_000
"""Largest number of properties, features and species."""

Text = Annotated[str, Field(max_length=1000)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]
Names = Annotated[list[Name], Field(max_length=MOST_NAMES)]
Species = Annotated[int, Field(ge=-(2**62), le=2**62)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Distance = Annotated[float, Field(ge=0, le=10 * LONGEST_CUTOFF)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ArchitectureRecord(_Record):
    """Record of ``architecture``; see :class:`~empnet.model.property_model.Architecture`."""

    n_species: int = Field(ge=1, le=MOST_NAMES)
    pooling: list[Literal["sum", "mean"]] = Field(min_length=1, max_length=MOST_NAMES)
    n_features: int = Field(default=0, ge=0, le=1_000_000)
    cutoff: float = Field(default=5.0, gt=0, le=LONGEST_CUTOFF)
    layers: int = Field(default=3, ge=1, le=MOST_LAYERS)
    width: int = Field(default=64, ge=1, le=4 * WIDEST)
    knots: int = Field(default=128, ge=4, le=100_000)
    n_basis: int = Field(default=16, ge=1, le=10_000)
    hidden: int = Field(default=64, ge=1, le=4 * WIDEST)
    products: bool = True
    moments: int = Field(default=0, ge=0, le=3)
    readout: Literal["additive", "pooled"] = "additive"
    n_cloud: int = Field(default=0, ge=0, le=10_000)
    classes: int = Field(default=0, ge=0, le=MOST_NAMES)
    scale_power: float | None = Field(default=None, gt=0, le=10)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    coarser: int = Field(default=0, ge=0, le=10_000)


class SeenRecord(_Record):
    """Record of ``seen``; see :class:`~empnet.dataset.coverage.DataCoverage`."""

    species: list[Species] = Field(max_length=MOST_NAMES)
    sizes: Annotated[list[Count], Field(min_length=2, max_length=2)]
    shortest: float | None = Field(ge=0)
    ranges: dict[
        Annotated[str, Field(pattern=r"^-?\d{1,19},-?\d{1,19}$")],
        Annotated[list[Annotated[list[Distance], Field(min_length=2, max_length=2)]], Field(min_length=1)],
    ]

    @model_validator(mode="after")
    def _ascending(self) -> SeenRecord:
        for kind, ranges in self.ranges.items():
            ends = [end for both in ranges for end in both]
            if ends != sorted(ends):
                raise ValueError(f"distances of {kind} do not ascend")
        return self


class DerivativesRecord(_Record):
    """Record of ``derivatives``; see :class:`~empnet.system.label_spec.LabelSpec`."""

    forces: Text = ""
    forces_unit: Text = ""
    stress: Text = ""
    stress_unit: Text = ""
    virial: bool = False
    energy_unit: Text = ""
    stress_order: Text = ""


class PreparationRecord(_Record):
    """Record of ``preparation``; see :class:`~empnet.preparation.preparation.Preparation`."""

    points: int = Field(ge=1, le=MOST_POINTS)
    symmetry: Literal["full", "vertical"] = "full"
    length: float | None = Field(default=None, gt=0)
    sized: bool = True
    version: int = Field(default=1, ge=1, le=1_000_000)


class DataRecord(BaseModel):
    """Record of ``data``: path and identity of the training data; other keys are allowed."""

    model_config = ConfigDict(strict=True, extra="allow")

    file: str = ""
    sha256: str = ""
    systems: int | None = None
    from_run: str = ""


class CardRecord(_Record):
    """Record of a whole ``model.json``; see :class:`~empnet.training.run.model_file.ModelCard`."""

    format_version: int = Field(ge=1)
    architecture: ArchitectureRecord
    species: list[Species] = Field(min_length=1, max_length=MOST_NAMES)
    properties: Names = Field(min_length=1)
    units: Names
    features: Names = []
    baseline_keys: Names = []
    length_unit: Name = "angstrom"
    dtype: Literal["float32", "float64"] = "float32"
    data: DataRecord = DataRecord()
    versions: dict[str, str] = {}
    threads: int = Field(default=1, ge=1, le=MOST_THREADS)
    processes: int = Field(default=1, ge=1, le=1_000_000)
    seen: SeenRecord | None = None
    derivatives: DerivativesRecord = DerivativesRecord()
    classes: Names = []
    preparation: PreparationRecord | None = None

    @model_validator(mode="after")
    def _counts(self) -> CardRecord:
        F_prime = len(self.properties)
        for what, names in (("species", self.species), ("properties", self.properties), ("classes", self.classes)):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} name one of them twice")
        if len(self.species) != self.architecture.n_species:
            raise ValueError(f"{len(self.species)} species, but n_species {self.architecture.n_species}")
        if (len(self.units), len(self.architecture.pooling)) != (F_prime, F_prime):
            text = f"{len(self.units)} units, {len(self.architecture.pooling)} poolings"
            raise ValueError(f"{F_prime} properties, but {text}")
        if len(self.classes) != self.architecture.classes:
            raise ValueError(f"{len(self.classes)} classes, but {self.architecture.classes} outputs for them")
        if bool(self.architecture.n_cloud) != (self.preparation is not None):
            raise ValueError(f"{self.architecture.n_cloud} features of clouds, but preparation {self.preparation}")
        if len(self.baseline_keys) not in (0, F_prime):
            raise ValueError(f"{F_prime} properties, but {len(self.baseline_keys)} baseline keys")
        for unit in (*self.units, self.length_unit):
            if unit != UNNAMED_UNIT:
                parse_unit(unit)  # an EmpnetError is a ValueError
        if parse_unit(self.length_unit).kind != "a length":
            raise ValueError(f"length_unit '{self.length_unit}' is no length")
        return self


def checked_record(text: str | bytes, where: object) -> None:
    """Raise if a ``model.json`` is invalid.

    Arguments:
        text: Content of the file.
        where: Path of the file.

    Raises:
        EmpnetError: If it is not JSON, or a value is missing, unknown, of another type or out of bounds.
    """
    try:
        CardRecord.model_validate_json(text)
    except ValidationError as error:
        raise EmpnetError(f"is damaged ({_text(error)})", where=where, wanted="a model file of empnet") from None


def _text(error: ValidationError) -> str:
    """Return the first validation error in a line, which stays short for a huge value."""
    first = error.errors()[0]
    name, message = ".".join(str(part)[:40] for part in first["loc"]), first["msg"].removeprefix("Value error, ")
    value = first["input"]
    shown = f" {str(value)[:40]!r}" if name and isinstance(value, int | float | str) and abs_short(value) else ""
    return f"{name}{shown}: {message[:200]}" if name else message[:200]


def abs_short(value: int | float | str) -> bool:
    """Return True if a value can be printed: Python refuses to print integers of thousands of digits."""
    return not isinstance(value, int) or abs(value) < 10**40
