"""YAML and `--set` -> Config, with every error in words: dotted path, what was found, what fits.

The value of a `--set` is YAML, but for keys that hold text: that is taken as it stands, quotes
included, as the shell has read it already. `data.root=set #2` is the folder `set #2`.
"""

import copy
import difflib
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from pm_cls.config.flat import digest_of, flattened
from pm_cls.config.schema import Config, OpenSection
from pm_cls.runtime.errors import UsageError

Model = TypeVar("Model", bound=BaseModel)
Settings = dict[str, Any]  # as YAML gives them: sections within sections

REASONS = {  # where pydantic speaks of Python
    "tuple_type": "a list as [5, 10] is needed",
    "model_type": "a section with keys of its own is needed",
    "string_pattern_mismatch": "letters of A to Z and a to z, digits and . _ - can stand there, a "
    "letter or a digit first",
}
MOVED = {"train.loss": "loss.name"}  # in stored configs: the key's old name and its present one
TYPO = 0.75  # how alike an unknown option and a key are that is taken for a slip


def load_stored(path: Path) -> Config:
    """Read the config of a run that may be older than today's keys.

    What stands under the old name of a key is taken as the key; one that there is no longer does
    not damage the run: it stands in `retired` and counts where
    configs are compared.

    Raises:
        UsageError: it cannot be read, or says something wrong.
    """
    settings, retired = read_settings(path), {}
    for old, new in MOVED.items():
        section, key = old.split(".")
        if isinstance(settings.get(section), dict) and key in settings[section]:
            set_key(settings, new, settings[section].pop(key), str(path))
    for location in _unknown_keys(settings):
        *sections, key = location
        inner = functools.reduce(lambda inner, name: inner[name], sections, settings)
        value = inner.pop(key)
        if value is not None:
            retired[".".join(location)] = value
    return resolve(settings, str(path)).with_retired(retired)


def stored_digest(path: Path) -> str:
    """The digest of the config of a run by the keys that there were when it was made.

    Raises:
        UsageError: as `read_settings`.
    """
    settings = read_settings(path)
    settings.pop("seed", None)
    if isinstance(data := settings.get("data"), dict):
        data.pop("root", None)
    return digest_of(dict(flattened(settings)))


def _unknown_keys(settings: Settings) -> list[tuple[str, ...]]:
    try:
        Config.model_validate(settings)
    except ValidationError as error:
        unknown = [one for one in error.errors() if one["type"] == "extra_forbidden"]
        return [tuple(str(part) for part in one["loc"]) for one in unknown]
    return []


def read_settings(path: str | Path) -> Settings:
    """The mapping of a YAML file, unchecked but for being one.

    Raises:
        UsageError: it cannot be read, is no YAML, or no mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); a YAML file is needed")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text; a YAML file is needed")
    settings = parse_yaml(text, str(path))
    if not isinstance(settings, dict):
        found = "is empty" if settings is None else f"holds a {type(settings).__name__}"
        raise UsageError(f"{path}: {found}; a mapping with `experiment: NAME` is needed")
    return settings


def resolve(settings: Settings, source: str, overrides: Sequence[str] = ()) -> Config:
    """Settings with overrides -> Config; `source` stands in messages.

    Raises:
        UsageError: they say something wrong; all of it is named.
    """
    if overrides:
        source = f"{source} with --set"
    config = validated(Config, overridden(settings, overrides), f"{source}: ")
    for name, section in config:
        if isinstance(section, OpenSection):
            _refuse_slips(name, section, source)
    return config


def overridden(settings: Settings, overrides: Sequence[str]) -> Settings:
    """A copy in which each KEY=VALUE stands; a UsageError where it is none."""
    changed = copy.deepcopy(settings)
    for override in overrides:
        _override(changed, override)
    return changed


def _refuse_slips(name: str, section: OpenSection, source: str) -> None:
    """Options are checked where they are used; one that looks like a key of the section is not."""
    for option in section.options():
        known = list(type(section).model_fields)
        if close := difflib.get_close_matches(option, known, n=1, cutoff=TYPO):
            raise UsageError(
                f"{source}: unknown key `{name}.{option}`; did you mean `{name}.{close[0]}`?"
            )


class _Loader(yaml.SafeLoader):
    """SafeLoader that refuses what PyYAML lets pass in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.YAMLError(f"line {key.start_mark.line + 1}: a key must be a plain word")
            line, name = key.start_mark.line + 1, self.construct_object(key)
            if name in lines:
                first = lines[name]
                raise yaml.YAMLError(f"key `{key.value}` stands twice, in lines {first} and {line}")
            lines[name] = line
        return super().construct_mapping(node, deep)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: aliases (*name) are not read; write the value out")
        return super().compose_node(parent, index)


