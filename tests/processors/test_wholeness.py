"""Whole files pass, cut and preallocated ones are caught, at every length."""

from __future__ import annotations

from pathlib import Path

import pytest
from clipmaker import pan, write

from deshimmer.config.errors import IncompleteClip, MissingClip
from deshimmer.processors import wholeness

VARIANTS: dict[str, tuple[str, str, dict[str, str]]] = {
    "plain.mp4": ("libx264", "yuv420p", {}),
    "front.mp4": ("libx264", "yuv420p", {"movflags": "+faststart"}),
    "fragments.mp4": ("libx264", "yuv420p", {"movflags": "+frag_keyframe+empty_moov"}),
    "quick.mov": ("libx264", "yuv420p", {}),
    "m.mkv": ("libx264", "yuv420p", {}),
    "w.webm": ("libvpx-vp9", "yuv420p", {}),
    "a.avi": ("mpeg4", "yuv420p", {}),
    "g.gif": ("gif", "rgb8", {}),
}


@pytest.fixture(scope="module")
def whole_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    import av
    import numpy as np

    folder = tmp_path_factory.mktemp("whole")
    files: dict[str, bytes] = {}
    for name, (codec, pixel_format, options) in VARIANTS.items():
        with av.open(str(folder / name), "w", options=options) as container:
            stream = container.add_stream(codec, rate=24, options={"g": "4"})
            stream.width, stream.height, stream.pix_fmt = 160, 120, pixel_format
            for shot in pan(12, (160, 120)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shot.astype(np.uint8), "rgb24").reformat(format=pixel_format)))
            container.mux(stream.encode(None))
        files[name] = (folder / name).read_bytes()
    return files


@pytest.mark.parametrize("name", VARIANTS)
def test_whole_file_passes(tmp_path: Path, whole_files: dict[str, bytes], name: str) -> None:
    path = tmp_path / name
    path.write_bytes(whole_files[name])
    wholeness.check(path)


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.97])
@pytest.mark.parametrize("name", VARIANTS)
def test_cut_file_is_incomplete(tmp_path: Path, whole_files: dict[str, bytes], name: str, part: float) -> None:
    path = tmp_path / name
    content = whole_files[name]
    path.write_bytes(content[: int(len(content) * part)])
    assert _said(path)[0] == "The file is incomplete"


@pytest.mark.parametrize("part", [0, 0.3, 0.8])
@pytest.mark.parametrize("name", ["plain.mp4", "front.mp4", "quick.mov", "m.mkv", "w.webm", "a.avi", "g.gif"])
def test_preallocated_file_is_incomplete(tmp_path: Path, whole_files: dict[str, bytes], name: str, part: float) -> None:
    path = tmp_path / name
    content = whole_files[name]
    path.write_bytes(content[: int(len(content) * part)].ljust(len(content), b"\0"))
    assert _said(path)[0] == "The file is incomplete"


def _said(path: Path) -> tuple[str, str]:
    """Title and message, of which neither repeats the other."""
    with pytest.raises(IncompleteClip) as told:
        wholeness.check(path)
    title, message = told.value.title, told.value.message
    assert title.lower() not in message.lower()
    assert message[0].isupper()
    return title, message


def test_rubbish_after_the_end_is_no_fault(tmp_path: Path, whole_files: dict[str, bytes]) -> None:
    for name in ("plain.mp4", "m.mkv", "a.avi", "g.gif"):
        path = tmp_path / name
        path.write_bytes(whole_files[name] + b"\0" * 600)
        wholeness.check(path)


def test_empty_and_absent_files(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(IncompleteClip, match="empty"):
        wholeness.check(tmp_path / "empty.mp4")
    with pytest.raises(MissingClip):
        wholeness.check(tmp_path / "absent.mp4")


def test_transport_stream_with_a_zero_end_is_incomplete(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", pan(24, (160, 120)), options={"preset": "ultrafast", "g": "4"})
    wholeness.check(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2].ljust(len(content), b"\0"))
    with pytest.raises(IncompleteClip):
        wholeness.check(path)


def test_labelled_clips(shared_clips: Path) -> None:
    cut_off = {"syn_zero_bytes.mp4", "syn_truncated_moov_missing.mp4", "truncated.gif", "h264_displaymatrix.mov"}
    accused: set[str] = set()
    for path in shared_clips.rglob("*.*"):
        try:
            wholeness.check(path)
        except IncompleteClip:
            accused.add(path.name)
    assert accused == cut_off
