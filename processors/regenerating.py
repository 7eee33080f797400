"""How a clip is rendered again from its stored prompt: by which means, from what, with which parameters corrected; or why it cannot be.

``choose`` looks at nothing outside its arguments. ``ready`` asks whether what the choice needs is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..config.errors import NotSetUp, RouteRefused
from .families import needs, pipelines, store
from .families.family import Family, Kind, Means
from .families.table import family_of
from .prompts.lint import corrected
from .prompts.stored import Stored, StoredPrompt
from .records import Change, Clip, Diagnosis, Plan, Regeneration, Request, Route, Treatment, Verdict

if TYPE_CHECKING:
    from ..config.settings import Settings

NO_PROMPT = (
    "No prompt is stored in this clip or beside it. Put NAME.deshimmer.json beside it ('deshimmer sidecar' shows what was found), "
    "or use --route smooth."
)
NO_COMFYUI = "The clip carries a ComfyUI graph. Start ComfyUI and set models.comfyui to its address, http://127.0.0.1:8188 as a rule."
_INTERLACED = "It is interlaced, and models draw whole frames. Deinterlace it first."
_SAME_AGAIN = "seed-same-again"


def plan(request: Request, clip: Clip, found: Diagnosis, stored: Stored | None, settings: Settings) -> Plan:
    """One attempt. Whoever takes an offer (``request.approved``) wants it only where it verifies; the route's name wants it anyway.

    Raises RouteRefused where the clip cannot be rendered again, NotSetUp for what is not here.
    """
    made = choose(clip, found, stored, settings, candidates=request.candidates)
    made = ready(made, offline(settings) if request.unasked else settings)
    treatment = Treatment(Route.REGENERATE, regeneration=made)
    return Plan(Route.REGENERATE, (treatment,), named_by_user=not request.approved, reason=made.reason)


def choose(clip: Clip, found: Diagnosis, stored: Stored | None, settings: Settings, *, candidates: int = 1) -> Regeneration:
    """Means, kind and corrected parameters; ``model`` is not looked for yet. Raises RouteRefused."""
    prompt = None if stored is None else stored.prompt
    if stored is None or prompt is None:
        raise RouteRefused(NO_PROMPT, path=clip.path)
    if clip.interlaced:
        raise RouteRefused(_INTERLACED, path=clip.path)
    fixed, changes = corrected(prompt, stored.lint)
    family = family_of(prompt.model, prompt.pipeline)
    if prompt.has_graph and (settings.models.comfyui is not None or family is None):
        reason = "Its own ComfyUI graph is queued again: only that has its custom nodes and LoRAs."
        return _other_seed(Regeneration(Means.COMFYUI, fixed, changes, reason, candidates=candidates))
    if family is None:
        raise RouteRefused(_no_family(prompt), path=clip.path)
    kind, reason = _kind(family, fixed, clip, found, changes)
    made = Regeneration(Means.DIFFUSERS, fixed, changes, reason, kind, candidates=candidates)
    return replace(made, strength=family.strength) if kind is Kind.VIDEO else _other_seed(made)


def ready(made: Regeneration, settings: Settings, *, fetch: bool = True) -> Regeneration:
    """The same with the folder of its weights. Raises NotSetUp for what is not here; its message is the remedy.

    ``fetch``: weights that the settings let us download are, now; otherwise they count as here.
    """
    if made.means is Means.COMFYUI:
        if settings.models.comfyui is None:
            raise NotSetUp(NO_COMFYUI)
        return made
    if lacking := needs.missing():
        raise NotSetUp(f"{pipelines.REMEDY} (not here: {', '.join(lacking)})")
    model = made.prompt.model or family_name(made.prompt)
    return replace(made, model=store.locate(model, made.prompt.revision, settings, fetch=fetch))


def offline(settings: Settings) -> Settings:
    """The same, but nothing is fetched: what is not on this disk is not here."""
    return settings.model_copy(update={"models": settings.models.model_copy(update={"allow_download": False})})


def starts_from(made: Regeneration) -> str:
    """For a person."""
    return "ComfyUI graph" if made.kind is None else _FROM[made.kind]


_FROM = {Kind.TEXT: "text to video", Kind.IMAGE: "image to video", Kind.VIDEO: "video to video"}


def _kind(family: Family, prompt: StoredPrompt, clip: Clip, found: Diagnosis, changes: Iterable[Change]) -> tuple[Kind, str]:
    """Video to video where it can serve, because it alone keeps the shot's content. Raises RouteRefused."""
    against = _against_video(family, clip, found)
    if against is None and prompt.prompt:
        return (
            Kind.VIDEO,
            f"{family.name} draws over the clip itself (video to video, strength {family.strength:g}), so that its content stays.",
        )
    why = against or "the stored prompt has no text to draw over it with"
    if Kind.IMAGE in family.pipelines and (prompt.image is not None or Kind.TEXT not in family.pipelines or not prompt.prompt):
        start = f"the stored picture {prompt.image.name}" if prompt.image else "the clip's first frame"
        return Kind.IMAGE, f"{family.name} renders it again from {start} (image to video), because {why}. Motion will differ."
    if Kind.TEXT not in family.pipelines or not prompt.prompt:
        raise RouteRefused(
            "The stored prompt has neither text nor a picture to render from. Add them to NAME.deshimmer.json.", path=clip.path
        )
    same = "the same seed" if prompt.seed is not None else "a new seed"
    which = f"{same} and corrected parameters" if tuple(changes) else same
    return Kind.TEXT, f"{family.name} rolls the shot again from its text with {which}, because {why}. Content will differ."


def _against_video(family: Family, clip: Clip, found: Diagnosis) -> str | None:
    """Why video to video cannot serve; None where it can."""
    if Kind.VIDEO not in family.pipelines or family.strength is None:
        return "it has no video to video"
    if found.verdict is Verdict.INCOHERENT:
        return "objects change in the clip, and drawing over it would keep that"
    if clip.frames > family.most_frames:
        return f"the clip has {clip.frames} frames and the model draws over {family.most_frames} at most"
    if clip.frames < family.nearest_frames(1):
        return f"the clip has {clip.frames} frames and the model draws over {family.nearest_frames(1)} at least"
    return None


def _other_seed(made: Regeneration) -> Regeneration:
    """What starts from nothing but its parameters comes out the same where none is changed: the next seed then."""
    seed = made.prompt.seed
    if seed is None or made.changes:
        return made
    change = Change("seed", seed, seed + 1, _SAME_AGAIN)
    reason = (
        f"{made.reason.replace('the same seed', 'the next seed')} Nothing in its parameters is wrong, so the same seed would flicker again."
    )
    return replace(made, prompt=replace(made.prompt, seed=seed + 1), changes=(change,), reason=reason)


def _no_family(prompt: StoredPrompt) -> str:
    if prompt.pipeline is None and prompt.reason:
        return f"It cannot be rendered again: {prompt.reason.rstrip('.')}. Use --route smooth."
    named = prompt.model or prompt.pipeline
    return (
        f"No model that this version renders with is '{named}'."
        if named
        else ('The stored prompt does not say which model made the clip. Add "model" to NAME.deshimmer.json.')
    )


def family_name(prompt: StoredPrompt) -> str:
    family = family_of(prompt.model, prompt.pipeline)
    return family.models[0].strip("*") if family else str(prompt.pipeline)
