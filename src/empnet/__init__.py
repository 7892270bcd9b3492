"""empnet: Euclidean message passing networks.

Give it systems of particles with positions and features and a scalar property of each whole system; it learns to
predict the property, unchanged by rotating, translating or reordering the system.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from empnet.dataset.dataset import collate as collate
    from empnet.errors import EmpnetError as EmpnetError
    from empnet.files.read import iread as iread
    from empnet.files.read import read as read
    from empnet.files.write import write as write
    from empnet.model.architecture import Architecture as Architecture
    from empnet.model.energy_derivatives import energy_and_derivatives as energy_and_derivatives
    from empnet.model.message_passing import MessagePassingLayer as MessagePassingLayer
    from empnet.model.pointwise import PointwiseConvolutionLayer as PointwiseConvolutionLayer
    from empnet.model.property_model import PropertyModel as PropertyModel
    from empnet.model.property_predictor import PropertyPredictor as PropertyPredictor
    from empnet.model.summary import summary as summary
    from empnet.prediction.calculator import EMPNetCalculator as EMPNetCalculator
    from empnet.prediction.load import load as load
    from empnet.prediction.prediction import Prediction as Prediction
    from empnet.prediction.predictor import Predictor as Predictor
    from empnet.studies.estimators.image_classifier import ImageClassifier as ImageClassifier
    from empnet.studies.estimators.sequence_classifier import SequenceClassifier as SequenceClassifier
    from empnet.studies.estimators.sequence_regressor import SequenceRegressor as SequenceRegressor
    from empnet.studies.estimators.universal_approximator import UniversalApproximator as UniversalApproximator
    from empnet.system.one_hot import OneHot as OneHot
    from empnet.system.system import System as System
    from empnet.training.run.config import TrainConfig as TrainConfig
    from empnet.training.run.model_file import ModelCard as ModelCard
    from empnet.training.transpose_autoencoder import TransposeAutoencoder as TransposeAutoencoder
    from empnet.workflows.train import resume as resume
    from empnet.workflows.train import train as train

__version__ = "0.1.0"

if "OMP_WAIT_POLICY" not in os.environ:
    # Threads of GNU's OpenMP wait for each other by counting to 300,000 before they give their core away. Where another
    # program wants that core, a step of training then took up to 3 s in place of 0.03 s; a tenth of the count costs
    # nothing on a quiet machine. OpenMP reads this when torch loads.
    os.environ.setdefault("GOMP_SPINCOUNT", "30000")

_HOME = {
    "Architecture": "empnet.model.architecture",
    "EMPNetCalculator": "empnet.prediction.calculator",
    "EmpnetError": "empnet.errors",
    "ImageClassifier": "empnet.studies.estimators.image_classifier",
    "MessagePassingLayer": "empnet.model.message_passing",
    "ModelCard": "empnet.training.run.model_file",
    "OneHot": "empnet.system.one_hot",
    "PointwiseConvolutionLayer": "empnet.model.pointwise",
    "Prediction": "empnet.prediction.prediction",
    "Predictor": "empnet.prediction.predictor",
    "PropertyModel": "empnet.model.property_model",
    "PropertyPredictor": "empnet.model.property_predictor",
    "SequenceClassifier": "empnet.studies.estimators.sequence_classifier",
    "SequenceRegressor": "empnet.studies.estimators.sequence_regressor",
    "System": "empnet.system.system",
    "TrainConfig": "empnet.training.run.config",
    "TransposeAutoencoder": "empnet.training.transpose_autoencoder",
    "UniversalApproximator": "empnet.studies.estimators.universal_approximator",
    "collate": "empnet.dataset.dataset",
    "energy_and_derivatives": "empnet.model.energy_derivatives",
    "iread": "empnet.files.read",
    "load": "empnet.prediction.load",
    "read": "empnet.files.read",
    "resume": "empnet.workflows.train",
    "summary": "empnet.model.summary",
    "train": "empnet.workflows.train",
    "write": "empnet.files.write",
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
