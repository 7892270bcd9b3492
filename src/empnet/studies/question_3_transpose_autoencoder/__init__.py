"""Question III: a linear autoencoder whose decoder is its encoder's transpose, and its relation to PCA."""

from empnet.studies.claim import Study
from empnet.studies.question_3_transpose_autoencoder import (
    claims_3a_training,
    claims_3b_norm,
    claims_3c_principal_components,
    claims_3d_unit_norm,
    claims_3e_encoder_only,
)
from empnet.studies.question_3_transpose_autoencoder.measured import Measured, measure
from empnet.studies.question_3_transpose_autoencoder.premises import TransposePremises

__all__ = ["STUDY", "Measured", "TransposePremises", "measure"]

STUDY = Study(
    name="transpose_autoencoder",
    title="Transpose autoencoder",
    question="One vector a encodes data of mean zero as z = a^T x and decodes them as a z; it is trained to "
    "reconstruct them with the least squared error. The theory needs data of mean zero, so the mean is taken off "
    "first. How is it best trained, how long is a at the optimum, what has it to do with principal component analysis, "
    "how can |a| = 1 be kept in training, and what does a loss without the decoder do?",
    premises=TransposePremises,
    measure=measure,
    claims=(
        *claims_3a_training.CLAIMS,
        *claims_3b_norm.CLAIMS,
        *claims_3c_principal_components.CLAIMS,
        *claims_3d_unit_norm.CLAIMS,
        *claims_3e_encoder_only.CLAIMS,
    ),
)
