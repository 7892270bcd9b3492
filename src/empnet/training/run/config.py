"""Configuration of a training run: all settings with their defaults, in one place."""

from __future__ import annotations

import builtins
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import tomli_w
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    ValidationError,
)

from empnet.dataset.split import SplitKind
from empnet.errors import EmpnetError
from empnet.inspection.record import UNNAMED_UNIT
from empnet.preparation.preparation import Preparation, Symmetry
from empnet.runtime.durable_files import write_text
from empnet.system.label_spec import LabelSpec
from empnet.training.run.aliases import suggestion
from empnet.training.run.sizes import LONGEST_CUTOFF, MOST_LAYERS, MOST_POINTS, MOST_THREADS, WIDEST, with_size

__all__ = ["TrainConfig", "differences", "read_config", "seconds", "write_config"]

LONGEST_TIME = 100 * 365 * 86400.0
"""Longest duration, s."""

LARGEST_SEED = 2**63 - 1
"""Largest seed that config.toml can hold and PyTorch accepts."""

UNITS_OF_TIME = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: str | float | int) -> float:
    """Return a duration such as ``"10m"``, ``"1h30m"`` or ``"90"`` in seconds.

    Raises:
        ValueError: If it is no duration above zero.

    Example:
        >>> seconds("1h30m"), seconds("90s"), seconds(5)
        (5400.0, 90.0, 5.0)
    """
    text = str(duration).strip().lower()
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhd]?)", text)
    if not re.fullmatch(r"(?:\d+(?:\.\d+)?\s*[smhd]\s*)+|\d+(?:\.\d+)?", text):
        raise ValueError("wanted a duration such as 90s, 10m or 1h30m")
    total = sum(float(number) * UNITS_OF_TIME[unit or "s"] for number, unit in parts)
    if not 0 < total < LONGEST_TIME:
        raise ValueError("wanted a duration above zero and below 100 years")
    return total


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_several)]
Duration = Annotated[float, BeforeValidator(seconds)]
ScalePower = Annotated[
    Annotated[float, Field(gt=0, le=10)] | None,
    BeforeValidator(lambda value: None if str(value) in ("0", "0.0") else value),
]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]
Cutoff = Annotated[
    float, BeforeValidator(lambda value: 5.0 if value == "auto" else value), Field(gt=0, le=LONGEST_CUTOFF)
]


