"""Text encoders' tokenizers as the real models have them: T5's in one file of sentencepiece, which the extra [ai] must be able to read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import tiny_pipelines

from deshimmer.config.errors import NotSetUp
from deshimmer.processors.families import needs, pipelines, table
from deshimmer.processors.families.family import Kind

sentencepiece = pytest.importorskip("sentencepiece")
pytest.importorskip("diffusers")

WORDS = ("a cat walks through the grass", "the quick brown fox jumps over the lazy dog", "pack my box with five dozen liquor jugs")


@pytest.fixture(scope="module")
def spiece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small vocabulary in the form that T5 and UMT5 come in."""
    folder = tmp_path_factory.mktemp("spiece")
    (folder / "words.txt").write_text("\n".join(WORDS * 20))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "words.txt"), model_prefix=str(folder / "spiece"), vocab_size=40, pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
        pad_piece="<pad>", minloglevel=2,
    )  # fmt: skip
    return folder / "spiece.model"


@pytest.mark.parametrize("name", ["CogVideoXPipeline", "WanPipeline", "MochiPipeline"])
def test_a_tokenizer_in_one_file_of_sentencepiece_is_loaded(tmp_path: Path, spiece: Path, name: str) -> None:
    folder = tiny_pipelines.build(name, tmp_path)
    for path in (folder / "tokenizer").iterdir():
        path.unlink()
    shutil.copy(spiece, folder / "tokenizer" / "spiece.model")
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    (folder / "tokenizer" / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "T5Tokenizer", "legacy": True, "model_max_length": 226, "extra_ids": 20, **special})
    )
    family = table.family_of(folder.name, name)
    assert family is not None
    pipelines.require()
    pipelines.unload()
    pipe = pipelines.load(folder, family, table.ADAPTERS[family.name], Kind.TEXT, "cpu", {})
    ids = pipe.tokenizer("a cat walks").input_ids
    assert pipe.tokenizer.decode(ids) == "a cat walks</s>"
    pipelines.unload()


def test_what_is_missing_is_named_as_pip_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert needs.missing() == ()
    monkeypatch.setattr(needs, "find_spec", lambda module: None if module in ("google.protobuf", "ftfy") else object())
    assert needs.missing() == ("protobuf", "ftfy")
    monkeypatch.undo()
    monkeypatch.setitem(needs.PACKAGES, "nothing", "no_such_package.within")
    assert needs.missing() == ("nothing",)


def test_a_package_that_is_missing_is_told_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(needs.PACKAGES, "protobuf", "no_such_package.within")
    with pytest.raises(NotSetUp, match=r"deshimmer\[ai\].*no_such_package"):
        pipelines.require()
