"""Names of classes in numpy archives: ``label`` holds whole numbers, and ``class_names`` their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from empnet.errors import EmpnetError
from empnet.files.npz.layout import Array, Layout
from empnet.system.system import Origin

__all__ = ["CLASSES", "LABEL", "class_names_of", "name_of_class"]

LABEL, CLASSES = "label", "class_names"


def class_names_of(arrays: Mapping[str, Array], layout: Layout, used: set[str]) -> list[str]:
    """Return the names of the classes; empty if the archive does not name them.

    Arguments:
        arrays: All arrays by name.
        layout: Layout of the archive.
        used: Names of arrays that are not values of frames; the names of the classes, and other arrays with one value
            for each class, are added to them.

    Raises:
        EmpnetError: If the archive ends before the names.
    """
    label, classes = arrays.get(LABEL), arrays.get(CLASSES)
    if label is None or classes is None or classes.dtype.kind not in "US" or len(classes.shape) != 1:
        return []
    if label.shape not in ((layout.frames,), (layout.frames, 1)) or label.dtype.kind not in "iuf":
        return []
    names = classes.whole()
    used.add(CLASSES)
    for name, array in arrays.items():
        if array.shape[:1] == names.shape and layout.place(name, array.shape, None, numeric=False) == "file":
            used.add(name)  # a value for each class, not for each cloud
    return [str(name) for name in (np.char.decode(names, "utf-8", "replace") if names.dtype.kind == "S" else names)]


def name_of_class(code: np.ndarray, names: Sequence[str], origin: Origin) -> np.ndarray:
    """Return the name of a class from its number.

    Arguments:
        code: The number.
        names: Names of all classes.
        origin: Origin of the system, for messages.

    Raises:
        EmpnetError: If no class has this number.

    Example:
        >>> str(name_of_class(np.array(1), ["chair", "table"], Origin("a.npz", 0)))
        'table'
    """
    number = float(np.asarray(code).reshape(-1)[0])
    if not (number.is_integer() and 0 <= number < len(names)):
        wanted = f"a whole number from 0 to {len(names) - 1}, for the {len(names)} class_names"
        raise EmpnetError(f"label is {number:g}", where=origin, wanted=wanted)
    return np.array(names[int(number)])
