"""What a YAML file may say: every key with its type, range, default and meaning.

YAML file, --set KEY=VALUE  ->  load_config  ->  Config (typed, frozen)
"""

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from pm_cls.errors import UsageError


def _number(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    return value  # pydantic reads "1e-3", which YAML leaves a string, as the number


REASONS = {  # where pydantic speaks of Python
    "tuple_type": "a list as [5, 10] is needed",
    "model_type": "a section with keys of its own is needed",
    "string_pattern_mismatch": "letters, digits and . _ - can stand there, one of the former first",
}

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=1, le=1_000_000)]
Real = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(Section):
    name: Name = Field("ichallenge_pm", description="Data set: ichallenge_pm or mnist.")
    root: str = Field(
        "data/ichallenge_pm",
        min_length=1,
        description="Folder of the data. For mnist also the word `download`: Paddle's downloader.",
    )
    image_size: Annotated[int, BeforeValidator(_number), Field(ge=8, le=4096)] = Field(
        224, description="Height and width that photographs are sampled to, in pixels."
    )
    channel_order: Literal["rgb", "bgr"] = Field(
        "rgb", description="Order of the colour channels; the thesis' tutorial had bgr."
    )
    limit: Count | None = Field(
        None, description="Only this many images of each split, drawn evenly; the same every time."
    )


class ModelConfig(Section):
    name: Name = Field("lenet7", description="Network: a key of pm_cls.models.MODELS.")
    activation: Literal["sigmoid", "tanh", "relu"] = Field(
        "relu", description="After every convolution and every hidden linear layer."
    )
    fc_layers: Literal[2, 3] | None = Field(
        None, description="AlexNet only: 2 linear layers (the thesis' text) or 3 (the tutorial)."
    )
    pool_to: Annotated[Count, Field(le=1024)] | None = Field(
        None,
        description="LeNet-7 only: average the last features over a grid of so many cells a side; "
        "the linear layer then does not grow with the image.",
    )
    normalization: Literal["none", "input", "layers"] = Field(
        "none",
        description="Batch normalisation: of the images, without parameters, or before every "
        "activation.",
    )
    init_gain: Annotated[Real, Field(gt=0)] = Field(
        1.0, description="Factor of Paddle's initial weights; biases are left as they are."
    )
    fast: bool = Field(
        True,
        strict=True,
        description="Compute convolutions on the CPU with fewer multiplications; the same network, "
        "other last bits.",
    )

    def options(self) -> dict[str, Any]:
        """Keyword arguments for `pm_cls.models.build_model`: what was set, without the name."""
        return self.model_dump(exclude={"name"}, exclude_none=True)


class OptimizerConfig(Section):
    name: Literal["momentum", "adam"] = Field(
        "momentum", description="paddle.optimizer.Momentum or Adam."
    )
    learning_rate: Annotated[Real, Field(gt=0)] = Field(0.001, description="Constant.")
    momentum: Annotated[Real, Field(ge=0, lt=1)] = Field(
        0.9, description="Of the velocity; beta1 of Adam."
    )
    weight_decay: Annotated[Real, Field(ge=0)] = Field(0.0, description="L2 coefficient.")


class TrainConfig(Section):
    epochs: Count = Field(10, description="Times that the training set is gone through.")
    batch_size: Count = Field(10, description="Images a step.")
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="Of the products in training on a GPU (automatic mixed precision); weights and "
        "evaluation are float32.",
    )
    report_epochs: tuple[Count, ...] = Field(
        (5, 10), min_length=1, description="Epochs whose weights and predictions are kept."
    )

    @field_validator("report_epochs")
    @classmethod
    def _sorted_once(cls, epochs: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(epochs)))

    @model_validator(mode="after")
    def _reported_epochs_are_trained(self) -> "TrainConfig":
        late = [epoch for epoch in self.report_epochs if epoch > self.epochs]
        if late:
            raise ValueError(f"report_epochs {late} lie beyond epochs: {self.epochs}")
        return self


