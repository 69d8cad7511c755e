"""What each augmentation makes of one synthetic photograph, as training would see it."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pm_cls.data.augmentation import AUGMENTATIONS, MIXUP, Augmentation
from pm_cls.data.photographs.fundus import Kind, draw_photograph

SIDE, DRAWN, ACROSS = 224, 4, 2  # pixels, times that a step is drawn, steps side by side
EDGE, TITLE = 8, 36  # pixels


def png(seed: int = 0) -> bytes:
    """A grid: each step alone at its usual strength, in the first epochs of a run of this seed."""
    kinds: list[Kind] = ["P", "N"]
    rngs = [np.random.default_rng([seed, number]) for number in range(len(kinds))]
    drawn = [draw_photograph(rng, kind, SIDE)[0] for rng, kind in zip(rngs, kinds, strict=True)]
    images = np.stack(drawn).transpose(0, 3, 1, 2)
    rows = [("as it is", [images[0]] * DRAWN)]
    for name, step in AUGMENTATIONS.items():
        # mixup draws of what is trained on: of the other photograph alone, so that it shows.
        kept = np.array([1]) if name == MIXUP else np.arange(2)
        made = Augmentation({name: step.usual}, images, kept, seed)
        epochs = range(1, DRAWN + 1)
        row = [made.images(np.array([0]), epoch)[0] for epoch in epochs]
        rows.append((f"{name}: {step.usual:g}", row))
    return _grid(rows)


def _grid(rows: list[tuple[str, list[np.ndarray]]]) -> bytes:
    down = -(-len(rows) // ACROSS)
    block = (DRAWN * (SIDE + EDGE) + 3 * EDGE, SIDE + TITLE + EDGE)
    whole = Image.new("RGB", (ACROSS * block[0], down * block[1]), "white")
    canvas, font = ImageDraw.Draw(whole), ImageFont.load_default(24)
    for place, (name, images) in enumerate(rows):
        across, below = divmod(place, down)
        left, top = across * block[0] + EDGE, below * block[1]
        canvas.text((left, top + 4), name, fill="black", font=font)
        for number, image in enumerate(images):
            at = (left + number * (SIDE + EDGE), top + TITLE)
            whole.paste(Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))), at)
    file = io.BytesIO()
    halved = whole.resize((whole.width // 2, whole.height // 2), Image.Resampling.LANCZOS)
    halved.quantize(256).save(file, "PNG", optimize=True)
    return file.getvalue()
