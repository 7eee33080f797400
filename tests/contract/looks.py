"""What PyAV, Pillow and OpenCV see in a file: its pictures in small, its transparency, packets, attachments and words."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.stream import Disposition
from PIL import Image, ImageSequence

_SMALL = (64, 32)
_NO_CV2 = (".webp",)  # it shows one frame
_NO_CV2_CODECS = ("av1",)  # opencv-python decodes it by hardware only


@dataclass(frozen=True)
class Looks:
    """``small``: (frames, 32, 64) luma; ``colour``: (frames, 2) mean Cb and Cr; all as 0-255 of full range."""

    small: np.ndarray
    colour: np.ndarray
    alpha: float | None  # mean, 0 to 1; None where there is no such plane
    alphas: np.ndarray | None  # as ``small``
    size: tuple[int, int]
    times: tuple[Fraction, ...] = ()


def look(path: Path) -> Looks:
    """Decode all of it."""
    seen = [_seen(frame) for frame in _frames(path)]
    alphas = [each[2] for each in seen]
    has_plane = all(each is not None for each in alphas)
    times = tuple(_webp_times(path)) if path.suffix == ".webp" else ()
    return Looks(
        small=np.stack([each[0] for each in seen]),
        colour=np.stack([each[1] for each in seen]),
        alpha=float(np.mean(alphas)) / 255 if has_plane else None,
        alphas=np.stack(alphas) if has_plane else None,
        size=seen[0][3],
        times=times,
    )


def layout(pixel_format: str) -> tuple[int, str]:
    """(bits, chroma sampling)"""
    described = av.VideoFormat(pixel_format)
    bits = max((component.bits for component in described.components), default=8)
    if described.is_rgb or described.has_palette:
        return bits, "rgb"
    if len(described.components) < 3:
        return bits, "gray"
    halves = (described.chroma_width(16) < 16, described.chroma_height(16) < 16)
    return bits, {(True, True): "420", (True, False): "422"}.get(halves, "444")


def _frames(path: Path) -> Iterator[av.VideoFrame]:
    if path.is_dir():
        for file in sorted(path.iterdir(), key=lambda file: (len(file.name), file.name)):
            if file.suffix.lower() in (".jpg", ".jpeg"):  # BT.601, by JFIF
                yield av.VideoFrame.from_ndarray(np.asarray(Image.open(file).convert("RGB")), format="rgb24")
            if file.suffix.lower() in (".png", ".tif", ".tiff", ".exr"):
                yield from _frames(file)
        return
    if path.suffix == ".webp":
        with Image.open(path) as animation:
            for image in ImageSequence.Iterator(animation):
                yield av.VideoFrame.from_ndarray(np.asarray(image.convert("RGBA")), format="rgba")
        return
    with av.open(str(path)) as container:
        stream = next(each for each in container.streams.video if Disposition.attached_pic not in each.disposition)
        decoder: Any = stream.codec_context
        if stream.codec_context.name in ("vp8", "vp9") and _declares_alpha(stream):
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        for packet in container.demux(stream):
            yield from decoder.decode(packet if packet.size else None)


def _declares_alpha(stream: av.VideoStream) -> bool:
    return {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode") == "1"


def _webp_times(path: Path) -> Iterator[Fraction]:
    time_ms = 0
    with Image.open(path) as animation:
        for image in ImageSequence.Iterator(animation):
            image.load()
            yield Fraction(time_ms, 1000)
            time_ms += int(image.info["duration"])


def _seen(frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, tuple[int, int]]:
    described = frame.format
    if described.is_rgb or described.has_palette:
        luma, colour, alpha = _of_rgb(frame)
    else:
        luma, colour, alpha = _of_yuv(frame)
    small = [None if plane is None else cv2.resize(plane, _SMALL, interpolation=cv2.INTER_AREA) for plane in (luma, alpha)]
    return small[0], colour, small[1], (frame.width, frame.height)


def _of_rgb(frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """By BT.709."""
    has_alpha = any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
    if "f32" in frame.format.name or "f16" in frame.format.name:
        planes = [_displayed(_plane(frame, index)) * 255 for index in range(3)]
        red, green, blue = planes[2], planes[0], planes[1]
        alpha = _plane(frame, 3) * 255 if len(frame.planes) > 3 else None
    else:
        rgba = frame.to_ndarray(format="rgba").astype(np.float32)
        red, green, blue = rgba[..., 0], rgba[..., 1], rgba[..., 2]
        alpha = rgba[..., 3] if has_alpha else None
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return luma, np.array([((blue - luma) / 1.8556).mean() + 128, ((red - luma) / 1.5748).mean() + 128]), alpha


def _displayed(light: np.ndarray) -> np.ndarray:
    """EXR holds light; by the curve of sRGB (IEC 61966-2-1) it becomes what is shown."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055).astype(np.float32)


