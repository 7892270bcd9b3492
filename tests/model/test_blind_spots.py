"""Different clouds with equal descriptors: the moments, products and depth that distinguish them (docs/blind-spots.md).

Networks with random weights, in float64. Two clouds are distinguished if the outputs differ by more than 1e-8 of the
largest one, and taken for the same if they differ by less than 1e-11: rounding makes 1e-13 or so.
"""

from itertools import combinations, permutations

import numpy as np
import pytest
import torch

from empnet.basis.radial import envelope
from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.property_model import PropertyModel
from empnet.studies.question_5_message_passing.clouds import antiprism, hexagon, smallest_rmsd, two_triangles
from empnet.system.one_hot import OneHot
from empnet.system.system import System

ENCODER = OneHot([0, 1])
TOLD_APART, THE_SAME = 1e-8, 1e-11
ALONE = 1.08
"""A cutoff within which particles at distance 1 are neighbours of a centre, but not of each other at 66 degrees."""


def around(positions: np.ndarray) -> System:
    """A centre of another kind at the origin, and its neighbours."""
    positions = np.asarray(positions, dtype=float)
    return System(np.concatenate([np.zeros((1, 3)), positions]), [1] + [0] * len(positions))


def equal_pairs() -> tuple[System, ...]:
    """Four neighbours a, -a, p, q with p and q at right angles, and p inverted: all pairs of them stay as they are.

    Inverting p exchanges its angles with a and -a, and leaves the right one; but only in the first is there a
    particle (a) that both p and q are close to.
    """
    a, c = np.array([1.0, 0, 0]), 0.4
    h = np.sqrt(1 - c * c)
    q, p = np.array([c, h, 0]), np.array([c, -c * c / h, np.sqrt(1 - c * c - c**4 / h**2)])
    return around([a, -a, q, p]), around([a, -a, q, -p])


def equal_triples() -> tuple[System, ...]:
    """Six neighbours a, -a, b, -b, p, q, and p inverted; p is at right angles to q and a, and q to b."""
    a, b, q, p = np.array([[1, 0, 0], [1, 0, -1], [-1, -1, -1], [0, 1, -1]])
    return around([a, -a, b, -b, q, p]), around([a, -a, b, -b, q, -p])


def rings(n: int) -> tuple[System, ...]:
    """Two parallel rings of n around a centre, in line with each other, and one of them turned by half a step."""
    z = 1 / np.sqrt(3)
    r, angles = np.sqrt(1 - z * z), 2 * np.pi / n * np.arange(n)

    def ring(z: float, turned: float) -> np.ndarray:
        return np.stack([r * np.cos(angles + turned), r * np.sin(angles + turned), np.full(n, z)], axis=1)

    return tuple(around(np.concatenate([ring(z, 0), ring(-z, turned)])) for turned in (0, np.pi / n))


