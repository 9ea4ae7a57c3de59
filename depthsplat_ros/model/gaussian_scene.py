# SPDX-License-Identifier: Apache-2.0
"""A set of 3D Gaussians in the world, in the conventions of gsplat and of 3DGS viewers."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float, Int64
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GaussianScene:
    """Gaussians in the world frame; batched out of the network, unbatched in a map or a file."""

    means_m: Float[Tensor, "*batch gaussian 3"]
    """Centres, in the unit of the poses."""
    scales_m: Float[Tensor, "*batch gaussian 3"]
    """Standard deviations along the Gaussian's own axes, in the unit of the poses."""
    rotations_wxyz: Float[Tensor, "*batch gaussian 4"]
    """Unit quaternions, axes of the Gaussian to those of the world."""
    opacities: Float[Tensor, "*batch gaussian"]
    """In (0, 1)."""
    harmonics: Float[Tensor, "*batch gaussian 3 coefficient"]
    """Real spherical harmonics per colour; the colour seen is 0.5 + their sum, clamped at 0."""

    def select(self, index: Int64[Tensor, " chosen"]) -> "GaussianScene":
        """Those of an unbatched scene with the given indices."""
        return GaussianScene(
            **{
                field.name: getattr(self, field.name).index_select(0, index)
                for field in fields(GaussianScene)
            }
        )

    def put(self, first: int, part: "GaussianScene") -> None:
        """Overwrites the Gaussians from place `first` on, in every scene of a batch."""
        for field in fields(GaussianScene):
            values = getattr(part, field.name)
            getattr(self, field.name)[:, first : first + values.shape[1]] = values

    @staticmethod
    def allocate(
        batch: int, count: int, coefficients: int, device: torch.device
    ) -> "GaussianScene":
        """Room for so many Gaussians with so many harmonics per colour, yet to be filled."""

        def room(*shape: int) -> Tensor:
            return torch.empty(batch, count, *shape, device=device)

        return GaussianScene(
            means_m=room(3),
            scales_m=room(3),
            rotations_wxyz=room(4),
            opacities=room(),
            harmonics=room(3, coefficients),
        )

    @staticmethod
    def concatenate(scenes: "Sequence[GaussianScene]") -> "GaussianScene":
        """All Gaussians of several scenes with the same batch axes, in the given order."""
        return GaussianScene(
            **{
                field.name: torch.cat(
                    [getattr(scene, field.name) for scene in scenes],
                    dim=scenes[0].means_m.ndim - 2,
                )
                for field in fields(GaussianScene)
            }
        )
