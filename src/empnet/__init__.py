"""empnet: Euclidean message passing networks.

Give it systems of particles with positions and features and a scalar property of each whole system; it learns to
predict the property, unchanged by rotating, translating or reordering the system.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from empnet.apply.calculator import EMPNetCalculator as EMPNetCalculator
    from empnet.apply.prediction import Prediction as Prediction
    from empnet.apply.predictor import Predictor as Predictor
    from empnet.apply.predictor import load as load
    from empnet.apply.train import resume as resume
    from empnet.apply.train import train as train
    from empnet.data.errors import EmpnetError as EmpnetError
    from empnet.data.one_hot import OneHot as OneHot
    from empnet.data.read import iread as iread
    from empnet.data.read import read as read
    from empnet.data.system import System as System
    from empnet.data.write import write as write
    from empnet.learn.image_classifier import ImageClassifier as ImageClassifier
    from empnet.learn.sequence_classifier import SequenceClassifier as SequenceClassifier
    from empnet.learn.sequence_regressor import SequenceRegressor as SequenceRegressor
    from empnet.learn.transpose_autoencoder import TransposeAutoencoder as TransposeAutoencoder
    from empnet.learn.universal_approximator import UniversalApproximator as UniversalApproximator
    from empnet.nn.message_passing import MessagePassingLayer as MessagePassingLayer
    from empnet.nn.model import PropertyModel as PropertyModel
    from empnet.nn.pointwise import PointwiseConvolutionLayer as PointwiseConvolutionLayer
    from empnet.nn.property_predictor import PropertyPredictor as PropertyPredictor
    from empnet.nn.summary import summary as summary

__version__ = "0.1.0"

_HOME = {
    "EMPNetCalculator": "empnet.apply.calculator",
    "EmpnetError": "empnet.data.errors",
    "ImageClassifier": "empnet.learn.image_classifier",
    "MessagePassingLayer": "empnet.nn.message_passing",
    "OneHot": "empnet.data.one_hot",
    "PointwiseConvolutionLayer": "empnet.nn.pointwise",
    "Prediction": "empnet.apply.prediction",
    "Predictor": "empnet.apply.predictor",
    "PropertyModel": "empnet.nn.model",
    "PropertyPredictor": "empnet.nn.property_predictor",
    "SequenceClassifier": "empnet.learn.sequence_classifier",
    "SequenceRegressor": "empnet.learn.sequence_regressor",
    "System": "empnet.data.system",
    "TransposeAutoencoder": "empnet.learn.transpose_autoencoder",
    "UniversalApproximator": "empnet.learn.universal_approximator",
    "iread": "empnet.data.read",
    "load": "empnet.apply.predictor",
    "read": "empnet.data.read",
    "resume": "empnet.apply.train",
    "summary": "empnet.nn.summary",
    "train": "empnet.apply.train",
    "write": "empnet.data.write",
}
"""Where each public name lives; it is imported when it is first asked for, so that the command line starts at once."""

__all__ = ["__version__", *_HOME]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'empnet' has no attribute '{name}'")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
