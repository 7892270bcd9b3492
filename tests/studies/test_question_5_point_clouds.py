"""Claims on clouds of points, each with its counter-case; and the cases and numbers that they rest on."""

import dataclasses

import numpy as np
import pytest
import torch

from empnet.errors import EmpnetError
from empnet.files.write import write
from empnet.pages.svg import new_figure, svg
from empnet.studies import Effort, load
from empnet.studies.data.scanned_surfaces import scanned_surfaces
from empnet.studies.question_5_point_clouds.cases import (
    CASES,
    changed,
    clouds_for,
    listed_points,
    rotations,
    spread_points,
)
from empnet.studies.question_5_point_clouds.claims import MOVED, unmoved
from empnet.studies.question_5_point_clouds.contenders import contender, plan_for
from empnet.studies.question_5_point_clouds.measurement import PARTS, Trial, balanced, fall
from empnet.studies.question_5_point_clouds.premises import PointClouds
from empnet.studies.run import run
from empnet.system.system import System

EXPECTED = {
    **dict.fromkeys(("V.0.a", "V.0.b"), "false"),
    **dict.fromkeys(("V.0.c", "V.0.d", "V.0.e", "V.0.f"), "true"),
    **dict.fromkeys(("V.0.g", "V.0.h", "V.0.i"), "false"),
}
OPPOSITE = {"true": "false", "false": "true"}
STUDY = load("clouds")


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
    assert all(isinstance(value, float | int | bool | str) for value in finding.evidence.values())


def test_the_figure_can_be_drawn(outcome, findings):
    with new_figure() as figure:
        caption = findings["V.0.a"].claim.draw(figure, outcome.measured)
        assert svg(figure, caption).startswith("<svg")
    assert caption.endswith(".")


def test_the_table_has_all_classifiers(findings):
    for name in PARTS.values():
        assert f"{name}: upright; turned about z; tilted" in findings["V.0.c"].evidence


def test_networks_on_coordinates_have_learned_something_and_fall_below_sixty_per_cent(outcome):
    for part in ("point_net", "pictures"):
        trial = outcome.measured.trials[part]
        assert trial.accuracy("upright").low > 0.5
        assert trial.accuracy("tilted").value < 0.6
        assert trial.moved["reordered"] <= MOVED


def test_message_passing_moves_no_logit(outcome):
    trials = outcome.measured.trials
    for case in CASES:
        assert unmoved(trials["full"], case) == unmoved(trials["forest_full"], case) == "true"
    assert trials["full"].right["tilted"] == trials["full"].right["upright"]
    assert unmoved(trials["vertical"], "tilted") == "false"


def test_a_network_is_the_same_when_it_is_trained_again_and_random_numbers_are_left_alone():
    clouds, before = clouds_for("generated", "label", True), torch.get_rng_state()
    some = clouds.test[::8]
    one, other = (contender("dense", clouds, 32, plan_for(True), seed=1).logits(some) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_clouds_are_split_within_each_class():
    clouds = clouds_for("generated", "label", True)
    assert (np.bincount(clouds.numbers(clouds.test)) == 16).all()
    assert (np.bincount(clouds.numbers(clouds.train)) == 32).all()
    assert not {id(cloud) for cloud in clouds.train} & {id(cloud) for cloud in clouds.test}


def test_cases_change_what_their_names_say():
    clouds = scanned_surfaces(1)
    for case in CASES:
        for cloud, other in zip(clouds, changed(clouds, case), strict=True):
            r, s = (each.positions - each.positions.mean(axis=0) for each in (cloud, other))
            np.testing.assert_allclose(np.sort((r**2).sum(1)), np.sort((s**2).sum(1)), rtol=1e-9)
            assert np.allclose(r, s) == (case == "upright")
            assert np.allclose(r[:, 2], s[:, 2]) == (case in ("upright", "turned"))
            assert np.allclose(np.sort(r[:, 0]), np.sort(s[:, 0])) == (case in ("upright", "reordered"))


def test_rotations_have_no_direction_of_their_own():
    matrices = rotations(4000, "any", np.random.default_rng(0))
    np.testing.assert_allclose(matrices.mean(axis=0), 0, atol=0.03)
    np.testing.assert_allclose((matrices**2).mean(axis=0), 1 / 3, atol=0.03)


def test_spread_points_turn_with_the_cloud_and_do_not_know_its_order():
    clouds = scanned_surfaces(1)
    own, mixed = spread_points(clouds, 40), spread_points(changed(clouds, "reordered"), 40)
    np.testing.assert_allclose(own, mixed, atol=1e-12)
    turned = spread_points(changed(clouds, "turned"), 40)
    np.testing.assert_allclose(own[..., 2], turned[..., 2], atol=1e-9)
    np.testing.assert_allclose((own**2).sum(-1).mean(-1), 1)
    assert np.abs(listed_points(clouds, 40) - listed_points(changed(clouds, "reordered"), 40)).max() > 0.1


def test_points_of_small_clouds_are_repeated():
    corner = System([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]])
    points = spread_points([corner], 9)[0]
    np.testing.assert_array_equal(points[:4], points[4:8])
    with pytest.raises(EmpnetError, match="all points of a cloud are equal"):
        spread_points([System(np.ones((5, 3)))], 4)


