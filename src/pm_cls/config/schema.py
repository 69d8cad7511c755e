"""Every key of a config with its type, range, default and meaning.

`model` and `optimizer` also take the options of what they name: those of a network stand in the
signature of its class, those of an optimiser in that of its function. They are checked against it
where it is built (`pm_cls.config.options`).
"""

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    field_validator,
    model_validator,
)

from pm_cls.config.flat import digest_of, flattened
from pm_cls.config.kinds import Count, Name, Real, Value, Whole

SYNTHETIC = "synthetic"  # the name of drawn photographs, in their dataset.json and every record


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_plain(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


class OpenSection(Section):
    """A section that also takes the options of what its `name` names."""

    model_config = ConfigDict(extra="allow", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _plain_options(cls, settings: object) -> object:
        """Options that are null are as those that are not there; the others are plain values."""
        if not isinstance(settings, dict):
            return settings
        options = {k: v for k, v in settings.items() if k not in cls.model_fields}
        for key, value in options.items():
            each = value if isinstance(value, list) else [value]
            if not (isinstance(key, str) and key.isidentifier() and all(map(_is_plain, each))):
                raise ValueError(f"`{key}` is no option: a name with a plain value is needed")
        return {k: v for k, v in settings.items() if v is not None or k not in options}

    def options(self) -> dict[str, object]:
        """What was given beyond the keys of the section, for the signature of what is named."""
        return dict(self.model_extra or {})


class DataConfig(Section):
    name: Name = Field("ichallenge_pm", description="Data set: a key of pm_cls.data.DATASETS.")
    root: str = Field(
        "data/ichallenge_pm",
        min_length=1,
        description="Folder of the data; of `folder` also a CSV. For mnist also the word "
        "`download`: Paddle's downloader.",
    )
    image_size: Annotated[Whole, Field(ge=8, le=4096)] = Field(
        224, description="Height and width that photographs are sampled to, in pixels."
    )
    channel_order: Literal["rgb", "bgr"] = Field(
        "rgb", description="Order of the colour channels; the thesis' tutorial had bgr."
    )
    field_of_view: Literal["as_it_is", "crop"] = Field(
        "as_it_is",
        description="Of photographs; crop: to the smallest square around what shows the eye.",
    )
    colour: Literal["as_it_is", "even"] = Field(
        "as_it_is",
        description="Of photographs; even: one mean colour of the field of view for all.",
    )
    limit: Count | None = Field(
        None, description="Only this many images of each split, drawn evenly; the same every time."
    )
    classes: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        (),
        description="Of `folder`, by label; none: the names found, sorted, which then stand in the "
        "stored config.",
    )
    validation_share: Annotated[Real, Field(gt=0, le=0.5)] = Field(
        0.2, description="Of `folder` without a validation part: the share that is drawn for it."
    )
    split_seed: Annotated[Whole, Field(ge=0, lt=2**31)] = Field(
        0, description="Of that draw; `seed` does not change it."
    )

    @field_validator("classes")
    @classmethod
    def _distinct(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        if len(classes) == 1 or len(set(classes)) < len(classes):
            raise ValueError("two or more different names are needed")
        return classes


class ModelConfig(OpenSection):
    name: Name = Field("lenet7", description="Network: a key of pm_cls.models.MODELS.")
    activation: Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu"] = Field(
        "relu",
        description="After every convolution and every hidden linear layer; leaky relu of Maas et "
        "al. (2013), ELU of Clevert et al. (2016), GELU of Hendrycks and Gimpel (2016).",
    )
    pooling: Literal["max", "average", "overlapping"] = Field(
        "max",
        description="In place of each 2x2 max pooling; overlapping: 3x3 windows two pixels apart "
        "(Krizhevsky et al. 2012).",
    )
    dropout: Annotated[Real, Field(ge=0, lt=1)] | None = Field(
        None, description="After hidden linear layers (Srivastava et al. 2014); null: its own."
    )
    normalization: Literal["none", "input", "layers"] = Field(
        "none",
        description="Batch normalisation (Ioffe and Szegedy 2015): of the images, without "
        "parameters, or before every activation.",
    )
    initial_weights: Name = Field(
        "paddle", description="A key of pm_cls.models.blocks.initialisers.INITIALISERS."
    )
    init_gain: Annotated[Real, Field(gt=0)] = Field(
        1.0, description="Factor of initial weights (Glorot and Bengio 2010: 4 for sigmoid)."
    )
    pretrained: Literal["imagenet"] | None = Field(
        None, description="Weights that all layers but the last begin with."
    )
    mirrored: bool = Field(
        False,
        strict=True,
        description="The answer to an image is the mean of those to it and to its mirror image.",
    )
    frozen_statistics: bool = Field(
        False,
        strict=True,
        description="Batch normalisation keeps the statistics that it begins with.",
    )
    fast: bool = Field(
        True,
        strict=True,
        description="Compute on the CPU with fewer multiplications and passes over memory; the "
        "same network, other last bits.",
    )


class OptimizerConfig(OpenSection):
    name: Name = Field("momentum", description="A key of pm_cls.train.optimizers.OPTIMIZERS.")
    learning_rate: Annotated[Real, Field(gt=0)] = Field(
        0.001, description="That the factors of the `schedule` multiply."
    )
    momentum: Annotated[Real, Field(ge=0, lt=1)] = Field(
        0.9, description="Of the velocity (Polyak 1964); beta1 of Adam; SGD has none."
    )
    weight_decay: Annotated[Real, Field(ge=0)] = Field(
        0.0, description="L2 coefficient: so much of each weight is added to its gradient."
    )
    features_rate: Annotated[Real, Field(ge=0, le=1)] = Field(
        1.0,
        description="Factor of the rate before the last linear layer (Howard and Ruder 2018).",
    )
    l1: Annotated[Real, Field(ge=0)] = Field(
        0.0,
        description="L1 coefficient: added to the gradient with the sign of the weight (Tibshirani "
        "1996); with `weight_decay` the elastic net (Zou and Hastie 2005).",
    )


class ScheduleConfig(OpenSection):
    name: Name = Field("constant", description="A key of pm_cls.train.schedules.SCHEDULES.")
    warm_up: Annotated[Real, Field(ge=0, lt=1)] = Field(
        0.0, description="Share of the steps in which the rate rises first (Goyal et al. 2017)."
    )


class LossConfig(OpenSection):
    name: Name = Field("cross_entropy", description="A key of pm_cls.train.losses.LOSSES.")
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="Of the images' losses; balanced: each class counts the same in all."
    )
    centre: Annotated[Real, Field(ge=0)] = Field(
        0.0, description="Share of the centre loss that is added (Wen et al. 2016: 0.003)."
    )


