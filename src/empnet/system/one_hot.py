"""One-hot encoding of categories, such as species or letters."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from jaxtyping import Float, Int64, Integer
from numpy.typing import ArrayLike, DTypeLike

from empnet.errors import EmpnetError

__all__ = ["OneHot", "species_name", "symbol"]

Items = Sequence[Hashable] | Integer[np.ndarray, " n"]


def symbol(species: Hashable) -> str:
    """Return the short name of a species: the chemical symbol, or the number of another kind of particle.

    Arguments:
        species: An atomic number, or the number of any other kind of particle.

    Example:
        >>> symbol(8), symbol(-1)
        ('O', '-1')
    """
    from ase.data import chemical_symbols  # needed for messages only

    number = int(species)  # type: ignore[call-overload]
    return chemical_symbols[number] if 0 < number < len(chemical_symbols) else str(number)


def species_name(species: Hashable) -> str:
    """Return the long name of a species: the chemical symbol and the atomic number.

    Arguments:
        species: An atomic number, or the number of any other kind of particle.

    Example:
        >>> species_name(8), species_name(-1)
        ('O (8)', '-1')
    """
    name = symbol(species)
    return name if name == str(species) else f"{name} ({species})"


class OneHot:
    """Encodes each item of a sequence as a unit vector: e_k for the k-th item of the alphabet.

    A linear layer on the result picks one row of its weights for each item: it is an embedding.

    Arguments:
        alphabet: The K distinct items, in the order of their columns.
        name: Function that names an item in messages; None: :func:`species_name` if the alphabet holds whole numbers,
            else repr.

    Raises:
        EmpnetError: If an item occurs twice in the alphabet.

    Example:
        >>> OneHot([1, 8]).encode([8, 1, 1])
        array([[0., 1.],
               [1., 0.],
               [1., 0.]])
        >>> OneHot("ACGT").encode_batch(["GATT", "ACCA"]).shape
        (2, 4, 4)
    """

    def __init__(self, alphabet: Items, *, name: Callable[[Hashable], str] | None = None) -> None:
        items = alphabet.tolist() if isinstance(alphabet, np.ndarray) else list(alphabet)
        self._index = {item: index for index, item in enumerate(items)}
        self.alphabet: tuple[Hashable, ...] = tuple(items)
        codes = _codes(items)
        whole = codes is not None and not isinstance(items[0], str)
        self._name = name or (species_name if whole else repr)
        if len(self._index) < len(items):
            twice = next(item for item in items if items.count(item) > 1)
            raise EmpnetError(f"the alphabet holds {self._name(twice)} more than once", wanted="distinct items")
        self._kind = type(items[0]) if codes is not None else None
        self._order = np.argsort(codes) if codes is not None else None
        self._sorted = codes[self._order] if codes is not None else None

    def __len__(self) -> int:
        return len(self.alphabet)

    def __repr__(self) -> str:
        return f"OneHot({list(self.alphabet)!r})"

    def indices(self, items: Items) -> Int64[np.ndarray, " n"]:
        """Return the place of each item in the alphabet.

        Arguments:
            items: n items: an array of whole numbers, a string, or any sequence.

        Returns:
            Column numbers, shape (n,), int64.

        Raises:
            EmpnetError: If an item is not in the alphabet.

        Example:
            >>> OneHot("ACGT").indices("GATT")
            array([2, 0, 3, 3])
        """
        codes = _codes(items) if self._same_kind(items) else None
        if codes is None:
            return self._indices_one_by_one(list(items))
        assert self._sorted is not None and self._order is not None  # own invariant: same kind, so codes exist
        places = np.searchsorted(self._sorted, codes)
        places[places == len(self)] = 0
        wrong = self._sorted[places] != codes
        if wrong.any():
            position = int(np.argmax(wrong))
            raise self._unknown(items[position], position)
        return self._order[places]

    def encode(self, items: Items, *, dtype: DTypeLike = np.float64) -> Float[np.ndarray, "n K"]:
        """Return the unit vectors of a sequence.

        Arguments:
            items: n items, as in :meth:`indices`.
            dtype: Floating type of the result.

        Returns:
            One row for each item, with a single 1, shape (n, K).

        Raises:
            EmpnetError: If an item is not in the alphabet.
        """
        indices = self.indices(items)
        encoded = np.zeros((len(indices), len(self)), dtype=dtype)
        encoded[np.arange(len(indices)), indices] = 1
        return encoded

    def encode_batch(self, strings: Sequence[Items], *, dtype: DTypeLike = np.float64) -> np.ndarray:
        """Return the unit vectors of B sequences of one length L, such as strings.

        Arguments:
            strings: B sequences.
            dtype: Floating type of the result.

        Returns:
            Shape (B, L, K).

        Raises:
            EmpnetError: If lengths differ, or an item is not in the alphabet.

        Example:
            >>> OneHot("AB").encode_batch(["AB", "BA"])[1]
            array([[0., 1.],
                   [1., 0.]])
        """
        length = len(strings[0]) if len(strings) else 0
        for number, string in enumerate(strings):
            if len(string) != length:
                raise EmpnetError(
                    f"string {number} ({string!r}) has {len(string)} items and string 0 ({strings[0]!r}) has {length}",
                    wanted="equal lengths",
                )
        encoded = np.zeros((len(strings), length, len(self)), dtype=dtype)
        for number, string in enumerate(strings):
            try:
                encoded[number, np.arange(length), self.indices(string)] = 1
            except EmpnetError as error:
                raise EmpnetError(str(error), where=f"string {number} ({string!r})") from error
        return encoded

    def decode(self, encoded: ArrayLike) -> list[Hashable]:
        """Return the items of rows, by the largest entry of each row.

        Arguments:
            encoded: Shape (n, K); rows need not be exact unit vectors (they can be probabilities).

        Returns:
            n items of the alphabet.

        Raises:
            EmpnetError: If the rows do not have K entries.

        Example:
            >>> OneHot("ACGT").decode([[0, 0, 0.9, 0.1], [1, 0, 0, 0]])
            ['G', 'A']
        """
        rows = np.asarray(encoded)
        if rows.ndim != 2 or rows.shape[1] != len(self):
            raise EmpnetError(f"encoded has shape {rows.shape}", wanted=f"shape (any, {len(self)})")
        return [self.alphabet[index] for index in rows.argmax(axis=1)]

    def _same_kind(self, items: object) -> bool:
        """Return whether codes of ``items`` are comparable with the alphabet's: both are numbers, or both letters."""
        return self._kind is not None and isinstance(items, str) == issubclass(self._kind, str)

    def _indices_one_by_one(self, items: Items) -> Int64[np.ndarray, " n"]:
        places = np.zeros(len(items), dtype=np.int64)
        for position, item in enumerate(items):
            place = self._index.get(item)
            if place is None:
                raise self._unknown(item, position)
            places[position] = place
        return places

    def _unknown(self, item: Hashable, position: int) -> EmpnetError:
        alphabet = ", ".join(self._name(other) for other in self.alphabet)
        return EmpnetError(
            f"item {position} is {self._show(item)}", wanted=f"one of the alphabet: {alphabet or 'it is empty'}"
        )

    def _show(self, item: Hashable) -> str:
        try:
            return self._name(item)
        except (TypeError, ValueError):  # an item of another type than the alphabet's
            return repr(item)


def _codes(items: object) -> Int64[np.ndarray, " n"] | None:
    """Return whole numbers for the items, without a Python loop: themselves, or code points of letters; else None."""
    if isinstance(items, str):
        return np.frombuffer(items.encode("utf-32-le", "surrogatepass"), dtype=np.uint32).astype(np.int64)
    if isinstance(items, list) and items and all(isinstance(item, str) and len(item) == 1 for item in items):
        return _codes("".join(items))
    try:
        array = np.asarray(items)
    except ValueError:  # rows of different lengths: no plain array
        return None
    return array.astype(np.int64, copy=False) if array.ndim == 1 and array.dtype.kind in "iu" else None
