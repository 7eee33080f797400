"""What each profile costs and keeps: the frames handed to its encoder against those that come back, the file's size, frames per second.

``python tests/bench/profiles.py CLIP...`` prints the table of docs/profiles.md.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av

from deshimmer.config import spawn
from deshimmer.config.errors import DeshimmerError
from deshimmer.config.settings import Settings
from deshimmer.processors import encoding, ffmpeg, media
from deshimmer.processors.records import Clip, Route, Treatment
from deshimmer.processors.writing import coders, frame_pipe, picture_codecs
from deshimmer.processors.writing.orders import Order

FRAMES = 16
SETTINGS = Settings()


def main(paths: list[str]) -> None:
    print("| clip | profile | PSNR, dB | SSIM | VMAF | MB | Mbit/s | frames/s |\n|---|---|---|---|---|---|---|---|")
    for path in map(Path, paths):
        with tempfile.TemporaryDirectory() as folder:
            clip = media.probe(path)
            given = Path(folder) / "given.nut"
            _write(clip, given)
            for profile in (each for each in coders.CODERS if not each.is_hardware):
                try:
                    picture_codecs.require(clip, profile)
                except DeshimmerError as error:
                    print(f"| {path.name} | {profile} | refused: {error.message.split('.')[0]} | | | | | |")
                    continue
                print(f"| {path.name} | {profile} | {_measured(clip, Treatment(Route.SMOOTH, profile=profile), given, Path(folder))} |")


def _measured(clip: Clip, treatment: Treatment, given: Path, folder: Path) -> str:
    chosen = encoding.choose(clip, treatment)
    output = folder / f"made{chosen.suffix}"
    started = time.monotonic()
    count = frame_pipe.encode(Order(clip, _frames(clip), chosen, output, SETTINGS, expected_frames=FRAMES))
    seconds = time.monotonic() - started
    size = sum(packet.size for packet in _packets(output))
    values = [_compared(given, output, clip, name) for name in ("psnr", "ssim", "libvmaf")]
    megabits = size * 8e-6 * float(clip.frame_rate) / count
    return " | ".join((*values, f"{size / 1e6:.2f}", f"{megabits:.1f}", f"{count / seconds:.1f}"))


def _packets(path: Path) -> Iterator[av.Packet]:
    with av.open(str(path)) as container:
        yield from container.demux(video=0)


def _compared(given: Path, output: Path, clip: Clip, name: str) -> str:
    wanted = media.working_format(clip)
    alike = f"settb=1/1000,setparams=colorspace=unknown,setpts=N,format={wanted}"
    sides = f"[0:v]{alike}[made];[1:v]{alike}[given];[made][given]{name}"
    argv = [str(ffmpeg.tool(SETTINGS)), "-hide_banner", "-nostats", "-i", str(output), "-i", str(given), "-lavfi", sides, "-f", "null", "-"]
    with spawn.spawn(argv, stdout=True) as process:
        code = process.wait()
        said = process.error_tail()
    assert code == 0, said
    mark = {"psnr": "average:", "ssim": "All:", "libvmaf": "VMAF score: "}[name]
    return said.rpartition(mark)[2].split()[0][:7]


def _write(clip: Clip, output: Path) -> None:
    """The frames handed to the encoders."""
    wanted = media.working_format(clip)
    with av.open(str(output), "w") as container:
        stream = container.add_stream("rawvideo", rate=clip.frame_rate)
        stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, wanted
        for index, frame in enumerate(_frames(clip)):
            frame.pts, frame.time_base = index, 1 / clip.frame_rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _frames(clip: Clip) -> Iterator[av.VideoFrame]:
    for frame in islice(media.frames(clip), FRAMES):
        yield media.to_format(frame, media.working_format(clip))


if __name__ == "__main__":
    main(sys.argv[1:])
