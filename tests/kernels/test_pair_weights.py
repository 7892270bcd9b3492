"""From positions to spline weights: compiled loops against the formulas in plain torch, to third derivatives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import empnet
from empnet import kernels
from empnet.basis.spline import CubicSpline
from empnet.dataset.dataset import collate
from empnet.system.one_hot import OneHot

CUTOFF = 3.0


def cloud(n: int, periodic: bool, seed: int = 0) -> empnet.System:
    rng = np.random.default_rng(seed)
    cell = np.diag([3.1, 3.4, 3.9]) + 0.2 * rng.normal(size=(3, 3)) if periodic else None
    return empnet.System(rng.uniform(0, 3, (n, 3)), [1] * n, cell=cell, pbc=[periodic] * 3)


def batch_of(*systems: empnet.System):
    return collate(systems, CUTOFF, OneHot([1]), torch.float64)


def weights(name: str, monkeypatch, batch, positions, cells, K=9, dtype=torch.float64, enveloped=True):
    monkeypatch.setenv("EMPNET_KERNELS", name)
    spline = CubicSpline(K, CUTOFF)
    return kernels.pair_weights(positions, batch.pairs, cells, batch.system_of, spline, dtype, enveloped)[:2]


BATCHES = {
    "open": lambda: batch_of(cloud(5, False), cloud(3, False, 1)),
    "periodic": lambda: batch_of(cloud(3, True), cloud(2, True, 1)),
    "one cell": lambda: batch_of(cloud(3, True)),
    "one particle": lambda: batch_of(cloud(1, False)),
    "self-images": lambda: batch_of(cloud(1, True)),
}


@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize(("threads", "enveloped"), [(1, True), (2, True), (1, False)])
def test_values_and_derivatives_are_those_of_plain_torch(name: str, threads: int, enveloped: bool, monkeypatch) -> None:
    batch = BATCHES[name]()
    torch.manual_seed(0)
    vector = torch.randn(len(batch.pairs), 4, dtype=torch.float64)

    def all_orders(kernel: str) -> list[torch.Tensor]:
        r = batch.positions.clone().requires_grad_()
        cells = None if batch.cells is None else batch.cells.clone().requires_grad_()
        w, q = weights(kernel, monkeypatch, batch, r, cells, enveloped=enveloped)
        found, slots, value = [w, q], [r] if cells is None else [r, cells], (w * vector).sum()
        for _ in range(3):
            gradients = torch.autograd.grad(value, slots, create_graph=True)
            found += gradients
            value = sum(g.pow(2).sum() for g in gradients)
        return found

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found, wanted = all_orders("compiled"), all_orders("reference")
    finally:
        torch.set_num_threads(before)
    for a, b in zip(found, wanted, strict=True):
        # some ten operations an entry, sums of at most 60 pairs: 1e3 roundings of the largest entry leave room
        largest = max(1.0, float(b.detach().abs().max())) if b.numel() else 1.0
        torch.testing.assert_close(a, b, rtol=0, atol=1e3 * 2.2e-16 * largest)


@pytest.mark.parametrize("cells_move", [False, True])
@pytest.mark.parametrize("name", ["open", "periodic"])
def test_gradients_against_finite_differences(name: str, cells_move: bool, monkeypatch) -> None:
    batch = BATCHES[name]()
    if cells_move and batch.cells is None:
        pytest.skip("nothing repeats")
    r = batch.positions.clone().requires_grad_()
    cells = None if batch.cells is None else batch.cells.clone().requires_grad_(cells_move)

    def form(r, cells=None):
        return weights("compiled", monkeypatch, batch, r, cells)[0]

    slots = [r] if cells is None else [r, cells]
    assert torch.autograd.gradcheck(form, slots)
    assert torch.autograd.gradgradcheck(form, slots, fast_mode=True)


def test_a_gradient_that_is_not_differentiated_again(monkeypatch) -> None:
    batch = BATCHES["open"]()
    found = []
    for kernel in ("compiled", "reference"):
        r = batch.positions.clone().requires_grad_()
        w, _ = weights(kernel, monkeypatch, batch, r, None)
        w.pow(2).sum().backward()
        found.append(r.grad)
    torch.testing.assert_close(*found, rtol=0, atol=1e-13)


def test_pairs_at_knots_at_the_cutoff_beyond_it_and_at_zero(monkeypatch) -> None:
    from empnet.kernels.pairs import all_pairs

    d = torch.tensor([0.0, 0.375, 0.75, 3.0 - 1e-12, 3.0, 3.0 + 1e-12, 5.0], dtype=torch.float64)  # h = 0.375
    r = torch.zeros(14, 3, dtype=torch.float64)
    r[1::2, 2] = d
    mask = torch.ones(7, 2, dtype=torch.bool)
    pairs, system_of = all_pairs(mask), torch.arange(7).repeat_interleave(2)
    spline, found = CubicSpline(9, CUTOFF), []
    for kernel in ("compiled", "reference"):
        monkeypatch.setenv("EMPNET_KERNELS", kernel)
        at = r.clone().requires_grad_()
        w, q, _ = kernels.pair_weights(at, pairs, None, system_of, spline, torch.float64)
        (g,) = torch.autograd.grad(w.square().sum() + w.sum(), at, create_graph=True)
        found.append((w.detach(), q, g.detach(), *torch.autograd.grad(g.square().sum(), at)))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13)
    w, q = found[0][:2]
    assert q[:3].tolist() == [0, 1, 2]
    assert w[4:].abs().max() == 0  # at the cutoff and beyond: nothing at all
    assert found[0][2][0].abs().max() == 0  # at distance zero there is no direction


def test_what_is_no_number_stays_so(monkeypatch) -> None:
    batch = BATCHES["open"]()
    r = batch.positions.clone()
    r[0, 0] = float("nan")
    w, q = weights("compiled", monkeypatch, batch, r, None)
    of_first = (batch.pairs.first == 0) | (batch.pairs.second == 0)
    assert w[of_first].isnan().all()
    assert not w[~of_first].isnan().any()
    assert ((q >= 0) & (q <= 7)).all()


def test_float32_weights_are_rounded_float64_ones(monkeypatch) -> None:
    batch = BATCHES["periodic"]()
    far = batch.positions + 1e6
    w, _ = weights("compiled", monkeypatch, batch, far, batch.cells, dtype=torch.float32)
    exact, _ = weights("reference", monkeypatch, batch, batch.positions, batch.cells)
    # positions 1e6 away have rounded to 1e-10; the weights' slope is below 10
    torch.testing.assert_close(w.double(), exact, rtol=0, atol=1e-7)


def test_shifts_without_cells(monkeypatch) -> None:
    batch = BATCHES["periodic"]()
    with pytest.raises(ValueError, match="because the pairs have shifts"):
        weights("compiled", monkeypatch, batch, batch.positions, None)


def test_only_those_derivatives_are_computed_that_are_asked_for(monkeypatch) -> None:
    """Forces need no gradient of the tables, and training on them none of the positions: a third of the sums."""
    from empnet.kernels import autograd_sums
    from empnet.model import Architecture, PropertyModel

    monkeypatch.setenv("EMPNET_KERNELS", "compiled")
    asked, evaluate = [], autograd_sums.PairSums.evaluate

    def counted(form, slot: int, slots):
        asked.append(autograd_sums.SLOTS[slot])
        return evaluate(form, slot, slots)

    monkeypatch.setattr(autograd_sums.PairSums, "evaluate", counted)
    model = PropertyModel(Architecture(n_species=1, pooling=("sum",), width=4, layers=2, cutoff=CUTOFF)).double()
    batch = BATCHES["open"]()
    positions = batch.positions.clone().requires_grad_()
    energy = model(replace(batch, positions=positions)).sum()
    (forces,) = torch.autograd.grad(energy, positions, create_graph=True)
    assert sorted(asked) == ["f", "g", "g", "w", "w"]  # features of the first interaction do not depend on positions
    asked.clear()
    forces.square().sum().backward(inputs=list(model.parameters()))
    assert "w" not in asked
    assert {"T", "f", "g"} == set(asked)


@pytest.mark.parametrize("kernel", ["compiled", "reference"])
@pytest.mark.parametrize("at", [0.0, 1.0, 2.0, 5.0])
def test_without_an_envelope_the_table_gives_what_was_on_the_knots(kernel: str, at: float, monkeypatch) -> None:
    from empnet.kernels.pairs import full_pairs

    monkeypatch.setenv("EMPNET_KERNELS", kernel)
    spline, pairs = CubicSpline(6, 5.0), full_pairs(1, 2, torch.device("cpu"))
    r = torch.tensor([[0.0, 0, 0], [0, at, 0]]).double()
    w, q, d = kernels.pair_weights(r, pairs, None, None, spline, torch.float64, enveloped=False)
    assert d.item() == at
    values = torch.arange(6, dtype=torch.float64).cos()
    value = (w[0] * spline.coefficients(values)[q[0] : q[0] + 4]).sum()
    torch.testing.assert_close(value, values[int(at)], rtol=0, atol=1e-13)
    beyond = r * 1.0000000000000004 if at == 5 else r + 9 * torch.eye(3)[:2].double()
    w, _, d = kernels.pair_weights(beyond, pairs, None, None, spline, torch.float64, enveloped=False)
    assert d > spline.r_max
    assert w.abs().max() == 0
