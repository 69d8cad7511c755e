"""Every key of a config: in words, read from where each is defined, and checked."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BeforeValidator, TypeAdapter
from pydantic.fields import FieldInfo

from pm_cls.config.options import checked, chosen
from pm_cls.config.schema import Config, Section
from pm_cls.data import DATASETS, augmentation, spec_of
from pm_cls.data.augmentation import AUGMENTATIONS
from pm_cls.data.order import ORDERS
from pm_cls.models.blocks.initialisers import INITIALISERS
from pm_cls.models.build import MODELS, OF_THE_DATA, check_model
from pm_cls.runtime.errors import UsageError
from pm_cls.train.losses import LOSSES
from pm_cls.train.optimizers import OPTIMIZERS
from pm_cls.train.schedules import SCHEDULES

# By key what it can name; options of these are keys of the same section.
NAMED: dict[str, Mapping[str, Any]] = {
    "data.name": {name: source.meaning for name, source in DATASETS.items()},
    "model.name": MODELS,
    "model.initial_weights": {name: way.meaning for name, way in INITIALISERS.items()},
    "optimizer.name": OPTIMIZERS,
    "schedule.name": SCHEDULES,
    "loss.name": LOSSES,
    "train.order": ORDERS,
    "train.augmentation": {
        name: f"{step.meaning}; up to {step.most:g}" for name, step in AUGMENTATIONS.items()
    },
}
OF_STEPS = (
    "loss.", "optimizer.", "schedule.", "pretraining.", "train.order", "train.precision",
    "model.dropout", "model.drop_outputs", "model.frozen_statistics",
)  # fmt: skip
WITHOUT_MOMENTUM = ("sgd", "adagrad", "adadelta")
# How keys begin that some configs pass over: for which of them, and why. They keep their defaults.
PASSED_OVER: list[tuple[tuple[str, ...], Callable[[Config], bool], str]] = [
    (
        OF_STEPS,
        lambda config: config.train.fit == "regression",
        "is for training in steps; `train.fit` regression makes none",
    ),
    (
        ("optimizer.momentum",),
        lambda c: c.optimizer.name in WITHOUT_MOMENTUM and c.optimizer.momentum > 0,
        f"is 0 or left out for `optimizer.name` {', '.join(WITHOUT_MOMENTUM)}, which have none",
    ),
    (
        ("loss.centre",),
        lambda config: config.optimizer.features_rate == 0,
        "moves the layers before the last, which `optimizer.features_rate` 0 holds still",
    ),
    (
        ("pretraining.learning_rate",),
        lambda config: not config.pretraining.epochs,
        "is for `pretraining.epochs` above 0",
    ),
    (
        ("train.average_decay",),
        lambda config: config.train.weights != "average",
        "is for `train.weights` average",
    ),
    (
        ("data.field_of_view", "data.colour"),
        lambda config: not spec_of(config.data).of_photographs,
        "is for photographs; `data.name` names other images",
    ),
    (
        ("data.channel_order",),
        lambda config: spec_of(config.data).channels == 1,
        "is for images in colour; `data.name` names grey ones",
    ),
    (
        ("data.validation_share", "data.split_seed"),
        lambda config: config.data.name != "folder",
        "is for `data.name` folder; the others come with their validation images",
    ),
]
OF_ALL_NETWORKS = {*OF_THE_DATA, "activation"}


def check(config: Config) -> None:
    """All that can be told of a config before its network is built and its data are read.

    Raises:
        UsageError: it names something that there is not, an option that does not fit, or one that
            would be passed over.
    """
    augmentation.check(config.train.augmentation, spec_of(config.data).channels)
    chosen(ORDERS, "train.order", config.train.order)
    chosen(INITIALISERS, "model.initial_weights", config.model.initial_weights)
    for section in ("optimizer", "schedule", "loss"):
        of = getattr(config, section)
        named = chosen(NAMED[f"{section}.name"], f"{section}.name", of.name)
        checked(named, section, of.name, of.options())
    if check_model(config.model).get("grey") and config.data.channel_order != "rgb":
        raise UsageError("`model.grey` weighs red, green and blue; `data.channel_order` rgb is it")
    if config.model.pretrained and config.data.channel_order != "rgb":
        raise UsageError(
            "`model.pretrained` weights learned on red, green, blue; `data.channel_order` rgb is it"
        )
    if config.train.augmentation.get("mixup") and config.loss.centre:
        raise UsageError(
            "`loss.centre` goes by the class, and `train.augmentation.mixup` mixes two; use one"
        )
    chosen_keys = config.differing(Config(experiment=config.experiment))
    for keys, is_so, why in PASSED_OVER:
        unused = [key for key in chosen_keys if key.startswith(keys)]
        if unused and is_so(config):
            raise UsageError(f"`{unused[0]}` {why}")


def described() -> str:
    """A paragraph a key: what it takes, its default, its meaning; then what it can name."""
    return "\n".join(_lines(Config, ""))


def _lines(section: type[Section], prefix: str) -> Iterator[str]:
    for key, field in section.model_fields.items():
        path, kind = f"{prefix}{key}", field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _lines(kind, f"{path}.")
            continue
        default = "" if field.is_required() else f", default {_plain(field.get_default())}"
        yield f"{path}: {_accepted(field)}{default}"
        yield f"    {field.description}"
        for name, named in NAMED.get(path, {}).items():
            meaning = named if isinstance(named, str) else _meaning(named)
            yield f"      {name}" + (f": {meaning}" if meaning else "")
            if callable(named):
                yield from _options(named, path.partition(".")[0])


def _options(named: Callable[..., Any], section: str) -> Iterator[str]:
    for option in inspect.signature(named, eval_str=True).parameters.values():
        field = FieldInfo.from_annotation(option.annotation)
        is_own = option.name not in OF_ALL_NETWORKS or field.description
        if option.kind is option.KEYWORD_ONLY and is_own:
            yield (
                f"        {section}.{option.name}: {_accepted(field)}, "
                f"default {_plain(option.default)}"
            )
            if field.description:
                yield f"          {field.description}"


def _accepted(field: FieldInfo) -> str:
    """What a field takes, by the JSON schema of its type and bounds."""
    kind: Any = field.annotation
    if get_origin(kind) in (Union, UnionType):
        return " | ".join(_accepted(FieldInfo.from_annotation(one)) for one in get_args(kind))
    for bound in field.metadata:
        if not isinstance(bound, BeforeValidator):
            kind = Annotated[kind, bound]
    return _of_schema(TypeAdapter(kind).json_schema())


def _of_schema(schema: Mapping[str, Any]) -> str:
    if "const" in schema:
        return _plain(schema["const"])
    if "enum" in schema:
        return " | ".join(map(_plain, schema["enum"]))
    limits = {
        "minimum": ">= {}", "exclusiveMinimum": "> {}",
        "maximum": "<= {}", "exclusiveMaximum": "< {}",
    }  # fmt: skip
    bounds = [form.format(_plain(schema[at])) for at, form in limits.items() if at in schema]
    names = {"integer": "whole number", "string": "text", "boolean": "true | false"}
    kind = schema.get("type", "value")
    return " ".join(
        [{"object": "mapping", "array": "list"}.get(kind, names.get(kind, kind)), *bounds]
    )


def _plain(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _meaning(named: object) -> str:
    """The first paragraph of our own docstring."""
    is_ours = str(getattr(named, "__module__", "")).startswith("pm_cls") and callable(named)
    text = inspect.getdoc(named) if is_ours else ""
    return " ".join((text or "").split("\n\n")[0].split())
