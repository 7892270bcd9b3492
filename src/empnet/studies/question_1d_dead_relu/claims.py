"""Claims I.D: output of a ReLU network with positive weights and no biases for negative inputs."""

from __future__ import annotations

from collections.abc import Callable

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_1d_dead_relu.figures import draw
from empnet.studies.question_1d_dead_relu.measurement import Signal

__all__ = ["CLAIMS"]

GIVEN = "In all networks with small positive weights and no biases, and for all inputs with negative entries only,"


def outputs(e: Signal) -> Evidence:
    """Return the signs of the outputs, as evidence."""
    return {
        "random networks": e.networks,
        "outputs": e.outputs,
        "outputs that are exactly 0": e.zero,
        "negative outputs": e.negative,
        "positive outputs": e.positive,
        "smallest output": e.smallest,
        "largest output": e.largest,
    }


def layers(e: Signal) -> Evidence:
    """Return the live units of each layer, as evidence."""
    numbers: dict[str, float | int] = {"random networks": e.networks}
    for number, alive in enumerate(e.alive, start=1):
        numbers[f"units of layer {number} whose output depends on the input, %"] = 100 * float(alive)
    numbers["hidden layers that receive equal values for all inputs, mean"] = float(e.unreached.sum())
    return numbers


def sign_claim(
    option: int, statement: str, rule: str, holds: Callable[[Signal], bool], answer: Verdict, counter: Counter, why: str
) -> Claim[Signal]:
    """Return a claim on the signs of the outputs."""
    return Claim(f"I.D.{option}", statement, rule, lambda e: verdict(holds(e)), outputs, why, answer, counter)


SIGNS = (
    sign_claim(
        1,
        f"{GIVEN} the output is exactly 0.",
        "True if each output of each random network is 0; false if a single one is not.",
        lambda e: e.zero == e.outputs,
        "true",
        Counter("all entries of the inputs are positive", {"positive_inputs": 1.0}),
        "A sum of negative numbers with positive weights is negative, so each ReLU of the first layer gives 0. From "
        "then on all is made of zeros and biases that are 0; the last layer, a sum without ReLU, has nothing to sum.",
    ),
    sign_claim(
        2,
        f"{GIVEN} the output is negative.",
        "True if each output of each random network is below 0; false if a single one is not.",
        lambda e: e.negative == e.outputs,
        "false",
        Counter("the activation is a leaky ReLU", {"activation": "leaky_relu"}),
        "The first layer's sums are negative, but a ReLU lets nothing of them through. A leaky one does, and the sign "
        "stays until the end.",
    ),
    sign_claim(
        3,
        f"{GIVEN} the output is larger than 0.",
        "True if each output of each random network is above 0; false if a single one is not.",
        lambda e: e.positive == e.outputs,
        "false",
        Counter("each unit has a bias of 0.1", {"bias": 0.1}),
        "ReLUs give nothing negative, and positive weights keep it so; but for more than 0 something has to get "
        "through. With biases the output comes from these, and says nothing about the input.",
    ),
    sign_claim(
        4,
        "The output can have either sign: for some of these networks and inputs it is negative, for others positive.",
        "True if among the outputs of all random networks there is one below 0 and one above; else false.",
        lambda e: e.negative > 0 and e.positive > 0,
        "false",
        Counter("each weight is negative with probability 1/2", {"negative_weights": 0.5}),
        "It takes weights of both signs, which is what networks are initialised with.",
    ),
)

OWN: tuple[Claim[Signal], ...] = (
    Claim(
        id="I.D.a",
        statement="In all of these networks the signal dies in the first hidden layer: the output of none of its "
        "units depends on the input.",
        rule="True if no random network has a unit alive in its first hidden layer; false if one has. Undecided "
        "without hidden layers.",
        decide=lambda e: verdict(bool(e.liveliest[0] == 0) if len(e.liveliest) else None),
        evidence=layers,
        why="All its units are dead: their inputs differ, what they put out does not. The layers behind it are not to "
        "blame, since what they get is the same for all inputs. Units are counted as empnet check counts them.",
        textbook="true",
        counter=Counter("each weight is negative with probability 1/2", {"negative_weights": 0.5}),
        draw=draw,
    ),
    Claim(
        id="I.D.b",
        statement="Training cannot repair any of these networks: no weight has a gradient, whatever the targets.",
        rule="True if the derivative of the output by each weight of each random network is 0; false if one is not. "
        "Undecided if that by the output's bias is 0, too: then nothing was differentiated.",
        decide=lambda e: verdict(e.gradient == 0 if e.bias_gradient > 0 else None),
        evidence=lambda e: {
            "random networks": e.networks,
            "largest derivative by a weight, summed over the inputs": e.gradient,
            "largest derivative by the output's bias, summed over the inputs": e.bias_gradient,
        },
        why="The gradient by a weight is what comes in times what goes back: in the last layers a zero comes in, in "
        "the first none goes back through a ReLU that is off. Only the output's bias can move.",
        textbook="true",
        counter=Counter("each unit has a bias of 0.1", {"bias": 0.1}),
    ),
    Claim(
        id="I.D.c",
        statement="That the weights are small plays no part: 1000 times larger ones give the same outputs.",
        rule="True if no output of any random network changes when all its weights are multiplied by 1000; else false.",
        decide=lambda e: verdict(e.change == 0),
        evidence=lambda e: {
            "random networks": e.networks,
            "largest change of an output": e.change,
            "outputs that are exactly 0": e.zero,
            "outputs": e.outputs,
        },
        why="Only signs enter the argument: ReLU(c x) = c ReLU(x) for c > 0, and c times 0 is 0.",
        textbook="true",
        counter=Counter("there is no hidden layer, only a sum with positive weights", {"layers": 0}),
    ),
)

CLAIMS = SIGNS + OWN
