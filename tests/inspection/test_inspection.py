"""Data with known faults raise the right findings, and healthy data raise none."""

from dataclasses import replace

import numpy as np
import pytest
from ase import units
from ase.calculators.emt import EMT
from ase.cluster import Icosahedron
from ase.md.verlet import VelocityVerlet

from empnet import EmpnetError, System
from empnet.dataset.cache import Recipe, open_dataset
from empnet.files.read import read
from empnet.inspection import inspect_data, quick_findings
from empnet.system.atoms import from_atoms
from empnet.system.system import Origin


@pytest.fixture(scope="module")
def trajectory():
    """Molecular dynamics of a copper cluster, with energies and forces of one potential."""
    atoms = Icosahedron("Cu", 2)
    atoms.calc = EMT()
    spread = np.sqrt(600 * units.kB * atoms.get_masses())[:, None]  # half of it becomes potential energy
    atoms.set_momenta(np.random.default_rng(0).normal(size=(13, 3)) * spread)
    dynamics = VelocityVerlet(atoms, 5 * units.fs)
    frames = []
    dynamics.attach(lambda: frames.append(from_atoms(atoms, Origin("md.xyz", len(frames)))), interval=2)
    dynamics.run(240)
    return frames


@pytest.fixture(scope="module")
def frames(trajectory):
    """The same frames in no order."""
    return [trajectory[k] for k in np.random.default_rng(1).permutation(len(trajectory))]


def told(frames, **options):
    """Level and words of each finding that is more than a note."""
    found = inspect_data(frames, quiet=True, **options).findings
    return [(finding.level, str(finding)) for finding in found if finding.level != "note"]


def with_forces(frames, change):
    return [replace(s, arrays={"forces": change(s.arrays["forces"])}) for s in frames]


def with_energy(frames, change):
    return [replace(s, properties={"energy": change(k, s.properties["energy"])}) for k, s in enumerate(frames)]


def test_healthy_frames_raise_nothing(frames):
    assert told(frames, properties=["energy"]) == []
    notes = [str(finding) for finding in inspect_data(frames, quiet=True).findings]
    assert any("they fit 'energy' in sign and unit" in note for note in notes)


def frozen(forces):
    changed = np.array(forces)
    changed[[2, 5]] = 0.0
    return changed


def drifting(forces):
    return forces + 0.01


def turned(forces):
    return forces[:, [1, 0, 2]]


FORCE_FAULTS = {
    "gradients in place of forces": (lambda f: -f, ["their sign is reversed"]),
    "eV and kcal/mol": (lambda f: f / 23.0605, ["energies in kcal/mol with forces in eV/angstrom"]),
    "kcal/mol and eV": (lambda f: f * 23.0605, ["energies in eV with forces in kcal/mol/angstrom"]),
    "Hartree/bohr": (lambda f: f / 51.4221, ["energies in eV with forces in Hartree/bohr"]),
    "both": (lambda f: -f / 51.4221, ["their sign is reversed", "energies in eV with forces in Hartree/bohr"]),
    "a drift": (drifting, ["they do not sum to zero"]),
    "held particles": (frozen, ["suspected constraints", "the same 2 in nearly all frames"]),
    "another orientation": (turned, ["they rotate open systems"]),
    "never computed": (np.zeros_like, ["all zero in all 121 frames"]),
}


@pytest.mark.parametrize(("change", "wanted"), FORCE_FAULTS.values(), ids=FORCE_FAULTS)
def test_faults_of_forces(frames, change, wanted):
    found = " ".join(text for level, text in told(with_forces(frames, change)) if level == "warning")
    for words in wanted:
        assert words in found


def test_forces_of_other_frames_are_not_called_a_unit(frames):
    strangers = [replace(s, arrays={"forces": frames[k - 1].arrays["forces"]}) for k, s in enumerate(frames)]
    found = inspect_data(strangers, quiet=True).findings
    assert any("these frames do not show sign and unit" in finding.text + finding.remedy for finding in found)
    assert not any("fit 'energy'" in finding.text for finding in found)


def test_periodic_crystals_that_are_rattled_fit_their_forces():
    from ase.build import bulk

    crystals = []
    for seed in range(20):
        atoms = bulk("Al", cubic=True).repeat(2)
        atoms.rattle(0.02, seed=seed)
        atoms.wrap()  # some positions now are a cell away from where they were
        atoms.calc = EMT()
        atoms.get_forces()
        crystals.append(from_atoms(atoms))
    notes = " ".join(map(str, inspect_data(crystals, quiet=True).findings))
    assert "they fit 'energy' in sign and unit" in notes


