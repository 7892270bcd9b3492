"""What a stagnating batch means: verdicts at the question's premises, and where they flip."""

from dataclasses import replace

import pytest

from empnet.errors import EmpnetError
from empnet.studies.claim import Effort
from empnet.studies.question_1c_one_batch import STUDY, Regression
from empnet.training.optimiser.capacity import NIL

VERDICTS = {"I.C.1": "false", "I.C.2": "true", "I.C.3": "true", "I.C.4": "false", "I.C.a": "false"}
OPPOSITE = {"true": "false", "false": "true"}


@pytest.fixture(scope="module")
def measured():
    """Premises -> evidence, each measured once."""
    known = {}

    def measure(premises):
        if premises not in known:
            known[premises] = STUDY.measure(premises, Effort(quick=True, quiet=True))
        return known[premises]

    return measure


def test_ids():
    assert [claim.id for claim in STUDY.claims] == list(VERDICTS)


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.id)
def test_a_claim_and_its_counter_case(claim, measured):
    evidence = measured(Regression())
    countered = measured(replace(Regression(), **claim.counter.premises))
    assert claim.decide(evidence) == VERDICTS[claim.id] == claim.textbook
    assert claim.decide(countered) == OPPOSITE[VERDICTS[claim.id]]
    assert all(isinstance(value, float | int | str) for value in claim.evidence(evidence).values())


def test_floors_fall_with_width(measured):
    e = measured(Regression())
    floors = [e.floors[width] for width in sorted(e.floors)]
    assert floors == sorted(floors, reverse=True)
    assert e.large_enough == 8
    assert e.noise == pytest.approx(1 / 24.9, rel=0.1)  # Friedman's function has a variance of 23.8, the noise of 1


def test_figures_are_drawn(measured):
    from empnet.pages.svg import new_figure, svg

    for claim in STUDY.claims:
        if claim.draw is not None:
            with new_figure() as figure:
                caption = claim.draw(figure, measured(Regression()))
                assert svg(figure, caption).startswith("<svg")


def test_few_noisy_points_are_learned_by_heart():
    """A wide network gets their loss to nil, whatever the noise; only the test tells."""
    e = STUDY.measure(Regression(points=40, batch=16, width=16, noise=10.0), Effort(quick=True, quiet=True))
    train, test = e.errors[16]
    assert e.floor <= NIL
    assert test > 10 * train


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"batch": 2000}, "--batch 2000; wanted at most 1000, all points"),
        ({"width": 0}, "--width 0; wanted at least 1"),
        ({"noise": -1.0}, "--noise -1.0; wanted at least 0"),
    ],
)
def test_invalid_premises(wrong, message):
    with pytest.raises(EmpnetError, match=message):
        Regression(**wrong)