class TrainConfig(BaseModel):
    """Settings of a training run. Unknown keys are errors.

    Example:
        >>> TrainConfig(data="qm7", property="energy", time="10m").time
        600.0
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: str = Field(description="path of the data, or the name of bundled data")
    property: Names = Field(default=(), description="scalar to be learned; several names: one model for all")
    unit: Names = Field(default=(), description="unit of each property in the data")
    features: Names = Field(default=(), description="per-particle arrays that join the one-hot species")
    baseline_key: Names = Field(default=(), description="scalar in the data to which the difference is learned")
    length_unit: str = Field(default="angstrom", description="unit of positions and cells in the data")

    forces: str | None = Field(default=None, description="per-particle array of forces to be learned with the energy")
    forces_unit: str | None = Field(default=None, description="its unit in the data; -eV/angstrom: of gradients")
    stress: str | None = Field(default=None, description="stress to be learned: 6 numbers xx yy zz yz xz xy, or 3 x 3")
    stress_unit: str | None = Field(default=None, description="its unit in the data; -kB: positive under pressure")
    stress_order: str | None = Field(default=None, description="order of its 6 numbers: xx yy zz xy yz zx for VASP's")
    virial: str | None = Field(default=None, description="virial in the data, in place of a stress")
    virial_unit: str | None = Field(default=None, description="its unit in the data, an energy")

    classes: bool = Field(default=False, description="whether the property is a class: a text, or a whole number")
    scale_power: ScalePower = Field(default=None, description="p, if it grows with size to the p; 0: it does not")
    points: int | None = Field(default=None, ge=0, le=MOST_POINTS, description="points kept of a cloud; 0: all")
    symmetry: Symmetry = Field(default="full", description="rotations that change nothing: all, or those about z")
    length: Literal["auto", "each"] | PositiveFloat = Field(default="auto", description="unit of length of clouds")
    sized: bool | None = Field(default=None, description="whether a cloud's size is a feature; as the data show")

    cutoff: Cutoff = Field(default=5.0, description="range of a message, angstrom; of clouds in units of length")
    layers: PositiveInt = Field(default=2, le=MOST_LAYERS, description="number of interactions; 3 without moments")
    width: PositiveInt = Field(default=64, le=WIDEST, description="features of a particle inside the network")
    pooling: Literal["auto", "sum", "mean"] = Field(default="auto", description="readout over particles")
    moments: int = Field(default=2, ge=0, le=3, description="highest angular moment of a message; 0: distances alone")
    size: Literal["small", "medium", "large"] | None = Field(default=None, description="preset of sizes and moments")

    loss: Literal["mse", "mae", "huber"] = Field(default="mse", description="what is minimised")
    energy_weight: NonNegativeFloat = Field(default=1.0, description="of the energies in the loss")
    forces_weight: NonNegativeFloat | None = Field(default=None, description="of the forces; balanced if not given")
    stress_weight: NonNegativeFloat | None = Field(default=None, description="of the stress; balanced if not given")
    lr: PositiveFloat = Field(default=4e-3, description="peak learning rate; 8e-3 with forces or stress")
    batch: PositiveInt | None = Field(default=None, description="systems in a step; chosen by their size if not given")
    val: float = Field(default=0.05, ge=0, description="validation set: share (below 1) or number of systems")
    test: float = Field(default=0.1, ge=0, description="test set: share (below 1) or number of systems")
    train_size: PositiveInt | None = Field(default=None, description="systems for training; all others if not given")
    split: SplitKind = Field(default="random", description="random, or blocks for frames in order of time")
    seed: int = Field(
        default=0, ge=0, le=LARGEST_SEED, description="of the split, the initial weights and the order of systems"
    )
    split_seed: int | None = Field(
        default=None, ge=0, le=LARGEST_SEED, description="of the split alone; the seed if not given"
    )
    epochs: PositiveInt | None = Field(default=None, description="passes over the training set")
    time: Duration | None = Field(default=None, description="budget in place of epochs, s: 90s, 10m, 1h30m")
    patience: PositiveInt | None = Field(default=None, description="stop after so many epochs without improvement")
    fine_tune: str | None = Field(default=None, description="run whose weights are the start")

    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="where the network computes")
    dtype: Literal["float32", "float64"] = Field(default="float32", description="what the network computes in")
    threads: PositiveInt | None = Field(
        default=None, le=MOST_THREADS, description="processor threads; all if not given"
    )

    @classmethod
    def make(cls, values: Mapping[str, Any], where: str = "") -> TrainConfig:
        """Return a configuration from plain values; a mistake in them raises an error of one line.

        Arguments:
            values: Values by name; None keeps a default.
            where: Source of the values, for messages.

        Raises:
            EmpnetError: If a key is unknown, a value does not fit, or values contradict each other.

        Example:
            >>> TrainConfig.make({"data": "qm7", "cutof": 4.0})
            Traceback (most recent call last):
            ...
            empnet.errors.EmpnetError: unknown setting 'cutof'; did you mean 'cutoff'?
        """
        for key in values:
            if key not in cls.model_fields:
                known = list(cls.model_fields)
                remedy = suggestion(key, known) or f"there are: {', '.join(known)}"
                raise EmpnetError(f"unknown setting '{key}'", where=where, remedy=remedy)
        try:
            config = cls(**with_size(values))
        except ValidationError as error:
            raise EmpnetError(_text(error), where=where) from None
        if config.epochs is not None and config.time is not None:
            raise EmpnetError("both epochs and time are given", where=where, wanted="one of them")
        if len(config.unit) not in (0, 1, len(config.property)):
            raise EmpnetError(
                f"{len(config.unit)} units for {len(config.property)} properties",
                where=where,
                wanted="one unit for all or one for each",
            )
        for setting, names in (("property", config.property), ("features", config.features)):
            if twice := [name for k, name in enumerate(names) if name in names[:k]]:
                raise EmpnetError(f"setting '{setting}' names '{twice[0]}' twice", where=where, wanted="each once")
        config._refuse_contradictions(where)
        return config

    _assumed: tuple[str, ...] = PrivateAttr(())

    def assuming(self, units: Mapping[str, str]) -> TrainConfig:
        """Return the configuration with assumed units, which neither user nor data state.

        Arguments:
            units: Units by setting, such as ``{"forces_unit": "eV/angstrom"}``.

        Raises:
            EmpnetError: If one of them is unknown.
        """
        config = TrainConfig.make({**self.model_dump(), **units})
        config._assumed = (*self._assumed, *units)
        return config

    @builtins.property
    def assumes_stress(self) -> bool:
        """True if the unit of the stress or virial is assumed, and not stated by the user or the data."""
        return not {"stress_unit", "virial_unit"}.isdisjoint(self._assumed)

    @builtins.property  # "property" is a setting here
    def derivatives(self) -> LabelSpec:
        """Derivatives of the property that are learned, with their units in the data.

        Example:
            >>> TrainConfig(data="a.xyz", virial="virial").derivatives.virial
            True
        """
        unit = self.unit[0] if len(self.unit) == 1 and self.unit[0] != UNNAMED_UNIT else ""
        return LabelSpec(
            forces=self.forces or "",
            forces_unit=self.forces_unit or "",
            stress=self.stress or self.virial or "",
            stress_unit=self.stress_unit or self.virial_unit or "",
            virial=self.virial is not None,
            stress_order=self.stress_order or "",
            energy_unit=unit if self.forces or self.stress or self.virial else "",
        )

    @builtins.property
    def preparation(self) -> Preparation | None:
        """Preparation of clouds; None: particles are taken as they are. Filled in for clouds before training.

        Example:
            >>> TrainConfig(data="scans", points=64, length="each").preparation.points
            64
        """
        if not self.points:
            return None
        length = None if isinstance(self.length, str) else self.length
        return Preparation(self.points, self.symmetry, length, self.sized is not False)

    def _refuse_contradictions(self, where: str) -> None:
        """Raise if settings of classes, forces and stress contradict each other."""
        self._refuse_as_classes(where)
        if self.stress and self.virial:
            raise EmpnetError("both stress and virial are given", where=where, wanted="one of them")
        given = {"forces": self.forces, "stress": self.stress, "virial": self.virial}
        needed = [(f"{name}_unit", name, key) for name, key in given.items()]
        needed += [("forces_weight", "forces", self.forces), ("stress_weight", "stress", self.stress or self.virial)]
        needed += [("stress_order", "stress", self.stress or self.virial)]
        for setting, name, key in needed:
            if getattr(self, setting) is not None and not key:
                raise EmpnetError(f"{setting} is given, but no {name}", where=where, remedy=f"say --{name} KEY too")
        if not any(given.values()):
            return
        if len(self.property) > 1:
            raise EmpnetError(
                f"forces or stress with {len(self.property)} properties",
                where=where,
                wanted="one property, the energy that they are the slope of",
            )
        if self.baseline_key:
            raise EmpnetError(
                "forces or stress with a baseline key",
                where=where,
                remedy="subtract the baseline from energies and forces in the data",
            )
        if self.pooling == "mean":
            raise EmpnetError("forces or stress with pooling 'mean'", where=where, wanted="sum: an energy adds up")

    def _refuse_as_classes(self, where: str) -> None:
        """Raise if settings do not fit classes, or a quantity that grows with size."""
        several = len(self.property) > 1
        if self.classes:
            others: dict[str, object] = {"forces": self.forces, "stress": self.stress, "virial": self.virial}
            others |= {"baseline_key": self.baseline_key, "scale_power": self.scale_power}
            others |= {"unit": set(self.unit) - {UNNAMED_UNIT}}
            if given := next((name for name, value in others.items() if value), ""):
                raise EmpnetError(f"{given} is given, but the property is a class", where=where, wanted="one of them")
        if several and (self.classes or self.scale_power):
            what = "classes" if self.classes else "a scale power"
            raise EmpnetError(f"{what} with {len(self.property)} properties", where=where, wanted="one property")
        if self.symmetry == "vertical" and self.points == 0:
            raise EmpnetError("symmetry vertical with points 0", where=where, wanted="a number of points to prepare")


def _text(error: ValidationError) -> str:
    """Return the first error that pydantic found, in a line."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"setting '{name}' is missing"
    message = first["msg"].removeprefix("Value error, ")
    shown = repr(first["input"]) if len(repr(first["input"])) <= 60 else f"{repr(first['input'])[:60]}..."
    return f"setting '{name}' is {shown}: {message[0].lower()}{message[1:]}"


