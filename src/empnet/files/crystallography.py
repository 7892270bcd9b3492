"""Warn about data in crystal and protein files that ase.Atoms cannot store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from ase import Atoms

__all__ = ["occupancies", "without_elements"]

ELEMENT = slice(76, 78)  # columns of a PDB line
ATOM = ("ATOM  ", "HETATM")


def occupancies(atoms: Atoms, kind: str) -> Iterator[str]:
    """Yield a warning if sites are partly occupied.

    Arguments:
        atoms: Atoms from ASE's reader.
        kind: ASE's name of the format.
    """
    sites = atoms.info.get("occupancy")
    if kind == "cif" and isinstance(sites, Mapping):
        partly = [site for site in sites.values() if len(site) > 1 or any(share < 1 for share in site.values())]
        if partly:
            first = ", ".join(f"{symbol} {share:g}" for symbol, share in partly[0].items())
            yield (
                f"{len(partly)} sites are partly occupied, the first by {first}; each is read as one whole atom; a "
                "model needs ordered structures, such as a supercell with one atom at each site"
            )
    shares = atoms.arrays.get("occupancy")
    if kind == "proteindatabank" and shares is not None:
        share = np.array([1.0 if value is None else value for value in shares], dtype=float)
        if (partly_there := (share > 0) & (share < 1)).any():
            yield (
                f"{int(partly_there.sum())} atoms have an occupancy below 1, the first is particle "
                f"{int(np.argmax(partly_there))}; all alternate locations are read; keep one for each atom"
            )


def without_elements(path: Path) -> Iterator[str]:
    """Yield a warning if an atom in a PDB file has no element.

    Arguments:
        path: Path of the file.
    """
    with path.open(encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if line.startswith(ATOM) and not line[ELEMENT].strip():
                yield (
                    f"line {number} has no element in columns 77-78: elements are guessed from atom names, so CA "
                    "becomes calcium, not carbon; write the elements into these columns"
                )
                return