def mirror_images() -> tuple[System, ...]:
    """A centre with four neighbours at different distances."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * np.array([[0.6], [0.7], [0.8], [0.9]])
    return around(corners), around(corners * [-1, 1, 1])


def tuples(system: System, n: int) -> list[tuple[float, ...]]:
    """Return the inner products among each n neighbours, sorted: all that products of n moments depend on."""
    G = (system.positions[1:] @ system.positions[1:].T).round(10) + 0.0

    def smallest(some: tuple[int, ...]) -> tuple[float, ...]:
        return min(tuple(G[np.ix_(order, order)].ravel()) for order in permutations(some))

    return sorted(smallest(some) for some in combinations(range(len(G)), n))


def limited(model: PropertyModel, order: int) -> PropertyModel:
    """Limit the model to products of this many moments; with two, no coupled moments are passed on either."""

    def of(full):
        def products(f, A, B):
            invariants, D = full(f, A, B)
            invariants = invariants.clone()
            invariants[:, 1 + 3 * (order - 1) : 10] = (
                0  # three of each order; then A_0, and a product of two of degree 3
            )
            return invariants, D if order > 2 else B

        return products

    for interaction in model.interactions if model.architecture.moments else ():
        interaction.products = of(interaction.products)
    return model


def change(pair, cutoff: float, moments: int, layers: int = 1, order: int = 4, *, centre: bool = False) -> float:
    """Relative difference of the outputs, the larger of two networks: of the whole clouds, or of the first particle."""
    found = []
    sizes = {"width": 8, "knots": 16, "n_basis": 6, "hidden": 8}
    batch = collate(list(pair), cutoff, ENCODER, torch.float64)
    nearest = np.linalg.norm(pair[0].positions[1:] - pair[0].positions[0], axis=1).min()
    for seed in range(2):
        torch.manual_seed(seed)
        architecture = Architecture(2, ("sum",), cutoff=cutoff, layers=layers, moments=moments, **sizes)
        model = limited(PropertyModel(architecture).double(), order)
        for interaction in model.interactions:  # so that what neighbours near the cutoff add is of order one
            interaction.mean_neighbours.copy_(envelope(torch.tensor(nearest), cutoff) ** 2)
        with torch.no_grad():
            c = model.contributions(batch)[:, 0]
        one, other = c.split(len(pair[0]))
        difference = one[0] - other[0] if centre else one.sum() - other.sum()
        found.append(float(difference.abs() / c.abs().max()))
    return max(found)


@pytest.fixture(autouse=True)
def plain_torch(monkeypatch):
    """Use plain torch, so that nothing is compiled; other tests compare both kernels."""
    monkeypatch.setenv("EMPNET_KERNELS", "reference")


PAIRS = {
    "rings of three and six": (hexagon(), two_triangles()),
    "hexagon and antiprism": (hexagon(), antiprism()),
    "equal pairs": equal_pairs(),
    "equal triples": equal_triples(),
    "prism and octahedron": rings(3),
    "cube and antiprism": rings(4),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_clouds_differ(name):
    one, other = (system.positions for system in PAIRS[name])
    assert smallest_rmsd(one, other) > 0.1


@pytest.mark.parametrize(("name", "equal", "different"), [("equal pairs", 2, 3), ("equal triples", 3, 4)])
def test_how_many_at_a_time_look_the_same(name, equal, different):
    one, other = PAIRS[name]
    assert tuples(one, equal) == tuples(other, equal)
    assert tuples(one, different) != tuples(other, different)


@pytest.mark.parametrize("moments", [0, 1, 2, 3])
@pytest.mark.parametrize("layers", [1, 2])
def test_mirror_images_are_the_same_to_every_network(moments, layers):
    """By design: mirror images have equal energies."""
    assert change(mirror_images(), 2.5, moments, layers) < THE_SAME


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize(("name", "cutoff"), [("rings of three and six", 1.7), ("hexagon and antiprism", 8.0)])
def test_distances_alone_miss_what_one_moment_distinguishes(name, cutoff, layers):
    assert change(PAIRS[name], cutoff, 0, layers) < THE_SAME
    for moments in (1, 2, 3):
        assert change(PAIRS[name], cutoff, moments, layers, order=2) > TOLD_APART


def test_equal_pairs_need_products_of_three_and_degree_2():
    """In one layer; vectors do not help, since what does not change of them are their products in pairs."""
    pair = PAIRS["equal pairs"]
    for moments, order in ((0, 4), (1, 4), (2, 2), (3, 2)):
        assert change(pair, ALONE, moments, 1, order) < THE_SAME
    for moments, order in ((2, 3), (2, 4), (3, 3), (3, 4)):
        assert change(pair, ALONE, moments, 1, order) > TOLD_APART


def test_tensors_distinguish_equal_pairs_one_layer_later():
    """A neighbour receives the centre's vector relative to its own direction, and the centre that in a third layer."""
    pair = PAIRS["equal pairs"]
    for layers in (2, 3):
        assert change(pair, ALONE, 0, layers) < THE_SAME
        assert change(pair, ALONE, 1, layers) > TOLD_APART
    assert change(pair, ALONE, 1, 2, centre=True) < THE_SAME
    assert change(pair, ALONE, 1, 3, centre=True) > TOLD_APART


def test_equal_triples_need_products_of_four_and_degree_2():
    """From the centre alone, in one layer; with messages between neighbours the clouds are distinguished."""
    pair = PAIRS["equal triples"]
    for moments, order in ((0, 4), (1, 4), (2, 2), (2, 3), (3, 2), (3, 3)):
        assert change(pair, 3.0, moments, 1, order, centre=True) < THE_SAME
    for moments in (2, 3):
        assert change(pair, 3.0, moments, 1, centre=True) > TOLD_APART
    for moments, layers in ((0, 2), (1, 1), (2, 1), (3, 1)):
        assert change(pair, 3.0, moments, layers) > TOLD_APART


@pytest.mark.parametrize("layers", [1, 2])
def test_a_ring_of_n_needs_degree_n(layers):
    """Moments of a ring of n have m = 0, n, 2 n ...: below degree n its rotation changes nothing, at any depth."""
    for moments in (0, 1, 2):
        assert change(PAIRS["prism and octahedron"], ALONE, moments, layers) < THE_SAME
    assert change(PAIRS["prism and octahedron"], ALONE, 3, layers) > TOLD_APART
    for moments in (0, 1, 2, 3):
        assert change(PAIRS["cube and antiprism"], ALONE, moments, layers) < THE_SAME


@pytest.mark.parametrize("name", ["equal pairs", "prism and octahedron", "cube and antiprism"])
def test_a_cutoff_that_joins_the_neighbours_distinguishes_them_by_distances(name):
    assert change(PAIRS[name], 2.5, 0, 1) > TOLD_APART
