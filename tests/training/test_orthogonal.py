"""Orthogonalised matrices of Muon: libempnet against torch, over shapes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from empnet.training.optimiser.muon import Muon, all_orthogonalised, orthogonalised

SHAPES = st.tuples(st.integers(1, 3), st.integers(1, 70), st.integers(1, 150))


@settings(max_examples=40, deadline=None)
@given(shapes=st.lists(SHAPES, min_size=1, max_size=6), double=st.booleans(), seed=st.integers(0, 99))
def test_against_torch(shapes, double, seed):
    torch.manual_seed(seed)
    dtype = torch.float64 if double else torch.float32
    matrices = [torch.randn(*shape, dtype=dtype) * 10 ** float(torch.randn(())) for shape in shapes]
    matrices.append(torch.randn(5, 9, dtype=dtype).T)  # one that does not lie in one piece
    for found, G in zip(all_orthogonalised(matrices), matrices, strict=True):
        assert found.shape == G.shape
        assert torch.allclose(found, orthogonalised(G), atol=1e-8 if double else 2e-3)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_nothing(threads):
    torch.manual_seed(0)
    matrices = [torch.randn(128, 300), torch.randn(64, 64), torch.randn(2, 33, 12)]
    before = torch.get_num_threads()
    alone = all_orthogonalised(matrices)
    try:
        torch.set_num_threads(threads)
        shared = all_orthogonalised(matrices)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(alone, shared, strict=True))


def test_zeros_stay_zeros():
    assert not all_orthogonalised([torch.zeros(4, 6)])[0].any()


def test_steps_with_and_without_libempnet(monkeypatch):
    def moved() -> torch.Tensor:
        torch.manual_seed(0)
        W, b = torch.nn.Parameter(torch.randn(12, 20)), torch.nn.Parameter(torch.randn(12))
        optimizer = Muon([W], [b], lr=0.01)
        for _ in range(5):
            optimizer.zero_grad()
            (torch.tanh(torch.ones(3, 20) @ W.T + b)).square().sum().backward()
            optimizer.step()
        return torch.cat([W.detach().flatten(), b.detach()])

    native = moved()
    monkeypatch.setenv("EMPNET_KERNELS", "reference")
    assert torch.allclose(native, moved(), atol=1e-5)