def test_frames_in_order_of_time(trajectory, frames):
    (level, text), *_ = [found for found in told(trajectory) if "order" in found[1]]
    assert level == "advice"
    assert "--split blocks" in text
    assert not any("order" in text for _, text in told(frames))


def test_an_exact_duplicate_is_no_contradiction(frames):
    ((level, text),) = told([*frames, frames[7]])
    assert level == "advice"
    assert "1 of 122 frames are exactly equal" in text


def test_a_contradiction(frames):
    twin = replace(frames[7], properties={"energy": frames[7].properties["energy"] + 0.25})
    found = told([*frames, twin])
    assert any("different values, by up to 0.25 eV" in text for level, text in found if level == "warning")


def rotated(system, order):
    """Turned, moved, reordered, and with the last digits lost."""
    q, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    return replace(
        system, positions=((system.positions @ q) + [4.0, -1.0, 2.0])[order].round(5), species=system.species[order],
        arrays={},
    )  # fmt: skip


def test_near_duplicates_however_they_lie(frames):
    inspection = inspect_data([*frames, rotated(frames[7], np.random.default_rng(0).permutation(13))], quiet=True)
    assert (inspection.exact_duplicates, inspection.near_duplicates) == (0, 1)
    (finding,) = [finding for finding in inspection.findings if finding.topic == "near duplicates"]
    assert "2 of 122 frames" in finding.text


def test_other_points_with_the_same_distances_are_no_duplicates():
    """A homometric pair: six points on a line, with the same 15 distances and no motion that maps one to the other."""
    one, two = (np.array([[x, 0.0, 0.0] for x in points]) for points in ([0, 1, 4, 10, 12, 17], [0, 1, 8, 11, 13, 17]))
    other = np.array([[x, 1.0, 0.0] for x in (0, 2, 5, 9, 14, 20)])
    pairs = [System(points, [6] * 6) for points in (one, two, other, one[::-1] * 1.0001)]
    assert inspect_data(pairs, quiet=True).near_duplicates == 1  # the last, of the first


def test_one_outlier(frames):
    found = told(with_energy(frames, lambda k, energy: energy + 30.0 * (k == 50)))
    assert any("1 of 121 frames lie more than 10" in text for level, text in found if level == "warning")


def test_values_that_were_never_computed(frames):
    shifted = with_energy(frames, lambda k, energy: 0.0 if k in (3, 4, 5, 6, 7, 8) else energy - 1000.0)
    assert any("exactly 0 in 6 of 121 frames" in text for _, text in told(shifted))


def sized(energy):
    """Chains of 3 to 10 atoms with an energy of the number of atoms and a seed."""
    rng = np.random.default_rng(0)
    chains = []
    for k in range(40):
        n = 3 + k % 8
        x = np.cumsum(rng.uniform(2.2, 2.8, n))
        positions = np.stack([x, np.zeros(n), np.zeros(n)], axis=1)
        chains.append(System(positions, [29] * n, properties={"energy": energy(n, rng)}))
    return chains


@pytest.mark.parametrize(
    ("energy", "words"),
    [
        (lambda n, rng: 0.0, "it is 0 in all 40 frames"),
        (lambda n, rng: -3.5, "it is -3.5 eV in all 40 frames"),
        (lambda n, rng: -3.5 * n, "nothing is left to learn"),
    ],
    ids=["zero", "constant", "composition"],
)
def test_what_cannot_be_meant_is_an_error_if_it_is_wanted(energy, words):
    chains = sized(energy)
    (level, text), *_ = told(chains, properties=["energy"])
    assert (level, words in text) == ("error", True)
    assert not told(chains)  # nobody wants to learn it
    noisy = sized(lambda n, rng: -3.5 * n + rng.normal(0, 1e-3))
    assert not told(noisy, properties=["energy"])


