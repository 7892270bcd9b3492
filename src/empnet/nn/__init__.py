"""Batch -> property: the three layers, the core that they share, and the network for systems of varying size."""

from empnet.nn.message_passing import MessagePassingLayer
from empnet.nn.model import Architecture, PropertyModel
from empnet.nn.pointwise import PointwiseConvolutionLayer
from empnet.nn.property_predictor import PropertyPredictor
from empnet.nn.radial import RadialBasis, envelope
from empnet.nn.spline import CubicSpline
from empnet.nn.summary import Summary, summary

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
