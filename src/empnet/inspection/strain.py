"""Work of stress under strain, for finding the unit and sign of a stress, and whether it is a virial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from empnet.inspection.consistency import LEAST, N_FRAMES, N_PAIRS, Slope, slope_of
from empnet.inspection.frames import Frames
from empnet.inspection.geometry import shortest_vectors
from empnet.inspection.outlying import outlying
from empnet.inspection.targets import ordinary
from empnet.system.label_spec import VOIGT_ORDER

__all__ = ["order_in_words", "shear_order", "strain_slopes"]

STRAINED = 1e-4  # relative difference of cells above which they are strained; rounding causes less
SHEARED = 1e-3  # minimum shear for comparing its work
CLEAR = 0.3  # an order is clear if its deviation is below this share of every other order's
SHEARS = ((1, 2), (0, 2), (0, 1))  # yz xz xy
AXIAL = 0.05  # share of shear in a strain below which the order of shear components does not matter


def strain_slopes(frames: Frames, energy: str, forces: str, stress: str) -> tuple[Slope, Slope] | None:
    """Compare energy differences with the work of the mean stress between similar frames in different cells.

    W = (V_1 s_1 + V_2 s_2) / 2 : e for a stress s and a strain e, and (v_1 + v_2) / 2 : e for a virial v. Particles
    also move within the cells; the work of the forces for this motion is subtracted from the energy difference. Only
    strains along the axes are used, because the order of the other components differs between programs.

    Arguments:
        frames: The data.
        energy: Key of the energies.
        forces: Key of the forces; empty if there are none. Particles must then move with the cells.
        stress: Key of the stress or virial.

    Returns:
        Two comparisons of energy differences with W, for a stress and for a virial; None if there are fewer than eight
        pairs of similar frames.
    """
    both = (_volumes(frames) * frames.stresses[stress], frames.stresses[stress])
    complete = _complete(frames, energy, stress)
    parts = [
        part
        for members in frames.repeated(least=2)
        for part in _works(frames, energy, forces, both, members[complete[members]][:N_FRAMES])
    ]
    if not parts:
        return None
    difference, work, virial, far = (np.concatenate(values) for values in zip(*parts, strict=True))
    use = np.flatnonzero((difference != 0) & (work != 0) & np.isfinite(difference))
    use = use[np.argsort(far[use])[:N_PAIRS]]
    if len(use) < LEAST:
        return None
    return slope_of(difference[use], work[use]), slope_of(difference[use], virial[use])


def shear_order(frames: Frames, energy: str, forces: str, stress: str) -> tuple[int, ...] | None:
    """Find the order of the components yz xz xy of a stress from sheared cells.

    For each of the six orders, energy differences between similar frames in sheared cells are compared with the work of
    forces and stress, W = V (s_xx e_xx + ... + 2 s_yz e_yz + ...). The order with the smallest deviation is the best.

    Arguments:
        frames: The data.
        energy: Key of the energies.
        forces: Key of the forces; empty if there are none.
        stress: Key of the stress, in a unit that fits the energies.

    Returns:
        The order p: the k-th of yz xz xy is stored in the data as component p[k] of yz xz xy; (0, 1, 2) is the correct
        order. None if there are fewer than eight pairs of similar frames, or no order is clearly the best.
    """
    parts, virials, complete = [], _volumes(frames) * frames.stresses[stress], _complete(frames, energy, stress)
    for members in frames.repeated(least=2):
        members = members[complete[members]][:N_FRAMES]
        if len(members) < 2:
            continue
        found = _strained(frames, energy, forces, members)
        parts.append((found.left, found.mean(virials), found.strain, found.far))
    if not parts:
        return None
    left, mean, strain, far = (np.concatenate(values) for values in zip(*parts, strict=True))
    s, e = (np.stack([values[:, a, b] for a, b in SHEARS], axis=1) for values in (mean, strain))
    use = np.flatnonzero(np.abs(e).max(axis=1, initial=0.0) > SHEARED)
    use = use[np.argsort(far[use])[:N_PAIRS]]
    if len(use) < LEAST:
        return None
    axial = np.einsum("nkk,nkk->n", mean, strain)
    orders = list(permutations(range(3)))
    deviations = [float(np.median(np.abs(left - axial - 2 * (s[:, order] * e).sum(axis=1))[use])) for order in orders]
    best, second = np.argsort(deviations)[:2]
    return orders[best] if deviations[best] < CLEAR * deviations[second] else None


def order_in_words(order: tuple[int, ...], places: Sequence[int] = range(6)) -> str:
    """Describe the result of :func:`shear_order` as the order of the six components in the data.

    Arguments:
        order: Order of yz xz xy.
        places: Places at which xx yy zz yz xz xy were read from the data.

    Example:
        >>> order_in_words((1, 2, 0))
        'xx yy zz xy yz xz'
    """
    names = [""] * 6
    for k, name in enumerate(VOIGT_ORDER.split()):
        names[places[k if k < 3 else 3 + order[k - 3]]] = name
    return " ".join(names)


def _complete(frames: Frames, energy: str, stress: str) -> np.ndarray:
    """Return whether frames are periodic along all axes and have an energy and a stress that are not outliers."""
    usual = ordinary(frames, frames.properties[energy])
    usual &= ~outlying(np.abs(frames.stresses[stress]).max(axis=(1, 2)))
    complete: np.ndarray = usual & frames.periodic.all(axis=1) & np.isfinite(frames.stresses[stress]).all(axis=(1, 2))
    return complete


def _works(
    frames: Frames, energy: str, forces: str, both: tuple[np.ndarray, np.ndarray], members: np.ndarray
) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield dE minus the work of the forces, W for a stress, W for a virial, and the distance of each pair."""
    if len(members) < 2:
        return
    found = _strained(frames, energy, forces, members)
    shear = np.abs(found.strain * ~np.eye(3, dtype=bool)).max(axis=(1, 2))
    axial = shear < AXIAL * np.abs(np.diagonal(found.strain, axis1=1, axis2=2)).max(axis=1)
    found = _Strained(*(values[axial] for values in found))
    as_stress, as_virial = (np.sum(found.mean(values) * found.strain, axis=(1, 2)) for values in both)
    yield found.left, as_stress, as_virial, found.far


