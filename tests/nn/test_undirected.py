"""Pairs listed once: against loops, in plain torch and in compiled loops, with derivatives."""

import pickle

import pytest
import torch

from empnet.nn import kernels
from empnet.nn.message_passing import MessagePassingLayer
from empnet.nn.pairs import all_pairs, distances
from empnet.nn.spline import CubicSpline
from empnet.nn.undirected import (
    exchanged,
    undirected_distances,
    undirected_pairs,
    undirected_sums,
    undirected_weights,
)

MASK = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]]).bool()


@pytest.fixture(params=kernels.NAMES)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("EMPNET_KERNELS", request.param)
    return request.param


def problem(F: int, r_max: float = 2.0) -> tuple:
    """Positions, table, features and pairs of MASK's systems; some pairs beyond the table, two particles together."""
    torch.manual_seed(F)
    n = int(MASK.sum())
    positions = torch.randn(n, 3, dtype=torch.float64)
    positions[1] = positions[0]
    spline = CubicSpline(6, r_max)
    T, f = torch.randn(8, F, dtype=torch.float64), torch.randn(n, F, dtype=torch.float64)
    return positions, spline, T, f, undirected_pairs(MASK, tuple(MASK.shape))


@pytest.mark.parametrize("mask", [MASK, torch.ones(3, 5).bool(), torch.ones(2, 1).bool(), torch.ones(0, 3).bool()])
def test_each_ordered_pair_is_there_once(mask: torch.Tensor) -> None:
    wanted, pairs = all_pairs(mask), undirected_pairs(mask, tuple(mask.shape))
    assert torch.equal(pairs.first, wanted.first)
    assert torch.equal(pairs.second, wanted.second)
    system = mask.nonzero()[:, 0][pairs.first]
    for s, (begin, end) in enumerate(zip(pairs.bounds[:-1], pairs.bounds[1:], strict=True)):
        assert torch.equal((system == s).nonzero()[:, 0], torch.arange(begin, end))
    assert pairs.bounds[-1] == len(pairs)


@pytest.mark.parametrize("shape", [(3, 5), (2, 1), (0, 3), (3, 0), (1, 1100)])  # the last one is not kept
def test_without_a_mask_every_slot_holds_a_particle(shape: tuple[int, int]) -> None:
    found, wanted = undirected_pairs(None, shape), undirected_pairs(torch.ones(shape).bool(), shape)
    assert torch.equal(found.first, wanted.first)
    assert torch.equal(found.second, wanted.second)
    assert torch.equal(found.bounds, wanted.bounds)


def test_a_list_is_made_once_for_a_shape_and_device() -> None:
    kept = undirected_pairs(None, (2, 3))
    assert undirected_pairs(None, (2, 3)) is kept
    assert undirected_pairs(None, (2, 3), torch.device("meta")).first.device.type == "meta"
    assert undirected_pairs(None, (2, 3)) is kept


def test_what_inference_made_serves_training() -> None:
    torch.manual_seed(0)
    layer = MessagePassingLayer(7, 2, knots=8, r_max=9.0)
    r, f = torch.randn(3, 7, 3), torch.randn(3, 7, 2)
    with torch.inference_mode():
        value = layer(r, f)
    trained = layer(r.requires_grad_(), f)
    trained.sum().backward()
    assert torch.equal(value, trained)
    again = pickle.loads(pickle.dumps(layer))
    assert torch.equal(again(r, f), trained)


def test_some_of_the_pairs() -> None:
    pairs = undirected_pairs(None, (3, 3))
    some = pairs[torch.tensor([1, 2, 6])]
    assert some.first.tolist() == [0, 1, 6]
    assert some.second.tolist() == [2, 2, 7]
    assert some.bounds.tolist() == [0, 2, 2, 3]


@pytest.mark.parametrize("F", [1, 3, 17, 64])
def test_sums_are_those_of_a_loop(kernel: str, F: int) -> None:
    positions, spline, T, f, pairs = problem(F)
    w, q, _ = undirected_weights(positions, pairs, spline, torch.float64)
    found, wanted = undirected_sums(w, T, f, q, pairs), torch.zeros_like(f)
    for p, (j, i) in enumerate(zip(pairs.first, pairs.second, strict=True)):
        message = sum(w[p, b] * T[q[p] + b] for b in range(4))
        wanted[j] += message * f[i]
        wanted[i] += message * f[j]
    # each is a sum of 3 x 4 products of order one
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-13)
    phi = sum(w[:, [b]] * T[q + b] for b in range(4))
    torch.testing.assert_close(exchanged(phi, f, pairs), wanted, rtol=0, atol=1e-13)


