"""What is kept in a run of what its network looks at.

inspection/
  gradients.csv             each layer before training and at the reported epochs
  looks.json                scores on changed photographs, agreement of Grad-CAM and occlusion
  looks.safetensors         first kernels, mean Grad-CAM and mean occlusion
  photographs.safetensors   the photographs chosen to be shown, with their maps; stays with the run
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from pm_cls import metrics
from pm_cls.files import read_json, write_bytes, write_json

FOLDER = "inspection"
FACTS, ARRAYS = f"{FOLDER}/looks.json", f"{FOLDER}/looks.safetensors"
PHOTOGRAPHS = f"{FOLDER}/photographs.safetensors"
OUTCOMES = ("true_positive", "false_negative", "false_positive", "true_negative")
MOST_SHOWN = dict(zip(OUTCOMES, (12, 24, 24, 12), strict=True))


@dataclass(frozen=True)
class Looks:
    """What a network looks at on the validation photographs, of which none is in here.

    Attributes:
        epoch: the reported epoch whose weights were looked into.
        kernels: of the first convolution, float32 [filters, 3, k, k].
        counts: photographs by outcome, one of OUTCOMES.
        grad_cam: mean map by outcome, each photograph's largest value scaled to 1: float32 [h, w].
        occluded: of how many photographs of each outcome the occlusion was computed.
        occlusion: mean map by outcome, in units of the logit: float32 [g, g].
        agreement: Spearman's rank correlation of Grad-CAM and occlusion, for each occluded
            photograph on which both vary.
        probes: scores by the name of a change in `pm_cls.inspection.probes`.
    """

    epoch: int
    kernels: np.ndarray
    counts: dict[str, int]
    grad_cam: dict[str, np.ndarray]
    occluded: dict[str, int]
    occlusion: dict[str, np.ndarray]
    agreement: list[float]
    probes: dict[str, metrics.Scores]


@dataclass(frozen=True)
class Shown:
    """Photographs chosen to be shown, up to MOST_SHOWN of each outcome, with what was found there.

    Attributes:
        names: n file names.
        labels, probabilities: int64 [n]; float32 [n], 0 to 1, of label 1.
        images: uint8 [n, 3, size, size] as the network took them.
        grad_cam, occlusion: float32 [n, h, w] and [n, g, g].
        mapped: indices of the two (or fewer) photographs of `feature_maps`.
        feature_maps: after each convolution, float32 [len(mapped), maps, h, w].
    """

    names: tuple[str, ...]
    labels: np.ndarray
    probabilities: np.ndarray
    images: np.ndarray
    grad_cam: np.ndarray
    occlusion: np.ndarray
    mapped: np.ndarray
    feature_maps: list[np.ndarray]


def patch_starts(size: int) -> tuple[int, range]:
    """Side of the covered squares and where they begin: a seventh of the image, half overlapping.

    At 224 pixels these are squares of 32, at 13 x 13 places.
    """
    side = max(size // 7, 2)
    return side, range(0, size - side + 1, side // 2)


def outcomes(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Index into OUTCOMES of each photograph, by its logit [n] and label [n]."""
    ill = logits >= 0
    return np.select([ill & (labels == 1), ~ill & (labels == 1), ill & (labels == 0)], [0, 1, 2], 3)


def agreement(grad_cam: np.ndarray, occlusion: np.ndarray, size: int) -> float | None:
    """Spearman's rank correlation of the two maps of a photograph, [h, w] and [g, g].

    Grad-CAM is averaged over each square that was covered in the image of size x size. None where
    one of the two does not vary.
    """
    from scipy import ndimage, stats  # a second, which reading can spare

    side, starts = patch_starts(size)
    fine = ndimage.zoom(grad_cam, size / np.array(grad_cam.shape), order=1, grid_mode=True,
                        mode="nearest")  # fmt: skip
    squares = [
        fine[top : top + side, left : left + side].mean() for top in starts for left in starts
    ]
    if np.ptp(squares) == 0 or np.ptp(occlusion) == 0:
        return None
    return float(stats.spearmanr(squares, occlusion.ravel()).statistic)


def write(folder: Path, looks: Looks, shown: Shown) -> None:
    """Keep both in the folder of a run; the JSON, by which they are found, comes last."""
    tensors = {"kernels": looks.kernels}
    tensors |= {f"grad_cam.{name}": value for name, value in looks.grad_cam.items()}
    tensors |= {f"occlusion.{name}": value for name, value in looks.occlusion.items()}
    (folder / FACTS).parent.mkdir(exist_ok=True)
    (folder / FACTS).unlink(missing_ok=True)
    write_bytes(folder / ARRAYS, _packed(tensors))
    tensors = {
        "labels": shown.labels, "probabilities": shown.probabilities, "images": shown.images,
        "grad_cam": shown.grad_cam, "occlusion": shown.occlusion, "mapped": shown.mapped,
    }  # fmt: skip
    tensors |= {f"feature_maps.{i}": maps for i, maps in enumerate(shown.feature_maps)}
    write_bytes(folder / PHOTOGRAPHS, _packed(tensors, {"names": json.dumps(shown.names)}))
    write_json(
        folder / FACTS,
        {
            "epoch": looks.epoch,
            "counts": looks.counts,
            "occluded": looks.occluded,
            "agreement": [round(value, 6) for value in looks.agreement],
            "probes": {name: asdict(scores) for name, scores in looks.probes.items()},
        },
    )


def read(folder: Path) -> Looks | None:
    """What a run keeps, or None where `inspect` was not called.

    Raises:
        OSError, ValueError, LookupError, TypeError: it is damaged.
    """
    if not (folder / FACTS).is_file():
        return None
    facts = read_json(folder / FACTS)
    tensors, _ = _unpacked(folder / ARRAYS)
    return Looks(
        epoch=facts["epoch"],
        kernels=tensors["kernels"],
        counts=facts["counts"],
        grad_cam=_named(tensors, "grad_cam."),
        occluded=facts["occluded"],
        occlusion=_named(tensors, "occlusion."),
        agreement=facts["agreement"],
        probes={name: metrics.Scores(**stored) for name, stored in facts["probes"].items()},
    )


def read_shown(folder: Path) -> Shown | None:
    """The photographs that a run keeps to show, or None; raises as `read`."""
    if not (folder / PHOTOGRAPHS).is_file():
        return None
    tensors, words = _unpacked(folder / PHOTOGRAPHS)
    maps = _named(tensors, "feature_maps.")
    return Shown(
        names=tuple(json.loads(words["names"])),
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
