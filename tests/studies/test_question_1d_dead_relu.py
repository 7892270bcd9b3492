"""The study of dead ReLUs: its verdicts, its counter-cases, and networks written out by hand."""

import dataclasses

import numpy as np
import pytest
import torch

from empnet.errors import EmpnetError
from empnet.pages.svg import new_figure, svg
from empnet.studies import Effort
from empnet.studies.question_1d_dead_relu import STUDY
from empnet.studies.question_1d_dead_relu.measurement import Networks, measure, random_inputs, random_network

QUICK = Effort(quick=True, quiet=True)
VERDICTS = {
    "I.D.1": "true",
    "I.D.2": "false",
    "I.D.3": "false",
    "I.D.4": "false",
    "I.D.a": "true",
    "I.D.b": "true",
    "I.D.c": "true",
}
OPPOSITE = {"true": "false", "false": "true"}


@pytest.fixture(scope="module")
def measured():
    """What was measured under any premises, once."""
    known = {}

    def under(**premises):
        case = Networks(**premises)
        if case not in known:
            known[case] = measure(case, QUICK)
        return known[case]

    return under


def claim(name: str):
    return next(claim for claim in STUDY.claims if claim.id == name)


def test_all_claims_are_here():
    assert [claim.id for claim in STUDY.claims] == list(VERDICTS)


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.id)
def test_verdicts_and_counter_cases(measured, claim):
    assert claim.decide(measured()) == VERDICTS[claim.id] == claim.textbook
    changed = measured(**claim.counter.premises)
    assert claim.decide(changed) == OPPOSITE[VERDICTS[claim.id]]
    assert claim.evidence(measured())
    assert claim.evidence(changed)


@pytest.mark.parametrize(
    "premises",
    [{}, {"bias": -0.3}, {"negative_weights": 0.3}, {"activation": "leaky_relu"}, {"positive_inputs": 0.5}],
    ids=str,
)
def test_networks_are_what_the_premises_say(premises):
    """The formula written out in NumPy gives the network's output; weights, biases and inputs have their signs."""
    given = Networks(**premises)
    generator = torch.Generator().manual_seed(3)
    model, x = random_network(given, generator), random_inputs(given, generator)
    weights = [p.detach().numpy() for name, p in model.named_parameters() if name.endswith("weight")]
    biases = [p.detach().numpy() for name, p in model.named_parameters() if name.endswith("bias")]
    assert len(weights) == given.layers + 1
    h = x.numpy().T
    for number, (w, b) in enumerate(zip(weights, biases, strict=True)):
        h = w @ h + b[:, None]
        if number < given.layers:
            h = np.where(h > 0, h, (0.01 if given.activation == "leaky_relu" else 0.0) * h)
    # rounding of sums of up to 32 products below 3, six times over
    np.testing.assert_allclose(model(x).detach().numpy()[:, 0], h[0], rtol=0, atol=6 * 32 * 3 * 2**-52)
    numbers = np.concatenate([w.ravel() for w in weights])
    # five standard deviations of a share among all 4,800 weights, or 4,000 entries
    assert np.mean(numbers < 0) == pytest.approx(given.negative_weights, abs=5 * 0.5 / np.sqrt(4000))
    assert np.mean(x.numpy() > 0) == pytest.approx(given.positive_inputs, abs=5 * 0.5 / np.sqrt(4000))
    assert np.abs(numbers).max() <= given.weight
    assert np.abs(numbers).min() > 0
    assert all((b == given.bias).all() for b in biases)


def test_where_the_signal_dies(measured):
    e = measured()
    assert e.alive.tolist() == [0] * 5
    assert e.unreached.tolist() == [0, 1, 1, 1, 1]  # only the first layer's units died; the others get nothing
    assert e.spreads["these networks"][0] > 0
    assert not e.spreads["these networks"][1:].any()


def test_negative_biases_keep_it_dead(measured):
    """Less than nothing is nothing, too, but the output's own bias is negative."""
    e = measured(bias=-0.3)
    assert e.negative == e.outputs
    assert e.smallest == e.largest == -0.3


def test_a_bias_comes_through_but_no_signal(measured):
    e = measured(bias=0.1)
    assert e.positive == e.outputs
    assert not e.spreads["these networks"][1:].any()
    assert not e.alive.any()


def test_without_hidden_layers(measured):
    e = measured(layers=0)
    assert e.negative == e.outputs
    assert claim("I.D.a").decide(e) == "undecided"


def test_effort():
    assert measure(Networks(networks=3, samples=2), Effort(quiet=True)).networks == 3
    assert measure(Networks(networks=51, samples=2, width=2, layers=1), QUICK).networks == 50


def test_the_same_premises_give_the_same_and_leave_the_random_numbers_alone():
    before = torch.random.get_rng_state()
    few = Networks(networks=3, negative_weights=0.5)
    first, second = measure(few, QUICK), measure(few, QUICK)
    assert first.smallest == second.smallest
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("premises", "message"),
    [
        ({"layers": -1}, "--layers -1; wanted at least 0"),
        ({"negative_weights": 1.5}, "--negative-weights 1.5; wanted at most 1.0"),
        ({"activation": "tanh"}, "--activation tanh; wanted relu or leaky_relu"),
    ],
)
def test_impossible_premises(premises, message):
    with pytest.raises(EmpnetError) as error:
        dataclasses.replace(Networks(), **premises)
    assert str(error.value) == message


@pytest.mark.parametrize("premises", [{}, {"layers": 0}, {"activation": "leaky_relu"}])
def test_figures(measured, premises):
    with new_figure() as figure:
        assert svg(figure, claim("I.D.a").draw(figure, measured(**premises))).startswith("<svg")
