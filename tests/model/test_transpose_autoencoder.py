"""The transpose map, its losses, and the ways to unit vectors."""

import math

import numpy as np
import pytest
import torch

from empnet.errors import EmpnetError
from empnet.model.transpose_autoencoder import (
    LastFromOthers,
    Normalised,
    Orthonormal,
    SqrtLogSoftmax,
    SqrtSoftmax,
    TransposeMap,
    reconstruction_loss,
    reconstruction_loss_of_covariance,
    variance_loss,
)
from empnet.training.optimiser.descent import descend


@pytest.fixture
def x():
    data = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 4)) * [3.0, 1.0, 0.5, 0.2])
    return data - data.mean(0)


def test_decoder_is_the_transpose(x):
    autoencoder = TransposeMap(4, 2, dtype=torch.float64)
    z = autoencoder.encode(x)
    assert z.shape == (50, 2)
    torch.testing.assert_close(autoencoder(x), autoencoder.decode(z))
    # <A x, z> = <x, A^T z>
    torch.testing.assert_close((z * z).sum(), (x * autoencoder.decode(z)).sum())
    assert [p.shape for p in autoencoder.parameters()] == [(2, 4)]


def test_own_training_loop(x):
    torch.manual_seed(0)
    autoencoder = TransposeMap(4, 2, dtype=torch.float64)
    optimizer = torch.optim.SGD(autoencoder.parameters(), lr=0.02)
    list(descend(lambda batch: reconstruction_loss(batch, autoencoder.weight), [x] * 2000, optimizer))
    variances = torch.linalg.eigvalsh(x.T @ x / len(x))
    assert reconstruction_loss(x, autoencoder.weight).item() == pytest.approx(variances[:2].sum().item(), rel=1e-9)
    torch.testing.assert_close(autoencoder.weight @ autoencoder.weight.T, torch.eye(2).double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("way", [Normalised(), LastFromOthers(), SqrtSoftmax()])
def test_unit_vectors(way):
    raw = torch.from_numpy(np.random.default_rng(1).uniform(-0.4, 0.4, size=(3, 6, 5))).requires_grad_()
    a = way(raw)
    assert a.shape == (3, 6, 6 if isinstance(way, LastFromOthers) else 5)
    torch.testing.assert_close(a.norm(dim=-1), torch.ones(3, 6).double())
    assert torch.autograd.gradcheck(way, [raw])


def test_what_is_out_of_reach():
    assert torch.isnan(Normalised()(torch.zeros(3))).all()
    assert torch.isnan(LastFromOthers()(torch.tensor([0.9, 0.9]))[-1])
    assert (LastFromOthers()(torch.rand(100, 2) * 0.7)[:, -1] >= 0).all()
    assert (SqrtSoftmax()(torch.randn(100, 3)) > 0).all()
    assert torch.isnan(SqrtLogSoftmax()(torch.randn(100, 3))).all()


def test_orthonormal_rows():
    raw = torch.from_numpy(np.random.default_rng(2).normal(size=(3, 5))).requires_grad_()
    rows = Orthonormal()(raw)
    torch.testing.assert_close(rows @ rows.T, torch.eye(3).double())
    torch.testing.assert_close(rows[0], Normalised()(raw[0]))
    # nothing of the trained rows lies outside what they span
    torch.testing.assert_close(raw @ rows.T @ rows, raw)
    assert torch.autograd.gradcheck(Orthonormal(), [raw])


@pytest.mark.parametrize("constraint", [None, Normalised(), LastFromOthers(), SqrtSoftmax()])
def test_any_constraint_fits_the_map(constraint, x):
    autoencoder = TransposeMap(4, 1, constraint, dtype=torch.float64)
    assert autoencoder.weight.shape == (1, 4)
    assert autoencoder(x).shape == x.shape


def test_losses_agree_on_the_sphere(x):
    weight = Orthonormal()(torch.from_numpy(np.random.default_rng(3).normal(size=(2, 4))))
    kept = -variance_loss(x, weight) * (len(x) - 1) / len(x)
    torch.testing.assert_close(reconstruction_loss(x, weight) + kept, x.square().sum(-1).mean())
    z = (x @ weight.T).numpy()
    assert variance_loss(x, weight).item() == pytest.approx(-z.var(axis=0, ddof=1).sum())
    # twice the weight, four times the variance
    torch.testing.assert_close(variance_loss(x, 2 * weight), 4 * variance_loss(x, weight))
    # the mean is no matter for the variance
    torch.testing.assert_close(variance_loss(x + 7, weight), variance_loss(x, weight))


def test_loss_from_the_covariance(x):
    a = torch.from_numpy(np.random.default_rng(4).normal(size=(6, 4)))
    covariance = x.T @ x / len(x)
    wanted = torch.stack([reconstruction_loss(x, each[None]) for each in a])
    torch.testing.assert_close(reconstruction_loss_of_covariance(a, covariance), wanted)


@pytest.mark.parametrize("k", [0, 5])
def test_impossible_sizes(k):
    with pytest.raises(EmpnetError, match=f"{k} components of 4 features; wanted 1 to 4"):
        TransposeMap(4, k)


def test_start_has_about_norm_one():
    norms = [TransposeMap(100).weight.norm().item() for _ in range(20)]
    # each is sqrt(chi^2_100 / 200): 0.7 with a spread of 0.05
    assert all(math.isclose(norm, 0.7, abs_tol=0.3) for norm in norms)
