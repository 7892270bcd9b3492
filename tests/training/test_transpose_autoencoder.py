"""The transpose autoencoder against scikit-learn's principal component analysis and estimator checks."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.estimator_checks import parametrize_with_checks

from empnet.errors import EmpnetError
from empnet.training.transpose_autoencoder import TransposeAutoencoder

SPECTRUM = np.array([9.0, 4.0, 2.0, 1.0, 0.5, 0.1])


def cloud(n=400, seed=0, offset=5.0):
    """Data with a spectrum that has gaps, in rotated directions, away from the origin."""
    random = np.random.default_rng(seed)
    turn = np.linalg.qr(random.normal(size=(6, 6)))[0]
    return random.normal(size=(n, 6)) * np.sqrt(SPECTRUM) @ turn.T + offset


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # the checks set max_iter to 5
@parametrize_with_checks(
    [
        TransposeAutoencoder(),
        TransposeAutoencoder(norm="unit", loss="variance"),
        TransposeAutoencoder(optimizer="adam", batch_size=20, max_iter=5),
    ]
)
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"norm": "unit"},
        {"norm": "unit", "loss": "variance"},
        {"optimizer": "momentum"},
        {"optimizer": "adam"},
        {"optimizer": "sgd", "max_iter": 3000},
    ],
)
@pytest.mark.parametrize("k", [1, 3])
def test_the_optimum_is_pca(how, k):
    x = cloud()
    ours, pca = TransposeAutoencoder(k, random_state=0, **how).fit(x), PCA(k, svd_solver="full").fit(x)
    # a gradient of tol = 1e-8 of the variance over a curvature of 2 (gap / variance) >= 0.05 leaves 2e-7; L-BFGS may
    # stop a little earlier, where the loss rounds (sqrt of 1e-16 over the curvature)
    assert subspace_angles(ours.components_.T, pca.components_.T).max() < 2e-6
    np.testing.assert_allclose(ours.components_, pca.components_, atol=2e-6)
    np.testing.assert_allclose(ours.mean_, pca.mean_)
    # variances err with the square of the angle
    np.testing.assert_allclose(ours.explained_variance_, pca.explained_variance_, rtol=1e-9)
    np.testing.assert_allclose(ours.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-9)
    np.testing.assert_allclose(ours.transform(x), pca.transform(x), atol=1e-4)
    back = ours.inverse_transform(ours.transform(x))
    np.testing.assert_allclose(back, pca.inverse_transform(pca.transform(x)), atol=1e-4)
    # orthonormal as trained, though nothing but the loss said so
    np.testing.assert_allclose(ours.weight_ @ ours.weight_.T, np.eye(k), atol=1e-6)
    lost = ((x - back) ** 2).sum(1).mean()
    assert lost == pytest.approx(np.linalg.eigvalsh(np.cov(x.T, bias=True))[: 6 - k].sum(), rel=1e-9)
    if how.get("loss") != "variance":
        assert ours.loss_curve_[-1] == pytest.approx(lost, rel=1e-6)
    assert ours.n_iter_ == len(ours.loss_curve_)


def test_real_pictures():
    x = load_digits().data
    ours, pca = TransposeAutoencoder(2, random_state=1).fit(x), PCA(2, svd_solver="full").fit(x)
    assert subspace_angles(ours.components_.T, pca.components_.T).max() < 1e-5
    assert list(ours.get_feature_names_out()) == ["transposeautoencoder0", "transposeautoencoder1"]


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_minibatches_come_near(optimizer):
    x = cloud()
    ours = TransposeAutoencoder(optimizer=optimizer, batch_size=50, max_iter=200, tol=5e-3, random_state=0).fit(x)
    # a gradient of 5e-3 over a curvature of 2 * 5 / 16.6
    assert subspace_angles(ours.components_.T, PCA(1).fit(x).components_.T).max() < 1e-2


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_chunk_by_chunk(optimizer):
    x = cloud(6000)
    ours = TransposeAutoencoder(2, optimizer=optimizer, batch_size=None if optimizer == "lbfgs" else 50, random_state=0)
    for chunk in np.array_split(x, 300 if optimizer == "lbfgs" else 20) * 2:
        ours.partial_fit(chunk)
    pca = PCA(2).fit(x)
    assert subspace_angles(ours.components_.T, pca.components_.T).max() < 0.05
    np.testing.assert_allclose(ours.mean_, np.concatenate([x, x]).mean(0), rtol=1e-10)
    # chunks of 20 (300) leave 1 / sqrt(10 * 20 / 2) = 10 % in a variance over ten chunks, at one standard deviation
    np.testing.assert_allclose(ours.explained_variance_, pca.explained_variance_, rtol=0.3)
    assert ours.n_samples_seen_ == 12000


def test_goes_on_after_fit():
    x = cloud(1000)
    ours = TransposeAutoencoder(random_state=0).fit(x[:500])
    ours.partial_fit(x[500:])
    np.testing.assert_allclose(ours.mean_, x.mean(0), rtol=1e-10)
    assert ours.explained_variance_ratio_[0] == pytest.approx(9 / 16.6, rel=0.1)


def test_single_points_at_first():
    ours = TransposeAutoencoder(norm="unit", loss="variance", random_state=0)
    for point in cloud(5):
        ours.partial_fit(point[None])
    assert np.isfinite(ours.components_).all()


def test_the_seed_decides():
    x = cloud()
    make = TransposeAutoencoder(optimizer="adam", batch_size=100, max_iter=3, tol=1.0)
    first, same, other = (clone(make).set_params(random_state=seed).fit(x).weight_ for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, same)
    assert not np.allclose(first, other)


def test_units_do_not_matter():
    x = cloud()
    small, large = (
        TransposeAutoencoder(optimizer="sgd", max_iter=3000, random_state=0).fit(x * s) for s in (1e-6, 1e6)
    )
    assert small.n_iter_ == large.n_iter_
    np.testing.assert_allclose(small.weight_, large.weight_, atol=1e-9)  # rounding of centring is all that differs


def test_data_without_variance():
    ours = TransposeAutoencoder(2, random_state=0).fit(np.full((4, 3), 7.0))
    np.testing.assert_allclose(ours.components_ @ ours.components_.T, np.eye(2), atol=1e-12)
    assert ours.explained_variance_.tolist() == [0, 0]


def test_too_few_passes_are_told():
    with pytest.warns(ConvergenceWarning, match="after 2 passes the gradient is .* raise max_iter or tol"):
        TransposeAutoencoder(max_iter=2, random_state=0).fit(cloud())


@pytest.mark.parametrize(
    ("how", "line"),
    [
        ({"norm": "one"}, "norm='one'; wanted free or unit"),
        ({"optimizer": "adamm"}, "did you mean 'adam'"),
        ({"loss": "variance"}, "loss='variance' with norm='free' has no minimum.*norm='unit'"),
        ({"batch_size": 4}, "optimizer='lbfgs' with batch_size=4"),
        ({"optimizer": "sgd", "batch_size": 0}, "batch_size=0; wanted a whole number of at least 1"),
        ({"optimizer": "sgd", "batch_size": 1, "loss": "variance", "norm": "unit"}, "the variance of a batch of one"),
        ({"n_components": 7}, "7 components of 6 features; wanted 1 to 6"),
        ({"n_components": 1.5}, "n_components=1.5; wanted a whole number"),
        ({"optimizer": "sgd", "learning_rate": 1e3}, "no longer a number in pass .*; lower learning_rate"),
    ],
)
def test_bad_parameters(how, line):
    with pytest.raises(EmpnetError, match=line):
        TransposeAutoencoder(random_state=0, **how).fit(cloud())


def test_latent_variables_of_another_shape():
    ours = TransposeAutoencoder(2, random_state=0).fit(cloud())
    with pytest.raises(EmpnetError, match=r"latent variables of shape \(3, 4\); wanted \(n, 2\)"):
        ours.inverse_transform(np.zeros((3, 4)))
