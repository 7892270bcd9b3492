"""Neighbour lists against ASE's and against brute force."""

import numpy as np
import pytest
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list

from empnet.dataset import neighbours
from empnet.dataset.neighbours import neighbour_list
from empnet.errors import EmpnetError
from empnet.system.system import Origin, System


def of(atoms) -> System:
    return System(atoms.positions, atoms.numbers, cell=atoms.cell.array, pbc=tuple(atoms.pbc))


def slab():
    atoms = bulk("Cu", cubic=True) * (2, 1, 1)
    atoms.set_cell(atoms.cell.array + np.diag([0, 0, 10.0]))
    atoms.pbc = (True, True, False)
    return atoms


def skewed():
    atoms = bulk("Si")
    atoms.rattle(0.1, seed=1)
    return atoms


SYSTEMS = {
    "molecule": molecule("C6H6"),
    "one particle": molecule("H2")[:1],
    "primitive cell with its own images": bulk("Cu"),
    "skewed cell": skewed(),
    "slab": slab(),
    "particles outside the cell": bulk("NaCl", "rocksalt", a=5.6),
}
SYSTEMS["particles outside the cell"].positions += [30.0, -17.0, 4.0]


def as_set(receivers, senders, shifts):
    return sorted(zip(receivers.tolist(), senders.tolist(), map(tuple, shifts.astype(int).tolist()), strict=True))


def brute_force(system: System, cutoff: float, reach: int = 6):
    """Every pair of particles with every shift that could matter."""
    periodic = np.array(system.pbc)
    steps = [range(-reach, reach + 1) if axis else (0,) for axis in periodic]
    found = []
    for shift in np.array(np.meshgrid(*steps, indexing="ij")).reshape(3, -1).T:
        vectors = system.positions[None] - system.positions[:, None] + shift @ system.cell
        d = np.linalg.norm(vectors, axis=2)
        for j, i in np.argwhere(d < cutoff):
            if d[j, i] > 0 or shift.any():
                found.append((int(j), int(i), tuple(int(step) for step in shift)))
    return sorted(found)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("cutoff", [1.0, 3.1, 5.0])
def test_pairs_are_those_of_ase(name, cutoff):
    system = of(SYSTEMS[name])
    pairs = neighbour_list(system, cutoff)
    assert as_set(pairs.receivers, pairs.senders, pairs.shifts) == as_set(*neighbor_list("ijS", SYSTEMS[name], cutoff))


@pytest.mark.parametrize("name", ["molecule", "primitive cell with its own images", "slab"])
def test_pairs_are_those_of_brute_force(name):
    system = of(SYSTEMS[name])
    pairs = neighbour_list(system, 4.3)
    assert as_set(pairs.receivers, pairs.senders, pairs.shifts) == brute_force(system, 4.3)


@pytest.mark.parametrize("name", SYSTEMS)
def test_order(name):
    pairs = neighbour_list(of(SYSTEMS[name]), 5.0)
    assert np.all(np.diff(pairs.receivers) >= 0)
    keys = np.column_stack([pairs.receivers, pairs.senders, pairs.shifts]).tolist()
    assert keys == sorted(keys)


def test_all_pairs_of_few_particles_are_those_of_the_search(monkeypatch):
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*3 * [np.arange(3.0)], indexing="ij"), axis=-1).reshape(-1, 3)  # many at the cutoff
    systems = [*(System(rng.normal(0, 2, (n, 3)) + 1e3) for n in (1, 2, 7, 23, 64)), System(grid), System(0.1 * grid)]
    for cutoff in (1.0, 2.0, 0.1 * np.sqrt(3), 5.0):
        quick = [neighbour_list(system, cutoff) for system in systems]
        monkeypatch.setattr(neighbours, "FEW", 0)
        for system, found in zip(systems, quick, strict=True):
            wanted = neighbour_list(system, cutoff)
            for name in ("receivers", "senders", "shifts"):
                assert np.array_equal(getattr(found, name), getattr(wanted, name))
                assert getattr(found, name).dtype == np.int32
        monkeypatch.undo()


def test_neighbours_are_never_capped():
    positions = np.random.default_rng(0).uniform(0, 4, (400, 3))
    assert len(neighbour_list(System(positions), 20.0)) == 400 * 399


def test_a_million_angstrom_from_the_origin():
    near = of(SYSTEMS["molecule"])
    far = System(near.positions + 1e6, near.species)
    assert np.array_equal(neighbour_list(near, 3.0).senders, neighbour_list(far, 3.0).senders)


def test_a_particle_without_neighbours_is_fine():
    assert len(neighbour_list(System([[0, 0, 0], [0, 0, 50.0]]), 5.0)) == 0


def test_coincident_particles_are_named():
    system = System([[0, 0, 0], [1, 0, 0], [0, 0, 0]], origin=Origin("a.xyz", 7))
    with pytest.raises(EmpnetError, match=r"a\.xyz, frame 7: particles 0 and 2 coincide"):
        neighbour_list(system, 5.0)


def test_a_particle_on_an_image_of_another_is_coincident():
    system = System([[0, 0, 0], [3.0, 0, 0]], cell=3 * np.eye(3), pbc=(True, True, True))
    with pytest.raises(EmpnetError, match="coincide"):
        neighbour_list(system, 2.0)
