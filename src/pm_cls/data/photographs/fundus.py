"""Draws one synthetic fundus photograph; no pixel comes from a real one.

Inside this module lengths are in halves of the image side, measured from the image's centre (x to
the right, y down). Every eye is drawn with the disc left of the fovea; half of them are mirrored
at the end. A field is float32 [size, size], an image float32 [3, size, size] (RGB, about 0 to 1),
a colour float32 [3, 1, 1].
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

Kind = Literal["P", "N", "H"]  # pathological myopia, normal, high myopia
Array = NDArray[np.floating]  # float32 throughout
# Centre, half axes and tilt (radians) of an ellipse.
Ellipse = tuple[tuple[float, float], tuple[float, float], float]

RETINA = (0.62, 0.31, 0.14)
RIM = (1.05, 0.55, 0.26)
CUP = (1.40, 1.10, 0.66)
ATROPHY = (1.00, 0.78, 0.42)


@dataclass(frozen=True)
class _Eye:
    """Where things are, and the pixel coordinates to draw them with."""

    x: Array
    y: Array
    disc: tuple[float, float]
    fovea: tuple[float, float]
    radius: float  # of the disc

    @property
    def size(self) -> int:
        return self.x.shape[0]


def _chance(rng: Generator, probability: float) -> bool:
    return bool(rng.random() < probability)


def _colour(rng: Generator, base: tuple[float, float, float], spread: float) -> Array:
    colour = np.array(base) * np.exp(rng.normal(0, spread, 3))
    return colour.astype(np.float32)[:, None, None]


def _per_channel(red: float, green: float, blue: float) -> Array:
    return np.array([red, green, blue], dtype=np.float32)[:, None, None]


def _noise(rng: Generator, size: int, cells: float, stretch: float = 1.0) -> Array:
    """Smooth field of mean about 0 with `cells` blobs across the image, turned at random."""
    side = int(1.5 * cells) + 5
    coarse = Image.fromarray(rng.standard_normal((side, side), dtype=np.float32))
    half = (size + 1) // 2  # drawn at half the size, which costs a quarter and does not show
    angle, step = rng.uniform(0, np.pi), cells / half
    a, b = step * np.cos(angle), step * np.sin(angle)
    c, d = -b / stretch, a / stretch
    corner = (side / 2 - (a + b) * half / 2, side / 2 - (c + d) * half / 2)
    turned = coarse.transform(
        (half, half),
        Image.Transform.AFFINE,
        (a, b, corner[0], c, d, corner[1]),
        Image.Resampling.BICUBIC,
    )
    return np.asarray(turned.resize((size, size), Image.Resampling.BILINEAR))


def _inside(distance: Array, softness: float) -> Array:
    """1 where `distance` is negative, 0 where it is positive, a ramp of width `softness`."""
    return np.clip(0.5 - distance / softness, 0, 1)


def _distance(eye: _Eye, ellipse: Ellipse) -> Array:
    """Rough distance to the ellipse, negative inside."""
    (x, y), axes, tilt = ellipse
    dx, dy = eye.x - x, eye.y - y
    cos, sin = math.cos(tilt), math.sin(tilt)
    along = dx * (cos / axes[0]) + dy * (sin / axes[0])
    across = dy * (cos / axes[1]) - dx * (sin / axes[1])
    return (np.sqrt(along * along + across * across) - 1) * min(axes)


def _place_eye(rng: Generator, size: int) -> _Eye:
    axis = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
    x, y = np.meshgrid(axis, axis)
    radius = rng.uniform(0.105, 0.145)
    distance = radius * rng.uniform(4.4, 5.4)
    # Most photographs are centred on the macula, some on the disc.
    share = rng.uniform(0.5, 1.15) if _chance(rng, 0.7) else rng.uniform(-0.1, 0.5)
    disc = (float(-share * distance), rng.normal(0, 0.09))
    fovea = (disc[0] + distance, disc[1] + radius * rng.normal(0.4, 0.3))
    return _Eye(x, y, disc, fovea, radius)


def _field_of_view(rng: Generator, eye: _Eye) -> Array:
    """Mask of the round field of view, 0 to 1, sometimes cut flat at the top and bottom."""
    radius, x, y = rng.uniform(0.92, 1.06), rng.normal(0, 0.02), rng.normal(0, 0.02)
    distance = np.hypot(eye.x - x, eye.y - y) - radius
    if _chance(rng, 0.35):
        distance = np.maximum(distance, np.abs(eye.y - y) - radius * rng.uniform(0.82, 0.97))
    return _inside(distance, 0.02)


def _tessellation(rng: Generator, eye: _Eye, strength: float) -> Array:
    """Factors about 1, [3, size, size], by which the choroidal vessels show through."""
    cells = rng.uniform(11, 19)
    network = np.zeros_like(eye.x)
    for _ in range(2):  # the zero lines of smooth noise run and join like vessels
        line = _noise(rng, eye.size, cells, stretch=rng.uniform(1, 2.2)) * rng.uniform(2, 3.5)
        network = np.maximum(network, 1 / (1 + line * line))
    network -= network.mean()
    where = np.clip(0.7 + 0.6 * _noise(rng, eye.size, 2.5), 0, 1)
    sign = 1.0 if _chance(rng, 0.7) else -0.8  # pale vessels in a dark bed, or the reverse
    return 1 + network * where * _per_channel(0.9, 0.8, 0.4) * (sign * strength)


def _atrophy(rng: Generator, eye: _Eye, image: Array, patches: list[Ellipse]) -> Array:
    """Blend pale patches with ragged, sharp borders into the image."""
    edge = _distance(eye, patches[0])
    for patch in patches[1:]:
        edge = np.minimum(edge, _distance(eye, patch))
    rough = 0.7 * _noise(rng, eye.size, 8) + 0.5 * _noise(rng, eye.size, 24)
    edge += rough * (0.22 * eye.radius)
    weight = _inside(edge, rng.uniform(0.015, 0.05)) * rng.uniform(0.7, 1.0)
    texture = 1 + 0.2 * _noise(rng, eye.size, 32)
    if _chance(rng, 0.6):  # choroidal vessels laid bare
        vessel = np.abs(_noise(rng, eye.size, 15, stretch=2)) * 4
        texture -= 0.5 * np.clip(1 - vessel, 0, 1)
    shade = 1 + (texture - 1) * _per_channel(0.4, 1.0, 1.2)
    image = image + (_colour(rng, ATROPHY, 0.06) * shade - image) * weight
    if _chance(rng, 0.5):  # clumps of pigment, on and along the border
        clumps = np.clip(_noise(rng, eye.size, 26) - 0.4, 0, 0.7)
        image *= 1 - clumps * _inside(np.abs(edge) - 0.03, 0.05) * rng.uniform(0.3, 1)
    return image


def _disc(rng: Generator, eye: _Eye, image: Array, tilted: bool) -> Array:
    """Blend the optic disc and its paler cup into the image."""
    narrow = eye.radius * (rng.uniform(0.55, 0.8) if tilted else rng.uniform(0.85, 1.0))
    tilt = rng.normal(0, 0.5 if tilted else 0.2)
    rim = _inside(_distance(eye, (eye.disc, (narrow, eye.radius), tilt)), 0.05)
    image = image + (_colour(rng, RIM, 0.08) - image) * rim
    share = rng.uniform(0.3, 0.65)
    centre = (eye.disc[0] + 0.25 * narrow, eye.disc[1])
    axes = (narrow * share, eye.radius * share)
    cup = _inside(_distance(eye, (centre, axes, tilt)), 0.08) * rng.uniform(0.4, 1)
    return image + (_colour(rng, CUP, 0.06) - image) * cup


def _vessels(rng: Generator, eye: _Eye) -> Array:
    """Absorption by the retinal vessels, 0 to about 0.85: arcades, nasal vessels, branches."""
    scale = eye.size  # pixels per unit of length: the canvas has twice the size, to smooth lines
    canvas = Image.new("L", (2 * scale, 2 * scale))
    pen = ImageDraw.Draw(canvas)

    def grow(
        ink: int, start: NDArray[np.float64], angle: float, bend: float, length: float, width: float
    ) -> None:
        """Draw a vessel that leaves `start` at `angle` (radians), bends, tapers and branches.

        ink: grey level where it is wider than a pixel.
        """
        steps = max(int(length / 0.04), 4)
        angles = angle + np.linspace(0, bend, steps) + np.cumsum(rng.normal(0, 0.12, steps))
        moves = np.stack([np.cos(angles), np.sin(angles)], axis=1) * (length / steps)
        path = np.vstack([start, start + np.cumsum(moves, axis=0)])
        canvas_path = (path + 1) * scale
        for part, taper in enumerate((1.0, 0.8, 0.6)):
            thickness = width * taper * scale
            points = canvas_path[steps * part // 3 : steps * (part + 1) // 3 + 1].ravel().tolist()
            pen.line(points, fill=int(ink * min(1, thickness)), width=max(round(thickness), 1))
        if width < 0.007:
            return
        for place in rng.uniform(0.15, 0.95, rng.integers(2, 5)):
            at = int(place * steps)
            turn = rng.choice([-1, 1]) * rng.uniform(0.4, 1.0)
            share = (1 - 0.5 * place) * rng.uniform(0.45, 0.7)
            grow(ink, path[at], angles[at] + turn, -turn / 2, length * share, width * share)

    for ink, width in ((150, 0.019), (215, 0.026)):  # arteries, then the darker, wider veins
        width *= rng.uniform(0.8, 1.15)
        for up in (-1, 1):
            start = np.array(eye.disc) + eye.radius * rng.normal(0, 0.2, 2)
            for angle, bend, length, share in (
                (rng.uniform(1.0, 1.5), -rng.uniform(1.0, 1.9), 1.5, 1.0),  # arcade to the macula
                (rng.uniform(2.0, 2.7), rng.uniform(-0.5, 0.3), 1.1, 0.75),  # nasal
                (rng.uniform(0.3, 0.8), -0.4, 0.5, 0.4),  # macular
            ):
                grow(ink, start, up * angle, up * bend, length, width * share)
    return np.asarray(canvas.reduce(2), dtype=np.float32) / 255


def _light(rng: Generator, eye: _Eye) -> Array:
    """Illumination: a vignette, a slope, a bright spot, slow unevenness."""
    slope_x, slope_y = rng.normal(0, 0.22), rng.normal(0, 0.22)
    x, y = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6)
    vignette = rng.uniform(0.0, 0.8) * (eye.x**2 + eye.y**2)
    spot = rng.normal(0.15, 0.2) / (1 + 6 * ((eye.x - x) ** 2 + (eye.y - y) ** 2))
    uneven = 0.15 * _noise(rng, eye.size, 3)
    return np.exp(slope_x * eye.x + slope_y * eye.y - vignette + spot + uneven)


def _reflections(rng: Generator, eye: _Eye) -> Array:
    """Stray light to be added, [3, size, size]: haze at the rim, nerve-fibre sheen, specks."""
    glow: Array = np.zeros((3, eye.size, eye.size), dtype=np.float32)
    if _chance(rng, 0.5):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.9)
        out = np.hypot(eye.x - 0.3 * math.cos(angle), eye.y - 0.3 * math.sin(angle)) - reach
        haze = np.clip(out, 0, 1) * rng.uniform(0.2, 0.7)
        glow += haze * _colour(rng, (0.5, 0.6, 0.45), 0.15)
    if _chance(rng, 0.35):
        ring = np.abs(_distance(eye, (eye.fovea, (0.45, 0.38), 0.0)))
        streaks = np.clip(_noise(rng, eye.size, 9, stretch=2.5) - 0.3, 0, 1)
        glow += streaks * _inside(ring - 0.1, 0.15) * rng.uniform(0.1, 0.35)
    for _ in range(rng.poisson(0.6)):
        x, y = rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.6)
        speck = _distance(eye, ((x, y), (0.03, 0.02), rng.uniform(0, np.pi)))
        glow += _inside(speck, 0.05) * rng.uniform(0.1, 0.5)
    return glow


def _expose(rng: Generator, image: Array, view: Array) -> Array:
    """Scale the channels to a mean colour drawn without regard to the class, and clip at 1.

    Cameras set exposure and white balance by what they see. Here it also keeps the class out of
    the mean colour, which by itself tells 87% of the real photographs right.
    """
    red = 0.40 * np.exp(rng.normal(0, 0.2))
    balance = 0.50 * np.exp(rng.normal(0, 0.14))  # of green to red
    target = np.array([red, red * balance, red * 1.7 * balance**3 * np.exp(rng.normal(0, 0.2))])
    sample, inside = image[:, ::4, ::4], view[::4, ::4]
    gain = np.ones(3, dtype=np.float32)
    for _ in range(4):  # repeated because of the clipping
        seen = np.minimum(sample * gain[:, None, None], 1) * inside
        gain *= (target * inside.sum() / seen.sum(axis=(1, 2))).astype(np.float32)
    return np.clip(image * gain[:, None, None], 0, 1)


def _patches(rng: Generator, eye: _Eye, kind: Kind) -> list[Ellipse]:
    """Where the retina is atrophic."""
    (x, y), r = eye.disc, eye.radius
    if kind != "P":  # at most a narrow crescent beside the disc
        narrow: Ellipse = ((x + r * rng.uniform(0.1, 0.35), y), (r, r), 0.0)
        return [narrow] if _chance(rng, 0.7 if kind == "H" else 0.2) else []
    wide = r * rng.uniform(1.5, 2.8)
    beside = (x + wide - r * rng.uniform(0.9, 1.4), y + rng.normal(0, 0.03))
    patches: list[Ellipse] = [
        (beside, (wide, wide * rng.uniform(0.9, 1.25)), rng.uniform(-0.4, 0.4))
    ]
    for _ in range(rng.poisson(1.6)):
        centre = (eye.fovea[0] + rng.normal(0, 0.27), eye.fovea[1] + rng.normal(0, 0.27))
        wide = r * rng.uniform(0.5, 1.8)
        axes = (wide, wide * rng.uniform(0.6, 1.0))
        patches.append((centre, axes, rng.uniform(0, np.pi)))
    return patches


def draw_photograph(
    rng: Generator, kind: Kind, size: int
) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Draw one fundus photograph of `size` x `size` pixels (32 or more).

    Returns the pixels, uint8 RGB [size, size, 3], and the fovea's (x, y) in pixels.
    """
    eye = _place_eye(rng, size)
    view = _field_of_view(rng, eye)
    weakest, strongest = {"N": (0.0, 0.2), "H": (0.25, 0.7), "P": (0.2, 0.9)}[kind]
    image: Array = _colour(rng, RETINA, 0.08)
    image = image * _tessellation(rng, eye, rng.uniform(weakest, strongest))
    image *= 1 + 0.05 * _noise(rng, size, 45)
    macula = np.exp(-((eye.x - eye.fovea[0]) ** 2 + (eye.y - eye.fovea[1]) ** 2) / 0.025)
    image *= 1 - macula * rng.uniform(0.2, 0.6) * _per_channel(0.7, 1.0, 1.0)
    patches = _patches(rng, eye, kind)
    if patches:
        image = _atrophy(rng, eye, image, patches)
    image = _disc(rng, eye, image, tilted=kind == "P" and _chance(rng, 0.7))
    image *= 1 - _vessels(rng, eye) * _per_channel(0.42, 0.75, 0.65)
    image *= _light(rng, eye)
    image += _reflections(rng, eye)
    image = _expose(rng, image, view) * view

    sharp = Image.fromarray((image * 255).astype(np.uint8).transpose(1, 2, 0).copy())
    blurred = sharp.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.4) * size / 320))
    grain = rng.standard_normal((size, size, 1), dtype=np.float32) * rng.uniform(0.5, 3)
    pixels = np.clip(np.asarray(blurred) + grain, 0, 255).astype(np.uint8)
    x, y = (eye.fovea[0] + 1) * size / 2, (eye.fovea[1] + 1) * size / 2
    if _chance(rng, 0.5):
        return pixels[:, ::-1].copy(), (size - x, y)
    return pixels, (x, y)
