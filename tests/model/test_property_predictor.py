"""The property predictor: formula, invariance, and the limits of a network of distances."""

import copy
import math

import pytest
import torch

from empnet.model.property_predictor import PropertyPredictor

B, N, F, F_PRIME = 3, 5, 4, 2

# Five points each, found by searching grids: all particles see the same distances, yet no motion takes one to the other
CLOUD = [[0, 0, 0], [0, 0, 1], [1, 2, 0], [1, 2, 1], [2, 1, 0]]
TWIN = [[0, 0, 0], [0, 1, 0], [1, 2, 0], [2, 0, 1], [2, 1, 1]]


def random_orthogonal(determinant: int) -> torch.Tensor:
    matrix, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    return matrix * torch.linalg.det(matrix) * determinant


def clouds(B: int = B) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(B)
    return 2 * torch.randn(B, N, 3, dtype=torch.float64), torch.randn(B, N, F, dtype=torch.float64)


def formula(predictor: PropertyPredictor, r: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
    """Oracle: the whole predictor by its formula, with differences and a safe square root."""
    phi, psi = predictor.message_passing.phi, predictor.pointwise_convolution.psi
    squares = (r[:, :, None] - r[:, None, :]).square().sum(-1)
    d = torch.where(squares == 0, 0, torch.where(squares == 0, 1, squares).sqrt())
    f_bar = torch.nn.functional.softplus((phi(d[..., None]) * f[:, None]).sum(2))
    return psi(f_bar).sum(1)


@pytest.fixture
def predictor() -> PropertyPredictor:
    torch.manual_seed(0)
    return PropertyPredictor(N, F, F_PRIME).double()


@pytest.fixture
def mask() -> torch.Tensor:
    return torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).bool()


