"""An offer to render a clip again, as a receipt holds it."""

from __future__ import annotations

from typing import Any

OFFER: dict[str, Any] = {
    "means": "diffusers",
    "kind": "video",
    "model": "THUDM/CogVideoX-5b",
    "pipeline": "CogVideoXPipeline",
    "minutes": 12.0,
    "memory_gb": 18.5,
    "device": "NVIDIA RTX 4090",
    "on_gpu": True,
    "here": True,
    "reason": "The shot's content stays: its own frames are where the sampler starts.",
    "changes": [
        {"field": "num_inference_steps", "before": 20, "after": 40, "rule": "cogvideox-steps"},
        {"field": "seed", "before": None, "after": 42, "rule": "seed-unlocked"},
    ],
    "lint": [],
    "ready": True,
    "remedy": None,
}
