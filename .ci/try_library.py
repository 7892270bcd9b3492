"""Try an installed wheel: libempnet is in it, runs here, and agrees with plain torch."""

import torch

from empnet import OneHot, System
from empnet.dataset.dataset import collate
from empnet.model.architecture import Architecture
from empnet.model.evaluator import Evaluator
from empnet.model.property_model import PropertyModel
from empnet.native.library import description, is_built

print(description())
assert is_built(), "libempnet is not in the wheel, or does not run on this machine"
model = PropertyModel(Architecture(n_species=2, pooling=("sum",), moments=2, layers=2)).eval()
batch = collate([System([[0, 0, 0], [0, 0, 1.1], [0, 1.2, 0.3]], species=[1, 8, 1])], 5.0, OneHot([1, 8]))
native, torchs = (Evaluator(model, engine)(batch, forces=True) for engine in ("native", "torch"))
assert torch.allclose(native.forces, torchs.forces, rtol=1e-3, atol=1e-4)
