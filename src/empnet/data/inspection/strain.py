"""Whether a stress is what strain does to the energy: its unit, its sign, and whether it is a virial."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from empnet.data.inspection.consistency import LEAST, N_FRAMES, N_PAIRS, Slope, slope_of
from empnet.data.inspection.frames import Frames
from empnet.data.inspection.geometry import shortest_vectors

__all__ = ["strain_slopes"]

STRAINED = 1e-4  # relative difference of cells from which they are strained, and not printed with other digits
AXIAL = 0.05  # share of shear in a strain up to which the order of shear components does not matter


def strain_slopes(frames: Frames, energy: str, forces: str, stress: str) -> tuple[Slope, Slope] | None:
    """Compare energy differences with the work of the mean stress between near frames in different cells.

    W = (V_1 s_1 + V_2 s_2) / 2 : e for a stress s and a strain e, and (v_1 + v_2) / 2 : e for a virial v. What moves
    within the cells is the work of the forces, and is subtracted. Strains along the axes only, for the order of the
    other components differs between programs.

    Arguments:
        frames: The data.
        energy: Key of the energies.
        forces: Key of the forces; empty if there are none: then particles must move with the cells.
        stress: Key of the stress or virial.

    Returns:
        How energy differences compare with W, taken as a stress and as a virial; None if there are fewer than eight
        pairs of frames.
    """
    parts = [
        part
        for members in frames.repeated(least=2)
        for part in _works(frames, energy, forces, stress, _complete(frames, energy, stress, members))
    ]
    if not parts:
        return None
    difference, work, virial, far = (np.concatenate(values) for values in zip(*parts, strict=True))
    use = np.flatnonzero((difference != 0) & (work != 0) & np.isfinite(difference))
    use = use[np.argsort(far[use])[:N_PAIRS]]
    if len(use) < LEAST:
        return None
    return slope_of(difference[use], work[use]), slope_of(difference[use], virial[use])


def _complete(frames: Frames, energy: str, stress: str, members: np.ndarray) -> np.ndarray:
    """Frames that are periodic along all axes and have energy and stress."""
    there = frames.periodic[members].all(axis=1) & np.isfinite(frames.properties[energy][members])
    return members[there & np.isfinite(frames.stresses[stress][members]).all(axis=(1, 2))][:N_FRAMES]


def _works(
    frames: Frames, energy: str, forces: str, stress: str, members: np.ndarray
) -> Iterator[tuple[np.ndarray, ...]]:
    """dE less the work of forces, W as a stress, W as a virial, and how far each pair is apart."""
    if len(members) < 2:
        return
    pairs = _pairs(frames.cells[members])
    one, two = members[pairs[:, 0]], members[pairs[:, 1]]
    c_1, c_2 = frames.cells[one], frames.cells[two]
    middle = (c_1 + c_2) / 2
    strain = np.linalg.solve(middle, c_2 - c_1)
    shear = np.abs(strain * ~np.eye(3, dtype=bool)).max(axis=(1, 2))
    axial = shear < AXIAL * np.abs(np.diagonal(strain, axis1=1, axis2=2)).max(axis=1)
    if not axial.any():
        return
    one, two, c_1, c_2, middle, strain = (values[axial] for values in (one, two, c_1, c_2, middle, strain))
    step = _inner_steps(frames, one, two, middle)
    moved = _forces_work(frames, forces, one, two, step)
    v_1, v_2 = (np.abs(np.linalg.det(cells))[:, None, None] for cells in (c_1, c_2))
    s_1, s_2 = frames.stresses[stress][one], frames.stresses[stress][two]
    y = frames.properties[energy]
    far = np.square(strain).sum(axis=(1, 2)) + np.square(step).sum(axis=2).mean(axis=1)
    yield (
        y[two] - y[one] - moved,
        np.sum((v_1 * s_1 + v_2 * s_2) / 2 * strain, axis=(1, 2)),
        np.sum((s_1 + s_2) / 2 * strain, axis=(1, 2)),
        far,
    )


def _pairs(cells: np.ndarray) -> np.ndarray:
    """Each cell with the nearest one that differs from it, shape (n, 2)."""
    flat = cells.reshape(len(cells), 9)
    size = np.square(flat).sum(axis=1)
    apart = np.maximum(size[:, None] + size[None] - 2 * flat @ flat.T, 0)
    apart[apart < np.square(STRAINED) * size[:, None]] = np.inf
    nearest = apart.argmin(axis=1)
    found = np.isfinite(apart.min(axis=1))
    pairs = np.sort(np.stack([np.arange(len(cells)), nearest], axis=1)[found], axis=1)
    unique: np.ndarray = np.unique(pairs, axis=0)
    return unique


def _inner_steps(frames: Frames, one: np.ndarray, two: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """How particles move within the mean cell, shape (n, N, 3); the centre does not."""
    if not len(one):
        return np.zeros((0, 1, 3))
    at_1, at_2 = (frames.positions[frames.rows(k)] @ np.linalg.inv(frames.cells[k]) for k in (one, two))
    step = shortest_vectors((at_2 - at_1) @ middle, middle)
    centred: np.ndarray = step - step.mean(axis=1, keepdims=True)
    return centred


def _forces_work(frames: Frames, forces: str, one: np.ndarray, two: np.ndarray, step: np.ndarray) -> np.ndarray:
    if not forces:
        return np.zeros(len(one))
    f = frames.vectors[forces]
    mean = (f[frames.rows(one)] + f[frames.rows(two)]) / 2
    work: np.ndarray = -np.sum(mean * step, axis=(1, 2))
    return work