class PretrainingConfig(Section):
    epochs: Annotated[Whole, Field(ge=0, le=1_000_000)] = Field(
        0,
        description="For which each layer learns to give back what it takes, one by one (Bengio et "
        "al. 2007).",
    )
    learning_rate: Annotated[Real, Field(gt=0)] = Field(0.001, description="Of Adam.")


class TrainConfig(Section):
    epochs: Count = Field(10, description="Times that the training set is gone through.")
    batch_size: Count = Field(10, description="Images a step.")
    fit: Literal["steps", "regression"] = Field(
        "steps",
        description="How; regression: the last linear layer alone, by logistic regression on what "
        "it is given, whose strength is found by five-fold cross-validation.",
    )
    order: Name = Field(
        "shuffled",
        description="Which images, and in what order: a key of pm_cls.data.order.ORDERS.",
    )
    precision: Literal["float32", "bfloat16", "float16"] = Field(
        "float32",
        description="Of the products in training on a GPU (automatic mixed precision, Micikevicius "
        "et al. 2018); weights and evaluation are float32.",
    )
    hold_out: Annotated[Real, Field(ge=0, le=0.9)] = Field(
        0.0, description="Share of the training images, drawn by the seed, that is not trained on."
    )
    thinned: dict[Whole, Annotated[Real, Field(gt=0, le=1)]] = Field(
        {}, description="By class which share of its training images, drawn by the seed, is left."
    )
    augmentation: dict[Name, Annotated[Real, Field(gt=0)]] = Field(
        {}, description="By a key of pm_cls.data.augmentation.AUGMENTATIONS how strongly."
    )
    views: Annotated[Whole, Field(ge=0, le=1000)] = Field(
        0,
        description="Of each training image, changed by `augmentation`, that a regression is "
        "fitted on beside the image itself.",
    )
    weights: Literal["last", "best", "average"] = Field(
        "last",
        description="That answer: best: of the epoch so far with the least loss of the held-out "
        "images (early stopping, Prechelt 1998); average: a moving one (Polyak and Juditsky 1992), "
        "where its loss there is less.",
    )
    average_decay: Annotated[Real, Field(gt=0, lt=1)] = Field(
        0.99, description="Share of the moving average that a step keeps."
    )
    report_epochs: tuple[Count, ...] = Field(
        (5, 10), min_length=1, description="Epochs whose weights and predictions are kept."
    )

    @field_validator("report_epochs")
    @classmethod
    def _sorted_once(cls, epochs: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(set(epochs)))

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainConfig":
        if self.weights != "last" and not self.hold_out:
            raise ValueError(f"weights: {self.weights} are judged on held-out images; set hold_out")
        if self.fit == "regression" and self.epochs > 1:
            raise ValueError(f"fit: regression is made once; epochs is {self.epochs}, 1 is needed")
        if self.fit == "regression" and self.weights != "last":
            raise ValueError(f"weights: {self.weights} is for training in steps; a fit has one end")
        if self.views and (self.fit != "regression" or not self.augmentation):
            raise ValueError(
                f"views: {self.views} of each image are for fit: regression with an augmentation"
            )
        if self.fit == "regression" and self.augmentation and not self.views:
            raise ValueError("augmentation changes nothing in fit: regression without views")
        if self.views and "mixup" in self.augmentation:
            raise ValueError("augmentation.mixup has two labels an image; a regression takes one")
        late = [epoch for epoch in self.report_epochs if epoch > self.epochs]
        if late:
            mend = f"set report_epochs too, as [{self.epochs}]"
            raise ValueError(f"report_epochs {late} lie beyond epochs: {self.epochs}; {mend}")
        return self


