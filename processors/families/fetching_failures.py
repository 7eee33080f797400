"""What goes wrong when a model is fetched, as huggingface_hub raises it, told so that a person knows what to do."""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

from ...config.errors import CannotWrite, DeshimmerError, NotSetUp, ToolFailed

TITLE = "The model cannot be fetched"
_GOES_ON = "What was fetched so far stays, and goes on next time."
_SIGN_IN = "hf auth login"

_NOT_SET_UP = {
    "GatedRepoError": (
        "{model} is given only to people who accepted its terms. Sign in at the Hugging Face Hub, accept them on the model's page, sign this "
        f"machine in ({_SIGN_IN}), then fetch it again."
    ),
    "DisabledRepoError": "The Hugging Face Hub has switched {model} off. Choose another model, or enter a folder that you have.",
    "RevisionNotFoundError": "{model} has no revision '{revision}'. Look at its history on the Hub, or leave --revision out.",
    "HFValidationError": "'{model}' is no name on the Hub. Write it as ORG/NAME, such as THUDM/CogVideoX-5b.",
    "OfflineModeIsEnabled": "huggingface_hub is told to stay offline. Unset HF_HUB_OFFLINE, then fetch it again.",
}
"""By the class of the error: what a person has to do before it is tried again."""

_MISSING = "There is no model {model} on the Hugging Face Hub, or it is private, and the Hub tells nobody which. Check the name; for a private one "
_AS_NOBODY = f"sign this machine in ({_SIGN_IN})."
_AS_SOMEBODY = f"sign in with an account and a token that may read it ({_SIGN_IN}); the one of this machine may not."

_NOT_ALLOWED = (401, 403)
_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def translated(hub_id: str, revision: str | None) -> Generator[None, None, None]:
    """What is raised within the block, as one error for a person."""
    try:
        yield
    except DeshimmerError:
        raise
    except Exception as error:  # its tree of errors spans its own, its network library's and the system's
        raise _told(hub_id, revision, error) from error


def _told(hub_id: str, revision: str | None, error: Exception) -> DeshimmerError:
    if isinstance(error, OSError) and error.errno in _FULL:
        return CannotWrite(f"The disk is full. Make room, then fetch {hub_id} again. {_GOES_ON}", title=TITLE)
    classes = [each.__name__ for each in type(error).__mro__]  # the nearest first: a gated model's is a missing one's too
    known = next((name for name in classes if name in _NOT_SET_UP), None)
    if known is not None:
        return NotSetUp(_NOT_SET_UP[known].format(model=hub_id, revision=revision), title=TITLE)
    if "RepositoryNotFoundError" in classes or _status(error) in _NOT_ALLOWED:
        return NotSetUp(_MISSING.format(model=hub_id) + (_AS_SOMEBODY if _is_signed_in() else _AS_NOBODY), title=TITLE)
    words = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return ToolFailed(
        f"The Hugging Face Hub did not give {hub_id}: {words}. Check the network, then fetch it again. {_GOES_ON}", title=TITLE
    )


def _status(error: Exception) -> int | None:
    """Of the answer that was no success."""
    return getattr(getattr(error, "response", None), "status_code", None)


def _is_signed_in() -> bool:
    from huggingface_hub import get_token

    return get_token() is not None
