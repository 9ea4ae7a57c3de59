# SPDX-License-Identifier: Apache-2.0
"""Materials that rooms and furniture choose from, in colours that go together."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from depthsplat_ros.simulation.solids import Colour, Material

WOODS = (
    ("#d2ab78", "#94643a"),
    ("#8a5733", "#46281a"),
    ("#e0c8a2", "#b9966a"),
    ("#a67f5a", "#63452c"),
    ("#efe3cd", "#cdb894"),
)
"""Light and dark of a grain."""
PALE_PAINTS = ("#ece7db", "#e0e7e4", "#dcd3c4", "#cbd7d3", "#ead8be", "#d5dbe0", "#efe9e4")
STRONG_PAINTS = ("#8fa39a", "#6f8196", "#b06a4f", "#c2a14d", "#556b5d", "#a7b7c7", "#7d5b6b")
CLOTHS = ("#5d6d7e", "#8a6a55", "#8c8f45", "#bb5f38", "#2f4b5c", "#c4ae93", "#74343f", "#446655")
CLOTHS += ("#d9d0c2", "#3a3d45", "#d19a3c")
ART = ("abstract_1", "abstract_2", "abstract_3", "landscape_1", "landscape_2")
ART += ("fields_1", "fields_2")
METALS = ("#b8bcc0", "#6b6f74", "#2a2b2e", "#c9a35a")


def linear(colour: str, brightness: float = 1.0) -> Colour:
    """Linear RGB of an sRGB colour written as #rrggbb."""
    channels = [(int(colour[k : k + 2], 16) / 255) ** 2.2 * brightness for k in (1, 3, 5)]
    return (channels[0], channels[1], channels[2])


def _pick(rng: np.random.Generator, choices: Sequence) -> str:
    return choices[int(rng.integers(len(choices)))]


def _shift(rng: np.random.Generator) -> tuple[float, float]:
    return (float(rng.random()), float(rng.random()))


def picture(name: str, emission: float = 0.0) -> Material:
    """A picture stretched over each face; with emission it glows by itself."""
    return Material(
        texture=name,
        base=(0.0, 0.0, 0.0),
        first=(1.0, 0.0, 0.0),
        second=(0.0, 1.0, 0.0),
        third=(0.0, 0.0, 1.0),
        tile_m=None,
        emission=emission,
    )


def any_picture(rng: np.random.Generator) -> Material:
    """A poster or painting."""
    return picture(_pick(rng, ART))


def plain(colour: str, contrast: float = 0.06, tile_m: float = 0.8) -> Material:
    """Smooth paint or plastic with hardly any texture."""
    return Material(
        texture="plain",
        base=linear(colour, 1 - contrast),
        first=linear(colour, 1 + contrast),
        second=linear(colour),
        third=linear(colour),
        tile_m=(tile_m, tile_m),
    )


def glow(colour: str, emission: float) -> Material:
    """A lamp's surface."""
    return Material(
        texture="plain",
        base=linear(colour),
        first=linear(colour),
        second=linear(colour),
        third=linear(colour),
        emission=emission,
    )


def wood(rng: np.random.Generator, tile_m: float = 0.9) -> Material:
    """Sawn and oiled wood."""
    light, dark = WOODS[int(rng.integers(len(WOODS)))]
    return Material(
        texture="wood",
        base=linear(dark),
        first=linear(light, 1.05),
        second=linear(dark, 0.8),
        third=linear(dark),
        tile_m=(tile_m, tile_m),
        offset=_shift(rng),
    )


def upright(material: Material) -> Material:
    """The same wood for legs and posts: its grain runs up."""
    if material.texture != "wood":
        return material
    return replace(material, texture="wood_upright")


def cabinet(rng: np.random.Generator) -> Material:
    """A front with drawers, stretched over each face."""
    light, _ = WOODS[int(rng.integers(len(WOODS)))]
    colour = light if rng.random() < 0.6 else _pick(rng, PALE_PAINTS)
    return Material(
        texture="cabinet",
        base=linear(colour, 0.1),
        first=linear(colour, 1.1),
        second=linear(colour),
        third=linear(colour),
        tile_m=None,
    )


def door(rng: np.random.Generator) -> Material:
    """A panelled door leaf, painted or of wood."""
    light, _ = WOODS[int(rng.integers(len(WOODS)))]
    colour = light if rng.random() < 0.5 else _pick(rng, PALE_PAINTS + STRONG_PAINTS)
    return Material(
        texture="door",
        base=linear(colour, 0.1),
        first=linear(colour, 1.1),
        second=linear(colour),
        third=linear(colour),
        tile_m=None,
    )


def cloth(rng: np.random.Generator, colour: str | None = None) -> Material:
    """Woven upholstery."""
    colour = colour or _pick(rng, CLOTHS)
    return Material(
        texture=_pick(rng, ("fabric", "carpet")),
        base=linear(colour, 0.6),
        first=linear(colour, 1.35),
        second=linear(colour),
        third=linear(colour),
        tile_m=(0.7, 0.7),
        offset=_shift(rng),
    )


def patterned_cloth(rng: np.random.Generator) -> Material:
    """Cushions and curtains: stripes, flowers or speckles."""
    colours = [linear(_pick(rng, CLOTHS)) for _ in range(4)]
    size = float(rng.uniform(0.35, 0.8))
    return Material(
        texture=_pick(rng, ("stripes", "wallpaper", "speckle")),
        base=colours[0],
        first=colours[1],
        second=colours[2],
        third=colours[3],
        tile_m=(size, size),
        offset=_shift(rng),
    )


