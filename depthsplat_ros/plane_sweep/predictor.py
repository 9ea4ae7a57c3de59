# SPDX-License-Identifier: Apache-2.0
"""PlaneSweep: posed images to depth by multi-view stereo, without any learned weight.

encode_views   grey image, census words; both again on a coarse image
predict        matching cost -> guided filter -> semi-global aggregation -> winner
                 -> refinement -> agreement with the sources' own coarse depth -> confidence
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from depthsplat_ros.errors import DepthSplatError
from depthsplat_ros.model.traits import Traits
from depthsplat_ros.model.types import DepthPrediction, ViewFeatures, Views
from depthsplat_ros.plane_sweep.config import PlaneSweepConfig
from depthsplat_ros.plane_sweep.consistency import gather_evidence
from depthsplat_ros.plane_sweep.filters import GuidedFilter, median3
from depthsplat_ros.plane_sweep.matching import census_words
from depthsplat_ros.plane_sweep.projection import pixel_intrinsics, relate_views
from depthsplat_ros.plane_sweep.refinement import refine
from depthsplat_ros.plane_sweep.stereo import Problem, measure

LUMINANCE = (0.299, 0.587, 0.114)
COARSE_REDUCTION = 4
"""Source views measure their depth on images this much smaller, for the consistency check."""
MINIMUM_SIDE_PX = 32
CLEAR_MARGIN = 1.0
"""Margin at which a pixel on which all views agree is half confident."""


class PlaneSweepError(DepthSplatError):
    """The views cannot be matched: wrong sizes, too few of them, or no depth range."""


class PlaneSweep:
    """Multi-view stereo by plane sweep and semi-global aggregation; stateless, CPU and CUDA.

    Works on the device of its input, at any image size from 32 pixels a side.
    """

    traits = Traits(
        minimum_views=2,
        maximum_views=10,
        preferred_views=4,
        longer_side_px=320,
        size_multiple=1,
        near_m=0.4,
        far_m=15.0,
        minimum_confidence=0.35,
    )

    def __init__(self, config: PlaneSweepConfig | None = None) -> None:
        self.config = config or PlaneSweepConfig()

    @torch.inference_mode()
    def encode_views(self, images: Float[Tensor, "batch view 3 height width"]) -> ViewFeatures:
        """Grey images and census words, at full and at coarse size.

        Raises:
            PlaneSweepError: if the images are too small.
        """
        batch, _, _, height, width = images.shape
        if min(height, width) < MINIMUM_SIDE_PX:
            raise PlaneSweepError(
                f"images are {width}x{height} px; the plane sweep needs at least "
                f"{MINIMUM_SIDE_PX} px a side: raise the working size"
            )
        red, green, blue = rearrange(images.float(), "b v c h w -> c (b v) h w")
        grey = LUMINANCE[0] * red + LUMINANCE[1] * green + LUMINANCE[2] * blue
        coarse_size = (-(-height // COARSE_REDUCTION), -(-width // COARSE_REDUCTION))
        coarse_grey = functional.interpolate(grey[:, None], size=coarse_size, mode="area")[:, 0]
        maps = {
            "grey": grey,
            "words": census_words(grey),
            "coarse_grey": coarse_grey,
            "coarse_words": census_words(coarse_grey),
        }
        return ViewFeatures(
            maps={
                name: rearrange(values, "(b v) h w -> b v h w", b=batch)
                for name, values in maps.items()
            }
        )

    @torch.inference_mode()
    def predict(self, views: Views, features: ViewFeatures, reference: int) -> DepthPrediction:
        """Depth of the reference view; of the images only the features are looked at.

        Raises:
            PlaneSweepError: if there is no second view, no such reference or no depth range.
        """
        _check(views, reference)
        windows = [
            self._predict_window(
                {name: values[index] for name, values in features.maps.items()},
                views.intrinsics[index],
                views.world_from_camera[index].double(),
                torch.stack([views.near_m[index], views.far_m[index]], 1).double().cpu(),
                reference,
            )
            for index in range(len(views.intrinsics))
        ]
        depth_m, confidence, dense_depth_m = map(torch.stack, zip(*windows, strict=True))
        return DepthPrediction(depth_m=depth_m, confidence=confidence, dense_depth_m=dense_depth_m)

    def _predict_window(
        self,
        maps: dict[str, Tensor],
        intrinsics: Float[Tensor, "view 3 3"],
        world_from_camera: Float[Tensor, "view 4 4"],
        near_far_m: Float[Tensor, "view 2"],
        reference: int,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """depth_m, confidence and dense_depth_m of one window."""
        config = self.config

        def pose_problem(view: int, prefix: str) -> Problem:
            grey, words = maps[f"{prefix}grey"], maps[f"{prefix}words"]
            others = [other for other in range(len(grey)) if other != view]
            pixels = pixel_intrinsics(intrinsics, grey.shape[-1], grey.shape[-2])
            near_m, far_m = near_far_m[view].tolist()
            return Problem(
                grey=grey[view],
                words=words[view],
                source_words=words[others],
                projection=relate_views(pixels, world_from_camera, view, others),
                inverse_depths=torch.linspace(
                    1.0 / far_m, 1.0 / near_m, config.planes, dtype=torch.float64
                ),
            )

        sources = [view for view in range(len(intrinsics)) if view != reference]
        problem = pose_problem(reference, "")
        (measurement,) = measure([problem], config)
        from_sources = measure([pose_problem(source, "coarse_") for source in sources], config)
        inverse_depth = median3(
            refine(
                measurement.inverse_depth,
                problem.grey,
                maps["grey"][sources],
                problem.projection,
                GuidedFilter(problem.grey, config.guide_radius_px, config.guide_epsilon),
                spacing=problem.spacing,
                prior=config.refinement_prior,
            )
        )
        evidence = gather_evidence(
            inverse_depth,
            torch.stack([source.inverse_depth for source in from_sources]),
            problem.projection,
        )
        clarity = measurement.margin / (measurement.margin + CLEAR_MARGIN)
        support = (1.0 + evidence.agreement) / (1.0 + len(sources))
        # The root makes agreement weigh less than clarity, which ranks errors better.
        confidence = clarity * support.sqrt()
        farthest, nearest = problem.inverse_depths[[0, -1]].tolist()
        is_known = (
            measurement.is_inside
            & (inverse_depth > farthest + 0.5 * problem.spacing)
            & (inverse_depth < nearest - 0.5 * problem.spacing)
            & (evidence.seen_by > 0)
            & (evidence.parallax_px >= config.minimum_parallax_px)
            & (confidence >= config.minimum_confidence)
            & (confidence > 0.0)
        )
        near_m, far_m = near_far_m[reference].tolist()
        dense_depth_m = inverse_depth.reciprocal().clamp_(near_m, far_m)
        return (
            dense_depth_m.masked_fill(~is_known, torch.nan),
            confidence.masked_fill(~is_known, 0.0),
            dense_depth_m,
        )


def _check(views: Views, reference: int) -> None:
    count = views.intrinsics.shape[1]
    if count < 2:
        raise PlaneSweepError(f"a window of {count} view has no depth; give at least 2 views")
    if not 0 <= reference < count:
        raise PlaneSweepError(f"reference is {reference}; the window has views 0 to {count - 1}")
    near_m, far_m = views.near_m.double(), views.far_m.double()
    has_range = (near_m > 0.0) & (near_m < far_m) & far_m.isfinite()
    if not has_range.all():
        worst = int((~has_range).flatten().nonzero()[0])
        raise PlaneSweepError(
            f"near_m is {near_m.flatten()[worst].item():g} and far_m "
            f"{far_m.flatten()[worst].item():g}; they must be finite with 0 < near_m < far_m"
        )
