"""From a batch to properties: the three layers, the network for systems of varying size, and its derivatives."""

from empnet.basis.radial import RadialBasis, envelope
from empnet.basis.spline import CubicSpline
from empnet.model.architecture import Architecture
from empnet.model.message_passing import MessagePassingLayer
from empnet.model.pointwise import PointwiseConvolutionLayer
from empnet.model.property_model import PropertyModel
from empnet.model.property_predictor import PropertyPredictor
from empnet.model.summary import Summary, summary

__all__ = [
    "Architecture",
    "CubicSpline",
    "MessagePassingLayer",
    "PointwiseConvolutionLayer",
    "PropertyModel",
    "PropertyPredictor",
    "RadialBasis",
    "Summary",
    "envelope",
    "summary",
]