def test_weights_are_the_splines_and_nothing_beyond_it(kernel: str) -> None:
    positions, spline, *_, pairs = problem(1)
    w, q, d = undirected_weights(positions, pairs, spline, torch.float64)
    vectors = positions[pairs.second] - positions[pairs.first]
    torch.testing.assert_close(d, vectors.norm(dim=1), rtol=1e-15, atol=0)
    far = d > spline.r_max
    assert 0 < far.sum() < len(d)
    assert d.min() == 0
    assert torch.equal(w[far], torch.zeros_like(w[far]))
    assert torch.equal(q[~far], spline.locate(d)[~far])
    torch.testing.assert_close(w[~far], spline.weights(d, q)[~far], rtol=0, atol=1e-15)
    assert undirected_weights(positions, pairs, spline, torch.float32)[0].dtype == torch.float32


@pytest.mark.parametrize("at", [0.0, 1.0, 2.0, 5.0])
def test_weights_at_a_knot_and_at_the_last_one(kernel: str, at: float) -> None:
    spline, pairs = CubicSpline(6, 5.0), undirected_pairs(None, (1, 2))
    w, q, d = undirected_weights(torch.tensor([[0.0, 0, 0], [0, at, 0]]).double(), pairs, spline, torch.float64)
    assert d.item() == at
    values = torch.randn(6, dtype=torch.float64)
    value = (w[0] * spline.coefficients(values)[q[0] : q[0] + 4]).sum()
    torch.testing.assert_close(value, values[int(at)], rtol=0, atol=1e-13)


def test_positions_that_are_no_numbers_stay_so(kernel: str) -> None:
    layer = MessagePassingLayer(3, 2, knots=8, r_max=9.0)
    r, f = torch.randn(2, 3, 3), torch.randn(2, 3, 2)
    r[0, 1, 2] = float("nan")
    f_bar = layer(r, f)
    assert f_bar[0].isnan().all()
    assert f_bar[1].isfinite().all()


def test_derivatives_to_second_order(kernel: str) -> None:
    _, spline, T, f, pairs = problem(2)
    inputs = [torch.randn(len(f), 3, dtype=torch.float64), T, f]

    def form(positions, T, f) -> torch.Tensor:
        w, q, _ = undirected_weights(positions, pairs, spline, torch.float64)
        return undirected_sums(w, T, f, q, pairs)

    inputs = [x.requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(form, inputs, fast_mode=True)
    assert torch.autograd.gradgradcheck(form, inputs, fast_mode=True)


@pytest.mark.parametrize("threads", [1, 2])
def test_compiled_loops_and_plain_torch_agree_in_derivatives(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    _, spline, T, f, pairs = problem(5)
    positions = torch.randn(len(f), 3, dtype=torch.float64)
    positions[1] = positions[0]  # nothing comes through a zero distance
    before, results = torch.get_num_threads(), []
    torch.set_num_threads(threads)
    try:
        for name in ("fused", "reference", "fused"):
            monkeypatch.setenv("EMPNET_KERNELS", name)
            inputs = [x.detach().requires_grad_() for x in (positions, T, f)]
            w, q, _ = undirected_weights(inputs[0], pairs, spline, torch.float64)
            value = undirected_sums(w, inputs[1], inputs[2], q, pairs).square().sum()
            alone = torch.autograd.grad(value, inputs, retain_graph=True)  # the compiled way back
            first = torch.autograd.grad(value, inputs, create_graph=True)
            second = torch.autograd.grad(sum(g.square().sum() for g in first), inputs)
            results.append([value.detach(), *alone, *(g.detach() for g in first), *second])
    finally:
        torch.set_num_threads(before)
    for a, b, again in zip(*results, strict=True):
        # sums of at most 4 x 9 x 5 terms, twice differentiated, each entry rounded to its largest
        torch.testing.assert_close(a, b, rtol=0, atol=1e-13 * float(b.abs().max().clamp(min=1)))
        assert torch.equal(a, again)


def test_distances_are_those_of_the_vectors() -> None:
    positions, *_, pairs = problem(1)
    vectors = positions[pairs.second] - positions[pairs.first]
    assert torch.equal(undirected_distances(positions, pairs), distances(vectors))
