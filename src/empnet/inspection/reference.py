"""Probable unit and zero of energies, judged by their size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from empnet.inspection.atomic_energies import all_electron_energy, cohesive_energy, valence_energy
from empnet.inspection.frames import Frames
from empnet.inspection.record import UNNAMED_UNIT, Finding, PropertyFacts
from empnet.inspection.targets import ordinary
from empnet.system.units import parse_unit

__all__ = ["Guess", "guesses", "reference_findings"]

UNITS = ("eV", "Hartree", "Ry", "kcal/mol", "kJ/mol", "meV")
"""Usual units of energies."""

NEAREST_NEXT = 2.0  # smallest ratio of two units: Hartree over Rydberg
TIGHT = 1.1  # tolerance for total energies: relativity changes heavy atoms by this factor; NEAREST_NEXT is far larger
WIDE = 4.0  # tolerance for binding energies: from weakly bound metals (Mg) to VASP's energies (free atoms without spin)
STEADY = 0.25  # binding energies: largest residual of the composition fit over the mean; QM7 1 %, copper with EMT 45 %
ODD = {"all electrons": TIGHT, "valence electrons": TIGHT, "binding": WIDE}

WORDS = {
    "all electrons": "total energies with all electrons",
    "valence electrons": "total energies with valence electrons only (pseudopotentials)",
    "binding": "energies relative to free atoms (atomisation, cohesive)",
}


@dataclass(frozen=True, slots=True)
class Guess:
    """A unit and a zero that fit the energies.

    Arguments:
        kind: ``"all electrons"``, ``"valence electrons"`` or ``"binding"``.
        unit: Name of the unit.
        ratio: Median ratio of the energies to the sums over bound atoms.
        least: Ratio exceeded by 95 % of the frames; its reference is the nearer of the sums of bound and free atoms.
        most: Upper limit of this ratio for 95 % of the frames.
        expected: Median of the sums over bound atoms, in this unit.
    """

    kind: str
    unit: str
    ratio: float
    least: float
    most: float
    expected: float

    @property
    def odd(self) -> float:
        """Deviation from a perfect fit relative to its tolerance; a guess above 1 is rejected."""
        return float(max(abs(np.log(self.least)), abs(np.log(self.most))) / np.log(ODD[self.kind]))


def guesses(frames: Frames, y: Float64[np.ndarray, " S"]) -> list[Guess]:
    """Return units and zeros that fit the size of the energies, the best fit first.

    The energy of a free atom is one of three: -E(Z) with all electrons (a formula), minus the ionisation energies of
    its valence electrons, or zero. The binding energy of an atom is that of its pure element. 90 % of total energies
    must agree within 10 % with the sum over atoms, and 90 % of binding energies within a factor of 4.

    Arguments:
        frames: The data.
        y: Energy of each frame, shape (S,); nan where a frame has none.
    """
    counts, species = frames.composition
    there = ordinary(frames, y)  # a failed calculation is no evidence of the unit
    if not frames.named or not there.any() or min(species) < 1:
        return []
    bound = np.array([cohesive_energy(z) for z in species])
    free = {
        "all electrons": np.array([all_electron_energy(z) for z in species]),
        "valence electrons": np.array([valence_energy(z) for z in species]),
        "binding": np.zeros(len(species)),
    }
    found = []
    for kind, atom in free.items():
        gain = bound if kind == "binding" else np.nan_to_num(bound)  # negligible in total energies
        low, high = counts[there] @ (atom + gain), counts[there] @ atom
        for unit in UNITS:
            factor = parse_unit(unit).factor
            energy = y[there] * factor
            nearer = low if kind == "binding" else np.clip(energy, low, high)
            least, most = np.quantile(energy / nearer, [0.05, 0.95]).tolist()
            if least > 0:  # and no nan
                ratio, expected = np.median(energy / low), np.median(low) / factor
                found.append(Guess(kind, unit, float(ratio), least, most, float(expected)))
    return sorted((guess for guess in found if guess.odd <= 1), key=lambda guess: guess.odd)


def reference_findings(frames: Frames, facts: PropertyFacts) -> list[Finding]:
    """Report energies whose size does not fit their assumed unit.

    Arguments:
        frames: The data.
        facts: Facts of a property that is an energy.
    """
    found = _steady(guesses(frames, frames.properties[facts.name]), facts)
    if not found:
        return _unknown(frames, facts)
    stated = _listed(facts.unit)
    fitting = [guess for guess in found if guess.unit == stated]
    if fitting:
        return [Finding("note", facts.name, f"the values look like {_text(fitting[0], facts)}")]
    best = [guess for guess in found if guess.kind == found[0].kind]
    options = " or ".join(dict.fromkeys(guess.unit for guess in best))
    if facts.unit == UNNAMED_UNIT:
        text = f"the unit is not stated; {options} is likely: the values look like {_text(best[0], facts)}"
        return [Finding("note", facts.name, text, f"state it, for example --unit {best[0].unit}")]
    text = f"probably in {options}, not {facts.unit}: the values look like {_text(best[0], facts)}; {_shares(facts)}"
    remedy = f"if so, say --unit {best[0].unit}"
    if best[0].kind == "binding" and parse_unit(best[0].unit).factor > parse_unit(facts.unit).factor:
        text = f"{text}; or energies relative to another zero, such as energies of formation or differences"
        return [Finding("advice", facts.name, text, remedy)]  # such energies are equally small and equally common
    return [Finding("warning", facts.name, text, remedy)]


def _steady(found: list[Guess], facts: PropertyFacts) -> list[Guess]:
    """Return the guesses, without binding energies if the residual of the composition fit is too large for them."""
    steady = facts.left <= STEADY * abs(facts.mean)
    return [guess for guess in found if steady or guess.kind != "binding"]


def _listed(unit: str) -> str:
    """Return the name of a unit in ``UNITS``, such as Hartree for Ha; empty if the unit is not stated."""
    if unit == UNNAMED_UNIT:
        return ""
    factor = parse_unit(unit).factor
    return next((name for name in UNITS if np.isclose(parse_unit(name).factor, factor, rtol=1e-3)), unit)


def _text(guess: Guess, facts: PropertyFacts) -> str:
    return (
        f"{WORDS[guess.kind]} in {guess.unit} (mean {_number(facts.mean)}; expected about "
        f"{_number(guess.expected)}; ratio {guess.ratio:.3f})"
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def _shares(facts: PropertyFacts) -> str:
    if not facts.per_species:
        return "species do not vary independently, so the energy of each is unclear"
    shares = ", ".join(f"{share:.4g} for each {name}" for name, share in facts.per_species.items())
    return f"the fit to the composition gives {shares}"


def _unknown(frames: Frames, facts: PropertyFacts) -> list[Finding]:
    """Report energies of an unknown zero, whose size fits no known reference."""
    if not frames.named or not facts.deviation:
        return []
    reversed_ = _steady(guesses(frames, -frames.properties[facts.name]), facts)
    if reversed_:
        text = f"the sign looks reversed: with the other sign, the values look like {_text(reversed_[0], facts)}"
        return [Finding("note", facts.name, text, "energies of atomisation are positive: is this intended?")]
    text = (
        f"the zero of energy is unknown: the mean {_number(facts.mean)} {facts.unit} is neither a total energy nor "
        f"relative to free atoms in any usual unit; {_shares(facts)}"
    )
    return [Finding("note", facts.name, text, "the unit cannot be checked by size: make sure that it is right")]
