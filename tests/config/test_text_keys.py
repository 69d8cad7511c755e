"""`--set`: what keys that hold text say is taken as it stands; `~` in paths."""

from pathlib import Path

import pytest

from pm_cls.config import DataConfig, load_config
from pm_cls.config.options import checked
from pm_cls.data import ichallenge_pm, mnist
from pm_cls.runtime.errors import DataError, UsageError
from pm_cls.runtime.paths import typed_path
from tests.conftest import REPOSITORY

FILE = REPOSITORY / "configs" / "lenet7_relu.yaml"
TEXTS = [
    "set #2", "2024", "1e3", "007", "a: b", "on", "null", "~", "~/x", "'quoted'", '"quoted"', "[1]",
    "{a: 1}", "*star", "&and", "!tag", "a = b", " spaces ", "D:\\palm", "%TEMP%", "- x",
    "2024-01-01", "@x", "数据",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_a_folder_is_taken_as_it_stands(text):
    assert load_config(FILE, [f"data.root={text}"]).data.root == text


@pytest.mark.parametrize("key", ["experiment", "model.name", "data.name", "loss.name"])
@pytest.mark.parametrize("text", ["2024", "on", "1e3", "null", "0x10", "1_000", "true"])
def test_names_are_taken_as_they_stand(key, text):
    config = load_config(FILE, [f"{key}={text}"])
    for part in key.split("."):
        config = getattr(config, part)
    assert config == text


@pytest.mark.parametrize("key", ["experiment", "model.name", "data.channel_order"])
@pytest.mark.parametrize("text", ["a #2", "'rgb'", ""])
def test_names_that_cannot_be_are_told_as_they_stand(key, text):
    with pytest.raises(UsageError) as caught:
        load_config(FILE, [f"{key}={text}"])
    assert f"`{key}` is {text!r}" in str(caught.value)


def test_an_empty_folder_is_told():
    with pytest.raises(UsageError, match=r"`data\.root` is ''"):
        load_config(FILE, ["data.root="])


def test_other_keys_are_yaml_as_before():
    config = load_config(FILE, [
        "optimizer.learning_rate=1e-2", "train.report_epochs=[1, 2]", "data.limit=null",
        "train.epochs= 7 # a week", "model.fast=false", "data={root: 2024a, image_size: 32}",
    ])  # fmt: skip
    assert config.optimizer.learning_rate == 0.01 and config.train.report_epochs == (1, 2)
    assert config.data.limit is None and config.train.epochs == 7 and config.model.fast is False
    assert config.data.root == "2024a"


def network(*, pool_to: int | None = None, rate: float = 0.5, kind: str = "a", mix: bool = True):
    """Options of every type."""


@pytest.mark.parametrize("text", ["2024", "on", "007", "a: b", "x #2", "2024-01-01", "'a'", "1.50"])
def test_options_that_are_text_are_taken_as_they_stand(text):
    given = load_config(FILE, [f"model.kind={text}"]).model.options()
    assert checked(network, "model", "it", given) == {"kind": text}


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("pool_to=7", {"pool_to": 7}),
        ("pool_to=null", {}),
        ("rate=0.25", {"rate": 0.25}),
        ("rate=2.5e-1", {"rate": 0.25}),
        ("mix=false", {"mix": False}),
        ("mix=off", {"mix": False}),
    ],
)
def test_other_options_get_their_types(override, value):
    given = load_config(FILE, [f"model.{override}"]).model.options()
    assert checked(network, "model", "it", given) == value


def test_yaml_files_keep_the_meaning_of_yaml(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text("experiment: 'a' # first\ndata: {root: '~/x'}\nmodel: {name: lenet7}\n")
    config = load_config(file)
    assert config.experiment == "a" and config.data.root == "~/x"


@pytest.mark.parametrize("name", ["ichallenge_pm", "mnist"])
def test_a_home_is_expanded_when_the_data_are_read(name, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    source = {"ichallenge_pm": ichallenge_pm, "mnist": mnist}[name]
    with pytest.raises(DataError, match=str(tmp_path / "photographs")):
        source.load(DataConfig(name=name, root="~/photographs"))


def test_paths_as_they_are_typed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert typed_path("~") == tmp_path and typed_path("~/a/b") == tmp_path / "a" / "b"
    assert typed_path("a/~") == Path("a/~") and typed_path("~nobody-of-this-name/x").name == "x"
    (tmp_path / "~").mkdir()
    assert typed_path("./~").resolve() == tmp_path / "~"
    for empty in ("", "  "):
        with pytest.raises(UsageError, match="is no path"):
            typed_path(empty)


def test_a_key_of_few_words_can_be_nothing_again():
    assert load_config(FILE, ["model.pretrained=imagenet"]).model.pretrained == "imagenet"
    for text in ("null", "~", ""):
        assert load_config(FILE, [f"model.pretrained={text}"]).model.pretrained is None
