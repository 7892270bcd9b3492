"""Strings to classes: what is learned, that it is the same each time, and errors by the number of the string."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from empnet.errors import EmpnetError
from empnet.studies.estimators.sequence_classifier import SequenceClassifier
from empnet.studies.estimators.sequence_regressor import SequenceRegressor

SMALL = {"width": 16, "epochs": 10, "learning_rate": 1e-2, "random_state": 0}


def ordered(n, seed=0):
    """Strings of 4 to 10 letters; their class is which of x and y comes first."""
    rng = np.random.default_rng(seed)
    strings = []
    for _ in range(n):
        letters = rng.choice(list("abc"), rng.integers(4, 11))
        places = rng.permutation(len(letters))[:2]
        letters[places] = ["x", "y"]
        strings.append("".join(letters))
    return strings, np.array(["x first" if s.index("x") < s.index("y") else "y first" for s in strings])


@pytest.fixture(scope="module")
def fitted():
    strings, classes = ordered(600)
    return SequenceClassifier(**SMALL).fit(strings, classes)


def test_order_is_learned_where_counts_tell_nothing(fitted):
    strings, classes = ordered(1000, seed=1)
    assert fitted.score(strings, classes) > 0.95
    counts = np.array([[s.count(letter) for letter in "abcxy"] for s in strings])
    bag = LogisticRegression().fit(counts[:500], classes[:500]).score(counts[500:], classes[500:])
    assert abs(bag - 0.5) < 3 * np.sqrt(0.25 / 500)  # three standard errors of chance


def test_the_softmax_is_applied_once(fitted):
    strings, _ = ordered(20, seed=2)
    p = fitted.predict_proba(strings)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    x = torch.from_numpy(fitted.encoder_.encode(strings[0], dtype=np.float32))[None]
    logits = fitted.network_(x, torch.tensor([len(strings[0])])).detach().double()
    np.testing.assert_allclose(p[:1], torch.softmax(logits, dim=1), rtol=1e-5)  # logits are float32
    assert (fitted.predict(strings) == fitted.classes_[p.argmax(axis=1)]).all()
    one_sided = fitted.course_.train[-1]
    assert one_sided < 0.31  # two softmaxes on each other leave log(1 + 1/e) = 0.313 at least


def test_a_batch_is_as_its_strings_one_by_one(fitted):
    strings, _ = ordered(50, seed=3)
    together = fitted.predict_proba(strings)
    alone = np.concatenate([fitted.predict_proba([s]) for s in strings])
    np.testing.assert_allclose(together, alone, rtol=2e-5, atol=1e-7)  # logits of size 10 in float32
    backwards = fitted.predict_proba(strings[::-1])[::-1]
    np.testing.assert_allclose(backwards, together, rtol=2e-5, atol=1e-7)


def test_long_strings_are_predicted_in_several_batches(fitted, monkeypatch):
    strings, _ = ordered(50, seed=4)
    together = fitted.predict_proba(strings)
    monkeypatch.setattr("empnet.studies.estimators.sequence_estimator.MOST_LETTERS", 30)
    np.testing.assert_allclose(fitted.predict_proba(strings), together, rtol=2e-5, atol=1e-7)


def test_a_random_state_gives_the_same_bits_and_leaves_the_global_one(fitted):
    before = torch.random.get_rng_state()
    again = clone(fitted).fit(*ordered(600))
    assert torch.equal(torch.random.get_rng_state(), before)
    strings, _ = ordered(50, seed=5)
    np.testing.assert_array_equal(again.predict_proba(strings), fitted.predict_proba(strings))
    other = clone(fitted).set_params(random_state=1, epochs=1).fit(*ordered(100))
    assert not np.array_equal(other.predict_proba(strings), fitted.predict_proba(strings))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(fitted)).predict_proba(strings), fitted.predict_proba(strings)
    )


def test_scikit_learn_takes_it():
    strings, classes = ordered(60)
    scores = cross_val_score(SequenceClassifier(width=4, epochs=1, cell="gru"), np.array(strings), classes, cv=2)
    assert scores.shape == (2,)
    assert SequenceClassifier(layers=2).get_params()["layers"] == 2


def test_equal_strings_are_held_out_together():
    strings = ["ab", "ba"] * 50 + ["aab"] * 3
    learner = SequenceClassifier(**SMALL)
    train, held_out = learner._sides(strings, seed=0)
    assert sorted([*train, *held_out]) == list(range(103))
    assert not {strings[k] for k in train} & {strings[k] for k in held_out}


def test_validation_patience_and_no_epochs():
    strings, classes = ordered(80)
    stopped = SequenceClassifier(width=4, patience=1, epochs=200, learning_rate=0.5, random_state=0)
    assert stopped.fit(strings, classes).course_.epochs < 200
    without = SequenceClassifier(width=4, epochs=2, validation=0).fit(strings, classes)
    assert (without.course_.epochs, without.course_.validation) == (2, [])
    untrained = SequenceClassifier(width=4, epochs=0).fit(strings, classes)
    assert untrained.predict(strings).shape == (80,)
    SequenceClassifier(width=4, epochs=1, verbose=True).fit(strings, classes)


def test_the_regressor_learns_a_number():
    strings, _ = ordered(300)
    numbers = [1000.0 + 50 * s.index("x") for s in strings]
    learner = SequenceRegressor(width=16, epochs=25, learning_rate=2e-2, random_state=0).fit(strings, numbers)
    new, _ = ordered(100, seed=1)
    assert learner.score(new, [1000.0 + 50 * s.index("x") for s in new]) > 0.9
    same = SequenceRegressor(width=4, epochs=1).fit(strings, [7.0] * 300)
    assert abs(same.predict(strings) - 7).max() < 1  # in place of a division by zero
    assert same.scale_ == 1.0


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([], [], "X holds no strings; wanted one at least"),
        ("abba", [0], "X is the one string 'abba'; wanted a list of strings; put it into brackets"),
        (["ab", ""], [0, 1], "string 1 is empty; wanted at least one letter"),
        (["ab", 7], [0, 1], "string 1 is 7 (int); wanted a string"),
        (["ab", "ba"], [0, 1, 1], "2 strings and 3 classes; wanted one for each string"),
        (["ab", "ba"], [[0], [1]], "2 strings and classes of shape (2, 1); wanted one for each string"),
        (["ab", "ba"], [1, 1], "all strings have class 1; wanted two classes at least"),
        (["ab", "ab"], [0, 1], "validation=0.1 of 2 strings (1 different ones); wanted at least one different string"),
    ],
)
def test_mistakes_in_the_strings_are_reported_in_a_line(x, y, message):
    with pytest.raises(EmpnetError) as error:
        SequenceClassifier().fit(x, y)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs": -1}, "SequenceClassifier: epochs=-1; wanted a whole number, at least 0"),
        ({"patience": 0}, "SequenceClassifier: patience=0; wanted a whole number, at least 1"),
        ({"learning_rate": 0.0}, "SequenceClassifier: learning_rate=0.0; wanted a number above 0"),
        ({"alphabet": "abba"}, "the alphabet holds 'a' more than once; wanted distinct items"),
        ({"alphabet": "a"}, "string 0 ('ab'): letter 1 is 'b'; wanted one of the alphabet: 'a'"),
        ({"validation": -0.5}, "validation=-0.5 of 2 strings (2 different ones); wanted at least one different string"),
        ({"validation": 5}, "validation=5 of 2 strings (2 different ones); wanted at least one different string"),
    ],
)
def test_parameters_that_are_invalid(parameters, message):
    with pytest.raises(EmpnetError) as error:
        SequenceClassifier(**parameters).fit(["ab", "ba"], [0, 1])
    assert str(error.value).startswith(message)


def test_a_cell_that_there_is_not():
    learner = SequenceClassifier()
    learner.cell = "rnn"
    with pytest.raises(EmpnetError, match="cell='rnn'; wanted 'lstm' or 'gru'"):
        learner.fit(["ab", "ba"], [0, 1])


def test_mistakes_in_prediction(fitted):
    with pytest.raises(EmpnetError, match=r"^string 1 \('xyQ'\): letter 2 is 'Q'; wanted one of the alphabet: 'a', "):
        fitted.predict(["xy", "xyQ"])
    with pytest.raises(EmpnetError, match="string 0 is empty"):
        fitted.predict_proba([""])
    with pytest.raises(EmpnetError, match=r"^string 0 \('aaa.*\.\.\.'\): letter 100"):
        fitted.predict(["a" * 100 + "Q"])
    with pytest.raises(NotFittedError):
        SequenceClassifier().predict(["ab"])


def test_targets_of_the_regressor_that_are_no_numbers():
    with pytest.raises(EmpnetError, match=r"target 1 is not finite \(nan\)"):
        SequenceRegressor().fit(["ab", "ba"], [1.0, np.nan])
    with pytest.raises(EmpnetError, match="2 strings and 1 targets"):
        SequenceRegressor().fit(["ab", "ba"], [1.0])
    with pytest.raises(EmpnetError, match="targets are no numbers"):
        SequenceRegressor().fit(["ab", "ba"], ["high", "low"])
