"""A fitted forest as plain arrays: data, not code, and readable without scikit-learn's version of that day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Int32, Int64

__all__ = ["Trees"]


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Decision trees, one after the other.

    Arguments:
        roots: First node of each tree, shape (T,).
        left: Node for values up to the threshold, shape (M,); -1 for a leaf.
        right: Node for values above it.
        column: Column of the descriptor that a node looks at.
        threshold: Its threshold.
        value: Probabilities of the classes, or the value, of each node, shape (M, K).
    """

    roots: Int64[np.ndarray, " T"]
    left: Int32[np.ndarray, " M"]
    right: Int32[np.ndarray, " M"]
    column: Int32[np.ndarray, " M"]
    threshold: Float64[np.ndarray, " M"]
    value: Float32[np.ndarray, "M K"]

    @classmethod
    def of(cls, forest: Any, classes: int) -> Trees:
        """Return the trees of a fitted forest of scikit-learn.

        Arguments:
            forest: The forest.
            classes: Number of classes; 0 for a regression.
        """
        trees = [each.tree_ for each in forest.estimators_]
        sizes = np.array([tree.node_count for tree in trees])
        roots = np.cumsum(sizes) - sizes
        starts = np.repeat(roots, sizes)

        def joined(name: str) -> np.ndarray:
            return np.concatenate([getattr(tree, name) for tree in trees])

        def moved(children: np.ndarray) -> np.ndarray:
            return np.where(children < 0, -1, children + starts).astype(np.int32)

        values = np.concatenate([tree.value[:, 0] for tree in trees])
        if classes:
            values = values / values.sum(axis=1, keepdims=True)
            full = np.zeros((len(values), classes))
            full[:, forest.classes_.astype(np.int64)] = values
            values = full
        return cls(
            roots.astype(np.int64),
            moved(joined("children_left")),
            moved(joined("children_right")),
            joined("feature").astype(np.int32),
            joined("threshold"),
            values.astype(np.float32),
        )

    def predict(self, descriptors: Float[np.ndarray, "n D"]) -> Float64[np.ndarray, "n K"]:
        """Return the mean over the trees: probabilities of the classes, or values.

        Arguments:
            descriptors: One row a system.
        """
        rows = np.asarray(descriptors, dtype=np.float32)  # as scikit-learn compares them
        n, total = np.arange(len(rows)), np.zeros((len(rows), self.value.shape[1]))
        for root in self.roots:
            at = np.full(len(rows), root)
            while (inner := self.left[at] >= 0).any():
                goes_left = rows[n, np.where(inner, self.column[at], 0)] <= self.threshold[at]
                at = np.where(inner, np.where(goes_left, self.left[at], self.right[at]), at)
            total += self.value[at]
        return total / len(self.roots)
