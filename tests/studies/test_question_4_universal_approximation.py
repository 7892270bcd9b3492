"""The study of universal approximation: verdicts, counter-cases, and the adversaries against networks of all kinds."""

import dataclasses
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.interpolate import CubicSpline as ScipySpline

from empnet.errors import EmpnetError
from empnet.model.message_passing import MessagePassingLayer
from empnet.pages.svg import new_figure, svg
from empnet.studies import Effort, load
from empnet.studies.networks.sigmoid_network import SigmoidNetwork
from empnet.studies.question_4_universal_approximation.adversary import against_sine, against_sine_of_inverse
from empnet.studies.question_4_universal_approximation.filter_table import order_of, table_error
from empnet.studies.question_4_universal_approximation.functions import C2, half_jump
from empnet.studies.question_4_universal_approximation.lipschitz import units_for, zigzag
from empnet.studies.question_4_universal_approximation.premises import Approximation
from empnet.studies.question_4_universal_approximation.square_wave import SquareWave
from empnet.studies.question_4_universal_approximation.waves import random_network
from empnet.studies.question_4_universal_approximation.weighted import norm_on_line

STUDY = load("universal_approximation")
QUICK = Effort(quick=True, quiet=True)
EXPECTED = {
    "IV.A.1": "true",
    "IV.A.2": "false",
    "IV.A.3": "false",
    "IV.A.4": "true",
    "IV.A.5": "false",
    "IV.A.a": "true",
    "IV.A.b": "true",
}
OPPOSITE = {"true": "false", "false": "true"}


@pytest.fixture(scope="module")
def measured():
    return STUDY.measure(STUDY.premises(), QUICK)


def test_all_options_are_there_in_order():
    assert [claim.id for claim in STUDY.claims] == list(EXPECTED)


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.id)
def test_the_verdict_and_the_counter_case(claim, measured):
    assert claim.decide(measured) == EXPECTED[claim.id] == claim.textbook
    premises = dataclasses.replace(STUDY.premises(), **claim.counter.premises)
    changed = STUDY.measure(premises, QUICK)
    assert claim.decide(changed) == OPPOSITE[EXPECTED[claim.id]]
    for evidence in (claim.evidence(measured), claim.evidence(changed)):
        assert evidence and all(isinstance(value, float | int | str | bool) for value in evidence.values())


@pytest.mark.parametrize("claim", [c for c in STUDY.claims if c.draw], ids=lambda claim: claim.id)
def test_the_figure(claim, measured):
    with new_figure() as figure:
        assert claim.draw(figure, measured).endswith(".")
        assert "<svg" in svg(figure, claim.id)


def test_the_rules_look_at_the_evidence(measured):
    m = measured
    assert dataclasses.replace(m.continuous, epsilon=1e-13).decide() == "undecided"  # above rounding, below all errors
    assert dataclasses.replace(m.sine, delta=-1.0).decide() == "undecided"  # nobody is caught at an error of 2
    assert dataclasses.replace(m.sine_of_inverse, delta=-1e9, epsilon=10.0).decide() == "true"
    assert dataclasses.replace(m.weighted, epsilon=1e-30).decide() == "undecided"
    assert dataclasses.replace(m.square_waves, epsilon=1.0).decide() == "true"
    assert dataclasses.replace(m.filter_tables, orders={"a": 4.0, "b": 3.2}).decide() == "undecided"
    assert dataclasses.replace(m.bounded_slopes, epsilon=1e-30).decide() == "undecided"


