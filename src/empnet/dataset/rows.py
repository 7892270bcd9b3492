"""A system as rows of the flat arrays of a data set."""

from __future__ import annotations

import hashlib

import numpy as np
from jaxtyping import Int64

from empnet.dataset.crowding import refuse_crowding
from empnet.dataset.neighbours import NeighbourList, neighbour_list
from empnet.dataset.recipe import Recipe
from empnet.preparation.preparation import prepare
from empnet.system.free_atoms import freed
from empnet.system.system import System

__all__ = ["fingerprint", "rows_of", "species_of", "system_arrays"]


def species_of(system: System) -> Int64[np.ndarray, " N"]:
    """Return the species of each particle, shape (N,); particles without named species get species 0.

    Example:
        >>> species_of(System([[0, 0, 0]]))
        array([0])
    """
    return np.zeros(len(system), dtype=np.int64) if system.species is None else np.asarray(system.species)


def fingerprint(system: System) -> bytes:
    """Return a hash of the network's input: equal for exact duplicates, even if their targets differ."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (species_of(system), system.positions, system.features, system.cell, np.array(system.pbc)):
        digest.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
    return digest.digest()


def system_arrays(system: System, pairs: NeighbourList) -> dict[str, np.ndarray]:
    """Return the rows of one system for the flat arrays of a :class:`Dataset`.

    Arguments:
        system: The system.
        pairs: Its neighbour list.

    Returns:
        Arrays by name. ``n_particles``, ``n_pairs``, ``periodic`` and ``frames`` have one row. ``positions``,
        ``species``, ``features`` and ``neighbours`` (number of pairs that each particle receives from) have one row per
        particle. ``senders`` has one row per pair, sorted by receiver. ``shifts`` (one row per pair) and ``cells`` (one
        row) are empty for open systems.
    """
    periodic = any(system.pbc)
    features = np.zeros((len(system), 0)) if system.features is None else system.features
    return {
        "n_particles": np.array([len(system)], dtype=np.int64),
        "n_pairs": np.array([len(pairs)], dtype=np.int64),
        "periodic": np.array([periodic]),
        "positions": np.asarray(system.positions),
        "species": species_of(system),
        "features": np.asarray(features),
        "neighbours": np.bincount(pairs.receivers, minlength=len(system)),
        "senders": pairs.senders,
        "shifts": pairs.shifts if periodic else pairs.shifts[:0],
        "cells": np.asarray(system.cell)[None] if periodic else np.zeros((0, 3, 3)),
        "frames": np.array([-1 if system.origin.frame is None else system.origin.frame], dtype=np.int64),
    }


def rows_of(system: System, recipe: Recipe) -> dict[str, np.ndarray]:
    """Return the arrays of a system: features joined, prepared as a cloud if the recipe says so, with neighbours.

    Arguments:
        system: The system from the file.
        recipe: Cutoff, features and preparation.

    Raises:
        EmpnetError: If a feature is missing, a cloud has too few points, or there are too many neighbours.
    """
    system = freed(system.join_features(recipe.features))
    more: dict[str, np.ndarray] = {}
    if recipe.preparation is not None:
        cloud = prepare(system, recipe.preparation, recipe.variant, recipe.scaled)
        system, more = cloud.system, {"clouds": cloud.row[None], "merged": np.array([cloud.merged])}
    refuse_crowding(system, recipe.cutoff)
    rows = system_arrays(system, neighbour_list(system, recipe.cutoff))
    key = np.frombuffer(fingerprint(system), dtype=np.int64)
    return rows | more | {"fingerprints": key[None]}
