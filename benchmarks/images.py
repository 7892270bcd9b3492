"""Does a folder of 100,000 pictures train without being loaded into memory? Images a second, and growth of memory.

    python benchmarks/images.py [--pictures 100000] [--epochs 1]

Pictures are 64 x 64 JPEG; a hundred thousand would take 1,200 MB decoded. The network is tiny (4 channels,
8 units), so that reading counts. Growth is that of the peak of resident memory over what it was before the folder was
opened; a first fit on 2,000 pictures, before that, brings in all that is needed whatever the number of pictures.
"""

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

SHAPES = 500
"""Different pictures; each file is a copy of one of them."""


def make_folder(path: Path, pictures: int, classes: int = 8) -> Path:
    """Small pictures of stripes, whose width is the class: ``path/CLASS/NUMBER.jpg``."""
    rng = np.random.default_rng(0)
    for number in range(classes):
        (path / str(number)).mkdir(parents=True)
    kept = []
    for k in range(min(SHAPES, pictures)):
        wave = np.sin(np.arange(64) * (k % classes + 1) / 4 + rng.uniform(0, 6))
        pixels = 127 + 60 * wave[None, :, None] + rng.normal(0, 10, (64, 64, 3))
        kept.append(path / str(k % classes) / f"{k:06d}.jpg")
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(kept[-1])
    for k in range(len(kept), pictures):
        source = kept[k % (len(kept) // classes * classes)]
        shutil.copyfile(source, source.parent / f"{k:06d}.jpg")
    return path


def peak() -> float:
    """Peak of resident memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def train(folder: Path, epochs: int) -> tuple[float, float, float, int]:
    """Seconds for opening and for training, those of processors for training, and the number of pictures."""
    from empnet.studies.data.images import ImageFolder
    from empnet.studies.estimators.image_classifier import ImageClassifier

    began = time.perf_counter()
    pictures = ImageFolder(folder)
    opened, busy = time.perf_counter(), time.process_time()
    tiny = ((4, 8), (4, 4))
    ImageClassifier(tiny, pool=4, hidden=8, epochs=epochs, validation_fraction=0.02).fit(pictures)
    return opened - began, time.perf_counter() - opened, time.process_time() - busy, len(pictures)


def main() -> None:
    """Make pictures, train, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--epochs", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        train(make_folder(Path(name) / "few", 2_000), 1)
        before = peak()
        many = make_folder(Path(name) / "many", arguments.pictures)
        opening, training, busy, n = train(many, arguments.epochs)
        growth = peak() - before
    rate = arguments.epochs * n / training
    print(f"{n:,} pictures, {n * 64 * 64 * 3 / 1e6:,.0f} MB if decoded")
    print(f"opened and checked in {opening:.1f} s: {n / opening:,.0f} pictures a second")
    print(f"trained {arguments.epochs} epochs in {training:.1f} s: {rate:,.0f} pictures a second")
    print(
        f"processors were busy for {busy:.1f} s of it: {arguments.epochs * n / busy:,.0f} pictures a second of theirs"
    )
    print(f"peak of memory {before:.0f} MB before, {growth:.1f} MB more with them")


if __name__ == "__main__":
    main()