def test_measuring_again_gives_the_same_and_leaves_the_random_numbers_alone():
    from empnet.studies.question_4_universal_approximation import filter_table, square_wave

    before = torch.get_rng_state()
    waves = [
        square_wave._measured.__wrapped__(Approximation(given=2), QUICK).evidence(),
        square_wave._measured.__wrapped__(Approximation(given=2), QUICK).evidence(),
    ]
    assert waves[0] == waves[1]
    filter_table._measured.__wrapped__("relu", True)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"epsilon": 0.0}, "--epsilon 0.0; wanted at least 1e-08"),
        ({"units": 2}, "--units 2; wanted at least 5"),
        ({"functions": "C3"}, "--functions C3; wanted C2 or jumps"),
        ({"left": 1e-9}, "--left 1e-09; wanted 0, or at least 0.001"),
        ({"weight": 0.01}, "--weight 0.01; wanted 0, or at least 0.05"),
        ({"given": 30}, "--given 30; wanted at most 8"),
        ({"first": "epsilon"}, "--first epsilon; wanted units or function"),
        (
            {"epsilon": 1e-6},
            "--lipschitz 4.0 with --epsilon 1e-06; wanted a quotient, the number of units, of at most 20000; "
            "lower --lipschitz",
        ),
    ],
)
def test_invalid_premises(changed, message):
    with pytest.raises(EmpnetError) as caught:
        Approximation(**changed)
    assert str(caught.value) == message


wild = st.floats(-1e12, 1e12) | st.floats(-3, 3) | st.sampled_from([0.0, 1e-12, -1e15, 1e15])


def any_weights():
    def of(n):
        return st.tuples(*[st.lists(wild, min_size=n, max_size=n)] * 3, wild)

    return st.integers(1, 4).flatmap(of)


def error_at(weights, x, function):
    """\\|f(x) - g(x)\\|, written out."""
    with mpmath.workdps(200):
        w, b, a, c = weights
        f = c + sum(k / (1 + mpmath.exp(-(u * x + v))) for u, v, k in zip(w, b, a, strict=True))
        return abs(f - function(x))


@settings(max_examples=60)
@given(any_weights(), st.floats(1e-4, 0.5))
def test_no_network_escapes_near_zero(weights, delta):
    witness = against_sine_of_inverse(SigmoidNetwork.from_weights(*weights), delta)
    assert 0 < witness.x < 1
    assert error_at(weights, witness.x, lambda x: mpmath.sin(1 / x)) >= 1 - delta
    assert witness.error >= 1 - delta


@settings(max_examples=60)
@given(any_weights(), st.floats(1e-4, 0.5))
def test_no_network_escapes_far_out(weights, delta):
    witness = against_sine(SigmoidNetwork.from_weights(*weights), delta)
    assert error_at(weights, witness.x, mpmath.sin) >= 1 - delta
    assert witness.error >= 1 - delta


def test_on_a_compact_domain_the_witness_is_the_worst_extremum():
    f = SigmoidNetwork.from_weights([1.0], [0.0], [0.0], 0.9)  # constant
    assert float(against_sine(f, 0.01, right=6.0).x) <= 6
    far = against_sine(SigmoidNetwork.from_weights([1.0], [-40.0], [5.0], 0.0), 0.01, right=20.0)
    assert float(far.x) < 20 and float(far.error) == pytest.approx(1, abs=1e-6)
    near = against_sine_of_inverse(SigmoidNetwork.from_weights([1e6], [0.0], [5.0], 0.0), 0.01, left=0.05)
    assert 0.05 < float(near.x) < 1 and float(near.error) == pytest.approx(6)  # 5 against -1


@settings(max_examples=80)
@given(st.integers(1, 5), st.floats(1e-3, 1e3), st.integers(0, 10**6), st.floats(1e-6, 0.25))
def test_no_network_comes_near_the_square_wave(n, scale, seed, epsilon):
    wave = SquareWave.against(n, epsilon)
    assert wave.bound(n) >= epsilon
    f = random_network(n, scale, seed)
    small = SigmoidNetwork.from_weights(*f.weights[:2], f.weights.a * epsilon / scale, f.weights.c * epsilon / scale)
    assert min(wave.distance(f), wave.distance(small)) >= wave.bound(n)


