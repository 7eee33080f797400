"""Rendering a clip again through the user's own ComfyUI: its stored graph is queued there, and the result fetched and encoded like any other."""

from __future__ import annotations

import uuid
from collections.abc import Generator, Iterable
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import av

from ...config import locks
from ...config.errors import DeshimmerError, RouteRefused, ToolFailed
from ...config.probes import Probe
from ...config.settings import Settings, is_loopback
from .. import candidates, diagnosis, encoding, media, results, timing, work_folders
from ..prompts import finding
from ..records import Candidate, Clip, Progress, Regeneration
from ..writing import frame_pipe
from ..writing.orders import Order
from . import correction, failures, outputs
from .correction import corrected_graph as corrected_graph
from .following import Follower, Wire
from .server import NOT_CONFIGURED, Graph, Rejected, Server, client_id

if TYPE_CHECKING:
    from ..jobs import Job

NAME = "comfyui"
_RENDERED = 0.85
_FETCHED = 0.9
_SAME_LENGTH_S = 0.1
"""Sound of the source fits a result whose length differs by less."""


def render(job: Job) -> Candidate:
    """Queue the clip's graph on ComfyUI, once for each seed, and keep the best result, in the work folder.

    What ``job.progress`` raises takes the prompt back. Raises NotSetUp with the remedy where ComfyUI, its nodes or its models are not
    there, RouteRefused for a clip without a graph, ToolFailed for what goes wrong on the way.
    """
    regeneration = job.treatment.regeneration
    assert regeneration is not None
    graph = stored_graph(job.clip.path, hot_folder(job.clip.path, job.settings))
    if graph is None:
        raise RouteRefused(
            "It carries no ComfyUI graph that can be queued. Use --route smooth, or render it again by hand.", path=job.clip.path
        )
    with _one_on_gpu(job.settings), Server.of(job.settings) as server:
        return _best(_Rendering(job, regeneration, graph, server, client_id(job.output_stem.parent.name)))


def stored_graph(path: Path, folder: Path) -> Graph | None:
    """The graph in or beside the clip, in ComfyUI's API form. Nothing outside ``folder`` is read."""
    return finding.graph(path, folder)


def hot_folder(path: Path, settings: Settings) -> Path:
    """The hot folder that the clip lies in, of nested ones the deepest, else its own folder."""
    around = (folder.path for folder in settings.hot_folders if path.is_relative_to(folder.path))
    return max(around, key=lambda each: len(each.parts), default=path.parent)


def is_on_this_machine(settings: Settings) -> bool:
    return settings.models.comfyui is not None and is_loopback(settings.models.comfyui)


def probe(settings: Settings) -> Probe:
    """Whether the configured ComfyUI answers. Never raises."""
    url = settings.models.comfyui
    if url is None:
        return Probe(NAME, None, False, "not set up: models.comfyui names no server", NOT_CONFIGURED)
    try:
        with Server(url) as server:
            version = server.version()
            queue = server.queue()
    except DeshimmerError as error:
        return Probe(NAME, None, False, f"{url}: it does not answer", error.message)
    count = len(queue.running) + len(queue.pending)
    return Probe(NAME, version, True, f"ComfyUI {version or 'of unknown version'} at {url}, {count} in its queue", None)


@dataclass(frozen=True)
class _Rendering:
    job: Job
    regeneration: Regeneration
    graph: Graph
    server: Server
    client: str

    @property
    def clip(self) -> Clip:
        return self.job.clip


def _best(rendering: _Rendering) -> Candidate:
    job, wanted = rendering.job, rendering.regeneration
    rendering.server.withdraw(lambda entry: entry.client_id == rendering.client)  # of a run that was killed
    seeds = candidates.seeds(correction.first_seed(rendering.graph, wanted), max(1, wanted.candidates))
    image = _uploaded(rendering)

    def make(seed: int) -> Candidate:
        index = seeds.index(seed)
        return _one(
            rendering, seed, job.output_stem.with_name(f"{job.output_stem.name}-{index}"), image, _share(job.progress, index, len(seeds))
        )

    def measure(made: Candidate) -> float:
        return diagnosis.read(media.probe(made.path), None, lambda part: None, settings=job.settings).flicker_score

    best = candidates.best_of(seeds, make, measure, lambda made: work_folders.remove(made.path))
    with suppress(ToolFailed):  # it has done its work
        rendering.server.free_memory()
    note = best.note()
    path = best.made.path.replace(job.output_stem.with_suffix(best.made.path.suffix))
    return replace(best.made, path=path, notes=(*best.made.notes, *([note] if note else [])))


