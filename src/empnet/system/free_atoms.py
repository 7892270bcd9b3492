"""Frames labelled as a free atom: they have no neighbours, whatever their box."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from empnet.system.one_hot import symbol
from empnet.system.system import System

__all__ = ["freed", "is_labelled_free"]

# Keys of ``info`` that can label a frame, and labels of free atoms; both without separators and in lower case.
KEYS = frozenset({"configtype", "config", "label", "name", "tag", "type", "system", "systemtype", "structure"})
KEYS |= {"configname", "category", "class", "comment", "datatype", "description", "group", "kind", "source", "subset"}
LABELS = frozenset({"isolatedatom", "isolatedatoms", "freeatom", "freeatoms", "singleatom", "isolated"})
LABELS |= {"gasphaseatom"}
SEPARATORS = re.compile(r"[\s_\-]+")


def _plain(text: object) -> str:
    return SEPARATORS.sub("", str(text)).casefold()


def _without_element(label: str, system: System) -> str:
    """Return a label without the symbol of its atom: ``isolated_atom_Cu`` of copper."""
    own = "" if system.species is None else symbol(int(system.species[0])).casefold()
    return label.removesuffix(own) if label.removesuffix(own) in LABELS else label.removeprefix(own)


def is_labelled_free(system: System) -> bool:
    """Return whether a system is one particle labelled as an isolated atom, as in data for potentials.

    Arguments:
        system: The system from the file.

    Example:
        >>> is_labelled_free(System([[0, 0, 0]], info={"config_type": "IsolatedAtom"}))
        True
    """
    if len(system) != 1 or not (system.info or system.properties):
        return False
    for key, value in system.info.items():
        name = _plain(key)
        if isinstance(value, str | np.str_) and name in KEYS and _without_element(_plain(value), system) in LABELS:
            return True
        if name in LABELS and (value is True or _plain(value) in ("true", "t", "yes", "1")):
            return True
    return any(_plain(key) in LABELS and value == 1 for key, value in system.properties.items())


def freed(system: System) -> System:
    """Return the system without periodic images if it is labelled as a free atom; else unchanged.

    Arguments:
        system: The system from the file.
    """
    return replace(system, pbc=(False, False, False)) if any(system.pbc) and is_labelled_free(system) else system
