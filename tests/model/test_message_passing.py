"""Message passing against its formula, to second derivatives, and against torch.cdist."""

import copy
import math

import pytest
import torch

from empnet.model.message_passing import MessagePassingLayer

B, N, F = 3, 5, 4


def rotation(seed: int = 0) -> torch.Tensor:
    matrix, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))
    return matrix * torch.linalg.det(matrix)


def clouds(B: int = B, N: int = N, F: int = F) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(B + N + F)
    return 2 * torch.randn(B, N, 3, dtype=torch.float64), torch.randn(B, N, F, dtype=torch.float64)


def by_differences(r: torch.Tensor) -> torch.Tensor:
    """Oracle for distances: differences and a safe square root, derivatives of all orders."""
    squares = (r[:, :, None] - r[:, None, :]).square().sum(-1)
    return torch.where(squares == 0, 0, torch.where(squares == 0, 1, squares).sqrt())


def by_cdist(r: torch.Tensor) -> torch.Tensor:
    """Oracle for distances: torch's own, first derivatives only."""
    return torch.cdist(r, r, compute_mode="donot_use_mm_for_euclid_dist")


def formula(layer: MessagePassingLayer, d: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
    """Oracle: f_bar_jk = softplus(sum_i phi(d_ji)_k f_ik), phi written out."""
    hidden = torch.nn.functional.softplus(d[..., None] @ layer.phi[0].weight.T + layer.phi[0].bias)
    phi = hidden @ layer.phi[2].weight.T + layer.phi[2].bias  # (B, N, N, F)
    return torch.nn.functional.softplus(torch.einsum("bjik,bik->bjk", phi, f))


@pytest.fixture
def layer() -> MessagePassingLayer:
    torch.manual_seed(0)
    return MessagePassingLayer(N, F).double()


@pytest.fixture
def mask() -> torch.Tensor:
    return torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).bool()


def derivatives(f_bar: torch.Tensor, inputs: list[torch.Tensor], order: int) -> list[torch.Tensor]:
    """The derivatives up to an order, each a product of the one before with the same random numbers."""
    random = torch.Generator().manual_seed(1)
    found, values = [], (f_bar,)
    for _ in range(order):
        scalar = sum((value * torch.randn(value.shape, dtype=value.dtype, generator=random)).sum() for value in values)
        values = torch.autograd.grad(scalar, inputs, create_graph=True)
        found.extend(values)
    return found


