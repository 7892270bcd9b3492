"""Gradients of losses in libempnet against torch's: by all weights, from contributions, forces and stress."""

from __future__ import annotations

import gc
import pickle
import threading

import pytest
import torch
from hypothesis import given, settings

from empnet.model import training_pass
from empnet.model.architecture import Architecture
from empnet.model.energy_derivatives import energy_and_derivatives
from empnet.model.pooled_model import PooledModel
from empnet.model.property_model import PropertyModel
from empnet.model.training_pass import trainable_prediction
from empnet.native.library import is_built

from .conftest import NETWORKS_AND_LISTS, a_batch, a_model, calm

pytestmark = pytest.mark.skipif(not is_built(), reason="libempnet is not built")

CLOSE = {torch.float64: 1e-10, torch.float32: 2e-3}
"""Largest accepted difference relative to the largest number of a weight's gradient."""


def by_torch(model, batch, *, forces, stress):
    return energy_and_derivatives(model, batch, forces=forces, stress=stress, graph=True)


def loss_of(found, seed: int = 0):
    """A loss that is neither linear nor the same for two numbers, and whose slope rounds well at any size."""
    random = torch.Generator().manual_seed(seed)

    def of(x):
        weight = torch.randn(x.shape, generator=random, dtype=torch.float64)
        return (weight * x + 0.3 * torch.asinh(x)).nan_to_num(0.0).sum()

    return sum(of(x) for x in (found.values, found.forces, found.stress) if x is not None)


def gradients(predict, model, batch, forces: bool, stress: bool):
    loss = loss_of(predict(model, batch, forces=forces, stress=stress))
    found = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
    names = [name for name, _ in model.named_parameters()]
    return float(loss.detach()), {
        name: torch.zeros_like(p) if g is None else g
        for name, p, g in zip(names, model.parameters(), found, strict=True)
    }


def in_training(*arguments, **settings):
    return a_model(*arguments, **settings).train().requires_grad_(True)


def compare(model, batch) -> None:
    calm(model, batch)
    wanted = [(False, False), (True, False)]
    if batch.cells is not None:
        wanted += [(True, True), (False, True)]
    for forces, stress in wanted:
        value, right = gradients(by_torch, model, batch, forces, stress)
        found_value, found = gradients(trainable_prediction, model, batch, forces, stress)
        limit = CLOSE[model.dtype]
        assert abs(found_value - value) <= limit * max(1.0, abs(value))
        for name, expected in right.items():
            size = max(1e-6, float(expected.abs().max()))
            assert float((found[name] - expected).abs().max()) <= limit * size, (name, forces, stress)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("width", [16, 13])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("moments", [0, 1, 2, 3])
def test_against_torch(moments, layers, width, dtype):
    model = in_training(moments, layers, width, dtype)
    compare(model, a_batch([7, 1, 30, 2], [False] * 4, dtype))
    compare(model, a_batch([20, 1, 9], [True, True, True], dtype))


@pytest.mark.parametrize("layers", [1, 2])
def test_networks_without_products(layers):
    compare(in_training(0, layers, 16, torch.float64, products=False), a_batch([9, 5], [False, True], torch.float64))


@settings(max_examples=12, deadline=None)
@given(**NETWORKS_AND_LISTS)
def test_any_shape_and_list(moments, layers, width, sizes, side, seed):
    counts, periodic = map(list, zip(*sizes, strict=True))
    compare(
        in_training(moments, layers, width, torch.float64, seed=seed),
        a_batch(counts, periodic, torch.float64, side, seed),
    )


@pytest.mark.parametrize("threads", [2, 3])
def test_threads(threads):
    before = torch.get_num_threads()
    model, batch = in_training(2, 2, 16, torch.float64), a_batch([60, 40, 3], [True, True, False], torch.float64)
    try:
        torch.set_num_threads(threads)
        compare(model, batch)
        once, again = (gradients(trainable_prediction, model, batch, True, True)[1] for _ in range(2))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(once[name], again[name]) for name in once)  # the same bits for the same threads


def test_is_the_derivative_of_the_loss():
    """Not against torch, but against a difference of the loss itself."""
    model, batch = in_training(2, 2, 13, torch.float64), a_batch([8, 5], [True, True], torch.float64)
    _, slopes = gradients(trainable_prediction, model, batch, True, True)
    torch.manual_seed(1)
    step = {name: torch.randn_like(p) for name, p in model.named_parameters()}

    def loss_at(h: float) -> float:
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.add_(step[name], alpha=h)
        value = float(loss_of(trainable_prediction(model, batch, forces=True, stress=True)).detach())
        with torch.no_grad():
            for name, p in model.named_parameters():
                p.sub_(step[name], alpha=h)
        return value

    h = 1e-5
    difference = (loss_at(h) - loss_at(-h)) / (2 * h)
    slope = sum(float((slopes[name] * step[name]).sum()) for name in slopes)
    assert abs(difference - slope) < 2e-4 * abs(slope)