def test_refused_frames_are_told_and_the_rest_is_looked_at(frames):
    broken = list(frames)
    broken[3] = replace(frames[3], positions=np.where(np.arange(13)[:, None] == 4, np.nan, frames[3].positions))
    broken[5] = replace(
        frames[5], positions=np.where(np.arange(13)[:, None] == 1, frames[5].positions[0], frames[5].positions)
    )
    broken[8] = replace(frames[8], cell=np.zeros((3, 3)), pbc=(True, True, True))
    broken[9] = replace(frames[9], properties={"energy": np.nan})
    broken[10] = replace(frames[10], properties={})
    inspection = inspect_data(broken, properties=["energy"], quiet=True)
    errors = [str(finding) for finding in inspection.findings if finding.level == "error"]
    assert inspection.systems == 119
    for words in (
        "position of particle 4 is not finite",
        "2 frames are refused",
        "2 particles in 1 of 119 frames are within 1e-06 angstrom",
        "energy: nan or infinite in 1 of 118",
        "energy: missing in 1 of 119 frames",
    ):
        assert any(words in error for error in errors), words
    with pytest.raises(EmpnetError, match="not finite"):
        inspect_data([broken[3]], quiet=True)


def test_a_file_that_is_cut_short_is_looked_at_as_far_as_it_goes(tmp_path, frames):
    import empnet

    path = tmp_path / "md.xyz"
    empnet.write(path, frames[:20])
    text = path.read_text()
    path.write_text(text[: int(len(text) * 0.52)])
    inspection = inspect_data(path, quiet=True)
    assert inspection.systems == 10
    assert "reading stopped after 10 frames" in str(inspection.findings[0])


def test_keys_and_their_kinds():
    systems = [
        System(
            [[0, 0, 0], [0, 0, 1.0]], [1, 1],
            properties={"energy": -0.5 - 0.1 * k, "step": 10.0 * k, "label": float(k % 3)},
            info={"group": "ab"[k % 2], "dipole": np.ones(3) * k},
            arrays={"charge": np.array([0.5, -0.5]), "kind": np.array([1, 2])},
        )
        for k in range(12)
    ]  # fmt: skip
    kinds = {key.name: (key.place, key.kind, key.low, key.high, key.values) for key in inspect_data(systems).keys}
    assert kinds["energy"] == ("per frame", "number", -0.5 - 0.1 * 11, -0.5, ())
    assert kinds["step"][:4] == ("per frame", "whole number", 0.0, 110.0)
    assert kinds["label"] == ("per frame", "label or count", 0.0, 2.0, ("0", "1", "2"))
    assert kinds["group"] == ("per frame", "text", None, None, ("a", "b"))
    assert kinds["dipole"][:4] == ("per frame", "vector 3", 0.0, 11.0)
    assert kinds["charge"][:4] == ("per particle", "number", -0.5, 0.5)
    assert kinds["kind"][:4] == ("per particle", "whole number", 1.0, 2.0)


def test_a_wanted_property_that_is_no_number(frames):
    named = [replace(s, info={"kind": "cluster"}) for s in frames]
    for name, words in (
        ("kind", "it is text per frame"),
        ("forces", "it is vector 3 per particle"),
        ("energi", "did you mean 'energy'?"),
    ):
        errors = [text for level, text in told(named, properties=[name]) if level == "error"]
        assert len(errors) == 1
        assert words in errors[0]


def test_units_are_named_or_said_to_be_taken(frames):
    notes = [str(finding) for finding in inspect_data(frames, quiet=True).findings]
    assert any("energy: assuming eV" in note for note in notes)
    inspection = inspect_data(frames, properties=["energy"], unit=["kcal/mol"], quiet=True)
    assert not any("energy: taken to be" in str(f) for f in inspection.findings if f.topic == "energy")
    assert inspection.properties[0].unit == "kcal/mol"
    with pytest.raises(EmpnetError, match="unknown unit"):
        inspect_data(frames, unit=["kcall/mol"], quiet=True)


def test_the_quick_part_says_the_same_of_a_data_set_that_is_built(trajectory):
    twin = replace(trajectory[7], properties={"energy": trajectory[7].properties["energy"] + 0.25})
    dataset = open_dataset([*trajectory, twin], Recipe(("energy",), cutoff=5.0), quiet=True)
    found = [str(finding) for finding in quick_findings(dataset, ["energy"], ["eV"])]
    whole = [str(finding) for finding in inspect_data([*trajectory, twin], properties=["energy"]).findings]
    assert len(found) == 3  # order, duplicates, contradiction
    assert set(found) <= set(whole)
    exact = open_dataset(sized(lambda n, rng: -3.5 * n), Recipe(("energy",), cutoff=5.0), quiet=True)
    assert quick_findings(exact, ["energy"], ["eV"])[0].level == "error"


