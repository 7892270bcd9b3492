"""Claims II.B: remedies against overfitting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_2b_regularisation.evidence import (
    Measured,
    numbers,
    promising,
    removal_promising,
    symptom,
    symptom_shown,
)
from empnet.studies.question_2b_regularisation.figures import draw_changes, draw_symptom
from empnet.studies.question_2b_regularisation.premises import REMOVALS

__all__ = ["CLAIMS"]

RULE = (
    "With the same hands held out, the network is trained with the remedy and without, from the same initial weights "
    "where it has the same layers, and losses are averaged over repeats. The change in best validation loss, as a "
    "share of what it is without, has a 95 % confidence interval over the pairs. True if the interval lies below zero "
    "and its mean below -5 %; false if all of it lies above -5 %, so that a gain worth having is excluded; undecided "
    "in between, or with fewer than four pairs."
)

ONCE = {"repeats": 1}
"""Counter-cases need no averages over repeats."""


def remedy_claim(option: int, name: str, statement: str, why: str, textbook: Verdict, **other: Any) -> Claim[Measured]:
    """Return the claim that a remedy is promising, by the common rule."""
    decide: Callable[[Measured], Verdict] = lambda e: verdict(promising(e.relative(name)))  # noqa: E731
    evidence: Callable[[Measured], Evidence] = lambda e: numbers(e, name)  # noqa: E731
    return Claim(f"II.B.{option}", statement, RULE, decide, evidence, why, textbook, **other)


def rerun_numbers(e: Measured) -> Evidence:
    """Return the effect of reruns, as evidence."""
    c = e.chosen_rerun()
    return {
        "loss of the chosen parameters, relative to the best validation loss of single trainings": c.mean,
        "from (95 % interval)": c.low,
        "to": c.high,
        "the same, chosen by validation loss": e.chosen_rerun("validation").mean,
        "trainings to choose from": e.premises.reruns,
        "choices": c.pairs,
        "best validation loss of a training, nats": e.best,
    }


def removal_numbers(e: Measured) -> Evidence:
    """Return the effect of each removal, as evidence."""
    out: dict[str, Any] = {"parameters of the trained network": e.measured_parameters["nothing"]}
    for name in REMOVALS:
        c = e.relative(name)
        out[f"parameters {name}"] = e.measured_parameters[name]
        out[f"relative change in best validation loss {name}"] = c.mean
        out[f"from (95 % interval, {name})"] = c.low
        out[f"to ({name})"] = c.high
        out[f"change in gap {name}, nats"] = e.change(name, "gap").mean
    return out


def symptom_numbers(e: Measured) -> Evidence:
    """Return the symptom of overfitting, as evidence."""
    if not e.of("baseline"):
        return {"trainings": 0}
    share, factor, rise = symptom(e)
    runs = [run for repeats in e.of("baseline") for run in repeats]
    return {
        "share of the epochs after which the validation loss stagnates": share,
        "factor by which the training loss falls from then on": factor,
        "validation loss in the end, as a multiple of its smallest": rise,
        "best validation loss, nats": e.best,
        "accuracy on other hands (mean of the best)": sum(max(run.accuracy) for run in runs) / len(runs),
        "trainings": len(runs),
    }


def count_numbers(e: Measured) -> Evidence:
    """Return the parameters of the question's network without each of its convolutions, as evidence."""
    return {"parameters": e.parameters["nothing"]} | {f"parameters {name}": e.parameters[name] for name in REMOVALS}


def counts_as_said(e: Measured) -> Verdict:
    """Decide on the numbers of parameters."""
    whole = e.parameters["nothing"]
    more = all(e.parameters[name] > whole for name in ("without the first", "without the second"))
    return verdict(more and e.parameters["without both"] < whole)