def metal(rng: np.random.Generator) -> Material:
    """Brushed metal, dull: nothing here mirrors."""
    colour = _pick(rng, METALS)
    return Material(
        texture="brushed",
        base=linear(colour, 0.75),
        first=linear(colour, 1.15),
        second=linear(colour),
        third=linear(colour),
        tile_m=(0.5, 0.5),
    )


def stone(rng: np.random.Generator) -> Material:
    """Marble, terrazzo or concrete."""
    texture = _pick(rng, ("marble", "speckle", "concrete"))
    light = _pick(rng, ("#d9d5cc", "#c9cdd0", "#b7aa98", "#8d9188"))
    return Material(
        texture=texture,
        base=linear(light, 0.8),
        first=linear(light, 1.1),
        second=linear(_pick(rng, ("#4a4f57", "#6e5a49", "#3b4a44"))),
        third=linear(_pick(rng, ("#b06a4f", "#e8e4da", "#556b5d"))),
        tile_m=(1.2, 1.2),
        offset=_shift(rng),
    )


def glaze(rng: np.random.Generator) -> Material:
    """Pottery: one strong colour, or speckled."""
    colour = _pick(rng, STRONG_PAINTS + CLOTHS)
    if rng.random() < 0.5:
        return plain(colour, 0.15, 0.3)
    return Material(
        texture="speckle",
        base=linear(colour),
        first=linear("#ece7db"),
        second=linear(colour, 0.4),
        third=linear(_pick(rng, STRONG_PAINTS)),
        tile_m=(0.3, 0.3),
    )


def floor(rng: np.random.Generator, kind: str | None = None) -> Material:
    """Planks, tiles, a checker of tiles, carpet or concrete."""
    kind = kind or _pick(rng, ("planks", "planks", "tiles", "checker", "carpet", "concrete"))
    if kind == "planks":
        light, dark = WOODS[int(rng.integers(len(WOODS)))]
        colours = (linear(dark, 0.9), linear(light), linear(dark, 0.15))
        size = 1.6
    elif kind in ("tiles", "checker"):
        low, high = (("#b9ab98", "#e3dccf"), ("#8f9a9c", "#d9dfe0"), ("#a4674c", "#d3a284"))[
            int(rng.integers(3))
        ]
        colours = (linear(low, 0.5 if kind == "checker" else 1.0), linear(high), linear("#6c665e"))
        size = 1.7
    elif kind == "carpet":
        colour = _pick(rng, ("#7d8791", "#8b7b6c", "#5f6c66", "#6a6f86", "#a39a8c"))
        colours = (linear(colour, 0.55), linear(colour, 1.45), linear(colour))
        size = 1.1
    else:
        colour = _pick(rng, ("#a9a7a1", "#8f918f", "#b8b0a4"))
        colours = (linear(colour, 0.75), linear(colour, 1.15), linear(colour, 0.4))
        size = 2.5
    return Material(
        texture=kind,
        base=colours[0],
        first=colours[1],
        second=colours[2],
        third=colours[2],
        tile_m=(size, size),
        offset=_shift(rng),
    )


def wall(rng: np.random.Generator, kind: str | None = None) -> Material:
    """Painted plaster, wallpaper, bricks or concrete."""
    kind = kind or _pick(rng, ("plaster", "plaster", "plaster", "wallpaper", "stripes", "bricks"))
    pale = _pick(rng, PALE_PAINTS)
    if kind == "plaster":
        colours = (linear(pale, 0.9), linear(pale, 1.06), linear(pale, 0.82))
        size = (1.8, 1.8)
    elif kind == "wallpaper":
        colours = (linear(pale), linear(_pick(rng, STRONG_PAINTS), 1.2), linear(pale, 0.75))
        size = (1.3, 1.3)
    elif kind == "stripes":
        colours = (linear(pale), linear(_pick(rng, STRONG_PAINTS), 1.3), linear("#f4efe6"))
        size = (1.1, 1.1)
    elif kind == "bricks":
        low, high = (("#8d4a35", "#c98b6c"), ("#c9c2b6", "#efe9de"), ("#9c7b5d", "#cfae8b"))[
            int(rng.integers(3))
        ]
        colours = (linear(low), linear(high), linear("#cdc6ba"))
        size = (1.0, 0.95)
    else:
        colours = (linear("#8f918f"), linear("#c2c1bc"), linear("#5a5b59"))
        size = (2.2, 2.2)
    return Material(
        texture=kind,
        base=colours[0],
        first=colours[1],
        second=colours[2],
        third=colours[2],
        tile_m=size,
        offset=_shift(rng),
    )


def office_ceiling() -> Material:
    """Mineral panels in a metal grid."""
    return Material(
        texture="ceiling",
        base=linear("#e9e8e4"),
        first=linear("#b9bbbb"),
        second=linear("#a5a39d"),
        third=linear("#e9e8e4"),
        tile_m=(1.25, 1.25),
    )


def rug(rng: np.random.Generator) -> Material:
    """One rug's whole pattern, stretched over it."""
    colours = [linear(_pick(rng, CLOTHS)) for _ in range(3)]
    return Material(
        texture="rug",
        base=colours[0],
        first=colours[1],
        second=colours[2],
        third=linear("#e9dfcb"),
        tile_m=None,
    )


def leaf(rng: np.random.Generator) -> Material:
    """Foliage."""
    colour = _pick(rng, ("#5d8a3a", "#3f7040", "#7f9a44", "#4b7f5b"))
    return Material(
        texture="leaf",
        base=linear(colour, 0.6),
        first=linear(colour, 1.2),
        second=linear("#b9c77c"),
        third=linear(colour),
        tile_m=None,
    )
