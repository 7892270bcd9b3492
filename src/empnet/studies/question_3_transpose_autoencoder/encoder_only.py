"""The loss of the encoder alone: minus the variance of the latent variable, with and without |a| = 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat

import numpy as np
import torch

from empnet.model.transpose_autoencoder import Normalised, reconstruction_loss, variance_loss
from empnet.studies.question_3_transpose_autoencoder.premises import Cloud, angle
from empnet.studies.question_3_transpose_autoencoder.principal import trained
from empnet.training.optimiser.descent import descend

__all__ = ["EncoderOnly", "encoder_only"]


@dataclass(frozen=True)
class EncoderOnly:
    """Both losses on the unit sphere, and the encoder's loss off it.

    Arguments:
        angle: Largest angle between the optima of both losses under |a| = 1, rad, over the starts.
        gradient_difference: At random unit vectors, largest difference of the gradients along the sphere, the
            reconstruction loss times N / (N - 1), relative to the longer one.
        radial: Median ratio of the encoder loss's gradient across the sphere to its gradient along it.
        norms: |a| in each step of gradient descent on the encoder's loss.
        losses: Encoder's loss in each step, as a share of the total variance.
    """

    angle: float
    gradient_difference: float
    radial: float
    norms: np.ndarray
    losses: np.ndarray


@lru_cache(maxsize=16)
def encoder_only(cloud: Cloud, unit: bool, quick: bool) -> EncoderOnly:
    """Compare optima and gradients, and descend the encoder's loss.

    Arguments:
        cloud: The data.
        unit: Keep |a| = 1 in the descent.
        quick: Fewer starts and points.
    """
    x, mean_free = cloud.training(), cloud.mean_free()
    angles = []
    for seed in range(2 if quick else 10):
        both = trained(mean_free, 1, seed, norm="unit").weight_[0]
        encoder = trained(x, 1, seed, norm="unit", loss="variance").weight_[0]
        angles.append(angle(both, encoder))
    difference, radial = _gradients(torch.from_numpy(x), 20 if quick else 200, cloud.seed)
    norms, losses = _downhill(torch.from_numpy(x), unit, cloud.seed)
    return EncoderOnly(max(angles), difference, radial, norms, losses)


def _gradients(x: torch.Tensor, n: int, seed: int) -> tuple[float, float]:
    """Return the largest relative difference along the sphere, and the median ratio of across to along."""
    random = np.random.default_rng(seed)
    differences, ratios = [], []
    for _ in range(n):
        a = torch.nn.functional.normalize(torch.from_numpy(random.normal(size=(1, x.shape[1]))), dim=1)
        a.requires_grad_()
        (both,) = torch.autograd.grad(reconstruction_loss(x, a), [a])
        (encoder,) = torch.autograd.grad(variance_loss(x, a), [a])
        unit = a.detach()
        across = (encoder * unit).sum()
        both = (both - (both * unit).sum() * unit) * len(x) / (len(x) - 1)
        encoder = encoder - across * unit
        differences.append(float((both - encoder).norm() / torch.maximum(both.norm(), encoder.norm())))
        ratios.append(float(across.abs() / encoder.norm()))
    return max(differences), float(np.median(ratios))


def _downhill(x: torch.Tensor, unit: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return |a| and the loss in each of 300 steps at a rate of 0.1, from |a| of about one."""
    random = np.random.default_rng(seed)
    raw = torch.from_numpy(random.normal(size=(1, x.shape[1])) / math.sqrt(x.shape[1])).requires_grad_()
    variance = float((x - x.mean(0)).square().sum() / (len(x) - 1))
    constraint = Normalised() if unit else torch.nn.Identity()
    norms, losses = [], []
    steps = descend(
        lambda batch: variance_loss(batch, constraint(raw)) / variance, repeat(x, 300), torch.optim.SGD([raw], lr=0.1)
    )
    for loss in steps:
        losses.append(loss)
        norms.append(float(constraint(raw.detach()).norm()))
    return np.array(norms), np.array(losses)
