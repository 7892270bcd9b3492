"""Division of systems into training, validation and test sets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Int64

from empnet.errors import EmpnetError

__all__ = ["Split", "SplitKind", "split_by_class", "split_systems"]

SplitKind = Literal["random", "blocks"]
NONE: Int64[np.ndarray, " m"] = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Indices of the systems in the training, validation and test sets; no system is in two of them.

    Arguments:
        train: Systems for fitting the weights, shape (n_train,), int64.
        validation: Systems for choosing the best weights, shape (n_validation,), int64.
        test: Systems for the final test, never used for a choice, shape (n_test,), int64.
    """

    train: Int64[np.ndarray, " n_train"]
    validation: Int64[np.ndarray, " n_validation"]
    test: Int64[np.ndarray, " n_test"]

    def to_json(self) -> dict[str, list[int]]:
        """Return plain lists by set, for ``split.json``."""
        return {side: getattr(self, side).tolist() for side in ("train", "validation", "test")}

    def with_train_size(self, size: int, seed: int, file: str = "", keep: Int64[np.ndarray, " m"] = NONE) -> Split:
        """Return the split with fewer systems for training and the same validation and test sets.

        For one seed, a smaller training set is a subset of each larger one, so learning curves are comparable.

        Arguments:
            size: Number of systems for training.
            seed: Seed of the random choice.
            file: The user's name for the data, for messages.
            keep: Training systems that are never left out, such as free atoms, shape (m,).

        Raises:
            EmpnetError: If the training set has fewer systems than ``size``, or ``size`` leaves no others beside
                ``keep``.

        Example:
            >>> split = Split(np.arange(8), np.array([8]), np.array([9]))
            >>> few, more = split.with_train_size(2, seed=0), split.with_train_size(4, seed=0)
            >>> bool(np.isin(few.train, more.train).all())
            True
        """
        always = self.train[np.isin(self.train, keep)]
        if not len(always) < size <= len(self.train):
            raise EmpnetError(
                f"--train-size {size}",
                where=file,
                wanted=f"at most {len(self.train)}, the number outside validation and test"
                + (f", and more than {len(always)}, the free atoms" if len(always) else ""),
            )
        others = np.random.default_rng([seed, 1]).permutation(np.setdiff1d(self.train, always))
        return replace(self, train=np.sort(np.concatenate([always, others[: size - len(always)]])))

    @classmethod
    def from_json(cls, record: dict[str, list[int]]) -> Split:
        """Return the split from the lists that :meth:`to_json` returned.

        Raises:
            ValueError: If a value is not an integer from 0, or occurs twice: a system must not be both in training
                and in validation or test.

        Example:
            >>> Split.from_json({"train": [0, 2], "validation": [1], "test": []}).train
            array([0, 2])
        """
        sides = [record[side] for side in ("train", "validation", "test")]
        if not all(isinstance(side, list) and all(type(index) is int for index in side) for side in sides):
            raise ValueError("a set is not a list of integers")
        flat = [index for side in sides for index in side]
        if flat and not 0 <= min(flat) <= max(flat) < 2**62:
            raise ValueError("the number of a system is out of range")
        if len(set(flat)) != len(flat):
            raise ValueError("a system occurs twice")
        return cls(*(np.array(side, dtype=np.int64) for side in sides))


