"""The study of the transpose autoencoder: its verdicts, its counter-cases, and closed forms."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from empnet.errors import EmpnetError
from empnet.pages.svg import new_figure, svg
from empnet.studies import Effort
from empnet.studies.question_3_transpose_autoencoder import STUDY, TransposePremises, measure
from empnet.studies.question_3_transpose_autoencoder.premises import Cloud, angle

QUICK = Effort(quick=True, quiet=True)
VERDICTS = {
    **{f"III.A.{letter}": "true" for letter in "abcd"},
    "III.B.a": "true",
    **{f"III.C.{letter}": "false" if letter == "e" else "true" for letter in "abcdef"},
    "III.D.1": "false",
    "III.D.2": "true",
    "III.D.3": "false",
    "III.D.4": "false",
    **{f"III.E.{letter}": "true" for letter in "abc"},
}
OPPOSITE = {"true": "false", "false": "true"}


@pytest.fixture(scope="module")
def measured():
    return measure(TransposePremises(), QUICK)


def test_all_claims_are_here():
    assert [claim.id for claim in STUDY.claims] == list(VERDICTS)


@pytest.mark.parametrize("claim", STUDY.claims, ids=lambda claim: claim.id)
def test_verdicts_and_counter_cases(measured, claim):
    assert claim.decide(measured) == VERDICTS[claim.id] == claim.textbook
    assert claim.evidence(measured)
    changed = measure(dataclasses.replace(TransposePremises(), **claim.counter.premises), QUICK)
    assert claim.decide(changed) == OPPOSITE[VERDICTS[claim.id]]
    assert claim.evidence(changed)


def test_closed_forms(measured):
    spectrum = np.array([2.0, *0.8 ** np.arange(7)])
    shares = spectrum / spectrum.sum()
    assert measured.principal.others == pytest.approx(spectrum[1:].sum(), rel=1e-12)
    # curvature at the k-th eigenvector along the first: 2 (lambda_k - lambda_1); at the origin: -4 lambda_1
    wanted = [*(2 * (shares[1:] - shares[0])), -4 * shares[0]]
    np.testing.assert_allclose(measured.landscape.lowest_curvatures, wanted, atol=1e-12)
    assert measured.landscape.optimum_curvature == pytest.approx(2 * (shares[0] - shares[1]), rel=1e-12)
    # each step of gradient descent on minus the variance multiplies a along the first component by 1 + 2 rate lambda_1
    norms = measured.encoder.norms
    assert norms[-1] / norms[-2] == pytest.approx(1 + 2 * 0.1 * shares[0], rel=1e-4)


def test_weight_decay_shortens():
    decayed = measure(TransposePremises(weight_decay=0.1), QUICK).landscape
    largest = 2 / (2 + (0.8 ** np.arange(7)).sum())
    np.testing.assert_allclose(decayed.norms["as in the question"], np.sqrt(1 - 0.1 / (2 * largest)), atol=1e-9)


def test_the_made_data_are_as_required():
    cloud = Cloud(n_features=5, n_samples=60, gap=3.0, offset=2.0)
    x = cloud.sample()
    variances, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    np.testing.assert_allclose(variances[::-1], cloud.spectrum(), rtol=1e-10)
    assert np.linalg.norm(x.mean(0)) == pytest.approx(2 * np.sqrt(3))
    first = vectors[:, -1]
    assert min((first > 0).sum(), (first < 0).sum()) >= 2
    assert abs(first[-1]) < 0.02
    positive = np.linalg.eigh(np.cov(dataclasses.replace(cloud, first="positive").sample().T))[1][:, -1]
    assert abs(np.sign(positive).sum()) == 5
    mirrored = dataclasses.replace(cloud, centred=False).mean_free()
    np.testing.assert_allclose(mirrored.mean(0), 0, atol=1e-14)
    np.testing.assert_allclose(mirrored.T @ mirrored / len(mirrored), x.T @ x / len(x), rtol=1e-12)


def test_angles():
    assert angle(np.array([1.0, 0.0]), np.array([0.0, -3.0])) == pytest.approx(np.pi / 2)
    assert angle(np.array([1.0, 1e-12]), np.array([-1.0, 0.0])) == pytest.approx(1e-12)


@pytest.mark.parametrize("claim", [claim for claim in STUDY.claims if claim.draw], ids=lambda claim: claim.id)
def test_figures(measured, claim):
    with new_figure() as figure:
        caption = claim.draw(figure, measured)
        assert svg(figure, caption).startswith("<svg")
    assert len(caption) > 40


@pytest.mark.parametrize(
    ("premises", "line"),
    [
        ({"n_components": 8}, "--n-components 8; wanted less than 8, the features"),
        ({"n_samples": 10, "n_features": 12}, "--n-samples 10; wanted more than --n-features 12"),
        ({"gap": 0.5}, "--gap 0.5; wanted at least 1"),
        ({"start": "middle"}, "--start middle; wanted random or zero"),
    ],
)
def test_bad_premises(premises, line):
    with pytest.raises(EmpnetError) as error:
        TransposePremises(**premises)
    assert str(error.value).startswith(line)


def test_files_are_short():
    for file in Path(STUDY.measure.__code__.co_filename).parent.glob("*.py"):
        assert len(file.read_text().splitlines()) <= 300
