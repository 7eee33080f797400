"""Our own folder of models: those that were fetched into it, and those that lie elsewhere and were entered.

``models/ORG/NAME`` is a model; ``models/NAME.link`` holds the path of one, in one line (a link of the file system takes rights that
people on Windows do not have). ``deshimmer-model.json`` in a model that was fetched tells its name and commit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ...config import paths, whole
from ...config.errors import CannotWrite, NotSetUp
from . import guard, model_folder

ORIGIN = "deshimmer-model.json"
PARTIAL = ".partial"
_LINK = ".link"


@dataclass(frozen=True)
class Entry:
    name: str
    folder: Path
    revision: str | None = None


def read() -> list[Entry]:
    """All models of our folder. An entry whose folder has gone is left out."""
    root = paths.models_dir()
    found = [entry(index.parent, root) for between in ("*", "*/*") for index in sorted(root.glob(f"{between}/{model_folder.INDEX}"))]
    links = [(path, _target(path)) for path in sorted(root.glob(f"*{_LINK}"))]
    found += [Entry(path.name.removesuffix(_LINK), folder) for path, folder in links if folder is not None and folder.is_dir()]
    return [each for each in found if PARTIAL not in each.folder.parts]


def enter(folder: Path) -> Entry:
    """Enter a folder in diffusers' format that lies anywhere. Raises NotSetUp for one that cannot be used, CannotWrite."""
    folder = folder.expanduser().resolve()
    if not (folder / model_folder.INDEX).is_file():
        raise NotSetUp(
            f"There is no {model_folder.INDEX} in it: it is no model in diffusers' format. Name the folder that holds one, or a model on the "
            "Hub, as deshimmer models add THUDM/CogVideoX-5b.",
            path=folder,
            title=_TITLE,
        )
    if problem := guard.look(folder, folder.name).problem:
        raise NotSetUp(f"{problem[0].upper()}{problem[1:]}. Complete it, then enter it again.", path=folder, title=_TITLE)
    place = paths.made_models_dir() / f"{folder.name}{_LINK}"
    try:
        if place.exists() and _target(place) != folder:
            raise NotSetUp(f"Another folder of this name is entered. Remove {place}, then enter this one.", path=folder, title=_TITLE)
        whole.write(place, f"{folder}\n".encode())
    except OSError as error:
        raise CannotWrite(f"It cannot be entered ({error.strerror}).", path=place) from None
    return Entry(folder.name, folder)


def _target(link: Path) -> Path | None:
    """The path that an entry holds; None for one that cannot be read, or holds none."""
    try:
        folder = Path(link.read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return None
    return folder if folder.is_absolute() else None


def entry(folder: Path, root: Path) -> Entry:
    """A model below ``root``, with the commit that is written in it."""
    name = folder.relative_to(root).as_posix()
    try:
        origin: Any = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it was put there by hand
        return Entry(name, folder)
    revision: Any = cast(dict[str, Any], origin).get("revision") if isinstance(origin, dict) else None
    return Entry(name, folder, revision if isinstance(revision, str) else None)


_TITLE = "The model cannot be entered"
