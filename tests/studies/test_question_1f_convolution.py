"""The study of convolution: its verdicts, its counter-cases, and shapes and parameters for any premises."""

import dataclasses

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from empnet.errors import EmpnetError
from empnet.pages.svg import new_figure, svg
from empnet.studies import Effort
from empnet.studies.question_1f_convolution import STUDY
from empnet.studies.question_1f_convolution.measurement import Images, measure

QUICK = Effort(quick=True, quiet=True)
VERDICTS = {
    **{f"I.F.{option}": "true" if option in (4, 6) else "false" for option in range(1, 9)},
    **{f"I.F.{letter}": "true" for letter in "abc"},
}
OPPOSITE = {"true": "false", "false": "true"}


@pytest.fixture(scope="module")
def measured():
    return measure(Images(), QUICK)


def test_all_claims_are_here():
    assert [claim.id for claim in STUDY.claims] == list(VERDICTS)


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.id)
def test_verdicts_and_counter_cases(measured, claim):
    assert claim.decide(measured) == VERDICTS[claim.id] == claim.textbook
    changed = measure(dataclasses.replace(Images(), **claim.counter.premises), QUICK)
    assert claim.decide(changed) == OPPOSITE[VERDICTS[claim.id]]
    assert claim.evidence(measured)
    assert claim.evidence(changed)


SMALL = st.integers(1, 5)


@settings(max_examples=60)
@given(
    size=st.integers(1, 12),
    channels=SMALL,
    kernel=SMALL,
    filters=SMALL,
    pool=SMALL,
    stride=SMALL,
    padding=st.sampled_from(["valid", "same"]),
    pooling=st.sampled_from(["max", "mean", "convolution"]),
    layer=st.sampled_from(["convolution", "dense"]),
)
def test_formula_and_module_agree(**premises):
    try:
        images = Images(**premises)
    except EmpnetError as error:
        assert "is larger than" in str(error)
        return
    e = measure(images, QUICK)
    assert e.module_shape == e.formula_shape
    assert e.module_parameters == e.formula_parameters
    biases = e.images.filters * (1 + (e.images.pooling == "convolution" and e.images.pool > 1))
    assume(e.images.layer == "convolution")
    assert e.with_biases == e.module_parameters + biases
    assert e.at_twice_the_size == e.module_parameters


def test_a_module_too_large_for_memory():
    """Shapes and parameters come out, without a number being computed."""
    assert not measure(Images(filters=30_000, pooling="convolution"), QUICK).computed
    e = measure(Images(size=20_000, filters=10_000), QUICK)
    assert not e.computed
    assert e.module_shape == e.formula_shape == (9998, 9998, 10_000)
    assert e.module_parameters == 750_000


def test_the_random_numbers_stay_as_they_were():
    before = torch.random.get_rng_state()
    measure(Images(), QUICK)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("premises", "message"),
    [
        (
            {"size": 4},
            "a kernel of 5 x 5 pixels is larger than the image, 4 x 4; wanted a kernel of at most 4, or padding 'same'",
        ),
        (
            {"size": 6, "pool": 3},
            "a pooling window of 3 x 3 pixels is larger than what it is laid on, 2 x 2; wanted a window of at most 2",
        ),
        ({"size": 10**9}, "images and layers are too large; wanted at most 1e+18 numbers in each"),
        ({"stride": 0}, "--stride 0; wanted at least 1"),
        ({"padding": "full"}, "--padding full; wanted valid or same"),
    ],
)
def test_impossible_premises(premises, message):
    with pytest.raises(EmpnetError) as error:
        Images(**premises)
    assert str(error.value) == message


@pytest.mark.parametrize("premises", [{}, {"pool": 1}, {"layer": "dense", "size": 9}, {"padding": "same", "stride": 2}])
def test_figures(premises):
    e = measure(Images(**premises), QUICK)
    (claim,) = (claim for claim in STUDY.claims if claim.draw)
    with new_figure() as figure:
        assert svg(figure, claim.draw(figure, e)).startswith("<svg")
