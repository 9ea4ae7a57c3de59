# SPDX-License-Identifier: Apache-2.0
"""The single-image encoder: DINOv2, through timm, with DINOv2's own position embedding."""

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from depthsplat_ros.model.config import VitConfig


class SingleViewEncoder(nn.Module):
    """Four feature maps per image, shallow to deep, on the grid of 14-pixel patches."""

    def __init__(self, config: VitConfig) -> None:
        # Takes as long to import as torch; whoever runs no transformer shall not wait for it.
        from timm.models.vision_transformer import VisionTransformer

        super().__init__()
        self.config = config
        self.vit = VisionTransformer(
            img_size=config.pretraining_grid * config.patch_px,
            patch_size=config.patch_px,
            embed_dim=config.channels,
            depth=config.block_count,
            num_heads=config.head_count,
            init_values=1.0,
            num_classes=0,
        )
        self._position_embeddings: dict[tuple, Tensor] = {}
        self.register_load_state_dict_post_hook(_forget_position_embeddings)

    def forward(
        self, images: Float[Tensor, "image 3 height width"]
    ) -> list[Float[Tensor, "image channel rows columns"]]:
        """Normed outputs of the tapped blocks, without the class token.

        Args:
            images: RGB, normalised with ImageNet's statistics; at least one patch in size.
        """
        patch_px = self.config.patch_px
        rows, columns = images.shape[-2] // patch_px, images.shape[-1] // patch_px
        images = F.interpolate(
            images, (rows * patch_px, columns * patch_px), mode="bilinear", align_corners=True
        )
        patches = self.vit.patch_embed.proj(images).flatten(2).transpose(1, 2)
        class_token = self.vit.cls_token.expand(len(patches), -1, -1)
        tokens = torch.cat([class_token, patches], dim=1)
        tokens = tokens + self._position_embedding(rows, columns).to(tokens.dtype)

        maps = []
        for index, block in enumerate(self.vit.blocks):
            tokens = block(tokens)
            if index in self.config.tapped_blocks:
                # The final norm is applied to every tapped block, as the weights expect.
                normed = self.vit.norm(tokens)[:, 1:]
                maps.append(rearrange(normed, "b (h w) c -> b c h w", h=rows))
        return maps

    def _position_embedding(self, rows: int, columns: int) -> Tensor:
        if torch.is_grad_enabled() and self.vit.pos_embed.requires_grad:
            return interpolate_position_embedding(self.vit.pos_embed, rows, columns)
        parameter = self.vit.pos_embed
        key = (rows, columns, parameter.device, parameter.dtype)
        if key not in self._position_embeddings:
            self._position_embeddings[key] = interpolate_position_embedding(
                parameter, rows, columns
            )
        return self._position_embeddings[key]


def interpolate_position_embedding(
    embedding: Float[Tensor, "1 tokens channel"], rows: int, columns: int
) -> Float[Tensor, "1 new_tokens channel"]:
    """The learnt square position embedding, resampled to another grid of patches.

    The sampling grid follows from a scale factor that is inflated by 0.1 patch, a trick of DINOv2
    against rounding; the result differs from a plain resize, and the weights expect it. The class
    token comes first, then the grid row by row.

    Source: DINOv2, `interpolate_pos_encoding` (offset 0.1, no antialiasing).
    """
    class_token, grid = embedding[:, :1], embedding[:, 1:]
    side = round(grid.shape[1] ** 0.5)
    if rows == columns == side:
        return embedding
    grid = rearrange(grid.float(), "b (h w) c -> b c h w", h=side)
    resampled = F.interpolate(
        grid, scale_factor=((rows + 0.1) / side, (columns + 0.1) / side), mode="bicubic"
    )
    assert resampled.shape[-2:] == (rows, columns)
    resampled = rearrange(resampled, "b c h w -> b (h w) c").to(embedding.dtype)
    return torch.cat([class_token, resampled], dim=1)


def _forget_position_embeddings(encoder: SingleViewEncoder, _: object) -> None:
    encoder._position_embeddings.clear()
