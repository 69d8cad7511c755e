"""A study's configs: files of one experiment each, or of a base and its variations.

A file with `variations` makes many experiments:

    base: {model: {name: lenet7}, train: {epochs: 30}}
    variations:
      - name: "{model.activation}_{data.image_size}"
        vary: {model.activation: [tanh, relu], data.image_size: [28, 56]}   # every combination
      - base: {data: {image_size: 224}}                                     # over the file's base
        each:                                                               # one change each
          adam: {optimizer.name: adam}
"""

import copy
import difflib
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from pm_cls.config.reading import Settings, read_settings, resolve, set_key, validated
from pm_cls.config.schema import Config, Section
from pm_cls.runtime.errors import UsageError

VARIATIONS = "variations"


class Variation(Section):
    """Experiments over a base: every combination of `vary`, or one for each of `each`."""

    base: dict[str, Any] = Field({}, description="Sections over those of the file's base.")
    name: str = Field("", description="Of `vary`: with {dotted.key} where a value belongs.")
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        {}, description="By dotted key the values to combine."
    )
    each: dict[str, dict[str, Any]] = Field({}, description="By experiment its dotted keys.")

    @model_validator(mode="after")
    def _is_one_of_both(self) -> "Variation":
        if bool(self.vary) == bool(self.each) or bool(self.vary) != bool(self.name):
            raise ValueError("either `vary` with a `name`, or `each` is needed")
        return self

    def experiments(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """The name of each experiment with its dotted keys."""
        yield from self.each.items()
        if self.vary:
            for values in product(*self.vary.values()):
                keys = dict(zip(self.vary, values, strict=True))
                name = self.name
                for key, value in keys.items():
                    name = name.replace(f"{{{key}}}", str(value))
                yield name, keys


class StudyFile(Section):
    """A file of many experiments."""

    base: dict[str, Any] = Field({})
    variations: list[Variation] = Field(min_length=1)


def experiments_of(file: Path) -> dict[str, Settings]:
    """By experiment the settings of a file, which may hold one or many.

    Raises:
        UsageError: it cannot be read, or says something wrong.
    """
    settings = read_settings(file)
    if VARIATIONS not in settings:
        return {str(settings.get("experiment")): settings}
    study = validated(StudyFile, settings, f"{file}: ")
    found: dict[str, Settings] = {}
    for variation in study.variations:
        for name, keys in variation.experiments():
            if name in found:
                raise UsageError(f"{file}: experiment {name} stands twice in it")
            one = _merged(study.base, variation.base)
            for key, value in keys.items():
                set_key(one, key, value, str(file))
            found[name] = {**one, "experiment": name}
    return found


def experiments_in(folder: Path) -> list[tuple[Path, str]]:
    """The files of a study's folder, sorted, with the name of each experiment in them.

    Raises:
        UsageError: a file cannot be read, or two make the same experiment.
    """
    found: dict[str, Path] = {}
    for file in sorted(folder.glob("*.yaml")):
        for experiment in experiments_of(file):
            if experiment in found:
                raise UsageError(f"{file}: makes {experiment}, and so does {found[experiment]}")
            found[experiment] = file
    return [(file, experiment) for experiment, file in found.items()]


def load_config(
    path: str | Path, overrides: Sequence[str] = (), experiment: str | None = None
) -> Config:
    """Read the config of one experiment.

    Args:
        path: a YAML file of one experiment, or of many.
        overrides: `section.key=value` each, the value read as YAML; they win over the file.
        experiment: which; not needed where the file holds one only.

    Raises:
        UsageError: the file cannot be read, is no YAML mapping, says something wrong, or holds no
            such experiment.
    """
    found = experiments_of(Path(path))
    if experiment is None and len(found) == 1:
        (experiment,) = found
    if experiment is None or experiment not in found:
        what = "holds many experiments" if experiment is None else f"holds no {experiment}"
        mend = ""
        if experiment is not None and len(found) == 1:
            mend = f"; --set experiment={experiment} calls a run of it so"
        advice = f"--experiment can be {', '.join(found)}"
        if close := difflib.get_close_matches(experiment or "", found, n=1):
            advice = f"did you mean {close[0]}?"
        raise UsageError(f"{path}: {what}; {advice}{mend}")
    return resolve(found[experiment], str(path), overrides)


def _merged(below: Settings, above: Settings) -> Settings:
    """Sections of `above` over those of `below`; both stay as they are."""
    merged = copy.deepcopy(below)
    for key, value in above.items():
        inner = merged.get(key)
        is_deeper = isinstance(inner, dict) and isinstance(value, dict)
        merged[key] = _merged(inner or {}, value) if is_deeper else copy.deepcopy(value)
    return merged