def read_config(path: str | Path) -> dict[str, Any]:
    """Read the values of a TOML file, without checks.

    Arguments:
        path: Path of the file.

    Raises:
        EmpnetError: If the file is missing or not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except RecursionError:
        raise EmpnetError("is not TOML (nested too deeply)", where=path) from None
    except OSError as error:
        raise EmpnetError(f"cannot be read ({error.strerror})", where=path, wanted="a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise EmpnetError(f"is not TOML ({error})", where=path) from None
    except ValueError:  # Python's message about integers of thousands of digits
        raise EmpnetError("is not valid TOML (a number is too long)", where=path) from None


def differences(saved: dict[str, Any], given: dict[str, Any]) -> list[str]:
    """Return a line for each setting that differs.

    Example:
        >>> differences({"cutoff": 5.0, "seed": 0}, {"cutoff": 4.0, "seed": 0})
        ['cutoff was 5.0, is 4.0']
    """
    return [f"{key} was {saved.get(key)}, is {value}" for key, value in given.items() if saved.get(key) != value]


def write_config(path: Path, config: TrainConfig) -> None:
    """Write the merged configuration, without settings that are None.

    Arguments:
        path: Path of the TOML file.
        config: The configuration.
    """
    write_text(path, tomli_w.dumps(config.model_dump(mode="json", exclude_none=True)))
