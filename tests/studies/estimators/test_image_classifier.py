"""The classifier of pictures: softmax once, same seed same network, folders never all in memory."""

import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.metrics import accuracy_score, log_loss

from empnet.errors import EmpnetError
from empnet.studies.data.images import ImageFolder
from empnet.studies.estimators.augmentation import augmentation
from empnet.studies.estimators.image_classifier import ImageClassifier
from empnet.studies.estimators.image_source import network_input

SMALL = {"convolutions": ((4, 5), (4, 3)), "hidden": 16, "learning_rate": 3e-3, "batch_size": 16, "quiet": True}


def stripes(n, size=16, classes=3, seed=0):
    """Pictures of stripes, whose width is the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    phase = rng.uniform(0, 6, n)
    wave = np.sin(np.arange(size) * (labels[:, None] + 1) / 1.5 + phase[:, None])
    pixels = 127 + 60 * wave[:, None, :, None] + rng.normal(0, 15, (n, size, size, 3))
    return pixels.clip(0, 255).astype(np.uint8), np.array(["a", "b", "c"])[labels]


@pytest.fixture(scope="module")
def trained():
    X, y = stripes(240)
    return ImageClassifier(**SMALL, epochs=20, patience=None).fit(X, y)


def test_it_learns_and_scores_as_scikit_learn_does(trained):
    X, y = stripes(90, seed=1)
    assert trained.score(X, y) > 0.9  # a third by chance
    assert trained.score(X, y) == accuracy_score(y, trained.predict(X))
    assert trained.score(X / 255.0, y) == trained.score(X, y)
    assert len(trained.history_.train) == len(trained.history_.validation) == 20


def test_softmax_is_applied_once(trained):
    X, _ = stripes(60, seed=2)
    logits = trained.decision_function(X)
    probabilities = trained.predict_proba(X)
    # float64 from float32 logits: rounding of a few units in the last place
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-12)
    exponentials = np.exp(logits - logits.max(1, keepdims=True).astype(float))
    np.testing.assert_allclose(probabilities, exponentials / exponentials.sum(1, keepdims=True), rtol=1e-12)
    assert not np.allclose(logits.sum(1), 1)  # the network itself has none
    assert np.ptp(logits) > 2  # and they are not squeezed into [0, 1], as a second softmax would


def test_the_training_loss_is_the_cross_entropy_of_the_probabilities():
    X, y = stripes(60)
    # one batch an epoch, no dropout, all pictures validate: the loss noted is that of the weights kept
    small = {**SMALL, "batch_size": 60}
    classifier = ImageClassifier(**small, epochs=3, dropout=0.0, patience=None).fit(X, y, validation=(X, y))
    wanted = log_loss(y, classifier.predict_proba(X))
    best = classifier.history_.validation[classifier.history_.best]
    assert best == pytest.approx(wanted, rel=1e-5)  # float32 sums of 60 terms
    # the loss before the first step is that of nearly equal probabilities: it would be the same for a double softmax,
    # but a double softmax of 3 classes cannot fall below log(1 + 2 / e) = 0.55
    trained = ImageClassifier(**small, epochs=60, dropout=0.0, patience=None).fit(X, y, validation=(X, y))
    assert min(trained.history_.validation) < 0.5


def test_the_same_seed_gives_the_same_network_and_leaves_the_global_generator_alone():
    X, y = stripes(48)
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    one, two = (ImageClassifier(**SMALL, epochs=2, augment="flip", random_state=3).fit(X, y) for _ in range(2))
    assert torch.equal(torch.rand(1), wanted)
    np.testing.assert_array_equal(one.decision_function(X), two.decision_function(X))
    other = ImageClassifier(**SMALL, epochs=2, augment="flip", random_state=4).fit(X, y)
    assert not np.array_equal(one.decision_function(X), other.decision_function(X))


def test_early_stopping_keeps_the_best_weights():
    X, y = stripes(48)
    rng = np.random.default_rng(0)
    noise = rng.permutation(y)  # nothing to be learned: validation gets worse soon
    classifier = ImageClassifier(**SMALL, epochs=100, patience=3, validation_fraction=0.3).fit(X, noise)
    course = classifier.history_
    assert course.epochs < 100
    assert course.epochs - 1 - course.best == 3
    assert course.validation[course.best] == min(course.validation)


def test_parameters_are_scikit_learns():
    classifier = ImageClassifier(pool=2, epochs=3)
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.get_params()["batch_size"] == 128


def write(folder, X, y):
    for k, (pixels, label) in enumerate(zip(X, y, strict=True)):
        path = folder / label / f"{k:05d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)


def test_a_folder_gives_what_the_arrays_give(tmp_path):
    X, y = stripes(48)
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    write(tmp_path, X, y)
    folder = ImageFolder(tmp_path, quiet=True)
    from_folder = ImageClassifier(**SMALL, epochs=2).fit(folder)
    from_arrays = ImageClassifier(**SMALL, epochs=2).fit(X, y)
    np.testing.assert_array_equal(from_folder.decision_function(folder), from_arrays.decision_function(X))
    assert from_folder.score(folder) == from_arrays.score(X, y)
    own = from_folder.fit(folder.subset(np.arange(0, 48, 2)), validation=folder.subset(np.arange(1, 48, 2)))
    assert own.predict(folder).tolist() == own.predict(X).tolist()


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    """Twelve hundred more files of 12 kB of pixels each would take 15 MB; only their names may be kept."""
    picture = Image.fromarray(stripes(1, size=64)[0][0])
    peaks = []
    for n in (200, 1400):
        folder = tmp_path / str(n)
        for label in ("a", "b"):
            (folder / label).mkdir(parents=True)
            picture.save(folder / label / "00000.jpg")
            for k in range(1, n // 2):
                (folder / label / f"{k:05d}.jpg").hardlink_to(folder / label / "00000.jpg")
        classifier = ImageClassifier(((2, 8),), pool=8, hidden=2, batch_size=64, epochs=1, quiet=True)
        tracemalloc.start()  # NumPy's arrays are traced, too
        classifier.fit(ImageFolder(folder, threads=2, quiet=True))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    grown = (peaks[1] - peaks[0]) / 1200
    # bytes a picture: name of about 100 bytes, label, place in a batch, and what the check noted; pixels are 12,288
    assert grown < 1000


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((4, 8, 8)), ["a", "b"] * 2, r"pictures of shape \(4, 8, 8\)"),
        (np.zeros((4, 8, 8, 3), int), ["a", "b"] * 2, "pictures of type int64"),
        (np.full((4, 8, 8, 3), 7.0), ["a", "b"] * 2, "pixels from 7 to 7; .* divide by 255"),
        (np.full((4, 8, 8, 3), np.nan), ["a", "b"] * 2, "pixels from nan to nan"),
        (np.zeros((4, 8, 9, 3)), ["a", "b"] * 2, "pictures are 9 x 8; wanted as wide as high"),
        (np.zeros((4, 8, 8, 3)), ["a", "b"], "4 pictures, classes of shape"),
        (np.zeros((4, 8, 8, 3)), None, "pictures without classes"),
        (np.zeros((4, 8, 8, 3)), ["a"] * 4, "all pictures are of one class"),
        (np.zeros((4, 8, 8, 3)), ["a", "b"] * 2, "holds out no picture"),
    ],
)
def test_pictures_that_are_invalid(X, y, message):
    with pytest.raises(EmpnetError, match=message):
        ImageClassifier(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"batch_size": 0}, "batch_size=0"),
        ({"learning_rate": 0.0}, "learning_rate=0"),
        ({"validation_fraction": 1.0}, "validation_fraction=1.0"),
        ({"augment": "rotate"}, "there is no augmentation 'rotate'; did you mean 'rotation'"),
        ({"convolutions": ((4, 20),)}, "larger than the image"),
    ],
)
def test_parameters_that_are_invalid(parameters, message):
    X, y = stripes(30)
    with pytest.raises(EmpnetError, match=message):
        ImageClassifier(**{**SMALL, **parameters}).fit(X, y)


def test_augmentations_keep_shape_and_range_and_change_the_picture():
    x = (network_input(stripes(8)[0]) + 1) / 2
    for change in ({"rotation": 20.0}, {"crop": 0.5}, {"flip": 1.0}, {"blur": 1.0}, {"noise": 0.2}):
        changed = augmentation(**change)(x)
        assert changed.shape == x.shape
        assert 0 <= changed.min() <= changed.max() <= 1
        assert not torch.equal(changed, x)
    assert torch.equal(augmentation(flip=1.0)(x), x.flip(-1))
    assert torch.equal(augmentation()(x), x)
    with pytest.raises(EmpnetError, match="flip=2"):
        augmentation(flip=2.0)
