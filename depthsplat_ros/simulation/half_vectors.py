# SPDX-License-Identifier: Apache-2.0
"""Tables of three-vectors in half precision, packed so that one look-up fetches a whole vector."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Int64
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HalfVectors:
    """Rows of three numbers and a zero, each row packed into one 64-bit number."""

    rows: Int64[Tensor, " row"]

    @staticmethod
    def pack(vectors: Float[Tensor, "row 3"]) -> "HalfVectors":
        """Rounds to half precision."""
        padded = torch.nn.functional.pad(vectors, (0, 1)).half().contiguous()
        return HalfVectors(rows=padded.view(torch.int64).squeeze(1))

    def fetch(self, index: Int[Tensor, " sample"]) -> Float[Tensor, "sample 4"]:
        """The rows at the indices; the fourth column is 0."""
        found = self.rows.index_select(0, index)
        return found.view(torch.float16).reshape(-1, 4).float()

    def to(self, device: torch.device | str) -> "HalfVectors":
        """The table on another device."""
        return HalfVectors(rows=self.rows.to(device))
