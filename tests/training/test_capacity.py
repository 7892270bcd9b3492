"""The capacity probe: what can be learned by heart is, what cannot is not, and the minimum is the minimum."""

import numpy as np
import pytest
import torch

from empnet.model.perceptron import perceptron
from empnet.training.optimiser.capacity import NIL, Capacity

X = torch.from_numpy(np.random.default_rng(0).normal(size=(12, 3)))
Y = torch.sin(3 * X[:, :1]) + X[:, 1:2]


def loss(network):
    dtype = next(network.parameters()).dtype
    return (network(X.to(dtype)) - Y.to(dtype)).square().mean()


def line(widening):
    return torch.nn.Linear(3, 1)


def wide(widening):
    return perceptron(3, 2 * widening, 1, torch.nn.Tanh)


def least_squares(weight_decay):
    """Minimum of the mean squared error with a penalty on all weights, the bias included, and the error there."""
    A = np.column_stack([X.numpy(), np.ones(len(X))])
    y = Y.numpy()[:, 0]
    theta = np.linalg.solve(A.T @ A + 0.5 * len(X) * weight_decay * np.eye(4), A.T @ y)
    return theta, float(np.square(A @ theta - y).mean())


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_the_minimum_of_a_line_is_that_of_least_squares(weight_decay):
    """L-BFGS in float64: the objective is exact to some 1e-15, so the weights to the root of it, some 1e-7 with the
    condition of the problem; the error, whose gradient there is the penalty's, is as exact as the weights."""
    *adamw, lbfgs = Capacity(line, loss, weight_decay=weight_decay, steps=50).attempts(seeds=range(2))
    theta, lowest = least_squares(weight_decay)
    assert [attempt.what.split(",")[0] for attempt in adamw] == ["AdamW", "AdamW"]
    assert lbfgs.loss == pytest.approx(lowest, abs=1e-7)
    found = torch.cat([lbfgs.network.weight[0], lbfgs.network.bias]).detach().numpy()
    np.testing.assert_allclose(found, theta, atol=1e-7)


def test_no_further_than_the_first_that_reaches_nil():
    attempts = list(Capacity(wide, loss).attempts(seeds=range(5), widening=16))
    assert attempts[-1].loss <= NIL
    assert all(attempt.loss > NIL for attempt in attempts[:-1])
    assert attempts[-1].widening == 16
    assert loss(attempts[-1].network).item() == pytest.approx(attempts[-1].loss)


def test_a_floor_is_what_counts_as_nil():
    lowest = least_squares(0.0)[1]
    *_, last = Capacity(line, loss, floor=lowest, steps=500).attempts(seeds=range(1))
    assert lowest - 1e-14 <= last.loss <= lowest + NIL  # rounding of a mean of twelve squares of order one


def test_starts_differ_and_the_global_generator_is_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    a, b, _ = Capacity(wide, loss, steps=3, iterations=20).attempts(seeds=[3, 4])
    again = next(iter(Capacity(wide, loss, steps=3).attempts(seeds=[3])))
    assert a.loss != b.loss
    assert a.loss == again.loss
    assert torch.equal(torch.rand(3), expected)


def test_a_loss_that_is_no_number_ends_the_attempt():
    attempt = next(iter(Capacity(line, lambda network: loss(network) * float("nan")).attempts(seeds=[0])))
    assert attempt.steps == 1
    assert np.isnan(attempt.loss)


def test_progress_is_told():
    seen = []
    capacity = Capacity(
        line, loss, steps=3, iterations=40, named="line {}".format, show=lambda *told: seen.append(told)
    )
    list(capacity.attempts(seeds=[0]))
    assert [told[:3] for told in seen] == [
        *(("AdamW, line 1, seed 0", step, 3) for step in (1, 2, 3)),
        *(("L-BFGS in float64, line 1, from the best of these", done, 40) for done in (20, 40)),
    ]
