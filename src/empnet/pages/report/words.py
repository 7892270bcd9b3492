"""Write numbers and findings as texts."""

from __future__ import annotations

import numpy as np

from empnet.model.ensemble import Ensemble, members_of
from empnet.model.network import Network
from empnet.pages.report.curves import Curves
from empnet.pages.report.material import Material
from empnet.prediction.last_words import LEARNED

__all__ = ["amount", "duration", "notes", "pooling_text", "size", "training_summary"]

GAP = 2.0
"""Ratio of validation to training loss above which the report mentions overfitting: at twice the loss, half of the
loss on new systems comes from memorising the training set."""

MEMORISED = 100.0
"""Ratio of validation to training loss above which its value does not matter: the training set is memorised."""

ANNEALED = 0.01
"""Share of the highest learning rate below which its decay is regarded as complete."""

TENTH, MOST_IDLE = 10, 3
"""More time is not recommended after this many final epochs without improvement: a tenth of all, at least three."""

JUMP = 10.0
"""Ratio of the training loss to the previous epoch's above which training was set back: a mean over hundreds of steps
does not jump so far by chance."""


def amount(value: float, unit: str = "") -> str:
    """Return a number with its unit: with three significant digits, or without decimals from a hundred on.

    Example:
        >>> print(amount(0.12345, "eV"), amount(12345.6), amount(6.3, "eV"), amount(100.0))
        0.123 eV 12,346 6.30 eV 100
    """
    text = f"{value:,.0f}" if 100 <= abs(value) < 1e9 else f"{value:#.3g}"
    return f"{text}\u00a0{unit}" if unit else text  # the unit stays on the number's line


def duration(seconds: float) -> str:
    """Return a duration in words.

    Example:
        >>> duration(0.42), duration(42.3), duration(100.0), duration(7325.0)
        ('0.42 s', '42 s', '1 min 40 s', '2 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.2g} s" if whole < 10 else f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(n_bytes: int) -> str:
    """Return the size of a file in words.

    Example:
        >>> size(512), size(52_000), size(3_400_000)
        ('512 bytes', '52.0 kB', '3.4 MB')
    """
    if n_bytes < 1000:
        return f"{n_bytes} bytes"
    return f"{n_bytes / 1e3:.1f} kB" if n_bytes < 1e6 else f"{n_bytes / 1e6:.1f} MB"


def training_summary(material: Material, model: Network | Ensemble | None) -> str:
    """Describe the data and the length of training, and the model's size."""
    config, split, curves = material.config, material.split, material.curves
    sides = sum(map(len, (split.train, split.validation, split.test)))
    total = material.card.data.get("systems", sides)  # some of the data may be in none of the sets
    members = 1 if model is None else len(members_of(model))
    who = "It" if members == 1 else f"Each of its {members} members"
    text = f"{who} was trained on {len(split.train):,} of {total:,} systems in {config.data}"
    if curves is not None:
        steps, seconds = int(curves.steps[-1]), float(curves.seconds[-1])
        done = f"{_counted(steps, 'step')} of up to {config.batch} systems, {_counted(len(curves), 'epoch')}"
        text += f", in {duration(seconds)}{_budget(material)}: {done}"
    if model is not None:
        text += f". The model has {sum(p.numel() for p in model.parameters()):,} parameters"
    if config.fine_tune is not None:
        text += f" and started from the weights of {config.fine_tune}"
    return f"{text}."


def _budget(material: Material) -> str:
    """Describe the run's limit, if one was given."""
    given = material.config.time
    return "" if given is None else f" of the {duration(given)} allowed (--time)"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def pooling_text(material: Material, k: int) -> str:
    """Describe the pooling of property k, and its reason."""
    name, pooling = material.card.properties[k], material.card.architecture.pooling[k]
    prefix = f"pooling of {name}: "
    why = next((line.removeprefix(prefix) for line in material.log if line.startswith(prefix)), "")
    if why:
        return f"Pooling of {name}: {why}."
    meaning = "the property grows with the system" if pooling == "sum" else "the property does not grow with the system"
    asked = ", as configured" if material.config.pooling != "auto" else ""
    return f"Pooling of {name}: {pooling} over particles{asked} ({meaning})."


