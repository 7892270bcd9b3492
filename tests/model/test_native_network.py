"""The network in libempnet against torch's: values, contributions, forces and virial, over shapes and lists."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings

from empnet.errors import EmpnetError
from empnet.model.architecture import Architecture
from empnet.model.energy_derivatives import energy_and_derivatives
from empnet.model.ensemble import Ensemble
from empnet.model.evaluator import Evaluator
from empnet.model.native_network import NativeNetwork
from empnet.model.pooled_model import PooledModel
from empnet.model.property_model import PropertyModel
from empnet.native.library import is_built

from .conftest import CUTOFF, NETWORKS_AND_LISTS, a_batch, a_model, calm

pytestmark = pytest.mark.skipif(not is_built(), reason="libempnet is not built")

CLOSE = {torch.float64: 1e-11, torch.float32: 5e-5}
"""Largest accepted difference relative to the largest number of its kind; both sides round in their own order."""


def compare(model, batch) -> None:
    """Compare all results with the reference's, in units of the largest number of each kind."""
    calm(model, batch)
    periodic = batch.cells is not None
    wanted = energy_and_derivatives(model, batch, stress=periodic)
    native, torchs = (Evaluator(model, engine)(batch, forces=True, stress=periodic) for engine in ("native", "torch"))
    limit = CLOSE[model.dtype]
    for name in ("values", "contributions", "hidden", "forces", *(["stress"] if periodic else [])):
        expected = getattr(wanted, name).nan_to_num(0.0)
        size = max(1e-6, float(expected.abs().max()))
        for found in (native, torchs):
            assert float((getattr(found, name).nan_to_num(0.0) - expected).abs().max()) <= limit * size, name
            assert torch.equal(getattr(found, name).isnan(), getattr(wanted, name).isnan()), name
    alone = Evaluator(model, "native")(batch)
    assert torch.equal(alone.contributions, native.contributions)  # derivatives change nothing
    assert alone.forces is None and alone.stress is None


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("width", [16, 13, 1, 48])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("moments", [0, 1, 2, 3])
def test_against_torch(moments, layers, width, dtype):
    model = a_model(moments, layers, width, dtype)
    compare(model, a_batch([7, 1, 30, 2], [False] * 4, dtype))
    compare(model, a_batch([20, 1, 9], [True, True, True], dtype))


@pytest.mark.parametrize("layers", [1, 2])
def test_networks_without_products(layers):
    compare(a_model(0, layers, 16, torch.float64, products=False), a_batch([9, 5], [False, True], torch.float64))


@settings(max_examples=40, deadline=None)
@given(**NETWORKS_AND_LISTS)
def test_any_shape_and_list(moments, layers, width, sizes, side, seed):
    model = a_model(moments, layers, width, torch.float64, seed=seed)
    counts, periodic = map(list, zip(*sizes, strict=True))
    compare(model, a_batch(counts, periodic, torch.float64, side, seed))


def test_no_pairs_and_pairs_at_distance_zero():
    model = a_model(2, 2, 16, torch.float64)
    empty = a_batch([1], [False], torch.float64)
    assert len(empty.pairs) == 0
    compare(model, empty)
    near = a_batch([4], [False], torch.float64, 1.0)
    assert len(near.pairs) == 6
    compare(model, replace(near, positions=near.positions[[0, 0, 1, 1]]))


def test_nan_stays_nan():
    model, batch = a_model(2, 2, 16, torch.float32), a_batch([5], [False], torch.float32)
    features = batch.features.clone()
    features[0, 3] = torch.nan
    assert Evaluator(model, "native")(replace(batch, features=features), forces=True).values.isnan().all()


@pytest.mark.parametrize("moments", [0, 2])
def test_equal_bits_for_equal_threads_and_rounding_for_others(moments):
    model, batch = a_model(moments, 2, 16, torch.float32), a_batch([150, 40], [True, False], torch.float32, 9.0)
    evaluator, before, found = Evaluator(model, "native"), torch.get_num_threads(), {}
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found[count] = evaluator(batch, forces=True)
            assert torch.equal(found[count].forces, evaluator(batch, forces=True).forces)
    finally:
        torch.set_num_threads(before)
    for count in (2, 3):
        assert torch.allclose(found[count].forces, found[1].forces, atol=1e-4 * float(found[1].forces.abs().max()))


def test_ensembles_are_means():
    batch = a_batch([6, 9], [True, True], torch.float64)
    ensemble = Ensemble([a_model(2, 2, 16, torch.float64, seed=seed) for seed in range(3)])
    wanted = energy_and_derivatives(ensemble, batch, stress=True)
    found = Evaluator(ensemble, "native")(batch, forces=True, stress=True)
    for name in ("values", "contributions", "members", "forces", "stress"):
        assert torch.allclose(getattr(found, name), getattr(wanted, name), rtol=1e-10, atol=1e-10), name


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copy", "pickle"])
def test_copies_have_memory_of_their_own(again):
    model, batch = a_model(1, 2, 16, torch.float64), a_batch([6], [False], torch.float64)
    first = Evaluator(model, "native")
    second, wanted = again(first), first(batch).values
    del first
    assert torch.equal(second(batch).values, wanted)


def test_later_changes_of_weights_have_no_effect():
    model, batch = a_model(1, 2, 16, torch.float64), a_batch([6], [False], torch.float64)
    evaluator = Evaluator(model, "native")
    before = evaluator(batch).values
    with torch.no_grad():
        model.embedding.weight.mul_(2)
    assert torch.equal(evaluator(batch).values, before)


def test_which_engine(monkeypatch):
    model = a_model(1, 1, 16, torch.float64)
    assert Evaluator(model).engine == Evaluator(model, "native").engine == "native"
    assert Evaluator(model, "torch").engine == "torch"
    pooled = PooledModel(Architecture(n_species=1, pooling=("mean",), readout="pooled", classes=3))
    coarse = copy.deepcopy(model).to(torch.bfloat16)
    with pytest.raises(ValueError, match="float32 or float64"):
        NativeNetwork(coarse)
    for other in (pooled, coarse):
        assert not NativeNetwork.serves(other)
        assert Evaluator(other).engine == "torch"
        with pytest.raises(EmpnetError, match="does not serve this model"):
            Evaluator(other, "native")
    monkeypatch.setenv("EMPNET_KERNELS", "reference")
    assert Evaluator(model).engine == "torch"


def test_derivatives_of_means_are_torchs():
    model = PropertyModel(Architecture(n_species=3, n_features=2, pooling=("mean",), cutoff=CUTOFF)).eval()
    batch = a_batch([6, 4], [False, False], torch.float32)
    wanted = energy_and_derivatives(model, batch).forces
    assert torch.allclose(Evaluator(model)(batch, forces=True).forces, wanted, atol=1e-6)
