"""Kind of a network, from the graph of one call: skips, recurrences, widths, bottleneck."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from empnet.errors import EmpnetError

__all__ = ["Operation", "Structure", "structure"]

ELEMENTWISE = frozenset({
    "celu", "cos", "elu", "exp", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu",
    "logsigmoid", "mish", "prelu", "relu", "relu6", "rrelu", "selu", "sigmoid", "silu", "sin", "softplus", "softshrink",
    "softsign", "square", "tanh", "tanhshrink", "threshold",
})  # fmt: skip
"""Nonlinearities that act on each entry alone."""

PASSING = frozenset({
    "alpha_dropout", "clone", "contiguous", "double", "dropout", "flatten", "float", "reshape", "to", "unflatten",
    "view",
})  # fmt: skip
"""Operations that pass the entries on; dropout is one of them in evaluation mode."""

DENSE = frozenset({"linear", "addmm", "matmul", "mm", "__matmul__", "__rmatmul__"})
"""A matrix of weights times a vector."""

LINEAR = DENSE | {"conv1d", "conv2d", "conv3d"}
"""Linear maps, with which a skip connection may adapt sizes."""

ADDING = frozenset({"add", "__add__", "__radd__", "__iadd__", "sub", "__sub__", "__isub__"})
STACKING = frozenset({"cat", "concat", "concatenate", "hstack"})
"""Operations that concatenate tensors."""

RECURRENT = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu"})
"""Torch's layers that apply the same weights along a sequence."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A node of the graph: one call of a function of torch.

    Arguments:
        name: Torch's name of the function.
        layer: Name of the innermost module that called it, such as ``"encoder.0"``; empty: the network itself.
        sources: Numbers of the operations whose results are its arguments; -1 is the network's input.
        parameters: Names of the parameters among its arguments.
        size: Entries of its result per item of the batch.
    """

    name: str
    layer: str
    sources: tuple[int, ...]
    parameters: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Structure:
    """The graph of one call of a network, from the input to the output.

    Arguments:
        operations: Operations that the output depends on, by number, in the order of the call.
        n_in: Entries of the input for each item of the batch.
        output: Number of the operation that computes the output; -1 if the output is the input.
    """

    operations: dict[int, Operation]
    n_in: int
    output: int

    @property
    def n_out(self) -> int:
        """Entries of the output for each item of the batch."""
        return self._size(self.output)

    @property
    def widths(self) -> tuple[int, ...]:
        """Entries of the input and of the result of each operation with weights, in order."""
        with_weights = [operation.size for operation in self.operations.values() if operation.parameters]
        return (self.n_in, *with_weights)

    @property
    def skips(self) -> tuple[str, ...]:
        """Layers that join a tensor with one computed from it, or from a tensor of which it is a linear map."""
        return tuple(dict.fromkeys(o.layer for o in self.operations.values() if self._skips(o)))

    @property
    def reused(self) -> tuple[str, ...]:
        """Parameters that are applied again to results computed with them, as in the steps of a recurrent network."""
        found: dict[str, None] = {}
        for number, operation in self.operations.items():
            earlier = self._ancestors(number)
            before = {name for k in earlier if k >= 0 for name in self.operations[k].parameters}
            again = [p for p in operation.parameters if p in before or operation.name in RECURRENT]
            found |= dict.fromkeys(again)
        return tuple(found)

    @property
    def is_feedforward_dense(self) -> bool:
        """True for a chain of dense layers and elementwise nonlinearities with at least one hidden layer."""
        dense = [o for o in self.operations.values() if o.name in DENSE]
        bent = any(o.name in ELEMENTWISE for o in self.operations.values())
        return len(dense) > 1 and bent and not self.reused and all(map(self._in_chain, self.operations.values()))

    @property
    def bottleneck(self) -> int | None:
        """Size of the narrowest result on all paths from input to output.

        None if no such result is narrower than both input and output.
        """
        narrow = [o.size for k, o in self.operations.items() if o.size < min(self.n_in, self.n_out) and self._cuts(k)]
        return min(narrow, default=None)

    def _size(self, number: int) -> int:
        return self.n_in if number < 0 else self.operations[number].size

    def _in_chain(self, operation: Operation) -> bool:
        if len(operation.sources) != 1:
            return False
        bias = operation.name in ADDING and bool(operation.parameters)
        return bias or operation.name in DENSE | ELEMENTWISE | PASSING

    def _ancestors(self, number: int, without: int | None = None) -> set[int]:
        """Return all operations that an operation depends on along paths that avoid ``without``."""
        found: set[int] = set()
        ahead = [number]
        while ahead:
            here = ahead.pop()
            for source in self.operations[here].sources if here >= 0 and here != without else ():
                if source not in found:
                    found.add(source)
                    ahead.append(source)
        return found

    def _cuts(self, number: int) -> bool:
        return number == self.output or -1 not in self._ancestors(self.output, without=number)

    def _unprojected(self, number: int) -> int:
        """Go back through linear maps, with which a skip connection may adapt sizes."""
        while number >= 0 and self.operations[number].name in LINEAR | PASSING:
            number = self.operations[number].sources[0]
        return number

    def _skips(self, operation: Operation) -> bool:
        if operation.name not in ADDING | STACKING:
            return False
        for a, b in permutations(operation.sources, 2):
            fits = operation.name in STACKING or self._size(a) == self._size(b)  # not a mean taken off, say
            start = self._unprojected(a)
            if fits and start != self._unprojected(b) and start in self._ancestors(b):
                return True
        return False


def structure(network: torch.nn.Module, x: Tensor) -> Structure:
    """Call a network once and record which tensors were computed from which.

    The call runs without gradients on a copy in evaluation mode, so loops and conditions are those of this input.
    Values that leave torch (``.item()``, ``.numpy()``) cannot be followed.

    Arguments:
        network: Any torch module with one tensor as its input and output.
        x: The input, batch axis first.

    Raises:
        EmpnetError: If the output does not depend on the input.

    Returns:
        The graph.

    Example:
        >>> from empnet.model.perceptron import perceptron
        >>> found = structure(perceptron(25, (30, 5, 50), 25), torch.rand(2, 25))
        >>> found.widths, found.bottleneck, found.is_feedforward_dense, found.skips, found.reused
        ((25, 30, 5, 50, 25), 5, True, (), ())
    """
    network = copy.deepcopy(network).eval()
    recorder = _Recorder(network, x)
    handles = [
        handle
        for name, module in network.named_modules()
        for handle in (
            module.register_forward_pre_hook(lambda _, __, name=name: recorder.layers.append(name)),
            module.register_forward_hook(lambda _, __, ___: recorder.leave()),
        )
    ]
    with torch.no_grad(), recorder:
        y = network(x)
    for handle in handles:
        handle.remove()
    return recorder.finish(y)


class _Recorder(TorchFunctionMode):
    """Records every call of a torch function, with its arguments and its result."""

    def __init__(self, network: torch.nn.Module, x: Tensor) -> None:
        super().__init__()
        self.parameters = {id(p): name for name, p in network.named_parameters(remove_duplicate=True)}
        self.layers: list[str] = []
        self.operations: list[Operation] = []
        self.number_of = {id(x): -1}
        self.kept: list[Tensor] = [x]  # an id is only good for as long as its tensor lives
        self.batch = max(1, len(x))
        self.n_in = x.numel() // self.batch

    def leave(self) -> None:
        """Leave a module that has returned."""
        self.layers.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = list(_tensors([*args, *(kwargs or {}).values()]))
        sources = tuple(dict.fromkeys(self.number_of[id(t)] for t in arguments if id(t) in self.number_of))
        result = func(*args, **(kwargs or {}))
        results = list(_tensors([result]))
        if sources and results:
            name = getattr(func, "__name__", str(func))
            name = name if name.startswith("__") else name.rstrip("_")  # relu_ is relu in place
            parameters = tuple(self.parameters[id(t)] for t in arguments if id(t) in self.parameters)
            layer = self.layers[-1] if self.layers else ""
            self.operations.append(Operation(name, layer, sources, parameters, results[0].numel() // self.batch))
            for tensor in results:
                self.number_of[id(tensor)] = len(self.operations) - 1
            self.kept.extend(results)
        return result

    def finish(self, y: Tensor) -> Structure:
        """Return the part of the graph that the output depends on."""
        if id(y) not in self.number_of:
            raise EmpnetError("the output was not computed from the input by torch", wanted="one tensor in and out")
        output = self.number_of[id(y)]
        whole = Structure(dict(enumerate(self.operations)), self.n_in, output)
        needed = {output, *whole._ancestors(output)}
        return Structure({k: o for k, o in whole.operations.items() if k in needed}, self.n_in, output)


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    """Yield all tensors in nested lists, tuples and dictionaries."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
        elif isinstance(value, dict):
            yield from _tensors(list(value.values()))
