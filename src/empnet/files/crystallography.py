"""Statements of crystal and protein files for which ASE's Atoms have no place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from ase import Atoms

__all__ = ["occupancies", "without_elements"]

ELEMENT = slice(76, 78)  # columns of a PDB line
ATOM = ("ATOM  ", "HETATM")


def occupancies(atoms: Atoms, kind: str) -> Iterator[str]:
    """Sites that are partly occupied: what is to be told of them.

    Arguments:
        atoms: As ASE read them.
        kind: ASE's name of the format.
    """
    sites = atoms.info.get("occupancy")
    if kind == "cif" and isinstance(sites, Mapping):
        partly = [site for site in sites.values() if len(site) > 1 or any(share < 1 for share in site.values())]
        if partly:
            first = ", ".join(f"{symbol} {share:g}" for symbol, share in partly[0].items())
            yield (
                f"{len(partly)} sites are partly occupied, the first by {first}: each is read as one whole atom; a "
                "model needs ordered structures, such as a supercell with its atoms chosen"
            )
    shares = atoms.arrays.get("occupancy")
    if kind == "proteindatabank" and shares is not None:
        share = np.array([1.0 if value is None else value for value in shares], dtype=float)
        if (partly_there := (share > 0) & (share < 1)).any():
            yield (
                f"{int(partly_there.sum())} atoms have an occupancy below 1, the first of them particle "
                f"{int(np.argmax(partly_there))}: alternate locations are all read; keep one of each"
            )


def without_elements(path: Path) -> Iterator[str]:
    """Return remarks on a PDB file without elements.

    Arguments:
        path: Path of the file.
    """
    with path.open(encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if line.startswith(ATOM) and not line[ELEMENT].strip():
                yield (
                    f"line {number} has no element in columns 77-78: elements are guessed from the names of atoms, by "
                    "which CA is calcium, not a carbon; write these columns"
                )
                return