@pytest.mark.parametrize("pieces", [4, 32])
def test_the_distance_is_that_of_closed_forms(pieces):
    wave = SquareWave(pieces, 2.0)
    nothing = SigmoidNetwork.from_weights([1.0], [0.0], [0.0], 0.0)
    assert wave.distance(nothing) == pytest.approx(2.0)
    steps = SigmoidNetwork.staircase(wave((np.arange(pieces) + 0.5) / pieces), 0.0, 1.0)
    # at an edge of height h = 2 A: two times the integral of h^2 / (1 + e^{st})^2, which is h^2 (ln 2 - 1/2) / s
    closed = 2 * 4.0**2 * (math.log(2) - 0.5) / (40 * pieces) * (pieces - 1)
    assert wave.distance(steps) == pytest.approx(math.sqrt(closed), rel=1e-4)  # Gauss's rule has 24 points for a piece


def test_the_weighted_norm_is_that_of_quad_and_of_closed_forms():
    double = math.sqrt(math.pi / 2)  # moments of exp(-2 x^2): x^6 has 15/64, x^0 one
    assert norm_on_line(lambda x: x**3, 1.0, 1e9).value == pytest.approx(math.sqrt(15 / 64 * double), rel=1e-12)
    f = SigmoidNetwork.from_weights([30.0], [5.0], [2.0], -1.0)
    integral = quad(lambda x: float((np.exp(-0.1 * x * x) * (f.at(np.array([x]))[0] - x)) ** 2), -20, 20, limit=500)[0]
    norm = norm_on_line(lambda x: f.at(x) - x, 0.1, 1e9)
    assert norm.finite and norm.value == pytest.approx(math.sqrt(integral), rel=1e-6)
    endless = norm_on_line(lambda x: f.at(x) - x, 0.0, 100.0)
    assert not endless.finite and endless.value > 100


def test_jumps_are_distinguished_from_slopes():
    assert half_jump(lambda x: np.floor(3 * x)) == 0.5
    assert max(half_jump(target.g) for target in C2) < 1e-9


@pytest.mark.parametrize("knots", [16, 100])
def test_the_table_is_the_spline_of_scipy(knots):
    def phi(d):
        return torch.stack([torch.sin(3 * d), 1 / (1 + d)], dim=1)

    table = np.linspace(0, 5, knots)
    spline = ScipySpline(table, phi(torch.from_numpy(table)).numpy(), bc_type="not-a-knot")
    d = np.linspace(0, 5, 8 * (knots - 1) + 1)
    exact = phi(torch.from_numpy(d)).numpy()
    wanted = abs(spline(d) - exact).max() / abs(exact).max()
    # not-a-knot at the second knots, as there; rounding is some 1e-15
    assert table_error(phi, knots, 5.0) == pytest.approx(wanted, abs=1e-13)


def test_the_table_is_that_of_the_layer():
    layer = MessagePassingLayer(N=3, F=4, knots=32, r_max=5.0)
    phi = layer.phi.double()
    d = torch.linspace(0, 5, 497, dtype=torch.float64)[:, None]
    error = table_error(lambda d: phi(d[:, None]), 32, 5.0) * float(phi(d).detach().abs().max())
    assert error == pytest.approx(layer.table_error(), rel=0.05)  # on twice as many points


def test_the_order_leaves_rounding_out():
    assert order_of({2**k + 1: 2.0 ** (-4 * k) + 1e-14 for k in range(3, 20)}) == pytest.approx(4, abs=0.02)
    assert math.isnan(order_of({17: 1e-15, 33: 1e-15}))


@pytest.mark.parametrize("slope", [0.5, 4.0])
def test_one_number_of_units_for_all_bounded_slopes(slope):
    epsilon = 0.01
    n = units_for(slope, epsilon)
    for teeth in (0.5, 3.3, n / 2, n):
        g = zigzag(teeth, slope / (4 * teeth))
        f = SigmoidNetwork.staircase(g((np.arange(n + 1) + 0.5) / (n + 1)), 0.0, 1.0)
        x = np.linspace(0, 1, 5003)
        assert abs(f.at(x) - g(x)).max() < epsilon
        assert abs(np.diff(g(x))).max() <= slope * (x[1] - x[0]) * (1 + 1e-9)
