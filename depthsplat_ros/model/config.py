# SPDX-License-Identifier: Apache-2.0
"""The shape of a DepthSplat network, and the published ones as named constants."""

from dataclasses import dataclass, replace

_PATCH_PX = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class VitConfig:
    """The single-image encoder: a DINOv2 vision transformer."""

    channels: int
    block_count: int
    head_count: int
    tapped_blocks: tuple[int, int, int, int]
    """Zero-based indices of the blocks whose output is used, shallow to deep."""
    pretraining_grid: int = 37
    """Patches per side of the square image the position embedding was learnt on."""
    patch_px: int = _PATCH_PX


@dataclass(frozen=True, slots=True, kw_only=True)
class GaussianConfig:
    """The branch that turns depth into one Gaussian per pixel."""

    feature_channels: int
    """Width of the full-resolution features."""
    scale_limit: float
    """Largest standard deviation of a Gaussian, in the unit of the poses; not in the official
    checkpoints. Without the published habits, how many times it may grow or shrink."""
    regressor_channels: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthSplatConfig:
    """Everything that decides which parameters the network has, and what it does with them."""

    vit: VitConfig | None
    """None for a network that sees single images with its convolutions alone."""
    lowest_stride: int
    """Image pixels per pixel of the coarsest matching features: 8, or 4 for small images."""
    scale_count: int
    """Matching scales, coarse to fine: 1 or 2; each halves the stride."""
    fusion_channels: int
    """Width of the head that refines the depth to full resolution."""
    gaussians: GaussianConfig | None = None
    """None for a depth-only network."""
    cnn_channels: tuple[int, int, int] = (64, 96, 128)
    transformer_layers: int = 6
    candidate_count: int = 128
    """Depth hypotheses of the coarsest scale; each finer scale has a quarter of them."""
    neighbour_count: int = 2
    """Views that each view is matched with when a window has more than three."""
    refinement: int = 2
    """How many times denser the hypotheses of a finer scale lie."""
    crosses_views_in_unet: bool = True
    """Whether the U-Nets attend across views; without, each view's depth is its own affair."""
    has_confidence: bool = False
    """Whether the confidence is learnt; otherwise it is the likeliest hypothesis' probability."""
    keeps_published_habits: bool = True
    """What the published weights were trained with and need: maps stretched from corner to corner
    when resized, depth in the unit of the poses inside the network, hypotheses outside another
    view counted as disagreement, the mask of `neighbour_mask`, and at full size a residual in 1/m.
    Without, cell j of a map lies at image pixel j * stride, depth is a share of the range, only
    views that see a hypothesis vote on it, features of a finer scale see the images at that scale,
    each of its cells chooses among the nearest coarser estimates where its hypotheses shall lie,
    and each pixel at full size among those of the last scale, to which it adds a residual in steps
    of the hypotheses; Gaussians are told by how they differ from discs on the surface, with one
    colour from all sides."""

    def __post_init__(self) -> None:
        if self.lowest_stride not in (4, 8) or self.scale_count not in (1, 2):
            raise ValueError(
                f"no DepthSplat has lowest_stride={self.lowest_stride} and "
                f"scale_count={self.scale_count}: take a stride of 4 or 8, and 1 or 2 scales"
            )

    @property
    def finest_stride(self) -> int:
        """Image pixels per pixel of the last matching scale."""
        return self.stride(self.scale_count - 1)

    @property
    def size_multiple(self) -> int:
        """Image width and height must be multiples of this many pixels."""
        return 4 * self.lowest_stride

    def stride(self, scale: int) -> int:
        """Image pixels per pixel of a matching scale; scale 0 is the coarsest."""
        return self.lowest_stride >> scale

    def matching_channels(self, scale: int) -> int:
        """Width of the multi-view features, and of the U-Net, of a matching scale."""
        return self.cnn_channels[-1] >> scale

    def mono_channels(self, scale: int) -> int:
        """Width of the vision transformer's features at a matching scale."""
        return 0 if self.vit is None else self.vit.channels >> scale

    def candidates(self, scale: int) -> int:
        """Depth hypotheses per pixel of a matching scale."""
        return self.candidate_count >> (2 * scale)


VIT_SMALL = VitConfig(channels=384, block_count=12, head_count=6, tapped_blocks=(2, 5, 8, 11))
VIT_BASE = VitConfig(channels=768, block_count=12, head_count=12, tapped_blocks=(2, 5, 8, 11))
VIT_LARGE = VitConfig(channels=1024, block_count=24, head_count=16, tapped_blocks=(4, 11, 17, 23))

DEPTH_SMALL = DepthSplatConfig(vit=VIT_SMALL, lowest_stride=8, scale_count=1, fusion_channels=32)
DEPTH_BASE = DepthSplatConfig(vit=VIT_BASE, lowest_stride=8, scale_count=2, fusion_channels=48)

GS_SMALL_256X256 = DepthSplatConfig(
    vit=VIT_SMALL,
    lowest_stride=4,
    scale_count=1,
    fusion_channels=32,
    gaussians=GaussianConfig(feature_channels=64, scale_limit=3.0),
)
GS_BASE_256X256 = DepthSplatConfig(
    vit=VIT_BASE,
    lowest_stride=4,
    scale_count=2,
    fusion_channels=48,
    gaussians=GaussianConfig(feature_channels=96, scale_limit=3.0),
)
GS_LARGE_256X256 = DepthSplatConfig(
    vit=VIT_LARGE,
    lowest_stride=4,
    scale_count=2,
    fusion_channels=64,
    gaussians=GaussianConfig(feature_channels=128, scale_limit=3.0),
)
GS_BASE_256X448 = replace(GS_BASE_256X256, lowest_stride=8)
GS_BASE_448X768 = replace(
    GS_BASE_256X448, gaussians=GaussianConfig(feature_channels=96, scale_limit=0.1)
)
GS_SMALL_448X768 = replace(
    GS_SMALL_256X256,
    lowest_stride=8,
    gaussians=GaussianConfig(feature_channels=64, scale_limit=0.1),
)

TINY_DEPTH = DepthSplatConfig(
    vit=None,
    lowest_stride=8,
    scale_count=2,
    fusion_channels=32,
    cnn_channels=(48, 64, 80),
    transformer_layers=4,
    candidate_count=96,
    neighbour_count=5,
    crosses_views_in_unet=False,
    has_confidence=True,
    keeps_published_habits=False,
)
"""The depth part of our own network, small enough for a CPU; trained by `training/`."""
TINY = replace(
    TINY_DEPTH,
    gaussians=GaussianConfig(feature_channels=24, regressor_channels=32, scale_limit=6.0),
)
"""Our own network; its Gaussians are trained after its depth."""