def parse_yaml(text: str, source: str) -> Any:
    """Plain values of YAML text; UsageError where it is none that is read here."""
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader: builds plain values only
    except RecursionError:
        raise UsageError(f"{source}: brackets are nested too deeply")
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{source}: is no YAML that is read here: {reason}")


def _override(settings: Settings, override: str) -> None:
    path, equals, value = override.partition("=")
    if not equals or not path.strip():
        raise UsageError(f"--set {override}: KEY=VALUE is needed, as optimizer.learning_rate=0.01")
    path = path.strip()
    set_key(settings, path, _given(path, value, f"--set {override}"), f"--set {override}")


def _given(path: str, text: str, source: str) -> object:
    """What the text of a `--set` says for a dotted key."""
    kind, is_option = _kind_of(path)
    if _is_text(kind):
        is_none = NoneType in get_args(kind) and text.strip() in ("null", "~", "")
        return None if is_none else text
    if not is_option or text.strip().startswith("["):
        return parse_yaml(text, source)
    # What type an option has stands where it is used. So only what can be turned back into its
    # text is more than text: `on`, `007` and `2024-01-01` stay, and are converted where they fit.
    try:
        value = parse_yaml(text, source)
    except UsageError:
        return text
    plain = value is None or isinstance(value, bool | int | float)
    return value if plain and text.strip() in (str(value), json.dumps(value), "") else text


def _kind_of(path: str) -> tuple[object, bool]:
    """The type of a dotted key, None where the schema has none; and whether it is an option."""
    section: type[BaseModel] = Config
    *sections, key = path.split(".")
    for name in sections:
        field = section.model_fields.get(name)
        if field is None or not (inner := _section_in(field.annotation)):
            return None, False
        section = inner
    if field := section.model_fields.get(key):
        return field.annotation, False
    return None, issubclass(section, OpenSection)


def _is_text(kind: object) -> bool:
    if get_origin(kind) is Literal:
        return all(isinstance(value, str) for value in get_args(kind))
    is_union = get_origin(kind) in (Union, UnionType)
    return kind is str or (is_union and any(map(_is_text, get_args(kind))))


def _section_in(kind: object) -> type[BaseModel] | None:
    candidates = (kind, *get_args(kind))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def set_key(settings: Settings, path: str, value: object, source: str) -> None:
    """Set a dotted key; UsageError where it leads through what is no section."""
    *sections, key = path.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            raise UsageError(f"{source}: `{section}` is no section of the config")
    settings[key] = value


def validated(
    kind: type[Model], settings: Mapping[str, object], source: str = "", prefix: str = ""
) -> Model:
    """Settings as a model; UsageError, which begins with `source`, with all that is wrong."""
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        problems = [_explained(one, kind, prefix) for one in error.errors()]
        raise UsageError(source + "; ".join(problems))


def _explained(problem: Mapping[str, Any], root: type[BaseModel], prefix: str) -> str:
    """One problem of a ValidationError in words: dotted path, what was found, what is accepted.

    Args:
        root: the model that was validated, for the keys that it knows.
    """
    path = prefix + ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _keys_beside(problem["loc"], root)
        close = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1)
        section = path.removesuffix(str(problem["loc"][-1]))
        advice = (
            f"did you mean `{section}{close[0]}`?" if close else f"known keys: {', '.join(known)}"
        )
        return f"unknown key `{path}`; {advice}"
    if problem["type"] == "missing":
        return f"key `{path}` is missing"
    reason = REASONS.get(problem["type"]) or problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error" and isinstance(problem["input"], dict):
        return f"`{path}`: {reason}" if path else reason
    return f"`{path}` is {problem['input']!r:.80}; {reason[0].lower()}{reason[1:]}"


def _keys_beside(location: tuple[int | str, ...], root: type[BaseModel]) -> list[str]:
    section = root
    for part in location[:-1]:
        if isinstance(part, str):  # else the place in a list
            section = _section_in(section.model_fields[part].annotation) or section
    return list(section.model_fields)