def test_formula_gradients_and_second_derivatives(predictor: PropertyPredictor) -> None:
    r, f = (value.requires_grad_() for value in clouds())
    inputs = [r, f, *predictor.parameters()]

    def all_orders(y: torch.Tensor) -> list[torch.Tensor]:
        first = torch.autograd.grad((y * torch.tensor([1.0, -2.0])).sum(), inputs, create_graph=True)
        forces = first[0].square().sum() + first[1].square().sum()
        return [y, *first, *torch.autograd.grad(forces, inputs, materialize_grads=True)]

    for got, want in zip(all_orders(predictor(r, f)), all_orders(formula(predictor, r, f)), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


def test_twice_differentiable(mask: torch.Tensor) -> None:
    predictor = PropertyPredictor(N, F, pooling="mean").double()
    r, f = (value.requires_grad_() for value in clouds())
    assert torch.autograd.gradcheck(lambda r, f: predictor(r, f, mask=mask), (r, f), fast_mode=True)
    assert torch.autograd.gradgradcheck(lambda r, f: predictor(r, f, mask=mask), (r, f), fast_mode=True)


@pytest.mark.parametrize("pooling", ["sum", "mean"])
@pytest.mark.parametrize("options", [{}, {"knots": 32, "r_max": 4.0}])
def test_invariance(pooling: str, options: dict) -> None:
    torch.manual_seed(0)
    predictor = PropertyPredictor(N, F, F_PRIME, pooling=pooling, **options).double()
    r, f = clouds()
    y = predictor(r, f)
    order = torch.randperm(N)
    moved = {
        "rotation": (r @ random_orthogonal(1), f),
        "reflection": (r @ random_orthogonal(-1), f),
        "translation": (r + 10 * torch.randn(B, 1, 3, dtype=torch.float64), f),
        "order": (r[:, order], f[:, order]),
    }
    for what, (r_moved, f_moved) in moved.items():
        torch.testing.assert_close(predictor(r_moved, f_moved), y, rtol=0, atol=1e-12, msg=what)


def test_float32_is_invariant_a_million_angstrom_away() -> None:
    torch.manual_seed(0)
    predictor = PropertyPredictor(N, F)
    r, f = clouds()
    y = predictor(r, f)
    contributions = predictor.pointwise_convolution(predictor.message_passing(r, f)).abs().sum(1)
    change = (predictor(r @ random_orthogonal(1) + 1e6, f) - y).abs()
    assert (change < 8 * torch.finfo(torch.float32).eps * contributions).all()


def test_pooling(predictor: PropertyPredictor, mask: torch.Tensor) -> None:
    mean = PropertyPredictor(N, F, F_PRIME, pooling="mean").double()
    mean.load_state_dict(predictor.state_dict())
    r, f = clouds()
    sizes = mask.sum(1, keepdim=True).clamp(min=1)
    torch.testing.assert_close(mean(r, f), predictor(r, f) / N)
    torch.testing.assert_close(mean(r, f, mask=mask), predictor(r, f, mask=mask) / sizes)
    with pytest.raises(ValueError, match="pooling: wanted 'sum' or 'mean', given 'max'"):
        PropertyPredictor(N, F, pooling="max")


@pytest.mark.parametrize("garbage", [7.0, math.nan, math.inf])
@pytest.mark.parametrize("pooling", ["sum", "mean"])
def test_padding_does_not_leak(mask: torch.Tensor, pooling: str, garbage: float) -> None:
    predictor = PropertyPredictor(N, F, pooling=pooling)
    r, f = clouds()
    r_other, f_other = (torch.where(mask[..., None], value, garbage).requires_grad_() for value in (r, f))
    y = predictor(r_other, f_other, mask=mask)
    assert torch.equal(y, predictor(r, f, mask=mask))
    assert y[1].tolist() == [0.0]  # no particles
    y.sum().backward()
    assert all(value.grad.isfinite().all() for value in (r_other, f_other, *predictor.parameters()))


def test_padding_and_batching_change_rounding_only(predictor: PropertyPredictor, mask: torch.Tensor) -> None:
    r, f = clouds()
    y = predictor(r, f, mask=mask)
    for b in range(B):
        alone = formula(predictor, r[[b]][:, mask[b]], f[[b]][:, mask[b]])
        torch.testing.assert_close(y[[b]], alone, rtol=0, atol=1e-12)
        torch.testing.assert_close(predictor(r[[b]], f[[b]], mask=mask[[b]]), y[[b]], rtol=0, atol=1e-12)


def test_any_batch_and_one_particle() -> None:
    assert PropertyPredictor(N, F)(torch.zeros(0, N, 3), torch.zeros(0, N, F)).shape == (0, 1)
    assert PropertyPredictor(1, F, 3)(torch.zeros(4, 1, 3), torch.zeros(4, 1, F)).shape == (4, 3)


def test_plain_module(predictor: PropertyPredictor) -> None:
    r, f = clouds()
    twin = copy.deepcopy(predictor)
    assert torch.equal(twin(r, f), predictor(r, f))
    optimizer = torch.optim.SGD(twin.parameters(), lr=1e-5)
    before = (twin(r, f) - 1).square().mean()
    before.backward()
    optimizer.step()
    assert (twin(r, f) - 1).square().mean() < before
    assert not torch.equal(twin(r, f), predictor(r, f))  # the copy has parameters of its own
    assert {name.split(".")[0] for name in predictor.state_dict()} == {"message_passing", "pointwise_convolution"}
    assert predictor.float()(r, f).dtype == torch.float32


def test_errors_come_from_the_first_layer(predictor: PropertyPredictor) -> None:
    r, f = clouds()
    with pytest.raises(ValueError, match=r"f_batch: wanted shape \(3, 5, 4\), given \(3, 5, 3\)"):
        predictor(r, f[..., :3])


def test_mirror_images_look_alike(predictor: PropertyPredictor) -> None:
    """A limit of distances: a chiral cloud and its mirror image, though no rotation takes one to the other."""
    r, f = clouds()
    mirror = r * torch.tensor([1.0, 1.0, -1.0])
    volume = torch.linalg.det(r[:, 1:4] - r[:, :1])
    torch.testing.assert_close(torch.linalg.det(mirror[:, 1:4] - mirror[:, :1]), -volume)  # two hands
    assert volume.abs().min() > 0.1
    torch.testing.assert_close(predictor(mirror, f), predictor(r, f), rtol=0, atol=1e-12)


def test_some_different_clouds_look_alike(predictor: PropertyPredictor) -> None:
    """A limit of distances (Pozdnyakov and Ceriotti, 2022): different clouds, one prediction."""
    cloud, twin = torch.tensor([CLOUD]).double(), torch.tensor([TWIN]).double()
    d, d_twin = torch.cdist(cloud, cloud)[0], torch.cdist(twin, twin)[0]
    # the matrices of distances have different eigenvalues, so that no order of the particles makes them equal
    assert (torch.linalg.eigvalsh(d) - torch.linalg.eigvalsh(d_twin)).abs().max() > 0.01
    f = torch.ones(1, 5, F, dtype=torch.float64)
    torch.testing.assert_close(predictor(cloud, f), predictor(twin, f), rtol=0, atol=1e-12)
    assert (predictor(cloud, f) - predictor(1.01 * cloud, f)).abs().max() > 1e-6  # it does look at the cloud