def test_several_steps_at_once():
    """Two losses whose steps overlap; their sum has the sum of their gradients."""
    model = in_training(1, 2, 16, torch.float64)
    batches = [a_batch([n], [False], torch.float64, seed=n) for n in (9, 14)]
    parts = [gradients(trainable_prediction, model, batch, True, False)[1] for batch in batches]
    losses = [loss_of(trainable_prediction(model, batch, forces=True)) for batch in batches]
    found = torch.autograd.grad(sum(losses), list(model.parameters()))
    for (name, _), g in zip(model.named_parameters(), found, strict=True):
        assert torch.allclose(g, parts[0][name] + parts[1][name], rtol=1e-9, atol=1e-12), name


def test_a_step_whose_gradients_nobody_wants_gives_its_memory_back():
    model, batch = in_training(1, 1, 8, torch.float64), a_batch([5], [False], torch.float64)
    ended = []
    end = training_pass._end_step
    training_pass._end_step = lambda *given: (ended.append(given), end(*given))
    try:
        found = trainable_prediction(model, batch, forces=True)
        del found
        gc.collect()
    finally:
        training_pass._end_step = end
    assert len(ended) == 1


def test_gradients_once_and_of_unchanged_weights():
    model, batch = in_training(1, 1, 8, torch.float64), a_batch([5], [False], torch.float64)
    loss = trainable_prediction(model, batch, forces=True).forces.square().sum()
    loss.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="can be computed once"):
        loss.backward()
    loss = trainable_prediction(model, batch, forces=True).forces.square().sum()
    with torch.no_grad():
        model.interactions[0].W_l.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_second_derivatives_by_weights_are_refused():
    model, batch = in_training(1, 1, 8, torch.float64), a_batch([5], [False], torch.float64)
    (slope,) = torch.autograd.grad(
        trainable_prediction(model, batch).values.sum(), [model.embedding.weight], create_graph=True
    )
    with pytest.raises(RuntimeError, match=r"once_differentiable|does not require grad"):
        torch.autograd.grad(slope.sum(), [model.embedding.weight])


def test_weights_that_do_not_move():
    model, batch = in_training(2, 2, 16, torch.float64), a_batch([9], [False], torch.float64)
    _, right = gradients(trainable_prediction, model, batch, True, False)
    model.embedding.requires_grad_(False)
    model.interactions[0].phi.requires_grad_(False)
    moving = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss_of(trainable_prediction(model, batch, forces=True)), list(moving.values()))
    for name, g in zip(moving, found, strict=True):
        assert torch.allclose(g, right[name], rtol=1e-10, atol=1e-14), name


def test_changed_weights_are_taken():
    model, batch = in_training(2, 2, 16, torch.float32), a_batch([9], [False], torch.float32)
    trainable_prediction(model, batch)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(1.1)
        model.scale.mul_(2)
        model.baseline.add_(1)
    expected = energy_and_derivatives(model, batch)
    found = trainable_prediction(model, batch, forces=True)
    assert torch.allclose(found.values, expected.values, rtol=1e-5)
    assert torch.allclose(found.forces, expected.forces, atol=1e-4 * float(expected.forces.abs().max()))
    pickle.dumps(model)  # what is in libempnet's memory is no part of the model


def test_what_torch_computes():
    batch = a_batch([6, 4], [False, False], torch.float32)
    means = PropertyModel(Architecture(n_species=3, n_features=2, pooling=("mean",), cutoff=4.0))
    assert trainable_prediction(means, batch, forces=True).forces.grad_fn.name() != "_PassBackward"
    assert trainable_prediction(means, batch).contributions.grad_fn.name() == "_PassBackward"
    pooled = PooledModel(Architecture(n_species=1, pooling=("mean",), readout="pooled", classes=3))
    assert not training_pass._served(pooled, batch, False)


@pytest.mark.parametrize("different", [1, 4], ids=["one model", "a model each"])
def test_models_in_threads(different):
    models = [in_training(1, 2, 16, torch.float64, seed=seed) for seed in range(different)] * (4 // different)
    batch = a_batch([12, 9], [False, False], torch.float64)
    right = [gradients(trainable_prediction, model, batch, True, False)[1] for model in models]
    found: list[list[dict]] = [[] for _ in models]

    def train(k: int) -> None:
        for _ in range(5):
            found[k].append(gradients(trainable_prediction, models[k], batch, True, False)[1])

    workers = [threading.Thread(target=train, args=(k,)) for k in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for k, rounds in enumerate(found):
        assert len(rounds) == 5
        for one in rounds:
            for name, g in one.items():
                assert torch.allclose(g, right[k][name], rtol=1e-9, atol=1e-13)
