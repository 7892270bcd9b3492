"""Ends of gradient descent on the reconstruction loss from many starts, and its critical points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from empnet.model.transpose_autoencoder import reconstruction_loss_of_covariance
from empnet.studies.question_3_transpose_autoencoder.premises import Cloud, covariance
from empnet.training.optimiser.descent import descend

__all__ = ["Landscape", "landscape"]


@dataclass(frozen=True)
class Landscape:
    """Ends and critical points; losses and curvatures are shares of the total variance.

    Arguments:
        n_starts: Number of starts.
        arrived: Starts that end within 1e-6 of the global minimum.
        worst_excess: Loss of the worst end above the global minimum.
        n_critical: Number of other critical points: the origin, and one for each further eigenvector.
        slope: Longest gradient at the critical points.
        lowest_curvatures: Lowest eigenvalue of the Hessian at each of the other critical points.
        optimum_curvature: Lowest eigenvalue of the Hessian at the optimum.
        norms: Norm at the end of each start, by data set.
        paths: Paths from some starts with two features, shape (steps, starts, 2).
        moments: Second moments of the two features, shape (2, 2).
    """

    n_starts: int
    arrived: int
    worst_excess: float
    n_critical: int
    slope: float
    lowest_curvatures: np.ndarray
    optimum_curvature: float
    norms: dict[str, np.ndarray]
    paths: np.ndarray
    moments: np.ndarray

    @property
    def norm_error(self) -> float:
        """Largest distance of a norm from one, over all starts and data sets."""
        return max(float(np.abs(norms - 1).max()) for norms in self.norms.values())


@lru_cache(maxsize=16)
def landscape(cloud: Cloud, start: str, weight_decay: float, quick: bool) -> Landscape:
    """Descend from many starts and measure the critical points.

    Arguments:
        cloud: The data.
        start: ``"random"`` or ``"zero"``.
        weight_decay: Factor of an added penalty on the squared norm.
        quick: Fewer starts and data sets.
    """
    moments = covariance(cloud.training())
    n_starts = 100 if quick else 1000
    ends = _descend(moments, _starts(n_starts, len(moments), start, cloud.seed), weight_decay, 600 if quick else 3000)[
        -1
    ]
    lowest = float(1 - torch.linalg.eigvalsh(moments)[-1])
    excess = reconstruction_loss_of_covariance(ends, moments) - lowest
    slope, curvatures = _critical_points(moments)
    plane = covariance(Cloud(n_features=2, n_samples=100, gap=max(cloud.gap, 1.0)).training())
    seen = torch.tensor([[0.08, 0.1], [-0.5, 1.2], [1.3, 0.7], [-1.2, -0.8], [0.1, -1.4], [-0.1, 0.02]]).double()
    return Landscape(
        n_starts=n_starts,
        arrived=int((excess < 1e-6).sum()),
        worst_excess=float(excess.max()),
        n_critical=len(curvatures) - 1,
        slope=slope,
        lowest_curvatures=curvatures[1:],
        optimum_curvature=float(curvatures[0]),
        norms=_norms(ends, cloud, start, weight_decay, quick),
        paths=_descend(plane, seen, 0.0, 200, momentum=0.0).numpy(),
        moments=plane.numpy(),
    )


def _norms(ends: Tensor, cloud: Cloud, start: str, weight_decay: float, quick: bool) -> dict[str, np.ndarray]:
    """Return norms at the end of descents on several data sets."""
    random = np.random.default_rng(cloud.seed)
    shape, n = (400, cloud.n_features), 10 if quick else 100
    sets = {
        "Gaussian, other axes": Cloud(seed=cloud.seed + 1).training(),
        "uniform, unequal widths": random.uniform(-1, 1, shape) * random.uniform(0.1, 3, shape[1]),
        "heavy tails (Student, 3 degrees)": random.standard_t(3, shape) * random.uniform(0.1, 3, shape[1]),
        "coin tosses, rare ones": (random.uniform(size=shape) < 0.1).astype(float),
        "handwritten digits": Cloud("digits").training(),
    }
    norms = {"as in the question": ends.norm(dim=1).numpy()}
    for name, x in sets.items():
        moments = covariance(x - x.mean(0))
        end = _descend(moments, _starts(n, len(moments), start, cloud.seed), weight_decay, 600 if quick else 3000)[-1]
        norms[name] = end.norm(dim=1).numpy()
    return norms


def _starts(n: int, size: int, start: str, seed: int) -> Tensor:
    """Return random directions with norms from 0.01 to 2, or zeros."""
    random = np.random.default_rng(seed)
    a = random.normal(size=(n, size))
    norms = np.geomspace(0.01, 2, n)[:, None] if start == "random" else 0.0
    return torch.from_numpy(a / np.linalg.norm(a, axis=1, keepdims=True) * norms)


def _descend(moments: Tensor, starts: Tensor, weight_decay: float, steps: int, *, momentum: float = 0.9) -> Tensor:
    """Descend from all starts at once; return all iterates if there is no momentum."""
    a = starts.clone().requires_grad_()
    optimizer = torch.optim.SGD([a], lr=0.1, momentum=momentum)

    def loss(_: int) -> Tensor:
        return (reconstruction_loss_of_covariance(a, moments) + weight_decay * a.square().sum(-1)).sum()

    passed = []
    for number, _ in enumerate(descend(loss, range(steps), optimizer)):
        if not momentum:
            passed.append(a.detach().clone())
        elif number % 50 == 49 and a.grad is not None and float(a.grad.abs().max()) < 1e-9:
            break  # all are at rest
    return torch.stack([*passed, a.detach()])


def _critical_points(moments: Tensor) -> tuple[float, np.ndarray]:
    """Return the longest gradient, and the lowest curvature at the leading eigenvector, the others, and the origin."""
    _, vectors = torch.linalg.eigh(moments)
    points = [*vectors.T.flip(0), torch.zeros(len(moments), dtype=moments.dtype)]

    slopes, lowest = [], []
    for point in points:
        a = point.clone().requires_grad_()
        (slope,) = torch.autograd.grad(reconstruction_loss_of_covariance(a, moments), [a], create_graph=True)
        rows = [torch.autograd.grad(entry, [a], retain_graph=True)[0] for entry in slope]
        slopes.append(float(slope.detach().norm()))
        lowest.append(float(torch.linalg.eigvalsh(torch.stack(rows))[0]))
    return max(slopes), np.array(lowest)
