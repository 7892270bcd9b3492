"""Where does the time of a step go, and how far is it from its floor?

    python benchmarks/profile.py [--molecules 64] [--width 128] [--threads 2] [--rounds 30]

The measurement is in ``step_parts.py``. The standard library has a module of this name, too, and torch wants that one:
scripts of this folder find this file first, and get what they asked for.
"""

import importlib.util
import sys
import sysconfig
from pathlib import Path

if __name__ == "__main__":
    from step_parts import main

    main()
else:
    spec = importlib.util.spec_from_file_location(__name__, Path(sysconfig.get_path("stdlib"), "profile.py"))
    assert spec is not None and spec.loader is not None
    sys.modules[__name__] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[__name__])
