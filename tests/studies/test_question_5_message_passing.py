"""Claims on message passing, each with its counter-case; and the clouds that it rests on, against other routes."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from empnet.errors import EmpnetError
from empnet.pages.svg import new_figure, svg
from empnet.studies import Effort, load
from empnet.studies.question_5_message_passing import clouds
from empnet.studies.question_5_message_passing.contest import Trial
from empnet.studies.question_5_message_passing.far import rounded_positions
from empnet.studies.question_5_message_passing.measured import kept
from empnet.studies.question_5_message_passing.premises import MessagePassing
from empnet.studies.run import run

EXPECTED = {
    **dict.fromkeys(("V.A.a", "V.A.b", "V.A.c", "V.A.d"), "true"),
    **dict.fromkeys(("V.B.a", "V.B.b", "V.B.c", "V.B.d", "V.B.e"), "true"),
    "V.B.f": "false",
    **dict.fromkeys(("V.C.a", "V.C.b", "V.C.c", "V.C.d"), "true"),
    **dict.fromkeys(("V.C.e", "V.C.f", "V.C.g", "V.C.h"), "false"),
    **dict.fromkeys(("V.C.i", "V.C.j"), "true"),
    **dict.fromkeys(("V.C.k", "V.C.l", "V.C.m", "V.C.n"), "false"),
}
OPPOSITE = {"true": "false", "false": "true"}
STUDY = load("message_passing")


@pytest.fixture(scope="module")
def outcome():
    return run(STUDY, effort=Effort(quick=True, quiet=True))


@pytest.fixture(scope="module")
def findings(outcome):
    return {finding.claim.id: finding for finding in outcome.findings}


def test_the_claims_are_those_that_are_expected():
    assert [claim.id for claim in STUDY.claims] == list(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_verdict_and_counter_case(findings, name):
    finding = findings[name]
    assert finding.verdict == EXPECTED[name] == finding.claim.textbook
    assert finding.counter.verdict == OPPOSITE[EXPECTED[name]]
    assert finding.evidence
    assert all(isinstance(value, float | int | bool | str) for value in finding.evidence.values())


@pytest.mark.parametrize("name", ["V.B.e", "V.C.e", "V.C.n"])
def test_figures_can_be_drawn(outcome, findings, name):
    with new_figure() as figure:
        caption = findings[name].claim.draw(figure, outcome.measured)
        assert svg(figure, caption).startswith("<svg")
    assert caption.endswith(".")


def test_the_networks_on_coordinates_have_something_to_lose(outcome):
    contest = outcome.measured.contest
    assert contest.passing.reordered == pytest.approx(contest.passing.error, rel=1e-12)
    assert contest.dense.error < 0.95 * contest.composition
    assert contest.convolutional.error < 0.95 * contest.composition


def test_measuring_again_gives_the_same_and_leaves_the_random_state_alone(outcome):
    from empnet.studies.question_5_message_passing import blind_spots, far, layers, symmetries

    before = torch.get_rng_state()
    for part in (layers, far, symmetries, blind_spots):
        part._measured.cache_clear()
    quick = Effort(quick=True, quiet=True)
    assert STUDY.measure(MessagePassing(), quick) == outcome.measured
    assert torch.equal(torch.get_rng_state(), before)


def test_the_trained_network_is_the_same_when_it_is_trained_again(outcome):
    from empnet.studies.question_5_message_passing import contenders, contest

    contenders.contender.cache_clear()
    assert contest.trial.__wrapped__("dense, turned copies", True) == outcome.measured.contest.augmented


@pytest.mark.parametrize(
    ("premises", "wanted"),
    [
        ({"particles": 1}, "--particles 1; wanted at least 2"),
        ({"particles": 1000}, "--particles 1000; wanted at most 100"),
        ({"kernel": 2}, "--kernel 2; wanted an odd number"),
        ({"readout": "max"}, "--readout max; wanted sum or flatten"),
        ({"network": "bad"}, "--network bad; wanted coordinates or message-passing"),
        ({"shift": -1.0}, "--shift -1.0; wanted at least 0.0"),
        ({"cutoff": 0.0}, "--cutoff 0.0; wanted at least 0.1"),
    ],
)
def test_invalid_premises(premises, wanted):
    with pytest.raises(EmpnetError) as error:
        MessagePassing(**premises)
    assert str(error.value) == wanted


def test_other_premises_than_the_questions_are_measured():
    premises = dataclasses.replace(MessagePassing(), particles=2, features=1, systems=1, features_out=1)
    found = STUDY.measure(premises, Effort(quick=True, quiet=True))
    assert found.layers.loop <= found.layers.bound
    assert found.layers.pointwise_shape == (1, 2, 1)


def multiset(system, digits: int = 9) -> list[tuple[float, ...]]:
    """The sorted distances around each particle, sorted."""
    r = system.positions
    rows = [sorted(round(float(np.linalg.norm(a - b)), digits) for b in r) for a in r]
    return sorted(map(tuple, rows))


def test_the_two_clouds_have_equal_distances_around_every_particle_but_not_equal_angles():
    flat, bent = clouds.hexagon(), clouds.antiprism()
    assert multiset(flat) == multiset(bent)
    assert np.linalg.matrix_rank(flat.positions) == 2
    assert np.linalg.matrix_rank(bent.positions) == 3

    def triangles(system):  # the sides of all triangles: what distances of pairs alone do not tell
        r = system.positions
        return sorted(
            tuple(sorted(round(float(np.linalg.norm(r[i] - r[j])), 6) for i, j in itertools.combinations(three, 2)))
            for three in itertools.combinations(range(6), 3)
        )

    assert triangles(flat) != triangles(bent)


def test_rings_look_alike_up_to_their_sides():
    within = [
        [tuple(d for d in row if d <= 2.0) for row in multiset(ring)]
        for ring in (clouds.hexagon(), clouds.two_triangles())
    ]
    assert within[0] == within[1] == [(0.0, 1.5, 1.5)] * 6


def test_smallest_rmsd_against_scipy():
    from scipy.spatial.transform import Rotation

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 3)), rng.normal(size=(4, 3))
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    each = [
        Rotation.align_vectors(a, sign * b[list(order)])[1] / 2  # its root of the sum of squares, of four particles
        for order in itertools.permutations(range(4))
        for sign in (1, -1)
    ]
    assert clouds.smallest_rmsd(a, b) == pytest.approx(min(each), abs=1e-9)


def test_rounding_positions_to_float32_changes_distances_less_than_is_said():
    rng = np.random.default_rng(1)
    r = torch.from_numpy(rng.uniform(0, 5, (1, 40, 3)) + np.array([2e3, -7e3, 5e3]))
    exact = torch.linalg.vector_norm(r[0, :, None] - r[0, None], dim=-1)
    rounded = r.float().double()
    error = (torch.linalg.vector_norm(rounded[0, :, None] - rounded[0, None], dim=-1) - exact).abs().max()
    assert 0.1 * rounded_positions(r) < error < rounded_positions(r)


def test_an_error_is_kept_lost_or_in_doubt():
    trial = Trial(10.0, 11.0, 10.4, turned_doubt=0.2, reordered_doubt=0.1, changes={})
    assert kept(trial, "turned") == "false"
    assert kept(trial, "reordered") == "true"
    assert kept(dataclasses.replace(trial, turned_doubt=0.6), "turned") == "undecided"
