"""Checks of forces alone: their sum, their torque, and implausible zeros."""

from __future__ import annotations

import numpy as np

from empnet.inspection.frames import Frames
from empnet.inspection.outlying import outlying, outlying_finding
from empnet.inspection.record import Finding, Level

__all__ = ["force_findings", "force_key", "largest_forces", "net_force", "net_torque"]

NOISE = 1e-3
"""Threshold for reporting a net force: noise per component over the typical component. Rounding forces of a few
eV/angstrom to three decimals causes less."""

TURNING = 0.1
"""Threshold for reporting a net torque, relative to forces in random directions: rounded positions cause a small
torque, a wrong orientation causes the full torque."""

MOSTLY = 0.9  # a particle without force in more than this share of frames is fixed, not in balance by chance


def force_key(frames: Frames) -> str:
    """Return the key of the forces in the data; empty if there are none.

    Arguments:
        frames: The data.
    """
    names = [name for name in frames.vectors if "force" in name.lower()]
    return min(names, key=lambda name: (name != "forces", len(name)), default="")


def _summed(frames: Frames, values: np.ndarray) -> np.ndarray:
    """Return the sum over the particles of each frame, shape (S, 3)."""
    return np.add.reduceat(values, frames.first, axis=0)


def net_force(frames: Frames, name: str) -> np.ndarray:
    """Return the length of each frame's net force, shape (S,); zero if a potential depends on the positions alone.

    Arguments:
        frames: The data.
        name: Key of the forces.
    """
    length: np.ndarray = np.linalg.norm(_summed(frames, frames.vectors[name]), axis=1)
    return length


def net_torque(frames: Frames, name: str) -> np.ndarray:
    """Return |sum_i (r_i - centre) x F_i| of each frame, shape (S,): zero for isolated systems, nan for periodic ones.

    Arguments:
        frames: The data.
        name: Key of the forces.
    """
    arms = frames.positions - (_summed(frames, frames.positions) / frames.sizes[:, None])[frames.frame_of]
    torque = np.linalg.norm(_summed(frames, np.cross(arms, frames.vectors[name])), axis=1)
    return np.where(frames.wraps, np.nan, torque)


def largest_forces(frames: Frames, name: str) -> np.ndarray:
    """Return the length of each frame's largest force, shape (S,); nan where a frame has none.

    Arguments:
        frames: The data.
        name: Key of the forces.
    """
    lengths = np.linalg.norm(frames.vectors[name], axis=1)
    largest: np.ndarray = np.maximum.reduceat(lengths, frames.first)
    return largest


def force_findings(frames: Frames, name: str, unit: str) -> list[Finding]:
    """Report net forces, net torques and suspicious zeros.

    Arguments:
        frames: The data.
        name: Key of the forces.
        unit: Their unit, for messages.
    """
    size = _summed(frames, np.square(frames.vectors[name])).sum(axis=1)  # sum of F^2 in each frame
    there = np.isfinite(size)
    if not there.any():
        return []
    if not size[there].any():
        return [Finding("warning", name, f"all zero in all {int(there.sum())} frames", "suspected: never computed")]
    largest = largest_forces(frames, name)
    usual = there & ~outlying(largest)  # one failed frame must not dominate
    return [
        *outlying_finding(frames, name, largest, unit, "largest force"),
        *_net(frames, name, unit, size, usual),
        *_torque(frames, name, size, usual),
        *_zeros(frames, name, there, size),
    ]


def _net(frames: Frames, name: str, unit: str, size: np.ndarray, there: np.ndarray) -> list[Finding]:
    """Report a net force; N forces with independent errors sigma per component have a sum of about sigma sqrt(3 N)."""
    net = net_force(frames, name)
    noise = np.sqrt(np.sum(np.square(net[there])) / (3 * frames.sizes[there].sum()))
    usual = np.sqrt(size[there].sum() / (3 * frames.sizes[there].sum()))
    if not noise > NOISE * usual:
        return []
    worst = int(np.nanargmax(np.where(there, net, np.nan)))
    text = (
        f"they do not sum to zero: root mean square {np.sqrt(np.mean(np.square(net[there]))):.3g} {unit} per frame, up "
        f"to {net[worst]:.3g}; suspected: noise of {noise:.2g} {unit} in every component ({noise / usual:.1%} of "
        f"{usual:.3g} {unit}), a field, a drift or fixed particles"
    )
    remedy = "a model's forces are the slope of an energy and sum to zero: it cannot learn the net force"
    return [Finding("warning", name, text, remedy, frames.where(worst))]


def _torque(frames: Frames, name: str, size: np.ndarray, there: np.ndarray) -> list[Finding]:
    """Report a net torque: forces in a wrong orientation still sum to zero, but rotate the system."""
    open_frames = there & ~frames.wraps & (frames.sizes > 1)
    if not open_frames.any():
        return []
    torque = net_torque(frames, name)
    arms = frames.positions - (_summed(frames, frames.positions) / frames.sizes[:, None])[frames.frame_of]
    inertia = _summed(frames, np.square(arms)).sum(axis=1)
    random = np.sqrt(inertia * size / frames.sizes)  # torque of forces in random directions
    share = np.sqrt(np.sum(np.square(torque[open_frames])) / np.sum(np.square(random[open_frames])))
    if not share > TURNING:
        return []
    text = (
        f"they rotate open systems: the net torque is {share:.0%} of the torque of random forces; suspected: positions "
        "and forces in different orientations, or an external field"
    )
    return [Finding("warning", name, text, "an isolated system has no torque: take both from one frame of reference")]


def _zeros(frames: Frames, name: str, there: np.ndarray, size: np.ndarray) -> list[Finding]:
    """Report particles with exactly zero force in frames where others have one."""
    findings = []
    still = there & (size == 0) & (frames.sizes > 1)
    if still.any():
        text = (
            f"all exactly zero in {int(still.sum())} of {int(there.sum())} frames: perfect crystals, or never computed"
        )
        findings.append(Finding("note", name, text, where=frames.where(int(np.argmax(still)))))
    moving = there & (size > 0)
    zero = ~frames.vectors[name].any(axis=1) & moving[frames.frame_of]
    if not zero.any():
        return findings
    of_frame = np.bincount(frames.frame_of[zero], minlength=len(frames))
    with_zeros = of_frame > 0
    held = _held(frames, zero, moving)
    text = (
        f"exactly zero for {int(zero.sum())} particles in {int(with_zeros.sum())} of {int(moving.sum())} frames where "
        f"others have a force{held}"
    )
    grave: Level = "warning" if held else "note"
    remedy = "suspected constraints: leave these particles out of a loss on forces" if held else ""
    findings.append(Finding(grave, name, text, remedy, frames.where(int(np.argmax(with_zeros)))))
    return findings


def _held(frames: Frames, zero: np.ndarray, moving: np.ndarray) -> str:
    """Return a message if the same particles have no force in nearly all frames of one kind; otherwise empty."""
    count = 0
    for members in frames.repeated(least=3):
        members = members[moving[members]]
        if len(members) >= 3:
            share = zero[frames.rows(members)].mean(axis=0)
            count = max(count, int((share >= MOSTLY).sum()))
    return f"; the same {count} in nearly all frames of one kind" if count else ""
