"""Print what the package requires: python requirements.py lowest | without-torch [EXTRA ...]."""

import re
import sys
import tomllib
from pathlib import Path

NEED_TORCH = ("torch", "kornia")
"""With these pip would install torch."""

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
wanted, extras = sys.argv[1], sys.argv[2:]
lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
for line in lines:
    name = re.split(r"[\[<>=]", line)[0]
    if name == project["name"]:
        continue  # an extra within an extra
    if wanted == "lowest" and name != "torch":
        print(line.replace(">=", "=="))
    elif wanted == "without-torch" and name not in NEED_TORCH:
        print(line)