CLAIMS: tuple[Claim[Measured], ...] = (
    remedy_claim(
        1,
        "geometry",
        "Training pictures that are randomly rotated, cropped and flipped lower the best validation loss.",
        "The class of a sign does not depend on the hand's angle, place and side; random changes of these turn few "
        "pictures into many, none of which can be memorised.",
        "true",
        counter=Counter(
            "pictures are turned by any angle and cut down to as little as a tenth",
            {"remedies": "geometry", "rotation": 180.0, "crop": 0.1, **ONCE},
        ),
        draw=draw_changes,
    ),
    remedy_claim(
        2,
        "noise",
        "Training pictures that are randomly blurred and overlaid with noise lower the best validation loss.",
        "Noise on the pixels hinders memorising and makes a network robust to noise; it does not represent the "
        "differences between training and validation here, other hands and other light.",
        "true",
        disagreement="Noise is an augmentation where the quality of pictures differs. That of these photographs does "
        "not: the remedy narrows the gap, but the validation loss stays where it was. With noise on the pictures held "
        "out (the counter-case) the remedy is promising.",
        counter=Counter(
            "the pictures held out have noise themselves, of half the range of a pixel, and so have those of training",
            {"remedies": "noise", "held_noise": 0.5, "noise": 0.5, "blur": 0.0, **ONCE},
        ),
    ),
    remedy_claim(
        3,
        "dropout",
        "A dropout rate of 50 % in place of 10 % lowers the best validation loss.",
        "Units that cannot rely on each other memorise less.",
        "true",
        counter=Counter("the rate is raised to 95 %", {"remedies": "dropout", "more_dropout": 0.95, **ONCE}),
    ),
    remedy_claim(
        4,
        "rate",
        "A smaller learning rate lowers the best validation loss.",
        "Smaller steps take longer to the same place: the loss itself, which the training pictures do not determine, "
        "stays as it is. The smaller rate was given up to twice the epochs.",
        "false",
        counter=Counter("the rate was thirty times larger before", {"remedies": "rate", "rate": 3e-3, **ONCE}),
    ),
    Claim(
        "II.B.5",
        "Training again and again, and taking the parameters of smallest training loss, lowers the validation loss.",
        "The loss of the chosen parameters on hands held out, minus the best validation loss of single trainings (mean "
        "over the reruns) and as a share of it, has a 95 % confidence interval over the choices; half of these hands "
        "choose the epoch, or the rerun if that is chosen by validation loss, and the other half judges, and the other "
        "way round. True, false or undecided as for the other remedies. With 4 reruns in place of 100.",
        lambda e: verdict(promising(e.chosen_rerun())),
        rerun_numbers,
        "The smallest training loss belongs to the parameters that have memorised the training pictures best, which is "
        "the overfitting itself. Before overfitting, it is a good sign; afterwards, only the validation loss counts.",
        "false",
        Counter("trainings end after 2 epochs, too few to overfit", {"remedies": "reruns", "epochs": 2, **ONCE}),
    ),
    remedy_claim(
        6,
        "pooling",
        "Pooling of 2 x 2 after each convolution lowers the best validation loss.",
        "Pooling makes the features less dependent on the exact place, and leaves the first linear layer, which has "
        "nearly all parameters, a sixteenth to a fourth of its inputs.",
        "true",
        counter=Counter(
            "training ends after 2 epochs, too few to overfit", {"remedies": "batch,pooling", "epochs": 2, **ONCE}
        ),
    ),
    Claim(
        "II.B.7",
        "Removing convolutions, the first, the second or both, leaves fewer parameters and lowers the best validation "
        "loss.",
        "For each of the three removals the parameters of the trained network are counted. True if a removal has fewer "
        f"than the whole network and is promising; false if none is; else undecided. Promising: {RULE}",
        lambda e: verdict(removal_promising(e)),
        removal_numbers,
        "Convolutions have few parameters; they have valid padding and narrow what comes to the first linear layer, so "
        "that removing one of them makes that layer larger; where the loss falls, it is not for fewer parameters. Only "
        "removing both leaves fewer, and then nothing is shared between places.",
        "false",
        Counter(
            "max pooling of 2 x 2 follows the convolution that is left",
            {"remedies": "removal", "removal_pool": 2, **ONCE},
        ),
    ),
    remedy_claim(
        8,
        "batch",
        "Batches of 32 pictures in place of 128 lower the best validation loss.",
        "Overfitting does not come from a local minimum or a saddle point: the training loss falls all the time. In as "
        "many epochs, a smaller batch takes more steps and overfits sooner.",
        "false",
        counter=Counter(
            "training ends after 2 epochs, too few to overfit", {"remedies": "batch,pooling", "epochs": 2, **ONCE}
        ),
    ),
    Claim(
        "II.B.a",
        "The network overfits: its validation loss stagnates early, while its training loss goes on falling.",
        "On the mean over the seeds: true if the validation loss comes within 5 % of its smallest value in the first "
        "half of the epochs, and the training loss falls at least by a factor of 2 from then on; else false. Undecided "
        "with fewer than four trainings.",
        symptom_shown,
        symptom_numbers,
        "There are more parameters than pixels of training pictures can fix. The validation pictures show other hands.",
        "true",
        Counter("training ends after 2 epochs", {"remedies": "batch,pooling", "epochs": 2, **ONCE}),
        draw=draw_symptom,
    ),
    Claim(
        "II.B.b",
        "Removing either convolution alone leaves more parameters than before; removing both leaves fewer.",
        "The parameters of the built network, at full size, are counted: true if both statements hold; else false.",
        counts_as_said,
        count_numbers,
        "The first linear layer has 2048 weights for each number that comes in: 54 x 54 x 8 with both convolutions, "
        "61 x 61 x 8 without the first, 57 x 57 x 64 without the second, and 64 x 64 x 3 without both.",
        "true",
        Counter("the first linear layer has one unit", {"remedies": "none", "linear_units": 1}),
    ),
)
