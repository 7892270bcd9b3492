"""libempnet as Python calls it: found, checked and loaded once; arguments are checked at each call.

``source/functions.h`` and ``source/functions_of_real.h`` declare the functions. The library compiles these files,
and this module reads them, so that both agree.
"""

from __future__ import annotations

import ctypes
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from empnet.runtime.forking import gnu_openmp, is_forked

__all__ = ["address_of", "description", "is_built", "native", "native_of", "threads"]

FOLDER = Path(__file__).parent
"""Folder of the library and of its sources."""

HEADERS = ("functions.h", "functions_of_real.h")
KINDS = ("avx512", "avx2", "baseline")
"""Instruction sets for which the library is built, the fastest first."""

VERSION = 1
"""``empnet_version`` of the library that these declarations belong to. Raise both where lists.cpp finds other pairs:
the key of cached data depends on this file, and not on the library."""

ENDING = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")

EMPTY = 64
"""Address of arrays without numbers, which torch gives none: to the library null means that there is no such input."""

SUFFIX = {torch.float32: "_f32", torch.float64: "_f64"}

TORCH = {"float": torch.float32, "double": torch.float64, "int64_t": torch.int64, "int32_t": torch.int32}
NUMPY = {"float": np.float32, "double": np.float64, "int64_t": np.int64, "int32_t": np.int32, "uint8_t": np.bool_}
SCALARS = {"int64_t": ctypes.c_int64, "int32_t": ctypes.c_int32, "double": ctypes.c_double, "void": None}

_DECLARATION = re.compile(r"^((?:const )?\w+\*?) (?:NAME\((\w+)\)|empnet_(\w+))\(([^)]*)\);", re.MULTILINE)


def is_built() -> bool:
    """Return whether libempnet was built and runs on this processor; if not, warn once."""
    return _library() is not None


def description() -> str:
    """Return compiler, instruction set and threads of libempnet, in words."""
    library = _library()
    if library is None:
        return "libempnet is not built: plain torch and NumPy"
    return f"libempnet by {library.empnet_compiler().decode()}, {threads()} thread{'s' * (threads() > 1)}"


def threads() -> int:
    """Return the number of threads that share a loop: torch's; one in a forked process.

    Example:
        >>> 1 <= threads() <= torch.get_num_threads()
        True
    """
    return 1 if is_forked() else torch.get_num_threads()


@cache
def native(name: str) -> Callable[..., Any]:
    """Return a function of libempnet that takes tensors, arrays, numbers and records.

    Arguments:
        name: Its name without ``empnet_``.

    Raises:
        RuntimeError: If the library is not built.
    """
    library = _library()
    if library is None:
        raise RuntimeError("libempnet is not built")
    function, parameters = library._declared[name]
    converters = tuple(map(_converter, parameters))

    def call(*arguments: Any) -> Any:
        return function(*[convert(x) for convert, x in zip(converters, arguments, strict=True)])

    return call


def native_of(name: str, dtype: torch.dtype) -> Callable[..., Any]:
    """Return the version of a function for a precision.

    Arguments:
        name: Its name without ``empnet_``, ``_f32`` and ``_f64``.
        dtype: float32 or float64.
    """
    return native(name + SUFFIX[dtype])


@cache
def _library() -> Any:
    for kind in KINDS:
        path = FOLDER / f"libempnet-{kind}{ENDING}"
        with suppress(OSError):
            library = ctypes.CDLL(str(path))
            if library.empnet_version() == VERSION and library.empnet_runs_here():
                return _prepared(library)
    text = "libempnet was not built for this machine, so plain torch and NumPy take its place, several times slower"
    warnings.warn(f"{text} (build it: make native, or pip install again with a C++ compiler)", stacklevel=3)
    return None


def _prepared(library: Any) -> Any:
    """Return the library with the types of its functions, on torch's threads."""
    library._declared = {}
    for name, result, parameters in _declarations():
        function = getattr(library, f"empnet_{name}")
        function.restype = ctypes.c_char_p if result == "const char*" else SCALARS[result]
        function.argtypes = [SCALARS.get(kind, ctypes.c_void_p) for kind in parameters]
        library._declared[name] = function, parameters
    _share_threads(library)
    return library


def _declarations() -> list[tuple[str, str, tuple[str, ...]]]:
    """Return name, type of the result and types of the parameters of each function."""
    found = []
    for header in HEADERS:
        for result, twice, once, text in _DECLARATION.findall(
            (Path(__file__).with_name("source") / header).read_text()
        ):
            kinds = [] if text in ("", "void") else [part.rsplit(" ", 1)[0].strip() for part in text.split(",")]
            if once:
                found.append((once, result, tuple(kinds)))
            for suffix, real in (("_f32", "float"), ("_f64", "double")) if twice else ():
                found.append((twice + suffix, result, tuple(kind.replace("real", real) for kind in kinds)))
    return found


def _share_threads(library: Any) -> None:
    """Let the library use the threads of torch's OpenMP, if it is GNU's: two pools would take each other's cores."""
    for openmp in gnu_openmp()[:1]:
        library.empnet_share_threads(ctypes.cast(openmp.GOMP_parallel, ctypes.c_void_p))


def _converter(kind: str) -> Callable[[Any], Any]:
    """Return the function from an argument to what C takes, for a type of parameter."""
    if not kind.endswith("*"):
        return lambda x: x
    bare = kind.removeprefix("const ").removesuffix("*")
    if bare.startswith("empnet_"):
        return lambda x: ctypes.addressof(x)
    if bare == "void":
        return lambda x: x.ctypes.data
    in_torch, in_numpy = TORCH.get(bare), np.dtype(NUMPY[bare])

    def address(x: Any) -> int | None:
        if x is None or isinstance(x, Tensor):
            return address_of(x, in_torch)
        if x.dtype == in_numpy and x.flags.c_contiguous:
            return int(x.ctypes.data)
        raise TypeError(f"libempnet: wanted {in_numpy} in one piece, given {x.dtype} of shape {tuple(x.shape)}")

    return address


def address_of(x: Tensor | None, dtype: torch.dtype | None) -> int | None:
    """Return where a tensor's numbers begin; None for None.

    Arguments:
        x: The tensor.
        dtype: The type that the library reads; None: no tensor has it.

    Raises:
        TypeError: If the tensor has another type, is not in one piece, or is not on the CPU.
    """
    if x is None:
        return None
    if x.dtype is dtype and x.is_contiguous() and x.is_cpu:
        return x.data_ptr() or EMPTY
    wanted = str(dtype).removeprefix("torch.")
    raise TypeError(f"libempnet: wanted {wanted} in one piece, given {x.dtype} of shape {tuple(x.shape)} on {x.device}")