def test_balanced_accuracy_is_the_mean_over_classes():
    """Standard errors of two classes of 100 and 400 clouds, half of them right: 0.05 and 0.025, 0.028 of the mean."""
    labels = np.repeat([0, 1], [100, 400])
    values = np.tile([0.0, 1.0], 250)
    interval = balanced(values, labels)
    assert interval.value == 0.5
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * np.hypot(0.05, 0.025) / 2, rel=0.1)


def test_a_fall_is_counted_cloud_by_cloud():
    upright, tilted = (1.0, 1.0, 0.0, 1.0), (1.0, 0.0, 0.0, 1.0)
    trial = Trial((0, 0, 1, 1), {"upright": upright, "tilted": tilted}, {"tilted": 0.75}, {"tilted": 1.0}, 0.0)
    assert fall(trial, trial, "tilted").value == 0.25
    assert unmoved(trial, "tilted") == "false"
    assert unmoved(dataclasses.replace(trial, same={"tilted": 1.0}, moved={"tilted": 1e-6}), "tilted") == "true"
    assert unmoved(dataclasses.replace(trial, same={"tilted": 1.0}), "tilted") == "false"


def test_own_data_are_read_by_the_names_that_are_given(tmp_path):
    path = tmp_path / "own.extxyz"
    named = [
        System(cloud.positions, np.zeros(len(cloud), int), info={"kind": cloud.info["label"]})
        for cloud in scanned_surfaces(6, families=("pole", "dome"))
    ]
    write(path, named)
    clouds = clouds_for(str(path), "kind", False)
    assert clouds.classes == ("dome", "pole")
    assert (len(clouds.train), len(clouds.test)) == (8, 4)
    assert clouds.train[0].species is None
    with pytest.raises(EmpnetError, match="no property 'label'"):
        clouds_for(str(path), "label", False)


@pytest.mark.parametrize(
    ("families", "each", "wanted"),
    [
        (("pole",), 6, "all clouds are of one class"),
        (("pole", "dome"), 5, "class 'dome' has 5 clouds; wanted six or more of each class"),
    ],
)
def test_data_that_cannot_be_classified(tmp_path, families, each, wanted):
    path = tmp_path / "few.extxyz"
    clouds = scanned_surfaces(each, families=families)
    write(path, [System(c.positions, np.zeros(len(c), int), info=c.info) for c in clouds])
    with pytest.raises(EmpnetError, match=wanted):
        clouds_for(str(path), "label", False)


@pytest.mark.parametrize(
    ("premises", "wanted"),
    [
        ({"points": 8}, "--points 8; wanted at least 16"),
        ({"network": "bad"}, "--network bad; wanted own or message-passing or dense"),
        ({"symmetry": "none"}, "--symmetry none; wanted full or vertical"),
    ],
)
def test_invalid_premises(premises, wanted):
    with pytest.raises(EmpnetError) as error:
        PointClouds(**premises)
    assert str(error.value) == wanted
