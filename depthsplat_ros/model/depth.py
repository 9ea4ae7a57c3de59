# SPDX-License-Identifier: Apache-2.0
"""Multi-view depth: what single images say, compared across the views of a window.

    images -> Backbone, SingleViewEncoder -> look -> encode -> features
    features -> MultiViewTransformer -> match_views -> CrossViewUnet -> match -> coarse depth
    features, coarse depth -> DptHead -> residual -> refine -> depth at full resolution

The first line is per image and may be cached; the second needs all views of a window; the third
is per view again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from depthsplat_ros.model.backbone import Backbone
from depthsplat_ros.model.config import DepthSplatConfig
from depthsplat_ros.model.constants import constant_tensor
from depthsplat_ros.model.cost_volume import (
    ALL_VIEWS,
    match_views,
    refine_inverse_depths,
    share_of_witnesses,
    space_inverse_depths,
)
from depthsplat_ros.model.dpt import DptHead
from depthsplat_ros.model.layers import Convolution, Convolutions
from depthsplat_ros.model.matching_scale import Detail, Finer, MatchingScale
from depthsplat_ros.model.resizing import choose_nearby, resize
from depthsplat_ros.model.transformer import MultiViewTransformer
from depthsplat_ros.model.types import Views
from depthsplat_ros.model.vit import SingleViewEncoder


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImageMaps:
    """What the two image encoders see in single images, "image channel height width" each."""

    cnn: Sequence[Tensor]
    """Of the backbone, fine to coarse."""
    vit: Sequence[Tensor]
    """Of the vision transformer, shallow to deep, at an eighth of the image's size; empty where
    the network has none."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScaleMatching:
    """What the comparison says at one scale."""

    logits: Float[Tensor, "batch view candidate height width"]
    hypotheses: Float[Tensor, "batch view candidate _ _"]
    """In 1/m, evenly spaced."""
    inverse_depth: Float[Tensor, "batch view height width"]
    """Expectation over the hypotheses, in 1/m."""
    probability: Float[Tensor, "batch view height width"]
    """Of the likeliest hypothesis."""
    features: Float[Tensor, "batch view channel height width"]
    """That were compared with the other views'."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Matching:
    """What the comparison of a window's views says about each view, at the finest scale."""

    inverse_depth: Float[Tensor, "batch view height width"]
    """Expectation over the hypotheses, in 1/m."""
    probabilities: Float[Tensor, "batch view scale height width"]
    """Of the likeliest hypothesis of each scale, coarse to fine."""
    features: tuple[Tensor, ...]
    """Multi-view features per scale, coarse to fine, "batch view channel height width"."""

    @property
    def probability(self) -> Float[Tensor, "batch view height width"]:
        """Of the likeliest hypothesis of the finest scale."""
        return self.probabilities[:, :, -1]

    def select(self, views: slice) -> "Matching":
        """The same for some of the views."""
        return Matching(
            inverse_depth=self.inverse_depth[:, views],
            probabilities=self.probabilities[:, views],
            features=tuple(values[:, views] for values in self.features),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Refinement:
    """Depth at the size of the images."""

    inverse_depth: Float[Tensor, "batch view height width"]
    """In 1/m, between 1/far and 1/near."""
    confidence_logit: Float[Tensor, "batch view height width"] | None
    """Of the learnt confidence; None from a network without one."""


class MultiViewDepth(nn.Module):
    """Depth of every view of a window, coarse to fine."""

    def __init__(self, config: DepthSplatConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.single_view = None if config.vit is None else SingleViewEncoder(config.vit)
        self.transformer = MultiViewTransformer(
            config.matching_channels(0),
            config.transformer_layers,
            keeps_published_mask=config.keeps_published_habits,
        )
        finer = range(1, config.scale_count)
        self.matching_pyramid = nn.ModuleList(
            [Finer(config.matching_channels(scale - 1)) for scale in finer]
        )
        self.details = nn.ModuleList(
            [Detail(config, scale) for scale in finer if not config.keeps_published_habits]
        )
        self.mono_pyramid = nn.ModuleList(
            [Finer(config.mono_channels(scale - 1)) for scale in finer if config.vit is not None]
        )
        self.scales = nn.ModuleList(
            [MatchingScale(config, scale) for scale in range(config.scale_count)]
        )
        self.head = DptHead(config, config.fusion_channels, joins_depth=True)
        half = config.fusion_channels // 2
        self.residual = Convolutions(
            Convolution(config.fusion_channels, half, 3, padding=1, padding_mode="replicate"),
            nn.GELU(),
            Convolution(half, 16, 3, padding=1, padding_mode="replicate"),
            nn.GELU(),
            Convolution(16, sum(_head_outputs(config).values()), 1),
        )

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the weights and of the feature maps; depth itself is always float32."""
        return self.residual[-1].weight.dtype

    def look(self, images: Float[Tensor, "image 3 height width"]) -> ImageMaps:
        """Both encoders' view of single images with values in [0, 1]."""
        mean, deviation = imagenet_statistics(images.device, images.dtype)
        images = (images - mean) / deviation
        size = (images.shape[-2] // 8, images.shape[-1] // 8)
        return ImageMaps(
            cnn=self.backbone(images),
            vit=(
                []
                if self.single_view is None
                else [resize(values, size) for values in self.single_view(images)]
            ),
        )

    def encode(self, maps: ImageMaps) -> dict[str, Tensor]:
        """All that can be computed without the other views, "image channel height width" each."""
        encoded = {"matching": maps.cnn[-1]}
        mono = maps.vit[-1] if maps.vit else None
        if mono is not None and self.config.lowest_stride == 4:
            mono = resize(mono, (2 * mono.shape[-2], 2 * mono.shape[-1]))
        for scale, module in enumerate(self.scales):
            if scale > 0 and mono is not None:
                mono = self.mono_pyramid[scale - 1](mono)
            encoded |= {
                f"scale{scale}_{name}": values
                for name, values in module.encode(maps.cnn[-1 - scale], mono).items()
            }
        for scale, detail in enumerate(self.details, start=1):
            encoded[f"scale{scale}_detail"] = detail(maps.cnn[-1 - scale])
        stages = self.head.encode(maps.cnn, maps.vit)
        return encoded | {f"depth_stage{index}": values for index, values in enumerate(stages)}

    def match(
        self,
        views: Views,
        features: Mapping[str, Float[Tensor, "batch view ..."]],
        neighbours: Int[Tensor, "batch view neighbour"],
        references: slice = ALL_VIEWS,
    ) -> Matching:
        """Compares views, by default every one, with their neighbours.

        The result is of the references alone; fewer than all views are for networks without
        `crosses_views_in_unet`.

        Of `views` only the cameras, the ranges and the size of the images are read; the features
        come from `encode`, unfolded into batch and view.
        """
        return self.summarise(self.compare(views, features, neighbours, references))

    def compare(
        self,
        views: Views,
        features: Mapping[str, Float[Tensor, "batch view ..."]],
        neighbours: Int[Tensor, "batch view neighbour"],
        references: slice = ALL_VIEWS,
    ) -> list[ScaleMatching]:
        """What every scale says, coarse to fine; arguments as for `match`."""
        config = self.config
        batch, _, _, height, width = views.images.shape
        near_m, far_m = views.near_m[:, references], views.far_m[:, references]
        reference_count = near_m.shape[1]
        matching = self.transformer(features["matching"], neighbours)
        scales: list[ScaleMatching] = []
        for scale, module in enumerate(self.scales):
            image_regressor, image_shortcut = (
                features[f"scale{scale}_{name}"][:, references].flatten(0, 1)
                for name in ("regressor", "shortcut")
            )
            if scale == 0:
                hypotheses = space_inverse_depths(near_m, far_m, config.candidates(scale))
            else:
                matching = _per_image(self.matching_pyramid[scale - 1], matching)
                coarser = scales[-1].inverse_depth
                if config.keeps_published_habits:
                    centre = resize(coarser, matching.shape[-2:])
                else:
                    matching = matching + features[f"scale{scale}_detail"]
                    preference = self.details[scale - 1].choice(
                        torch.cat([matching[:, references].flatten(0, 1), image_shortcut], dim=1)
                    )
                    centre = choose_nearby(coarser.flatten(0, 1), preference.float())
                    centre = centre.unflatten(0, near_m.shape)
                step = (1 / near_m - 1 / far_m) / (config.candidate_count - 1)
                hypotheses = refine_inverse_depths(
                    centre,
                    near_m,
                    far_m,
                    step / config.refinement**scale,
                    config.candidates(scale),
                )
            intrinsics_px = scale_intrinsics(
                views.intrinsics,
                width_px=width / config.stride(scale),
                height_px=height / config.stride(scale),
            )
            geometry = (
                neighbours[:, references],
                intrinsics_px,
                views.world_from_camera,
                hypotheses,
            )
            scores = match_views(matching, *geometry, references)
            if not config.keeps_published_habits:
                share = share_of_witnesses(*geometry, *matching.shape[-2:], references)
                scores = scores / share.clamp(min=1 / neighbours.shape[-1])
            logits = module(
                scores.flatten(0, 1).to(self.dtype),
                matching[:, references].flatten(0, 1),
                image_regressor,
                image_shortcut,
                reference_count,
            ).unflatten(0, (batch, reference_count))
            probabilities = logits.float().softmax(2)
            scales.append(
                ScaleMatching(
                    logits=logits,
                    hypotheses=hypotheses,
                    inverse_depth=(probabilities * hypotheses).sum(dim=2),
                    probability=probabilities.amax(dim=2),
                    features=matching[:, references],
                )
            )
        return scales

    def summarise(self, scales: Sequence[ScaleMatching]) -> Matching:
        """The result of `match` from that of `compare`."""
        finest = scales[-1].inverse_depth
        is_stretched = self.config.keeps_published_habits
        coarser = [
            resize(scale.probability, finest.shape[-2:], is_stretched=is_stretched)
            for scale in scales[:-1]
        ]
        return Matching(
            inverse_depth=finest,
            probabilities=torch.stack([*coarser, scales[-1].probability], dim=2),
            features=tuple(scale.features for scale in scales),
        )

    def refine(
        self,
        matching: Matching,
        features: Mapping[str, Float[Tensor, "batch view ..."]],
        near_m: Float[Tensor, "batch view"],
        far_m: Float[Tensor, "batch view"],
    ) -> Refinement:
        """Depth at the size of the images, kept between near and far.

        It is per view; all arguments may be restricted to some of the views.
        """
        lowest, highest = (1 / limit[..., None, None] for limit in (far_m, near_m))
        has_habits = self.config.keeps_published_habits
        inputs = multi_view_inputs(matching)
        if not has_habits:
            share = (matching.inverse_depth - lowest) / (highest - lowest)
            inputs["inverse_depth"] = share.flatten(0, 1)[:, None].to(self.dtype)
        fused = self.head(stages_of(features, "depth_stage"), inputs)
        outputs = self.residual(fused).float().unflatten(0, near_m.shape)
        widths = _head_outputs(self.config)
        parts = dict(zip(widths, outputs.split(list(widths.values()), dim=2), strict=True))
        residual = parts["residual"][:, :, 0]
        if has_habits:
            inverse_depth = resize(matching.inverse_depth, residual.shape[-2:]) + residual
        else:
            step = (highest - lowest) / (self.config.candidate_count - 1)
            nearby = choose_nearby(
                matching.inverse_depth.flatten(0, 1), parts["choice"].flatten(0, 1)
            )
            inverse_depth = nearby.view_as(residual) + residual * step
        inverse_depth = inverse_depth.clamp(lowest, highest)
        return Refinement(
            # An overflow must not pass for a depth at an end of the range.
            inverse_depth=inverse_depth.where(residual.isfinite(), torch.nan),
            confidence_logit=parts["confidence"][:, :, 0] if "confidence" in parts else None,
        )


def multi_view_inputs(matching: Matching) -> dict[str, Tensor]:
    """What a `DptHead` may join, with batch and view in one axis."""
    inputs = {
        f"matching{scale}": values.flatten(0, 1) for scale, values in enumerate(matching.features)
    }
    dtype = matching.features[0].dtype
    return inputs | {
        "inverse_depth": matching.inverse_depth.flatten(0, 1)[:, None].to(dtype),
        "probability": matching.probabilities.flatten(0, 1).to(dtype),
    }


def stages_of(
    features: Mapping[str, Float[Tensor, "batch view ..."]], prefix: str
) -> list[Tensor]:
    """The maps that `DptHead.encode` made, fine to coarse, with batch and view in one axis."""
    names = sorted(name for name in features if name.startswith(prefix))
    return [features[name].flatten(0, 1) for name in names]


def scale_intrinsics(
    intrinsics: Float[Tensor, "batch view 3 3"], *, width_px: float, height_px: float
) -> Float[Tensor, "batch view 3 3"]:
    """Camera matrices in pixels, from matrices normalised by the image's size.

    Only the matrix is scaled: pixel centres are taken to lie at whole numbers, see `match_views`.
    """
    x, y, z = intrinsics.unbind(dim=-2)
    return torch.stack([x * width_px, y * height_px, z], dim=-2)


@constant_tensor
def imagenet_statistics(device: torch.device, dtype: torch.dtype) -> Float[Tensor, "2 3 1 1"]:
    """Mean and standard deviation of ImageNet's colours in [0, 1]."""
    statistics = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    return statistics.to(device=device, dtype=dtype)[..., None, None]


def _head_outputs(config: DepthSplatConfig) -> dict[str, int]:
    """Channels at full size, in their order."""
    outputs = {"residual": 1}
    if config.has_confidence:
        outputs["confidence"] = 1
    if not config.keeps_published_habits:
        outputs["choice"] = 4
    return outputs


def _per_image(module: nn.Module, values: Tensor) -> Tensor:
    return module(values.flatten(0, 1)).unflatten(0, values.shape[:2])
