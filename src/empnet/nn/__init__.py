"""Batch -> property: the three layers, the core that they share, and the network for systems of varying size."""

from empnet.nn.message_passing import MessagePassingLayer
from empnet.nn.pointwise import PointwiseConvolutionLayer
from empnet.nn.property_predictor import PropertyPredictor
from empnet.nn.radial import RadialBasis, envelope
from empnet.nn.spline import CubicSpline

__all__ = [
    "CubicSpline",
    "MessagePassingLayer",
    "PointwiseConvolutionLayer",
    "PropertyPredictor",
    "RadialBasis",
    "envelope",
]
