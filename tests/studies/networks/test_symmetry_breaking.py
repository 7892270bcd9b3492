"""Layers that break a symmetry: they break that one, and keep the others; the signed volume is a pseudoscalar."""

import pytest
import torch

from empnet.model.property_predictor import PropertyPredictor
from empnet.studies.networks.handedness import signed_volumes
from empnet.studies.networks.symmetry_breaking import FilterPerPairLayer, MarkedPredictor, MixingLayer, n_marks

B, N, F = 2, 7, 3
TINY = 1e-11
"""Relative; sums of some hundred terms in float64 err by some hundred times 2e-16."""


def rotation(seed: int = 0) -> torch.Tensor:
    matrix, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))
    return matrix * torch.linalg.det(matrix)


@pytest.fixture
def systems() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    f = torch.nn.functional.one_hot(torch.tensor([[0, 0, 1, 1, 2, 2, 2]] * B), F).double()
    return 2 * torch.randn(B, N, 3, dtype=torch.float64), f


def changes(predictor: torch.nn.Module, r: torch.Tensor, f: torch.Tensor) -> dict[str, bool]:
    """Which of four operations change the prediction by more than rounding."""
    rows = torch.tensor([6, 0, 3, 2, 5, 4, 1])
    others = {
        "rotation": (r @ rotation(), f),
        "translation": (r + 3, f),
        "permutation": (r[:, rows], f[:, rows]),
        "reflection": (-r, f),
    }
    with torch.no_grad():
        y = predictor(r, f)
        return {name: bool(((predictor(*other) - y).abs() > TINY * y.abs()).any()) for name, other in others.items()}


@pytest.mark.parametrize(
    ("settings", "broken"),
    [
        ({}, set()),
        ({"coordinates": True}, {"rotation", "translation", "reflection"}),
        ({"labels": True}, {"permutation"}),
        ({"handedness": True}, {"reflection"}),
        ({"readout": "flatten"}, {"permutation"}),
    ],
)
def test_each_mark_breaks_its_own_symmetry_and_no_other(systems, settings, broken):
    torch.manual_seed(2)
    found = changes(MarkedPredictor(N, F, **settings).double(), *systems)
    assert {name for name, changed in found.items() if changed} == broken


def test_without_marks_it_is_the_predictor(systems):
    torch.manual_seed(3)
    marked = MarkedPredictor(N, F).double()
    plain = PropertyPredictor(N, F).double()
    plain.load_state_dict(marked.predictor.state_dict())
    torch.testing.assert_close(marked(*systems), plain(*systems), rtol=0, atol=0)


@pytest.mark.parametrize("readout", ["sum", "flatten"])
def test_gradients_reach_all_parameters(systems, readout):
    predictor = MarkedPredictor(N, F, readout=readout, coordinates=True, labels=True, handedness=True).double()
    predictor(*systems).sum().backward()
    assert all(parameter.grad is not None for parameter in predictor.parameters())
    assert n_marks(coordinates=True, labels=True, handedness=True) == 5


def test_an_unknown_readout_is_refused():
    with pytest.raises(ValueError, match="readout: wanted 'sum' or 'flatten', given 'max'"):
        MarkedPredictor(N, F, readout="max")


def test_signed_volume_is_a_pseudoscalar_that_moves_with_its_particle(systems):
    r, _ = systems
    chi = signed_volumes(r)
    rows = torch.randperm(N, generator=torch.Generator().manual_seed(0))
    close = {"rtol": 1e-9, "atol": 1e-9}  # cubic angstrom; of numbers of order ten that are differences of such
    torch.testing.assert_close(signed_volumes(r @ rotation() + 5), chi, **close)
    torch.testing.assert_close(signed_volumes(r[:, rows]), chi[:, rows], **close)
    torch.testing.assert_close(signed_volumes(-r), -chi, **close)
    assert (chi.abs().amax(1) > 1e-2).all()  # random clouds have a hand


def test_signed_volume_of_a_flat_cloud_is_nil_and_empty_slots_are_not_seen(systems):
    r, _ = systems
    assert signed_volumes(r * torch.tensor([1.0, 1.0, 0.0])).abs().max() == 0
    mask = torch.ones(B, N, dtype=torch.bool)
    mask[:, 5:] = False
    padded = signed_volumes(torch.where(mask[..., None], r, torch.nan), mask=mask)
    torch.testing.assert_close(padded[:, :5], signed_volumes(r[:, :5]))
    assert padded[:, 5:].abs().max() == 0


def test_mixing_layer_mixes_and_filters_per_pair_know_their_pair(systems):
    r, f = systems
    rows = torch.tensor([6, 0, 3, 2, 5, 4, 1])
    with torch.no_grad():
        mixing = MixingLayer(N, F, 2).double()
        assert (mixing(f[:, rows]) - mixing(f)[:, rows]).abs().max() > 1e-3
        layer = FilterPerPairLayer(N, F).double()
        assert (layer(r[:, rows], f[:, rows]) - layer(r, f)[:, rows]).abs().max() > 1e-3


def test_filter_per_pair_layer_is_its_formula(systems):
    r, f = systems
    layer = FilterPerPairLayer(N, F).double()
    j = 2
    received = torch.zeros(F, dtype=torch.float64)
    for i in range(N):
        hidden = torch.nn.functional.softplus(layer.W_1[j, i] * (r[0, i] - r[0, j]).norm() + layer.b_1[j, i])
        received += (layer.W_2[j, i] @ hidden + layer.b_2[j, i]) * f[0, i]
    torch.testing.assert_close(layer(r, f)[0, j], torch.nn.functional.softplus(received), rtol=1e-12, atol=1e-12)
