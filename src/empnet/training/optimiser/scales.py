"""Units of errors in the loss, taken from the training set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

__all__ = ["Scales"]


@dataclass(frozen=True, slots=True, eq=False)
class Scales:
    """Unit of the loss for each kind of target.

    With forces, the unit of energies is at least the forces' root mean square times an angstrom: energies of similar
    geometries differ by forces times displacements, so both errors then have a similar size, while the energies' own
    scatter may be far smaller (frames of one molecule). If the scatter is larger (many compounds), it is the unit.

    With forces or stress, that unit grows with the root of the number of particles. An energy is a sum of N
    contributions, whose errors add up like those of independent numbers: their sum's error grows as the root of N.
    Measured per particle, a dimer would outweigh a crystal of a hundred atoms ten times over; in plain energy the
    crystal would outweigh the dimer.

    Arguments:
        energy: Unit of the properties, shape (F',): standard deviation of the composition baseline's residuals; if
            ``per_root``, of the residuals divided by the root of N; with forces, at least their root mean
            square times an angstrom.
        forces: Root mean square of the forces, in the property's unit per angstrom.
        stress: Standard deviation of the stress, in the property's unit per cubic angstrom.
        per_root: True if the energies' unit grows with the root of the number of particles.

    Example:
        >>> Scales(np.array([0.5]), per_root=True).of_energies(np.array([1, 4])).tolist()
        [[0.5], [1.0]]
    """

    energy: Float64[np.ndarray, " F_prime"]
    forces: float = 1.0
    stress: float = 1.0
    per_root: bool = False

    def of_energies(self, sizes: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, "n F_prime"]:
        """Return the unit of each system's properties.

        Arguments:
            sizes: Numbers of particles.
        """
        roots = np.sqrt(sizes)[:, None] if self.per_root else np.ones((len(sizes), 1))
        return roots * self.energy
