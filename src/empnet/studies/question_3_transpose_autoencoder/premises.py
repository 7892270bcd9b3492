"""Premises of the study of the transpose autoencoder, and its data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from empnet.errors import EmpnetError
from empnet.studies.claim import Premises, option_of, premise

__all__ = ["Cloud", "TransposePremises", "angle", "covariance"]


@dataclass(frozen=True)
class Cloud:
    """Data with a chosen spectrum: the covariance of the sample has it exactly.

    Arguments:
        data: ``"made"``, or ``"digits"``: 1,797 pictures of 8 x 8 handwritten digits, which have their own spectrum.
        n_features: Entries of a data point.
        n_samples: Data points.
        gap: Largest variance over the second largest.
        equal: Number of leading variances that are equal.
        first: Signs of the first principal component: ``"mixed"`` (and the last entry near zero) or ``"positive"``.
        offset: Distance of the mean from the origin, in standard deviations along the first principal component.
        centred: Subtract the mean before training.
        seed: Seed of the random numbers.

    Example:
        >>> x = Cloud(n_features=4, n_samples=50).sample()
        >>> np.linalg.eigvalsh(np.cov(x.T, bias=True)).round(12)
        array([0.64, 0.8 , 1.  , 2.  ])
    """

    data: str = "made"
    n_features: int = 8
    n_samples: int = 512
    gap: float = 2.0
    equal: int = 0
    first: str = "mixed"
    offset: float = 3.0
    centred: bool = True
    seed: int = 0

    def sample(self) -> np.ndarray:
        """Return the data before any centring, shape (n_samples, n_features)."""
        if self.data == "digits":
            return np.asarray(load_digits().data, dtype=np.float64)
        random = np.random.default_rng(self.seed)
        raw = random.normal(size=(self.n_samples, self.n_features))
        left, _, _ = np.linalg.svd(raw - raw.mean(0), full_matrices=False)  # white: orthonormal columns, mean zero
        axes = self.axes(random)
        scaled = left * np.sqrt(self.n_samples * self.spectrum())
        return np.asarray(scaled @ axes + self.offset * np.sqrt(self.spectrum()[0]) * axes[-1])

    def training(self) -> np.ndarray:
        """Return the training data, centred or not."""
        x = self.sample()
        return x - x.mean(0) if self.centred else x

    def mean_free(self) -> np.ndarray:
        """Return data of mean zero with the second moments of :meth:`training`, for an estimator that always centres.

        Without centring, the data are joined with their mirror images: the mean is then zero, and the second moments
        about the origin, which determine the reconstruction loss, stay the same.
        """
        x = self.training()
        return x if self.centred else np.concatenate([x, -x])

    def spectrum(self) -> np.ndarray:
        """Return the variances along the principal axes, falling."""
        variances = np.array([self.gap, *0.8 ** np.arange(self.n_features - 1)])
        variances[: self.equal] = variances[0]
        return variances

    def axes(self, random: np.random.Generator) -> np.ndarray:
        """Return the principal axes, one in each row; the first has the required signs."""
        size = self.n_features
        signs = np.ones(size) if self.first == "positive" else np.where(np.arange(size) % 2, -1.0, 1.0)
        lead = signs * random.uniform(0.8, 1.2, size)
        if self.first == "mixed":
            lead[-1] = 0.02
        q, _ = np.linalg.qr(np.column_stack([lead, random.normal(size=(size, size - 1))]))
        axes = q.T
        axes[0] = lead / np.linalg.norm(lead)
        return np.asarray(axes)


@dataclass(frozen=True)
class TransposePremises(Premises):
    """Data, start and training of a transpose autoencoder."""

    data: str = premise("made", "Data: of a spectrum as below, or handwritten digits.", one_of=("made", "digits"))
    n_features: int = premise(8, "Entries of a data point.", at_least=3, at_most=200)
    n_samples: int = premise(512, "Data points.", at_least=10, at_most=100_000)
    gap: float = premise(2.0, "Largest variance over the second largest.", at_least=1.0)
    equal: int = premise(0, "Number of leading variances that are equal.", at_least=0)
    first: str = premise("mixed", "Signs of the first principal component.", one_of=("mixed", "positive"))
    offset: float = premise(3.0, "Distance of the mean from the origin, in standard deviations.", at_least=0.0)
    centred: bool = premise(True, "Subtract the mean before training.")
    n_components: int = premise(3, "Latent variables, where there are several.", at_least=1)
    start: str = premise("random", "Where training starts.", one_of=("random", "zero"))
    weight_decay: float = premise(0.0, "Penalty on |a|^2, as a share of the variance.", at_least=0.0)
    batch_size: int = premise(0, "Data points in a step where optimisers are compared; 0: all.", at_least=0)
    precision: float = premise(
        1e-6, "Loss above the lowest at which an optimiser has arrived, as a share of the largest variance.", at_least=0
    )
    accuracy: float = premise(
        0.01, "Loss above the lowest at which a batch size has arrived, as a share of the largest variance.", at_least=0
    )
    repair: bool = premise(False, "Repair the fourth way: root of minus the logarithm of the softmax, over its norm.")
    unit: bool = premise(False, "Keep |a| = 1 in the descent of the encoder's loss.")
    seed: int = premise(0, "Seed of all random numbers.", at_least=0)

    def check(self) -> None:
        """Refuse more components than features."""
        size = 64 if self.data == "digits" else self.n_features
        for name in ("n_components", "equal"):
            if getattr(self, name) >= size:
                raise EmpnetError(f"{option_of(name)} {getattr(self, name)}", wanted=f"less than {size}, the features")
        if self.data == "made" and self.n_samples <= self.n_features:
            raise EmpnetError(f"--n-samples {self.n_samples}", wanted=f"more than --n-features {self.n_features}")

    @property
    def cloud(self) -> Cloud:
        """The data."""
        return Cloud(
            self.data,
            self.n_features,
            self.n_samples,
            self.gap,
            self.equal,
            self.first,
            self.offset,
            self.centred,
            self.seed,
        )


def covariance(x: np.ndarray) -> Tensor:
    """Return second moments about zero as shares of their sum, shape (n, n), of trace one."""
    moments = torch.from_numpy(x.T @ x)
    return moments / moments.trace()


def angle(a: np.ndarray, b: np.ndarray) -> float:
    """Return the angle between two lines in radians, from 0 to pi / 2, accurate for small angles, too.

    Example:
        >>> round(angle(np.array([1.0, 0.0]), np.array([-2.0, 2e-9])), 12)
        1e-09
    """
    u, v = a / np.linalg.norm(a), b / np.linalg.norm(b)
    along = u @ v
    return float(np.arctan2(np.linalg.norm(u - along * v), abs(along)))
