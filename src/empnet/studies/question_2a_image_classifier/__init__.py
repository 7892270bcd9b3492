"""Question II.A: output and structure of a convolutional image classifier."""

from empnet.studies.claim import Study
from empnet.studies.question_2a_image_classifier.claims import CLAIMS
from empnet.studies.question_2a_image_classifier.measurement import Classifier, Classifying, measure, reached

__all__ = ["STUDY", "Classifier", "Classifying", "measure", "reached"]

STUDY = Study(
    name="image_classifier",
    title="A classifier of pictures",
    question="A network classifies pictures of 64 x 64 pixels and 3 colours into 8 classes: a convolution 8 x 8 with "
    "64 channels, a convolution 4 x 4 with 8 channels, both without padding and followed by ReLU, a linear layer with "
    "2048 units, ReLU, a linear layer with 8 units, softmax. What is its output, and is it a fully connected "
    "perceptron?",
    premises=Classifier,
    measure=measure,
    claims=CLAIMS,
)