class Config(Section):
    """One experiment with one seed."""

    experiment: Name = Field(description="Name of the experiment, and of its folder of runs.")
    seed: Annotated[Whole, Field(ge=0, lt=2**31)] = Field(
        0, description="Of the initial weights, the order of the images and dropout."
    )
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    loss: LossConfig = LossConfig()
    pretraining: PretrainingConfig = PretrainingConfig()
    train: TrainConfig = TrainConfig()
    _retired: dict[str, Value] = PrivateAttr(default_factory=dict)

    @property
    def retired(self) -> Mapping[str, Value]:
        """Of a stored config: by dotted key what was set under keys that there are no longer."""
        return self._retired

    def with_retired(self, settings: Mapping[str, Value]) -> "Config":
        """The same config, with keys that there are no longer."""
        copy = self.model_copy()
        copy._retired = dict(settings)
        return copy

    def flat(self) -> dict[str, Value]:
        """Every setting by dotted key, but for the seed and where the data lie."""
        sections = self.model_dump(mode="json", exclude={"seed": True, "data": {"root"}})
        return {**dict(flattened(sections)), **self._retired}

    def digest(self) -> str:
        """SHA-256 (hex) of `flat`."""
        return digest_of(self.flat())

    def differing(self, other: "Config") -> list[str]:
        """Dotted keys, sorted, of the settings of `flat` in which the two differ."""
        ours, theirs = self.flat(), other.flat()
        return sorted(key for key in ours | theirs if ours.get(key) != theirs.get(key))

    def to_yaml(self) -> str:
        """The config with every default written out; `load_config` reads it back."""
        comment = f"# Resolved by pm_cls: every default is written out. Digest {self.digest()}\n"
        sections = self.model_dump(mode="json")
        text = yaml.safe_dump(sections, sort_keys=False, allow_unicode=True, width=math.inf)
        return comment + text
