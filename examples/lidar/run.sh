#!/usr/bin/env bash
# From a tile to classes: run.sh TILE OUT [options of segment.py]. OUT is a new folder.
set -euo pipefail

tile=$1
out=$2
here=$(dirname "$0")
python "$here/generate.py" "$out/training"
python "$here/segment.py" "$tile" "$out" "${@:3}"
empnet train "$out/training" --symmetry vertical --points 128 --time 45s --out "$out/run"
empnet predict "$out/run" "$out/objects" --out "$out/objects.csv"
python "$here/show.py" "$tile" "$out"
