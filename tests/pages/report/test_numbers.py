"""What the report computes is what it says it is."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import sem

from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.pages.report.figures import grouped, size_groups
from empnet.pages.report.filters import filters_of
from empnet.pages.report.uncertainty_section import LEVELS, bins_of, coverages
from empnet.system.one_hot import OneHot
from empnet.system.system import System


def test_a_filter_is_what_a_neighbour_counts():
    torch.manual_seed(1)
    model = PropertyModel(Architecture(n_species=1, pooling=("sum",), width=8, layers=2)).double()
    for number, filters in enumerate(filters_of(model)):
        place = 40
        pair = System([[0, 0, 0], [0, 0, filters.d[place]]], species=[1, 1])
        geometry = model.geometry(collate([pair], 5.0, OneHot([1]), torch.float64))
        interaction, f = model.interactions[number], torch.tensor([[0.0] * 8, [1.0] * 8]).double()
        received = interaction.message_passing(f, geometry)[0]
        # a spline through values on knots, summed with weights: roundings of float64
        assert torch.allclose(received, torch.from_numpy(filters.values[place, 0]) * interaction.W(f)[1], atol=1e-9)


def test_a_filter_of_each_degree_is_what_a_neighbour_counts_in_its_direction():
    torch.manual_seed(1)
    architecture = Architecture(n_species=1, pooling=("sum",), width=8, layers=2, moments=2)
    model = PropertyModel(architecture).double()
    phi, interaction = filters_of(model)[0], model.interactions[0]
    place, r = 40, np.array([2.0, -1.0, 2.0]) / 3
    pair = System([[0, 0, 0], phi.d[place] * r], species=[1, 1])
    geometry = model.geometry(collate([pair], 5.0, OneHot([1]), torch.float64))
    f = torch.tensor([[0.0] * 8, [1.0] * 8]).double()
    received = interaction.message_passing(f, None, geometry)[0].detach().numpy()
    x = interaction.W(f)[1].detach().numpy()
    for degree, components in enumerate((slice(0, 1), slice(1, 4), slice(4, 9))):
        found = np.linalg.norm(received[components], axis=0)  # of harmonics: (2 l + 1)^1/2, by the addition theorem
        wanted = (2 * degree + 1) ** 0.5 * np.abs(phi.values[place, degree] * x)
        assert np.allclose(found, wanted, rtol=0, atol=1e-9)


def test_the_strongest_filters_are_chosen_where_there_are_pairs():
    from empnet.pages.report.filters import Filters

    d = np.linspace(0, 5, 51)
    near, far = np.where(d < 1, 100.0 * d, 0.0), np.where(d > 2, d, 0.0)
    filters = Filters(d, np.stack([near, far], axis=1)[:, None, :])
    assert filters.strongest(0.0)[0] == 0
    assert filters.strongest(1.0)[0] == 1


@given(st.lists(st.integers(1, 400), min_size=1, max_size=300))
def test_every_system_is_in_one_group_by_size(sizes):
    sizes = np.array(sizes)
    groups = size_groups(np.arange(len(sizes), dtype=float), sizes)
    assert sum(group.systems for group in groups) == len(sizes)
    assert len(groups) <= 12
    total = sum(group.systems * group.mae for group in groups)
    assert total == pytest.approx(len(sizes) * (len(sizes) - 1) / 2)


def test_the_interval_of_a_group():
    errors = np.random.default_rng(0).normal(size=50)
    assert grouped("all", errors).half_width == pytest.approx(1.96 * sem(np.abs(errors)))


def test_observed_coverage_is_counted():
    ratio = np.abs(np.random.default_rng(0).normal(size=4000))
    found = coverages(ratio)
    # a share of 4,000 scatters by 0.8 % at most: four times that
    assert np.abs(found[:, 0] - LEVELS).max() < 0.032
    assert (found[:, 1] < found[:, 0]).all()
    assert (found[:, 0] < found[:, 2]).all()


def test_groups_of_like_deviation_hold_20_systems_each():
    rng = np.random.default_rng(0)
    std = rng.uniform(0.1, 2.0, 4000)
    groups = bins_of(np.abs(rng.normal(0, std)), std)
    assert [n for *_, n in groups] == [500] * 8
    # 68 % of normal errors are within their deviation; the quantile of 500 scatters by 4 %: five times that
    assert [size / mean for mean, size, _ in groups] == pytest.approx([1.0] * 8, rel=0.2)
    assert bins_of(np.ones(19), np.ones(19)) == []