def _one(rendering: _Rendering, seed: int, stem: Path, image: str | None, progress: Progress) -> Candidate:
    """The candidate of one seed."""
    prefix = f"{correction.PREFIX}-{uuid.uuid4().hex[:12]}"
    corrected = correction.correct(rendering.graph, rendering.regeneration, seed, prefix, image)
    record = _run(rendering, corrected.graph, lambda part: progress(part * _RENDERED))
    found = outputs.choose(record.get("outputs"), rendering.graph, rendering.clip)
    settings = rendering.job.settings

    def look() -> None:
        progress(_RENDERED)
        frame_pipe.require_space(stem.parent, settings)

    look()
    with TemporaryDirectory(prefix="comfyui-", dir=stem.parent) as folder:
        paths = outputs.fetch(rendering.server, found, Path(folder), look)
        picture = outputs.opened(rendering.clip, paths, found.is_movie)
        made = _encoded(rendering, picture, stem, lambda part: progress(_FETCHED + part * (1 - _FETCHED)))
    kind = str(rendering.graph[found.node_id].get("class_type")) if found.node_id in rendering.graph else "a node"
    notes = (f"rendered by ComfyUI with seed {seed}, output of {kind} ({found.node_id})", *map(_unapplied, corrected.unapplied))
    return replace(made, notes=(*notes, *made.notes))


def _unapplied(change: Any) -> str:
    return f"{change.field} stays as it is: no node of the graph holds {change.before}"


def _run(rendering: _Rendering, graph: Graph, progress: Progress) -> dict[str, Any]:
    """Queue the graph and follow it to its end; its record in the history. Whatever ends this early takes the prompt back."""
    server = rendering.server
    wire = Wire(server.socket_url(rendering.client))
    wire.open()
    try:
        prompt_id = server.queue_prompt(graph, rendering.client)
        record = Follower(server, wire, prompt_id, graph, progress).wait()
    except Rejected as rejected:
        raise _at(failures.rejection(rejected.answer, server, graph), rendering.clip) from None
    except BaseException:
        with suppress(ToolFailed):
            server.withdraw(lambda entry: entry.client_id == rendering.client)
        raise
    finally:
        wire.close()
    failed = failures.failure(record)
    if failed is not None:
        raise _at(failed, rendering.clip)
    return record


def _at(error: DeshimmerError, clip: Clip) -> DeshimmerError:
    error.path = str(clip.path)
    return error


def _uploaded(rendering: _Rendering) -> str | None:
    """The sidecar's picture, put into ComfyUI's input folder under a name that is nobody's; None where there is none."""
    image = rendering.regeneration.prompt.image
    if image is None or not image.is_file():
        return None
    return rendering.server.upload(image, f"{correction.PREFIX}-{uuid.uuid4().hex[:12]}{image.suffix.lower()}")


def _encoded(rendering: _Rendering, picture: outputs.Picture, stem: Path, progress: Progress) -> Candidate:
    clip, treatment = picture.clip, rendering.job.treatment
    chosen = encoding.choose(clip, treatment)
    length = picture.count / clip.frame_rate
    notes: tuple[str, ...] = ()
    if picture.count != clip.frames:
        notes = (f"ComfyUI made {picture.count} frames, the clip has {clip.frames}",)
    if abs(length - clip.duration) > _SAME_LENGTH_S:
        chosen = chosen.without_streams("the render is not as long as the clip")
    output = stem.with_name(stem.name + chosen.suffix)
    written = results.write(
        Order(
            clip,
            _timed(rendering.clip, clip, picture.frames()),
            chosen,
            output,
            rendering.job.settings,
            frame_rate=clip.frame_rate,
            progress=progress,
            expected_frames=picture.count,
        )
    )
    return Candidate(output, treatment, chosen.description, written, 0.0, (*chosen.notes, *notes))


def _timed(source: Clip, shape: Clip, frames: Iterable[av.VideoFrame]) -> Generator[av.VideoFrame, None, None]:
    """The frames in the working format, at the source's frame rate from its first frame's time on."""
    first = media.first_frame(source)
    start = (first.pts or 0) * Fraction(first.time_base or source.time_base)
    step = 1 / source.frame_rate
    time_base = timing.common_measure(step, start)
    wanted = media.working_format(shape)
    for index, frame in enumerate(frames):
        made = media.to_format(frame, wanted)
        made.time_base = time_base
        made.pts = round((start + index * step) / time_base)
        yield made


def _share(progress: Progress, index: int, count: int) -> Progress:
    return lambda part: progress((index + part) / count)


@contextmanager
def _one_on_gpu(settings: Settings) -> Generator[None, None, None]:
    with locks.holding_gpu() if is_on_this_machine(settings) else nullcontext():
        yield