class _Strained(NamedTuple):
    """Pairs of similar frames in different cells."""

    one: np.ndarray  # index of the first frame
    two: np.ndarray  # index of the second frame
    strain: np.ndarray  # symmetric, shape (n, 3, 3)
    left: np.ndarray  # dE minus the work of the forces
    far: np.ndarray  # distance of the frames: squared strain plus mean square step

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Return the mean of the values of both frames."""
        half: np.ndarray = (values[self.one] + values[self.two]) / 2
        return half


def _volumes(frames: Frames) -> np.ndarray:
    return np.abs(np.linalg.det(frames.cells))[:, None, None]


def _strained(frames: Frames, energy: str, forces: str, members: np.ndarray) -> _Strained:
    """Return each frame with the frame in the most similar, but different, cell."""
    pairs = _pairs(frames.cells[members])
    one, two = members[pairs[:, 0]], members[pairs[:, 1]]
    c_1, c_2 = frames.cells[one], frames.cells[two]
    middle = (c_1 + c_2) / 2
    strain = np.linalg.solve(middle, c_2 - c_1)
    strain = (strain + strain.transpose(0, 2, 1)) / 2
    step = _inner_steps(frames, one, two, middle)
    y = frames.properties[energy]
    left = y[two] - y[one] - _forces_work(frames, forces, one, two, step)
    far = np.square(strain).sum(axis=(1, 2)) + np.square(step).sum(axis=2).mean(axis=1)
    return _Strained(one, two, strain, left, far)


def _pairs(cells: np.ndarray) -> np.ndarray:
    """Return pairs of each cell and the most similar different cell, shape (n, 2)."""
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
    """Return the displacements of particles within the mean cell, shape (n, N, 3), without that of the centre."""
    if not len(one):
        return np.zeros((0, 1, 3))
    at_1, at_2 = (frames.positions[frames.rows(k)] @ np.linalg.inv(frames.cells[k]) for k in (one, two))
    step = shortest_vectors((at_2 - at_1) @ middle, middle)
    centred: np.ndarray = step - step.mean(axis=1, keepdims=True)
    return centred


def _forces_work(frames: Frames, forces: str, one: np.ndarray, two: np.ndarray, step: np.ndarray) -> np.ndarray:
    if not forces or not len(one):
        return np.zeros(len(one))
    f = frames.vectors[forces]
    mean = (f[frames.rows(one)] + f[frames.rows(two)]) / 2
    work: np.ndarray = -np.sum(mean * step, axis=(1, 2))
    return work
