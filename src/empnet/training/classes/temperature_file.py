"""The temperature of a run's probabilities, in a file of the run folder."""

from __future__ import annotations

from pathlib import Path

from empnet.errors import EmpnetError
from empnet.runtime.checked_json import DAMAGED, read_checked, write_checked

__all__ = ["FILE", "load_temperature", "save_temperature"]

FILE = "temperature.json"


def save_temperature(folder: Path, temperature: float, systems: int) -> None:
    """Write the temperature.

    Arguments:
        folder: The run folder.
        temperature: The temperature by which logits are divided.
        systems: Number of validation systems that it was fitted to.
    """
    write_checked(folder / FILE, {"temperature": temperature, "systems": systems})


def load_temperature(folder: str | Path) -> float:
    """Return the temperature of a run; 1 before training has ended.

    Arguments:
        folder: The run folder.

    Raises:
        EmpnetError: If the file is damaged.
    """
    path = Path(folder) / FILE
    if not path.exists():
        return 1.0
    try:
        temperature = float(read_checked(path)["temperature"])
        if not 0 < temperature < 1e6:
            raise ValueError(f"temperature {temperature}")
    except (*DAMAGED, TypeError) as error:
        remedy = "remove it to predict with probabilities that are not calibrated"
        raise EmpnetError(f"is damaged ({error})", where=path, remedy=remedy) from None
    return temperature
