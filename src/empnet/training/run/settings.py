"""The settings of :func:`empnet.train` as keyword arguments, so that editors complete and check them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict

__all__ = ["Settings"]


class Settings(TypedDict, total=False):
    """Every field of :class:`~empnet.training.run.config.TrainConfig` but data and property; None leaves the default.

    Defaults and meanings stand there; a test holds that names are the same and that each value is taken.
    """

    unit: str | Sequence[str] | None
    features: str | Sequence[str] | None
    baseline_key: str | Sequence[str] | None
    length_unit: str | None
    forces: str | None
    forces_unit: str | None
    stress: str | None
    stress_unit: str | None
    stress_order: str | None
    virial: str | None
    virial_unit: str | None
    classes: bool | None
    scale_power: float | None
    points: int | None
    symmetry: Literal["full", "vertical"] | None
    length: Literal["auto", "each"] | float | None
    sized: bool | None
    cutoff: float | None
    layers: int | None
    width: int | None
    pooling: Literal["auto", "sum", "mean"] | None
    moments: int | None
    size: Literal["small", "medium", "large"] | None
    loss: Literal["mse", "mae", "huber"] | None
    energy_weight: float | None
    forces_weight: float | None
    stress_weight: float | None
    lr: float | None
    batch: int | None
    val: float | None
    test: float | None
    train_size: int | None
    split: Literal["random", "blocks"] | None
    seed: int | None
    split_seed: int | None
    epochs: int | None
    time: str | float | None
    patience: int | None
    fine_tune: str | None
    device: Literal["auto", "cpu", "cuda"] | None
    dtype: Literal["float32", "float64"] | None
    threads: int | None