def test_histograms_count_all_and_show_the_many():
    from empnet.inspection.record import bars

    values = np.append(np.random.default_rng(0).normal(size=2000), [1e6, np.nan])
    drawn = bars("x", "x [eV]", values)
    assert sum(drawn.counts) == 2001
    assert 1 <= drawn.beyond <= 22  # half of a hundredth at either end, and one
    assert drawn.edges[-1] < 5
    assert bars("x", "x", np.array([2, 2, 3, 7])).counts == (2, 1, 0, 0, 0, 1)
    assert bars("x", "x", np.array([2, 2])) is None


def test_the_record_is_json(frames):
    import json

    record = inspect_data(frames, quiet=True).to_json()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["systems"] == 121


def test_bare_words_in_comment_lines_are_one_finding():
    rng = np.random.default_rng(0)
    words = [f"word{k}" for k in range(600)]
    systems = [
        System([[0, 0, 0], [0, 0, 0.8 + 0.01 * k]], [1, 1], info={str(word): True for word in rng.choice(words, 3)})
        for k in range(200)
    ]
    found = inspect_data(systems, quiet=True)
    about_words = [finding for finding in found.findings if "word" in finding.text]
    assert len(about_words) == 1
    assert "bare words are in the comment lines" in about_words[0].text
    assert len(found.findings) < 10


def test_many_keys_that_are_missing_are_one_finding_and_errors_stay_by_themselves():
    systems = [
        System([[0, 0, 0], [0, 0, 0.8 + 0.01 * k]], [1, 1], properties={f"key{k}": 0.5} | ({"E": 0.1 * k} if k else {}))
        for k in range(100)
    ]
    found = inspect_data(systems, properties=["E"], quiet=True)
    errors = [finding for finding in found.findings if finding.level == "error"]
    assert [(finding.topic, finding.text) for finding in errors] == [("E", "missing in 1 of 100 frames")]
    assert found.findings[0] in errors
    (grouped,) = [finding for finding in found.findings if finding.topic == "keys"]
    assert "100 keys are missing in some frames: key0 (missing in 99 of 100 frames)" in grouped.text


def test_asymmetric_stress_is_told():
    tensors = [np.diag([0.01, 0.02, 0.03]) for _ in range(6)]
    tensors[4][0, 1] = 0.02
    systems = [
        System([[0, 0, 0]], [29], cell=3 * np.eye(3), pbc=(True,) * 3, info={"stress": s}, properties={"energy": k})
        for k, s in enumerate(tensors)
    ]
    told = [str(finding) for finding in inspect_data(systems, quiet=True).findings if finding.topic == "stress"]
    assert any("not symmetric in 1 of 6 frames" in text and "0.02 and 0" in text for text in told)


@pytest.mark.parametrize("open_", [True, False])
def test_free_atoms_are_facts_and_no_failed_calculations(open_):
    rng = np.random.default_rng(0)
    chains = [
        System([[0, 0, 0], [0, 0, 2.4 + 0.02 * d]], [29, 29], properties={"energy": -7.0 + 0.01 * d})
        for d in rng.normal(size=40)
    ]
    box = {} if open_ else {"cell": 20 * np.eye(3), "pbc": (True,) * 3}
    atom = System([[0, 0, 0]], [29], properties={"energy": -0.25}, **box)
    found = inspect_data([*chains[:20], atom, *chains[20:]], quiet=True)
    assert not any("robust standard deviations" in finding.text for finding in found.findings)
    (told,) = [finding for finding in found.findings if finding.topic == "free atoms"]
    assert "1 of 41 frames are free atoms (energy: Cu -0.25 eV)" in told.text


def test_one_failed_frame_of_ten_says_nothing_of_the_unit():
    molecules = read("qm7")[:10]
    bad = [replace(s, properties={"energy": s.properties["energy"] + 3e4 * (k == 2)}) for k, s in enumerate(molecules)]
    found = inspect_data(bad, properties=["energy"], unit=["kcal/mol"], quiet=True)
    assert not any("probably in" in finding.text for finding in found.findings if finding.topic == "energy")
