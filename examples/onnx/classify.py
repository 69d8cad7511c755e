"""Classify photographs with an exported network: no Paddle and no pm_cls, onnxruntime alone.

    pip install numpy pillow onnxruntime
    python classify.py lenet7.onnx photo.jpg ...

For research and teaching: no medical device. Photographs are sampled as `pm_cls` does it. It does
not bring CMYK files to RGB as carefully: there the answers may differ.
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps


def pixels(file: str, size: int) -> np.ndarray:
    """uint8 [1, 3, size, size], RGB: bilinear of the four nearest pixels, aspect not kept."""
    try:
        opened = Image.open(file)
    except OSError as error:
        sys.exit(f"{file}: cannot be read ({error.strerror or error})")
    with opened:
        if opened.mode[0] in "IF" or getattr(opened, "n_frames", 1) > 1:
            sys.exit(f"{file}: is of 16 bits a colour, or several pictures; not done here")
        image = ImageOps.exif_transpose(opened).convert("RGB")
    scale = (image.width / size, 0, 0, 0, image.height / size, 0)
    sampled = image.transform(
        (size, size), Image.Transform.AFFINE, scale, Image.Resampling.BILINEAR
    )
    return np.ascontiguousarray(np.asarray(sampled).transpose(2, 0, 1)[np.newaxis])


def main(model: str, *photographs: str) -> None:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    facts = session.get_modelmeta().custom_metadata_map
    if (facts["field_of_view"], facts["colour"]) != ("as_it_is", "as_it_is"):
        sys.exit("this network wants photographs prepared in a way that is not done here")
    classes = json.loads(facts.get("classes", "[]"))
    print("image,logit,probability,prediction")
    for file in photographs:
        images = pixels(file, int(facts["image_size"]))
        logits, shares, labels = session.run(None, {"images": images})
        label = int(labels.ravel()[0])
        of = label if logits.shape[1] > 1 else 0  # of yes or no there is the one of yes alone
        answer = classes[label] if classes else label
        print(f"{file},{logits[0, of]:.9g},{shares[0, of]:.9g},{answer}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(
            "a network and photographs are needed: python classify.py lenet7.onnx photo.jpg ..."
        )
    main(*sys.argv[1:])