def split_systems(
    groups: Int64[np.ndarray, " n"],
    *,
    validation: float | int,
    test: float | int,
    kind: SplitKind = "random",
    seed: int = 0,
    file: str = "",
    keep: Int64[np.ndarray, " m"] = NONE,
) -> Split:
    """Divide systems into training, validation and test sets; equal systems (one group) stay in one set.

    Arguments:
        groups: A number for each system, equal for exact duplicates, shape (n,).
        validation: Fraction of all systems if below 1, otherwise their number.
        test: Fraction or number of systems for the test set; 0 for none.
        kind: ``"random"``: groups are chosen at random. ``"blocks"``: the order of the file is kept, with training
            first, then validation, then test. This is for trajectories, where consecutive frames are similar.
        seed: Seed of the random choice.
        file: The user's name for the data, for messages.
        keep: Systems that are always in the training set, such as free atoms, shape (m,); fractions refer to the
            other systems.

    Returns:
        The split, with ascending indices in each set.

    Raises:
        EmpnetError: If a set would be empty.

    Example:
        >>> split = split_systems(np.arange(10), validation=2, test=0.1, kind="blocks")
        >>> split.validation, split.test
        (array([7, 8]), array([9]))
    """
    if len(keep):
        others = np.setdiff1d(np.arange(len(groups)), keep)
        part = split_systems(groups[others], validation=validation, test=test, kind=kind, seed=seed, file=file)
        train = np.sort(np.concatenate([others[part.train], keep]))
        return Split(train.astype(np.int64), others[part.validation], others[part.test])
    n = len(groups)
    n_validation, n_test = _count(validation, n, "--val"), _count(test, n, "--test")
    order = _group_order(groups, kind, seed)  # order of filling test, then validation, then train
    size = np.bincount(groups, minlength=int(groups.max(initial=-1)) + 1)[order]
    before = np.cumsum(size) - size  # number of systems in the groups before each group
    in_test = before < n_test
    in_validation = ~in_test & (before - size[in_test].sum() < n_validation)
    test_groups, validation_groups = order[in_test], order[in_validation]
    test_side, validation_side = np.isin(groups, test_groups), np.isin(groups, validation_groups)
    sides = (~test_side & ~validation_side, validation_side, test_side)
    split = Split(*(np.flatnonzero(side).astype(np.int64) for side in sides))
    _refuse_empty(split, n, n_test, file)
    return split


def split_by_class(
    groups: Int64[np.ndarray, " n"],
    classes: Int64[np.ndarray, " n"],
    *,
    validation: float | int,
    test: float | int,
    seed: int = 0,
    file: str = "",
) -> Split:
    """Divide systems at random such that each set has its share of each class; equal systems stay in one set.

    Arguments:
        groups: A number for each system, equal for exact duplicates, shape (n,).
        classes: Number of each system's class, shape (n,).
        validation: Fraction of all systems if below 1, otherwise their number.
        test: Fraction or number of systems for the test set; 0 for none.
        seed: Seed of the random choice.
        file: The user's name for the data, for messages.

    Raises:
        EmpnetError: If a set would have no member of a class.

    Example:
        >>> split = split_by_class(np.arange(20), np.arange(20) % 2, validation=0.1, test=0.2)
        >>> sorted((split.test % 2).tolist())
        [0, 0, 1, 1]
    """
    n = len(groups)
    shares = [size if size < 1 else size / n for size in (validation, test)]
    of_group = np.full(int(groups.max(initial=-1)) + 1, -1)
    of_group[groups[::-1]] = classes[::-1]  # the class of a group's first member
    sides: list[list[np.ndarray]] = [[], [], []]
    for kind in np.unique(of_group[groups]):
        members = np.flatnonzero(of_group[groups] == kind)
        part = split_systems(groups[members], validation=shares[0], test=shares[1], seed=seed, file=file)
        for side, chosen in zip(sides, (part.train, part.validation, part.test), strict=True):
            side.append(members[chosen])
    return Split(*(np.sort(np.concatenate(side)).astype(np.int64) for side in sides))


def _count(size: float | int, n: int, option: str) -> int:
    """Return the number of systems from a fraction (below 1) or a number."""
    if size < 0 or (size >= 1 and size != int(size)):
        raise EmpnetError(f"{option} {size:g}", wanted="a fraction between 0 and 1 or a whole number of systems")
    if 0 < size < 1:
        return max(1, round(size * n))
    return int(size)


def _group_order(groups: np.ndarray, kind: SplitKind, seed: int) -> np.ndarray:
    distinct, first = np.unique(groups, return_index=True)
    if kind == "random":
        return np.random.default_rng(seed).permutation(distinct)
    return distinct[np.argsort(-first)]  # from the end of the file: training gets its beginning


def _refuse_empty(split: Split, n: int, n_test: int, file: str) -> None:
    sizes = {"training": len(split.train), "validation": len(split.validation)}
    if n_test:
        sizes["test"] = len(split.test)
    missing = [side for side, size in sizes.items() if size == 0]
    if missing:
        raise EmpnetError(
            f"{n} systems leave none for {' and '.join(missing)}",
            where=file,
            wanted="at least one different system in each set",
            remedy="add systems, or reduce --val and --test (--test 0 for no test set)",
        )
