"""The YAML at the top of a card, which hubs of models read: fractions, under their names."""

from collections.abc import Iterator

import yaml

from pm_cls.card.facts import VALIDATION, Facts
from pm_cls.records.evaluations import OWN

RATES = [("accuracy", "Accuracy"), ("recall", "Sensitivity"), ("specificity", "Specificity")]


def front_matter(facts: Facts) -> str:
    """What hubs read, between two lines of dashes; metrics are fractions."""
    run = facts.run
    tags = ["image-classification", "paddlepaddle", run.config.model.name, "research", "teaching"]
    if facts.is_of_myopia:
        tags += ["fundus-photography", "pathological-myopia", "not-a-medical-device"]
    if run.is_synthetic:
        tags.append("synthetic-data")
    licence = {"license": "apache-2.0"}
    if not facts.is_free:  # the code alone is ours to give
        licence = {"license": "other", "license_name": "apache-2.0-code-with-terms-of-the-data"}
    metrics_named = ["accuracy", "roc_auc", *(["recall"] if facts.is_binary else [])]
    content = {
        **licence,
        "library_name": "paddlepaddle",
        "pipeline_tag": "image-classification",
        "tags": tags,
        "datasets": [run.dataset],
        "metrics": metrics_named,
        "model-index": [{"name": run.name, "results": list(_results(facts))}],
    }
    return f"---\n{yaml.safe_dump(content, sort_keys=False, allow_unicode=True)}---\n\n"


def _results(facts: Facts) -> Iterator[dict[str, object]]:
    """A result for each set of images, by the rule that `predict` answers with."""
    sets = [(facts.run.dataset, OWN, facts.run.last)]
    sets += [(one.dataset, name, found) for name, (one, found) in facts.run.evaluations.items()]
    for dataset, split, found in sets:
        *_, row = facts.rows_of(VALIDATION, found)
        values = [*(share.fraction for share in row.rates), row.auc]
        names = [*RATES[: len(row.rates)], ("roc_auc", "AUC")]
        yield {
            "task": {"type": "image-classification"},
            "dataset": {"name": dataset, "type": dataset, "split": split},
            "metrics": [
                {"type": kind, "name": name, "value": round(value, 6)}
                for (kind, name), value in zip(names, values, strict=True)
                if value is not None
            ],
        }
