"""What is known of ComfyUI's nodes: which are ends, which sample, which load, and which diffusers has an equal of."""

from __future__ import annotations

from .comfyui_graph import Graph, Node

VIDEO_ENDS = ("SaveVideo", "SaveAnimatedWEBP", "SaveAnimatedPNG", "SaveWEBM", "VHS_VideoCombine", "VideoCombine")
PICTURE_ENDS = ("SaveImage", "PreviewImage", "PreviewVideo", "PreviewAny")
SUFFIXES = {"SaveAnimatedWEBP": ".webp", "SaveAnimatedPNG": ".png", "SaveWEBM": ".webm", "SaveVideo": ".mp4"}

LOADER_INPUTS = ("unet_name", "ckpt_name", "model_name", "model_path", "gguf_name", "diffusion_model", "model")
"""Where loaders name the file; ``model`` is a name in those of the video wrappers, and a link elsewhere."""

_SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced")
_SAMPLED = ("positive", "guider", "text_embeds", "hyvid_embeds", "conditioning", "latent_image", "prompt")
_NO_SAMPLERS = ("KSamplerSelect", "ModelSampling")

_EQUALS = frozenset(
    " ".join(
        (
            "KSampler KSamplerAdvanced SamplerCustom SamplerCustomAdvanced KSamplerSelect RandomNoise DisableNoise BasicGuider CFGGuider",
            "BasicScheduler KarrasScheduler ExponentialScheduler SDTurboScheduler LTXVScheduler ModelSamplingSD3 ModelSamplingLTXV",
            "ModelSamplingFlux ModelSamplingContinuousEDM VideoLinearCFGGuidance FluxGuidance LTXVConditioning ConditioningZeroOut",
            "CLIPTextEncode CLIPTextEncodeHunyuanDiT TextEncodeHunyuanVideo_ImageToVideo",
            "CLIPLoader DualCLIPLoader CLIPVisionLoader CLIPVisionEncode VAELoader VAEDecode VAEDecodeTiled",
            "UNETLoader CheckpointLoaderSimple ImageOnlyCheckpointLoader UnetLoaderGGUF CLIPLoaderGGUF",
            "EmptyLatentImage EmptyHunyuanLatentVideo EmptyMochiLatentVideo EmptyLTXVLatentVideo EmptyCosmosLatentVideo",
            "WanImageToVideo Wan22ImageToVideoLatent HunyuanImageToVideo SVD_img2vid_Conditioning LTXVImgToVideo CosmosImageToVideoLatent",
            "CosmosPredict2ImageToVideoLatent LoadImage ImageScale ImageScaleToTotalPixels ImageResizeKJ",
            "PrimitiveInt PrimitiveFloat PrimitiveString PrimitiveStringMultiline PrimitiveBoolean PrimitiveNode Reroute Note StringConcatenate",
            "INTConstant FloatConstant StringConstant StringConstantMultiline",
            "CreateVideo SaveVideo SaveAnimatedWEBP SaveAnimatedPNG SaveWEBM VHS_VideoCombine SaveImage PreviewImage",
            "WanVideoSampler WanVideoModelLoader WanVideoVAELoader WanVideoTextEncode LoadWanVideoT5TextEncoder WanVideoDecode WanVideoEmptyEmbeds",
            "WanVideoImageToVideoEncode WanVideoClipVisionEncode LoadWanVideoClipTextEncoder",
            "CogVideoSampler CogVideoDecode CogVideoTextEncode CogVideoImageEncode DownloadAndLoadCogVideoModel CogVideoXModelLoader",
            "CogVideoXVAELoader",
            "MochiSampler MochiDecode MochiTextEncode MochiModelLoader MochiVAELoader DownloadAndLoadMochiModel MochiSigmaSchedule",
            "HyVideoSampler HyVideoTextEncode HyVideoModelLoader HyVideoVAELoader HyVideoDecode DownloadAndLoadHyVideoTextEncoder",
        )
    ).split(" ")
)
"""Nodes that a pipeline of diffusers has an equal of, or that change nothing in the picture."""


def is_end(node: Node) -> bool:
    return node.kind in VIDEO_ENDS or node.kind in PICTURE_ENDS or "VideoCombine" in node.kind or node.kind.startswith("Save")


def is_sampler(node: Node) -> bool:
    if node.kind in _SAMPLERS:
        return True
    named = "sampler" in node.kind.lower() and not any(other in node.kind for other in _NO_SAMPLERS)
    return named and any(name in node.inputs for name in _SAMPLED)


def is_lora(node: Node) -> bool:
    return "lora" in node.kind.lower() or "lora_name" in node.inputs


def loras(nodes: list[Node]) -> tuple[str, ...]:
    """Names of the LoRAs that these nodes load, or the nodes' own where they do not say."""
    found: list[str] = []
    for node in filter(is_lora, nodes):
        names = [
            value for key, value in node.inputs.items() if "lora" in key.lower() and isinstance(value, str) and value.lower() != "none"
        ]
        found += [f"{name[:200]} (node {node.id})" for name in names] or [str(node)]
    return tuple(found)


def unequalled(nodes: list[Node]) -> tuple[Node, ...]:
    """Those that diffusers has nothing for, LoRAs apart."""
    return tuple(node for node in nodes if node.kind not in _EQUALS and not is_lora(node) and not _holds_text(node))


def _holds_text(node: Node) -> bool:
    """A node of text alone changes nothing that its text does not tell."""
    kind = node.kind.lower()
    return any(word in kind for word in ("string", "text", "prompt", "constant", "note")) and not any(
        word in node.inputs for word in ("clip", "model", "vae", "image", "samples")
    )


def loaded(graph: Graph, node: Node) -> str | None:
    """The model's name where the node loads one."""
    for name in LOADER_INPUTS:
        if name in node.inputs and graph.link(node, name) is None and isinstance(node.inputs[name], str):
            return node.inputs[name]
    return None
