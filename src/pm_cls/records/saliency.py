"""inspection/looks.*: what is kept in a run of what its network looks at.

inspection/
  gradients.csv             each layer before training and at the reported epochs
  looks.json                scores on changed photographs, agreement of Grad-CAM and occlusion
  looks.safetensors         first kernels, mean Grad-CAM and mean occlusion
  photographs.safetensors   the photographs chosen to be shown, with their maps; stays with the run
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pm_cls.runtime.files import read_json_as, write_bytes, write_json
from pm_cls.scores.metrics import Scores

FOLDER = "inspection"
FACTS, ARRAYS = f"{FOLDER}/looks.json", f"{FOLDER}/looks.safetensors"
PHOTOGRAPHS = f"{FOLDER}/photographs.safetensors"
OUTCOMES = ("true_positive", "false_negative", "false_positive", "true_negative")
MOST_SHOWN = dict(zip(OUTCOMES, (12, 24, 24, 12), strict=True))


@dataclass(frozen=True)
class _Facts:
    """looks.json.

    Attributes:
        epoch: the reported epoch whose weights were looked into.
        counts: photographs by outcome, one of OUTCOMES.
        occluded: of how many photographs of each outcome the occlusion was computed.
        agreement: Spearman's rank correlation of Grad-CAM and occlusion, for each occluded
            photograph on which both vary.
        ablations: scores by the name of a change in `pm_cls.inspect.ablations`.
    """

    epoch: int
    counts: dict[str, int]
    occluded: dict[str, int]
    agreement: list[float]
    ablations: Annotated[dict[str, Scores], Field(alias="probes")]


@dataclass(frozen=True)
class Saliency(_Facts):
    """What a network looks at on the validation photographs, of which none is in here.

    Attributes:
        kernels: of the first convolution, float32 [filters, 3, k, k].
        grad_cam: mean map by outcome, each photograph's largest value scaled to 1: float32 [h, w].
        occlusion: mean map by outcome, in units of the logit: float32 [g, g].
    """

    kernels: np.ndarray
    grad_cam: dict[str, np.ndarray]
    occlusion: dict[str, np.ndarray]


@dataclass(frozen=True)
class Shown:
    """Photographs chosen to be shown, up to MOST_SHOWN of each outcome, with what was found there.

    Attributes:
        names: n file names.
        labels, probabilities: int64 [n]; float64 [n], 0 to 1, of label 1 as the run tells it.
        images: uint8 [n, 3, size, size] as the network took them.
        grad_cam, occlusion: float32 [n, h, w] and [n, g, g]; see `patch_starts`.
        mapped: indices of the two (or fewer) photographs of `feature_maps`.
        feature_maps: after each convolution, float32 [len(mapped), maps, h, w].
        threshold: the probability from which the run answers 1.
        classes: the names of labels 0 and 1, where the run has names.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    images: np.ndarray
    grad_cam: np.ndarray
    occlusion: np.ndarray
    mapped: np.ndarray
    feature_maps: list[np.ndarray]
    threshold: float = 0.5
    classes: tuple[str, ...] = ()


def outcomes(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Index into OUTCOMES of each photograph, by its predicted and its true label, int [n]."""
    ill = predicted == 1
    return np.select([ill & (labels == 1), ~ill & (labels == 1), ill & (labels == 0)], [0, 1, 2], 3)


def patch_starts(size: int) -> tuple[int, list[int]]:
    """Side of the squares that occlusion covers, and where they begin, from edge to edge.

    They are a seventh of the image, and overlap by half or a little more: at 224 pixels they are
    squares of 32, at 13 x 13 places.
    """
    side = max(size // 7, 2)
    steps = -(-(size - side) // (side // 2))
    return side, np.rint(np.linspace(0, size - side, steps + 1)).astype(int).tolist()


def spread(occlusion: np.ndarray, size: int) -> np.ndarray:
    """A map [g, g] as it lies over its image: [size, size], each value amid its square.

    It is bilinear between the middles of the squares; beyond them it is as at the nearest.
    """
    side, _ = patch_starts(size)
    middles = np.linspace(0, size - side, len(occlusion)) + (side - 1) / 2
    each = np.eye(len(occlusion))
    shares = np.stack([np.interp(np.arange(size), middles, one) for one in each], axis=1)
    return (shares @ occlusion @ shares.T).astype(occlusion.dtype)


def write(folder: Path, found: Saliency, shown: Shown) -> None:
    """Keep both in the folder of a run; the JSON, by which they are found, comes last."""
    tensors = {"kernels": found.kernels}
    tensors |= {f"grad_cam.{name}": value for name, value in found.grad_cam.items()}
    tensors |= {f"occlusion.{name}": value for name, value in found.occlusion.items()}
    (folder / FACTS).parent.mkdir(exist_ok=True)
    (folder / FACTS).unlink(missing_ok=True)
    write_bytes(folder / ARRAYS, _packed(tensors))
    tensors = {k: value for k, value in vars(shown).items() if isinstance(value, np.ndarray)}
    tensors |= {f"feature_maps.{i}": maps for i, maps in enumerate(shown.feature_maps)}
    words = {name: json.dumps(getattr(shown, name)) for name in ("names", "threshold", "classes")}
    write_bytes(folder / PHOTOGRAPHS, _packed(tensors, words))
    write_json(
        folder / FACTS,
        {
            "epoch": found.epoch,
            "counts": found.counts,
            "occluded": found.occluded,
            "agreement": [round(value, 6) for value in found.agreement],
            "probes": {name: asdict(scores) for name, scores in found.ablations.items()},
        },
    )


def read(folder: Path) -> Saliency | None:
    """What a run keeps, or None where `inspect` was not called.

    Raises:
        OSError, ValueError, LookupError, TypeError: it is damaged.
    """
    if not (folder / FACTS).is_file():
        return None
    facts = read_json_as(_Facts, folder / FACTS)
    tensors, _ = _unpacked(folder / ARRAYS)
    return Saliency(
        **vars(facts),
        kernels=tensors["kernels"],
        grad_cam=_named(tensors, "grad_cam."),
        occlusion=_named(tensors, "occlusion."),
    )


def read_shown(folder: Path) -> Shown | None:
    """The photographs that a run keeps to show, or None; raises as `read`."""
    if not (folder / PHOTOGRAPHS).is_file():
        return None
    tensors, words = _unpacked(folder / PHOTOGRAPHS)
    maps = _named(tensors, "feature_maps.")
    return Shown(
        names=tuple(json.loads(words["names"])),
        threshold=json.loads(words.get("threshold", "0.5")),  # of an older version there is none
        classes=tuple(json.loads(words.get("classes", "[]"))),
        feature_maps=[maps[str(i)] for i in range(len(maps))],
        **{name: value for name, value in tensors.items() if "." not in name},
    )


def _named(tensors: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _packed(tensors: dict[str, np.ndarray], words: dict[str, str] | None = None) -> bytes:
    return save({name: np.ascontiguousarray(value) for name, value in tensors.items()}, words)


def _unpacked(file: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    try:
        with safe_open(file, framework="np") as opened:
            words = opened.metadata() or {}
            return {name: opened.get_tensor(name) for name in opened.keys()}, words  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{file.name}: {error}")
