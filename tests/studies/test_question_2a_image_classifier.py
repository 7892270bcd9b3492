"""The study of a picture classifier: its verdicts, its counter-cases, and what it counts."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from empnet.errors import EmpnetError
from empnet.studies import Effort
from empnet.studies.question_2a_image_classifier import STUDY, Classifier, reached
from empnet.studies.run import run

WANTED = {"II.A.1": "false", "II.A.2": "false", "II.A.a": "true"}
OPPOSITE = {"true": "false", "false": "true"}


@pytest.fixture(scope="module")
def outcome():
    return run(STUDY, effort=Effort(quick=True, quiet=True))


def test_verdicts_and_counter_cases(outcome):
    assert {finding.claim.id: finding.verdict for finding in outcome.findings} == WANTED
    for finding in outcome.findings:
        assert finding.counter.verdict == OPPOSITE[finding.verdict], finding.claim.id
    assert outcome.sound


def test_rows_of_the_output_sum_to_one(outcome):
    outputs = outcome.measured.outputs
    # float64: eight terms, each rounded to half a unit in the last place
    np.testing.assert_allclose(outputs.sum(1), 1, rtol=1e-14)
    assert outputs.shape[1] == 8
    assert (outputs > 0).all()


def test_parameters_are_those_of_the_formula(outcome):
    wanted = [3 * 64 * 8**2 + 64, 64 * 8 * 4**2 + 8, (8 * 54**2 + 1) * 2048, (2048 + 1) * 8]
    assert [number for _, number in outcome.measured.layers] == wanted


def test_a_unit_sees_its_window_and_nothing_else():
    mask = reached(20, 5, [(3, 7)])[0]
    wanted = np.zeros((3, 20, 20), bool)
    wanted[:, 3:8, 7:12] = True
    np.testing.assert_array_equal(mask, wanted)


def test_figures_and_impossible_premises(outcome):
    for finding in outcome.findings:
        if finding.claim.draw:
            assert finding.claim.draw(Figure(), outcome.measured)
    with pytest.raises(EmpnetError, match="larger than the image"):
        Classifier(kernel=65)
    with pytest.raises(EmpnetError, match="--output"):
        Classifier(output="onehot")
