"""A stand-in for rife-ncnn-vulkan, which cannot be had here: it takes the program's arguments and blends the two pictures.

``install`` puts it into a folder with its model. A file ``mode`` beside it makes it fail like the real one: "gpu" unless it is told
``-g -1``, "always", "black" (a black picture, unless ``-g -1``), "silent" (code 0 and no picture). Every run is written to
``runs.jsonl``, with the PNGs that lay in the work folder then and the process that called it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_PROGRAM = """#!{python}
import json, os, sys
from pathlib import Path
here = Path(__file__).resolve().parent
if sys.argv[1:] == ["-h"]:
    sys.exit("Usage: rife-ncnn-vulkan -0 infile -1 infile1 -o outfile [options]...\\n  -g gpu-id            gpu device to use (-1=cpu)")
options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
pngs = sorted(path.name for path in Path(options["-o"]).parent.iterdir())
with (here / "runs.jsonl").open("a") as runs:
    print(json.dumps({{"options": options, "pngs": pngs, "caller": os.getppid()}}), file=runs)
mode = (here / "mode").read_text() if (here / "mode").exists() else ""
if mode == "always" or (mode == "gpu" and options.get("-g") != "-1"):
    sys.exit("invalid gpu device")
if mode != "silent":
    import numpy as np
    from PIL import Image
    first, second = (np.asarray(Image.open(options[key]), float) for key in ("-0", "-1"))
    scale = 0 if mode == "black" and options.get("-g") != "-1" else 1
    blended = scale * np.rint(first + float(options["-s"]) * (second - first))
    Image.fromarray(blended.astype(np.uint8)).save(options["-o"])
"""


def install(folder: Path, mode: str = "") -> Path:
    """The program in ``folder``, with a model beside it; its path."""
    (folder / "rife-v4.6").mkdir(parents=True, exist_ok=True)
    program = folder / "rife-ncnn-vulkan"
    program.write_text(_PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    (folder / "mode").write_text(mode)
    return program


def runs(program: Path) -> list[dict[str, Any]]:
    """What it was called with so far: ``options``, ``pngs`` and ``caller`` of each run."""
    return [json.loads(line) for line in (program.parent / "runs.jsonl").read_text().splitlines()]