@pytest.mark.parametrize("distance", [by_differences, by_cdist])
def test_formula_and_its_derivatives(layer: MessagePassingLayer, distance) -> None:
    r, f = (value.requires_grad_() for value in clouds())
    found, wanted = layer(r, f), formula(layer, distance(r), f)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-10)
    inputs, order = [r, f, *layer.parameters()], 1 if distance is by_cdist else 2
    for got, want in zip(derivatives(found, inputs, order), derivatives(wanted, inputs, order), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


def test_gradcheck_with_mask(mask: torch.Tensor) -> None:
    layer = MessagePassingLayer(N, 2).double()
    r, f = (value.requires_grad_() for value in clouds(F=2))
    form = lambda r, f: layer(r, f, mask=mask)  # noqa: E731
    assert torch.autograd.gradcheck(form, (r, f), fast_mode=True)
    assert torch.autograd.gradgradcheck(form, (r, f), fast_mode=True)


def test_one_particle_receives_its_own_message() -> None:
    layer = MessagePassingLayer(1, F).double()
    r, f = clouds(N=1)
    phi_0 = layer.phi(torch.zeros(1, 1, dtype=torch.float64))
    torch.testing.assert_close(layer(r, f), torch.nn.functional.softplus(phi_0 * f))


@pytest.mark.parametrize("options", [{}, {"knots": 16, "r_max": 3.0}])
def test_an_empty_batch(options: dict) -> None:
    layer = MessagePassingLayer(N, F, **options)
    r, f = torch.zeros(0, N, 3, requires_grad=True), torch.zeros(0, N, F)
    f_bar = layer(r, f)
    assert f_bar.shape == (0, N, F)
    f_bar.sum().backward()
    assert all(torch.equal(p.grad, torch.zeros_like(p)) for p in layer.parameters())


@pytest.mark.parametrize("options", [{}, {"knots": 16, "r_max": 3.0}])
@pytest.mark.parametrize("garbage", [7.0, math.nan, math.inf])
def test_empty_slots_are_zero_and_never_read(mask: torch.Tensor, options: dict, garbage: float) -> None:
    layer = MessagePassingLayer(N, F, **options).double()
    r, f = clouds()
    r_other, f_other = (torch.where(mask[..., None], value, garbage).requires_grad_() for value in (r, f))
    found = layer(r_other, f_other, mask=mask)
    assert torch.equal(found, layer(r, f, mask=mask))
    assert torch.equal(found[~mask], torch.zeros_like(found[~mask]))
    gradients = torch.autograd.grad(found.sum(), [r_other, f_other, *layer.parameters()])
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert all(torch.equal(g[~mask], torch.zeros_like(g[~mask])) for g in gradients[:2])


def test_padding_changes_rounding_only(layer: MessagePassingLayer, mask: torch.Tensor) -> None:
    r, f = clouds()
    f_bar = layer(r, f, mask=mask)
    for b in range(B):
        here = mask[b]
        alone = formula(layer, by_differences(r[[b]][:, here]), f[[b]][:, here])
        torch.testing.assert_close(f_bar[[b]][:, here], alone, rtol=0, atol=1e-12)


def test_unchanged_by_motion_and_carried_by_permutation(layer: MessagePassingLayer) -> None:
    r, f = clouds()
    f_bar = layer(r, f)
    order = torch.randperm(N)
    for moved in (r @ rotation(), r @ -rotation(), r + torch.randn(3, dtype=torch.float64)):
        torch.testing.assert_close(layer(moved, f), f_bar, rtol=0, atol=1e-12)
    torch.testing.assert_close(layer(r[:, order], f[:, order]), f_bar[:, order], rtol=0, atol=1e-12)


@pytest.mark.parametrize("options", [{}, {"knots": 64, "r_max": 3.0}])
def test_coincident_particles_are_at_phi_of_zero(options: dict) -> None:
    layer = MessagePassingLayer(2, F, **options).double()
    r, f = torch.ones(1, 2, 3, dtype=torch.float64, requires_grad=True), clouds(1, 2)[1]
    phi_0 = layer.phi(torch.zeros(1, 1, dtype=torch.float64))
    f_bar = layer(r, f)
    wanted = torch.nn.functional.softplus(phi_0 * f.sum(1, keepdim=True)).expand(1, 2, F)
    torch.testing.assert_close(f_bar, wanted, rtol=0, atol=1e-12)
    (gradient,) = torch.autograd.grad(f_bar.sum(), r, create_graph=True)
    assert torch.equal(gradient, torch.zeros_like(r))


def test_coincident_particles_do_not_spoil_others(layer: MessagePassingLayer) -> None:
    r, f = clouds()
    r[:, 1] = r[:, 0]
    r.requires_grad_()
    inputs = [r, *layer.parameters()]
    found = derivatives(layer(r, f), inputs, 2)
    for got, want in zip(found, derivatives(formula(layer, by_differences(r), f), inputs, 2), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("r_max", [1.5, 20.0])
def test_the_table_is_as_near_as_it_says(layer: MessagePassingLayer, r_max: float) -> None:
    table = MessagePassingLayer(N, F, knots=24, r_max=r_max).double()
    table.load_state_dict(layer.state_dict())
    r, f = clouds()
    assert (by_differences(r) > 1.5).any()  # so that some pairs lie beyond the shorter table
    error = table.table_error()
    assert 0 < error < 1e-3
    # softplus has slopes of at most 1, and N messages meet
    assert (table(r, f) - layer(r, f)).abs().max() <= N * error * f.abs().max() + 1e-14
    assert layer.table_error() == 0


def test_pairs_beyond_the_table_are_exact(layer: MessagePassingLayer) -> None:
    table = MessagePassingLayer(N, F, knots=4, r_max=0.1).double()
    table.load_state_dict(layer.state_dict())
    r, f = clouds()
    assert by_differences(r)[:, ~torch.eye(N).bool()].min() > 0.1
    torch.testing.assert_close(table(r, f), layer(r, f), rtol=0, atol=1e-12)


def test_derivatives_of_the_table_are_its_own() -> None:
    torch.manual_seed(0)
    layer = MessagePassingLayer(4, 2, knots=6, r_max=3.0).double()
    r, f = (value.requires_grad_() for value in clouds(2, 4, 2))
    assert torch.autograd.gradcheck(layer, (r, f), fast_mode=True)
    assert torch.autograd.gradgradcheck(layer, (r, f), fast_mode=True)


def test_table_error_with_fresh_parameters_is_as_documented() -> None:
    torch.manual_seed(0)
    assert all(MessagePassingLayer(N, 64, knots=128, r_max=5.0).table_error() < 1e-8 for _ in range(3))


def test_far_from_the_origin() -> None:
    """At 10,000 angstrom: torch.cdist on float32 positions, and this layer on float64 ones."""
    torch.manual_seed(0)
    N = 30  # above 25 points, torch.cdist multiplies matrices
    layer = MessagePassingLayer(N, F)
    r, f = 2 * torch.randn(1, N, 3, dtype=torch.float64), torch.randn(1, N, F)
    d = by_differences(r)
    far = r @ rotation() + 1e4
    plain_error = (torch.cdist(far.float(), far.float()) - d).abs().max().item()
    our_error = (layer(far, f) - layer(r, f)).abs().max().item()
    print(f"at 10,000 angstrom: torch.cdist in float32 is off by {plain_error:.1f} angstrom, f_bar by {our_error:.0e}")
    assert plain_error > 1
    # f_bar sums N terms phi f in float32, with some roundings each
    terms = N * layer.phi(d[..., None].float()).abs().max() * f.abs().max()
    assert our_error < 8 * torch.finfo(torch.float32).eps * terms.item()


def test_dtypes(layer: MessagePassingLayer) -> None:
    r, f = clouds()
    exact = layer(r, f)
    assert layer(r.float(), f.float()).dtype == torch.float64
    assert layer.float()(r, f).dtype == torch.float32
    torch.testing.assert_close(layer(r, f).double(), exact, rtol=0, atol=1e-5)
    assert layer.bfloat16()(r, f).dtype == torch.bfloat16


def test_state_dict_and_copies(layer: MessagePassingLayer) -> None:
    table = MessagePassingLayer(N, F, knots=16, r_max=3.0)
    shapes = {name: tuple(value.shape) for name, value in table.state_dict().items()}
    assert shapes == {
        "phi.0.weight": (128, 1), "phi.0.bias": (128,), "phi.2.weight": (F, 128), "phi.2.bias": (F,)
    }  # fmt: skip
    assert shapes.keys() == layer.state_dict().keys()
    r, f = clouds()
    assert torch.equal(copy.deepcopy(layer)(r, f), layer(r, f))
    other = MessagePassingLayer(N, F).double()
    other.load_state_dict(layer.state_dict())
    assert torch.equal(other(r, f), layer(r, f))


def test_wrong_shapes_and_dtypes_are_named(layer: MessagePassingLayer) -> None:
    r, f = clouds()
    with pytest.raises(ValueError, match=r"r_batch: wanted shape \(B, 5, 3\), given \(3, 5, 2\)"):
        layer(r[..., :2], f)
    with pytest.raises(ValueError, match=r"r_batch: wanted shape \(B, 5, 3\), given \(3, 4, 3\)"):
        layer(r[:, :4], f)
    with pytest.raises(ValueError, match=r"f_batch: wanted shape \(3, 5, 4\), given \(2, 5, 4\)"):
        layer(r, f[:2])
    with pytest.raises(ValueError, match=r"r_batch: wanted floating-point numbers, given torch.int64"):
        layer(r.long(), f)
    with pytest.raises(ValueError, match=r"f_batch: wanted floating-point numbers, given torch.bool"):
        layer(r, f.bool())
    with pytest.raises(ValueError, match=r"mask: wanted shape \(3, 5\), given \(3, 5, 1\)"):
        layer(r, f, mask=torch.ones(B, N, 1, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask: wanted torch.bool .* given torch.int64"):
        layer(r, f, mask=torch.ones(B, N, dtype=torch.int64))


@pytest.mark.parametrize("options", [{"knots": 8}, {"r_max": 3.0}])
def test_a_table_needs_knots_and_range(options: dict) -> None:
    with pytest.raises(ValueError, match="knots and r_max: wanted both or neither"):
        MessagePassingLayer(N, F, **options)


def test_what_inference_made_serves_training() -> None:
    import pickle

    torch.manual_seed(0)
    layer = MessagePassingLayer(7, 2, knots=8, r_max=9.0)
    r, f = torch.randn(3, 7, 3), torch.randn(3, 7, 2)
    with torch.inference_mode():
        value = layer(r, f)
    trained = layer(r.requires_grad_(), f)
    trained.sum().backward()
    assert torch.equal(value, trained)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(r, f), trained)


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
def test_positions_that_are_no_numbers_stay_so(kernel: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPNET_KERNELS", kernel)
    layer = MessagePassingLayer(3, 2, knots=8, r_max=9.0)
    r, f = torch.randn(2, 3, 3), torch.randn(2, 3, 2)
    r[0, 1, 2] = float("nan")
    f_bar = layer(r, f)
    assert f_bar[0].isnan().all()
    assert f_bar[1].isfinite().all()