class Config(Section):
    """One experiment with one seed. Its digest leaves out the seed and where the data lie."""

    experiment: Name = Field(description="Name of the experiment, and of its folder of runs.")
    seed: Annotated[int, BeforeValidator(_number), Field(ge=0, lt=2**31)] = Field(
        0, description="Of the initial weights, the order of the images and dropout."
    )
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    train: TrainConfig = TrainConfig()

    def digest(self) -> str:
        """SHA-256 (hex) of every setting but the seed and `data.root`."""
        return hashlib.sha256(json.dumps(self._settings(), sort_keys=True).encode()).hexdigest()

    def differing(self, other: "Config") -> list[str]:
        """Dotted keys of the settings in which two configs of different digests differ."""
        ours, theirs = _flat(self._settings()), _flat(other._settings())
        return sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))

    def _settings(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"seed": True, "data": {"root"}})

    def to_yaml(self) -> str:
        """The config with every default written out; `load_config` reads it back."""
        comment = f"# Resolved by pm_cls: every default is written out. Digest {self.digest()}\n"
        return comment + yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def _flat(sections: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key; there is one level of sections."""
    flat: dict[str, Any] = {}
    for key, value in sections.items():
        if isinstance(value, dict):
            flat |= {f"{key}.{name}": one for name, one in value.items()}
        else:
            flat[key] = value
    return flat


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a config from YAML.

    Args:
        path: the YAML file.
        overrides: `section.key=value` each, the value read as YAML; they win over the file.

    Raises:
        UsageError: the file cannot be read, is no YAML mapping, or says something wrong.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); a YAML file is needed")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text; a YAML file is needed")
    settings = _parse_yaml(text, str(path))
    if not isinstance(settings, dict):
        found = "is empty" if settings is None else f"holds a {type(settings).__name__}"
        raise UsageError(f"{path}: {found}; a mapping with `experiment: NAME` is needed")
    for override in overrides:
        _override(settings, override)
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors()]
        keys = [override.partition("=")[0].strip() for override in overrides]
        source = f"{path} with --set {', '.join(keys)}" if keys else path
        raise UsageError(f"{source}: " + "; ".join(problems))


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses what PyYAML lets pass in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: a key must be a plain word")
            line = key.start_mark.line + 1
            if key.value in lines:
                first = lines[key.value]
                raise yaml.YAMLError(f"key `{key.value}` stands twice, in lines {first} and {line}")
            lines[key.value] = line
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: aliases (*name) are not read; write the value out")
        return super().compose_node(parent, index)


def _parse_yaml(text: str, source: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader: builds plain values only
    except RecursionError:
        raise UsageError(f"{source}: brackets are nested too deeply")
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{source}: is no YAML that is read here: {reason}")


def _override(settings: dict[str, Any], override: str) -> None:
    path, equals, value = override.partition("=")
    *sections, key = path.strip().split(".")
    if not equals or not key:
        raise UsageError(f"--set {override}: KEY=VALUE is needed, as optimizer.learning_rate=0.01")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise UsageError(f"--set {override}: `{section}` is no section of the config")
    settings[key] = _parse_yaml(value, f"--set {override}")


def _explain(problem: Mapping[str, Any]) -> str:
    """One problem of a ValidationError in words: dotted path, what was found, what is accepted."""
    path = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _keys_beside(problem["loc"])
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        advice = f"did you mean `{close[0]}`?" if close else f"known keys: {', '.join(known)}"
        return f"unknown key `{path}`; {advice}"
    if problem["type"] == "missing":
        return f"key `{path}` is missing"
    reason = REASONS.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error" and isinstance(problem["input"], dict):
        return f"`{path}`: {reason}"
    return f"`{path}` is {problem['input']!r:.80}; {reason[0].lower()}{reason[1:]}"


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    section: type[BaseModel] = Config
    for part in location[:-1]:
        kind = section.model_fields[str(part)].annotation
        candidates = [kind, *get_args(kind)]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(section.model_fields)