def _of_yuv(frame: av.VideoFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    name, bits = frame.format.name, frame.format.components[0].bits
    is_full = name.startswith(("yuvj", "gray", "ya")) or int(frame.color_range) == 2
    unit = 2.0 ** (bits - 8)
    planes = [_plane(frame, index) for index in range(len(frame.planes))]
    has_alpha = any(component.is_alpha for component in frame.format.components)
    alpha = planes.pop() * (255 / (2**bits - 1)) if has_alpha else None
    luma = planes[0] * (255 / (2**bits - 1)) if is_full else (planes[0] / unit - 16) * 255 / 219
    scale = 1 / unit if is_full else 255 / 224 / unit
    colour = [(plane.mean() - 128 * unit) * scale + 128 for plane in planes[1:3]] or [128.0, 128.0]
    return luma.astype(np.float32), np.array(colour), None if alpha is None else alpha.astype(np.float32)


def _plane(frame: av.VideoFrame, index: int) -> np.ndarray:
    plane = frame.planes[index]
    name = frame.format.name
    kind = np.float32 if "f32" in name else np.float16 if "f16" in name else np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    array = np.frombuffer(memoryview(plane), np.dtype(kind).newbyteorder(">" if name.endswith("be") else "<"))
    return array.reshape(plane.height, -1)[:, : plane.width].astype(np.float32)


def packets(path: Path, index: int, begin: Fraction) -> tuple[str, Fraction]:
    """Digest of what is in a stream's packets, and when the first starts, in seconds after ``begin``."""
    found, first = hashlib.sha256(), None
    with av.open(str(path)) as container:
        stream = container.streams[index]
        for packet in container.demux(stream):
            found.update(_without_adts(bytes(packet), stream.codec_context.name))
            if first is None and packet.pts is not None:
                first = packet.pts * Fraction(stream.time_base or 1)
    return found.hexdigest(), (first or Fraction(0)) - begin


def _without_adts(packet: bytes, codec: str) -> bytes:
    """Transport streams put a header before each packet of AAC."""
    if codec != "aac" or len(packet) < 7 or packet[0] != 0xFF or packet[1] & 0xF6 != 0xF0:
        return packet
    return packet[7 if packet[1] & 1 else 9 :]


def words(path: Path, index: int) -> list[tuple[Fraction, str]]:
    """What a subtitle says, and when, in plain text."""
    found: list[tuple[Fraction, str]] = []
    with av.open(str(path)) as container:
        stream = container.streams[index]
        assert stream.time_base is not None
        for packet in container.demux(stream):
            said = bytes(packet)
            if stream.codec_context.name == "mov_text":
                said = said[2 : 2 + int.from_bytes(said[:2], "big")]
            text = said.decode(errors="replace").strip().replace("<i>", "").replace("</i>", "")
            if text and packet.pts is not None:
                found.append((packet.pts * stream.time_base, text))
    return found


def attachments(path: Path) -> tuple[tuple[str | None, str], ...]:
    if path.is_dir():
        return ()
    with av.open(str(path)) as container:
        return tuple(
            (each.metadata.get("filename"), hashlib.sha256(bytes(each.data or b"")).hexdigest()) for each in container.streams.attachments
        )


def by_opencv(path: Path, codec: str, frames: int) -> tuple[str, ...]:
    """What is wrong when OpenCV opens it."""
    if path.is_dir():
        files = [each for each in sorted(path.iterdir()) if each.suffix.lower() in (".png", ".tif", ".tiff", ".jpg")]
        return tuple(f"OpenCV cannot read {each.name}" for each in files if cv2.imread(str(each), cv2.IMREAD_UNCHANGED) is None)
    if path.suffix in _NO_CV2 or codec in _NO_CV2_CODECS:
        return ()
    reader = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    count = 0
    while reader.grab():  # converting a picture to BGR takes it a second where that is HDR
        count += 1
    reader.release()
    return () if count == frames else (f"OpenCV reads {count} of {frames} frames",)


def apng_times(path: Path) -> list[Fraction]:
    """Of its frames, from their own chunks: ffprobe rounds each delay to 10 microseconds, which adds up."""
    delays: list[Fraction] = []
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = int.from_bytes(head[:4]), head[4:]
            data = file.read(length + 4)
            if kind == b"fcTL":
                delays.append(Fraction(int.from_bytes(data[20:22]), int.from_bytes(data[22:24]) or 100))
    return list(accumulate(delays[:-1], initial=Fraction(0)))
