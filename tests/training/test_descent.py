"""Descent on small problems whose answer is known."""

import math
import os
import signal

import numpy as np
import pytest
import torch

from empnet.errors import EmpnetError
from empnet.training.optimiser.descent import descend, epoch_batches, fit, take_step


def line() -> tuple[torch.nn.Linear, torch.Tensor]:
    return torch.nn.Linear(1, 1), torch.linspace(0, 1, 8)[:, None]


def test_each_index_once_in_an_order_that_the_epoch_decides():
    first, again, next_ = (epoch_batches(np.arange(5, 28), 8, seed=3, epoch=epoch) for epoch in (0, 0, 1))
    assert sorted(np.concatenate(first)) == list(range(5, 28))
    assert {len(batch) for batch in first} <= {7, 8}
    assert all(map(np.array_equal, first, again))
    assert not np.array_equal(np.concatenate(first), np.concatenate(next_))


def test_a_gradient_that_is_no_number_moves_nothing():
    x = torch.ones(1, requires_grad=True)
    length = take_step((x * math.nan).sum(), torch.optim.SGD([x], lr=1.0), clip=lambda p: next(iter(p)).grad.item())
    assert math.isnan(length)
    assert x.item() == 1.0


def test_lbfgs_solves_a_quadratic():
    a = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    losses = list(descend(lambda _: x @ a @ x / 2 - x.sum(), range(3), optimizer))
    assert losses[0] == 0.0
    np.testing.assert_allclose(x.detach(), np.linalg.solve(a, np.ones(2)), rtol=1e-6)  # its default tolerance: 1e-7


def test_the_rate_of_each_step():
    x = torch.zeros(1, requires_grad=True)
    list(descend(lambda _: x.sum(), range(3), torch.optim.SGD([x], lr=9.0), rate=lambda step: 10.0**-step))
    assert x.item() == pytest.approx(-1.11)


def test_the_best_weights_are_kept_and_patience_ends():
    model, x = line()
    scores = iter([3.0, 1.0, 2.0, 2.0, 0.0])
    seen = []

    def validate() -> float:
        assert not model.training
        assert not torch.is_grad_enabled()
        seen.append(model.weight.item())
        return next(scores)

    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    course = fit(model, lambda _: [x], lambda x: model(x).sum(), sgd, epochs=9, validate=validate, patience=2)
    assert (course.best, course.epochs, course.validation) == (1, 4, [3.0, 1.0, 2.0, 2.0])
    assert model.weight.item() == seen[1]
    assert not model.training


def test_a_loss_that_is_no_number_is_told_and_the_best_weights_are_there():
    model, x = line()
    scores = iter([1.0, math.nan])
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(EmpnetError, match="no longer a number in epoch 2; lower the learning rate"):
        fit(model, lambda _: [x], lambda x: model(x).sum(), sgd, epochs=9, validate=lambda: next(scores))
    assert math.isfinite(model.weight.item())


def test_an_interruption_ends_the_epoch_and_keeps_the_best_weights():
    model, x = line()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    epochs = []

    def batches(epoch):
        epochs.append(epoch)
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return [x]

    with pytest.raises(KeyboardInterrupt):
        fit(model, batches, lambda x: model(x).square().mean(), sgd, epochs=99, validate=lambda: 0.0)
    assert epochs == [0, 1, 2]
    assert not model.training