def notes(material: Material) -> list[tuple[str, str]]:
    """Return remarks, each with the kind of its paragraph ("good", "warn", "bad" or empty)."""
    lines: list[tuple[str, str]] = []
    if material.curves is not None:
        lines += [
            *_course(material, material.curves),
            *_gap(material.curves, bool(material.card.classes)),
            *_jumps(material.curves),
        ]
    if material.config.split == "random" and material.card.preparation is not None:
        text = (
            "The sets were drawn at random, so the error holds for clouds like these. If neighbouring clouds are alike "
        )
        lines.append((f"{text}(one street, one scan), the error is too small.", ""))
    elif material.config.split == "random":
        lines.append((
            "The sets were drawn at random, so the error holds for systems like these. If frames form a time series, "
            "neighbouring frames are similar and the error is too small: train again with --split blocks.",
            "",
        ))  # fmt: skip
    else:
        lines.append(("The test set is the last part of the file: the end of a trajectory.", ""))
    return lines + [(reason, "warn") for reason in material.left_out]


def _course(material: Material, curves: Curves) -> list[tuple[str, str]]:
    """Describe the end of training, and the benefit of longer training."""
    best, last = curves.best + 1, len(curves)
    patience = material.config.patience
    if not material.results:
        return []
    if patience is not None and last - best >= patience:
        return [(f"Training ended after {patience} epochs without improvement (--patience). Epoch {best} is kept.", "")]
    if curves.learning_rate[-1] > ANNEALED * curves.learning_rate.max():
        return []
    if last - best >= max(MOST_IDLE, last // TENTH):
        return [(
            f"The best validation error came in epoch {best} of {last}, and these weights are kept. The {last - best} "
            "epochs after it brought no improvement: longer training of the same kind is not expected to help.",
            "warn",
        )]  # fmt: skip
    return [(
        "The learning rate falls to zero at the end, so the validation error levels off in every run. It does not show "
        "whether a longer run would be better.",
        "",
    )]  # fmt: skip


def _gap(curves: Curves, classes: bool) -> list[tuple[str, str]]:
    """Compare the errors on the training set with those on new systems."""
    training, validation = float(curves.training_loss[-1]), float(curves.validation_loss[-1])
    if classes:
        return []  # the training loss has smoothed labels and dropout, the validation loss has neither
    if not (training > 0 and np.isfinite(validation)):
        return []
    ratio = validation / training
    text = f"In the last epoch the loss (no unit) was {validation:.3g} on the validation set and {training:.3g} "
    text += "in training"
    if training > LEARNED:
        return [(f"{text}: even the training set is fitted badly (the baseline's loss is about 1).", "warn")]
    if ratio > MEMORISED:
        return [(
            f"{text}: the training set is memorised. More data would help; more time would not.",
            "warn",
        )]  # fmt: skip
    if ratio > GAP:
        return [(
            f"{text}, {ratio:.1f} times as much on new systems: the model is partly fitted to the training set alone "
            "(overfitting), and more data would help.",
            "",
        )]  # fmt: skip
    if ratio > 1:
        return [(f"{text}, {ratio:.2g} times as much on new systems: a gap, but not a large one.", "")]
    return [(f"{text}: no sign of overfitting.", "")]


def _jumps(curves: Curves) -> list[tuple[str, str]]:
    """Describe the epochs in which training was set back."""
    jumps = int((curves.training_loss[1:] > JUMP * curves.training_loss[:-1]).sum())
    if not jumps:
        return []
    when = "in one epoch" if jumps == 1 else f"in {jumps} epochs"
    text = f"The training loss jumped to more than {JUMP:g} times its previous value {when}: the learning rate "
    return [(f"{text}(--lr) may be too high.", "warn")]
