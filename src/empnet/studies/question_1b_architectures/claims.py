"""Claims I.B: classes to which a network belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from empnet.studies.claim import Claim, Counter, Evidence, Verdict, verdict
from empnet.studies.question_1b_architectures.measurement import Architectures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CLAIMS"]

FAR_BELOW = 0.25
"""Share of the mean's error below which a network explains at least three quarters of the variance."""


def _is_residual(e: Architectures) -> Verdict:
    return verdict(len(e.structure.skips) > 0)


def _is_perceptron(e: Architectures) -> Verdict:
    return verdict(e.structure.is_feedforward_dense)


def _is_recurrent(e: Architectures) -> Verdict:
    return verdict(len(e.structure.reused) > 0)


def _is_autoencoder(e: Architectures) -> Verdict:
    width = e.structure.bottleneck
    if width is None or e.structure.n_in != e.structure.n_out or e.of_network is None:
        return "false"
    return verdict(e.of_network < FAR_BELOW * e.of_mean and e.of_network <= e.of_pca[width])


def _operations(e: Architectures) -> dict[str, str]:
    return {"operations": ", ".join(operation.name for operation in e.structure.operations.values())}


def _skips(e: Architectures) -> Evidence:
    return {**_operations(e), "skip connections": len(e.structure.skips)}


def _chain(e: Architectures) -> Evidence:
    return {
        **_operations(e),
        "sizes, input and after each layer with weights": "-".join(map(str, e.structure.widths)),
        "a chain of dense layers and elementwise nonlinearities": e.structure.is_feedforward_dense,
    }


def _reuse(e: Architectures) -> Evidence:
    return {**_operations(e), "parameters used again on their own results": len(e.structure.reused)}


def _reproduction(e: Architectures) -> Evidence:
    width = e.structure.bottleneck
    return {
        "input nodes": e.structure.n_in,
        "output nodes": e.structure.n_out,
        "narrowest layer that nothing leads around": width or "none",
        "test error of the network, variances": "not trained" if e.of_network is None else e.of_network,
        **({f"test error of PCA with {width} components, variances": e.of_pca[width]} if width else {}),
        "test error of the mean, variances": e.of_mean,
    }


def _draw_errors(figure: Figure, e: Architectures) -> str:
    axes = figure.subplots()
    axes.semilogy(list(e.of_pca), list(e.of_pca.values()), "s--", label="PCA")
    width, curve = e.structure.bottleneck, dict(e.of_autoencoders)
    if width is not None and e.of_network is not None:
        curve.setdefault(width, e.of_network)
    if curve:
        widths = sorted(curve)
        axes.semilogy(widths, [curve[w] for w in widths], "o-", label="autoencoder")
    axes.axhline(e.of_mean, linestyle=":", color="grey", label="mean")
    axes.set_xticks(list(e.of_pca))
    axes.set(xlabel="nodes of the bottleneck, or components", ylabel="test error, variances of each eigenvalue")
    axes.legend()
    return (
        "Errors in reproducing the spectra of the Coulomb matrices of unseen molecules: by autoencoders, against the "
        "nodes of their narrowest layer, and by principal components, against their number."
    )


CLAIMS: tuple[Claim[Architectures], ...] = (
    Claim(
        id="I.B.1",
        statement="It can be described as a residual network.",
        rule=(
            "True if anywhere a tensor is added to, or put beside, one that was computed from it by more than a "
            "linear map; otherwise false."
        ),
        decide=_is_residual,
        evidence=_skips,
        why="Each layer of a plain dense network sees the layer before it and nothing else.",
        textbook="false",
        counter=Counter("the input is added to the output", {"kind": "skip"}),
    ),
    Claim(
        id="I.B.2",
        statement="It can be described as a multilayer perceptron.",
        rule=(
            "True if the graph is one chain of two or more dense layers, each used once, with elementwise "
            "nonlinearities; otherwise false."
        ),
        decide=_is_perceptron,
        evidence=_chain,
        why="That is what the words mean: dense layers, one after the other, with a hidden one among them.",
        textbook="true",
        counter=Counter("the input is read in steps by a recurrent layer", {"kind": "recurrent"}),
    ),
    Claim(
        id="I.B.3",
        statement="It can be described as a recurrent network.",
        rule="True if any weights are used again on what was computed with them; otherwise false.",
        decide=_is_recurrent,
        evidence=_reuse,
        why="Recurrence is the same weights in every step; here each matrix is used once in a call.",
        textbook="false",
        counter=Counter("the input is read in steps by a recurrent layer", {"kind": "recurrent"}),
    ),
    Claim(
        id="I.B.4",
        statement="It can be described as an autoencoder.",
        rule=(
            "True if the output has as many nodes as the input, all ways lead through a narrower layer, and, "
            "trained to give back its input, its error on unseen molecules is below a quarter of the mean's and "
            "not above that of PCA with as many components as the layer has nodes; otherwise false."
        ),
        decide=_is_autoencoder,
        evidence=_reproduction,
        why=(
            "Through five nodes it can pass on at least what five principal components do, for it has linear maps "
            "as a limit; being nonlinear, it passes on more. Whether it is an autoencoder is up to the targets: "
            "the architecture allows it."
        ),
        textbook="true",
        counter=Counter("no hidden layer is narrower than the input", {"widths": "30,40,50"}),
        draw=_draw_errors,
    ),
)
