# SPDX-License-Identifier: Apache-2.0
"""Furnished worlds: living room and kitchen, office and corridor, a nearly bare room."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from depthsplat_ros.simulation import building, finishes, furniture
from depthsplat_ros.simulation.building import DOOR_M, Opening, Shell
from depthsplat_ros.simulation.furniture import Piece
from depthsplat_ros.simulation.lights import Light
from depthsplat_ros.simulation.solids import Material, Solid, box, placed, placement
from depthsplat_ros.simulation.world import World, WorldError, build_world, keep_on

SOUTH, EAST, NORTH, WEST = range(4)
WALKWAY_M = 0.85
"""Kept free around what stands away from the walls."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RoomPlan:
    """What a room is made of, before light falls on it."""

    solids: tuple[Solid, ...]
    lights: tuple[Light, ...]


def _join(*shells: Shell) -> RoomPlan:
    return RoomPlan(
        solids=tuple(solid for shell in shells for solid in shell.solids),
        lights=tuple(light for shell in shells for light in shell.lights),
    )


class _Layout:
    """Where furniture of one room stands; it refuses what does not fit."""

    def __init__(self, rng: np.random.Generator, shell: Shell) -> None:
        self._rng = rng
        self._shell = shell
        self._taken: list[tuple[float, float, float, float]] = []
        self._hung: list[tuple[int, float, float]] = []
        for wall in shell.walls:
            for hole in wall.openings:
                if hole.is_door:
                    # The doorway, the way to it, and the space its leaf needs.
                    at = wall.world_from_wall @ placement(hole.along_m, 0.5)
                    self._take(at, hole.width_m + 0.5, 1.0)

    def _rectangle(
        self, at: np.ndarray, width_m: float, depth_m: float
    ) -> tuple[float, float, float, float]:
        cos, sin = abs(at[0, 0]), abs(at[1, 0])
        half_x = (width_m * cos + depth_m * sin) / 2
        half_y = (width_m * sin + depth_m * cos) / 2
        return at[0, 3] - half_x, at[1, 3] - half_y, at[0, 3] + half_x, at[1, 3] + half_y

    def _take(self, at: np.ndarray, width_m: float, depth_m: float) -> None:
        self._taken.append(self._rectangle(at, width_m, depth_m))

    def _is_free(self, at: np.ndarray, piece: Piece, gap_m: float) -> bool:
        left, low, right, high = self._rectangle(
            at, piece.width_m + 2 * gap_m, piece.depth_m + 2 * gap_m
        )
        return not any(
            left < other[2] and other[0] < right and low < other[3] and other[1] < high
            for other in self._taken
        )

    def stand_at_wall(
        self,
        piece: Piece,
        sides: Sequence[int] = (SOUTH, EAST, NORTH, WEST),
        distance_m: float = 0.03,
    ) -> bool:
        """Put a piece along one of the walls, its back to it; False if nothing is free."""
        for _ in range(60):
            side = int(self._rng.choice(sides))
            wall = self._shell.walls[side]
            room = wall.length_m - piece.width_m - 0.06
            if room <= 0:
                continue
            along = piece.width_m / 2 + 0.03 + float(self._rng.random()) * room
            if not wall.is_free(along, piece.width_m, piece.height_m):
                continue
            at = wall.world_from_wall @ placement(along, piece.depth_m / 2 + distance_m)
            if self._is_free(at, piece, 0.05):
                self._put(piece, at)
                return True
        return False

    def stand_free(self, piece: Piece, gap_m: float = WALKWAY_M, turned: bool = False) -> bool:
        """Put a piece away from walls and other things; False if nothing is free."""
        shell = self._shell
        for attempt in range(80):
            yaw = float(self._rng.uniform(-0.6, 0.6)) if turned else 0.0
            yaw += math.pi / 2 * int(self._rng.integers(4))
            # Near the middle first.
            spread = 0.15 + 0.85 * attempt / 80
            x, y = (
                middle + float(self._rng.uniform(-0.5, 0.5)) * spread * length
                for middle, length in zip(
                    shell.centre_m, (shell.width_m, shell.depth_m), strict=True
                )
            )
            at = placement(x, y, 0.0, yaw)
            left, low, right, high = self._rectangle(
                at, piece.width_m + 2 * gap_m, piece.depth_m + 2 * gap_m
            )
            inside = (
                left > shell.left_m
                and low > shell.bottom_m
                and right < shell.left_m + shell.width_m
                and high < shell.bottom_m + shell.depth_m
            )
            if inside and self._is_free(at, piece, gap_m):
                self._put(piece, at, gap_m)
                return True
        return False

    def _put(self, piece: Piece, at: np.ndarray, gap_m: float = 0.0) -> None:
        self._shell.solids.extend(placed(piece.solids, at))
        self._take(at, piece.width_m + 2 * gap_m, piece.depth_m + 2 * gap_m)

    def hang(self, material: Material, width_m: float, height_m: float, centre_z_m: float) -> bool:
        """Hang something flat where no opening, no tall furniture and no other panel is."""
        for _ in range(30):
            side = int(self._rng.integers(4))
            wall = self._shell.walls[side]
            along = float(self._rng.uniform(width_m / 2 + 0.1, wall.length_m - width_m / 2 - 0.1))
            if not wall.is_free(along, width_m, centre_z_m + height_m, 0.0) or any(
                side == other and abs(along - place) < (width_m + width) / 2 + 0.1
                for other, place, width in self._hung
            ):
                continue
            at = wall.world_from_wall @ placement(along, 0.1, centre_z_m)
            cover = self._rectangle(at, width_m + 0.1, 0.2)
            if _is_covered(self._shell.solids, cover, centre_z_m - height_m / 2):
                continue
            self._hung.append((side, along, width_m))
            building.add_wall_panel(
                self._shell, side, along, centre_z_m, width_m, height_m, material
            )
            return True
        return False


def _is_covered(
    solids: Sequence[Solid], rectangle: tuple[float, float, float, float], from_z_m: float
) -> bool:
    """Whether an obstacle other than a wall rises above a height within a strip along a wall."""
    left, low, right, high = rectangle
    margin = 0.03  # walls and the panel's own wall touch the strip from outside
    for solid in solids:
        corners = solid.corners_m()
        least, most = corners.min(axis=0), corners.max(axis=0)
        if (
            least[0] < right - margin
            and most[0] > left + margin
            and least[1] < high - margin
            and most[1] > low + margin
            and most[2] > from_z_m
            and least[2] < from_z_m + 1.0
            and (most - least)[:2].max() < 2.6
        ):
            return True
    return False


def _doorway(along_m: float) -> Opening:
    return Opening(along_m=along_m, width_m=DOOR_M[0], bottom_m=0.0, top_m=DOOR_M[1])


def _window(along_m: float, width_m: float = 1.4, bottom_m: float = 0.85) -> Opening:
    return Opening(along_m=along_m, width_m=width_m, bottom_m=bottom_m, top_m=2.2)


def plan_living_room(seed: int) -> RoomPlan:
    """A living room, a kitchen behind a doorway: furniture, plants, pictures, sun on the floor."""
    rng = np.random.default_rng((seed, 1))
    width, depth = float(rng.uniform(5.8, 7.0)), float(rng.uniform(5.0, 6.0))
    height = float(rng.uniform(2.5, 2.75))
    door = float(rng.uniform(1.0, depth - 1.0))
    windows = [_window(float(rng.uniform(1.3, width / 2 - 0.4)), float(rng.uniform(1.2, 1.7)))]
    windows.append(_window(float(rng.uniform(width / 2 + 1.0, width - 1.2)), 1.3))
    skirting = finishes.plain("#efece5")
    accent, pale = finishes.wall(rng), finishes.wall(rng, "plaster")
    living = building.make_shell(
        0.0, 0.0, width, depth, height,
        ([windows[0]], [_doorway(door)], [windows[1]], []),
        finishes.floor(rng, str(rng.choice(["planks", "planks", "carpet", "tiles"]))),
        (pale, pale, pale, accent), finishes.plain("#f2f0ea"), skirting,
    )  # fmt: skip
    building.add_window(rng, living, SOUTH, windows[0], curtains=True, sun=True)
    building.add_window(
        rng, living, NORTH, windows[1], curtains=bool(rng.random() < 0.5), sun=False
    )
    building.add_radiator(living, NORTH, windows[1].along_m, windows[1].width_m - 0.2)
    building.add_pendant(rng, living, *living.centre_m)
    layout = _Layout(rng, living)
    layout.stand_at_wall(furniture.sofa(rng, int(rng.integers(2, 4))), (WEST, SOUTH, NORTH))
    layout.stand_at_wall(furniture.television(rng))
    layout.stand_at_wall(furniture.bookshelf(rng, float(rng.uniform(0.9, 1.3))))
    group = furniture.dining_group(rng) if rng.random() < 0.6 else _coffee_corner(rng)
    layout.stand_free(group)
    layout.stand_at_wall(furniture.plant(rng, float(rng.uniform(1.0, 1.6))), distance_m=0.1)
    layout.stand_at_wall(furniture.floor_lamp(rng), distance_m=0.1)
    layout.stand_at_wall(furniture.sideboard(rng))
    layout.stand_at_wall(furniture.sofa(rng, 1))
    layout.stand_at_wall(furniture.bookshelf(rng, 0.7, 1.1))
    layout.stand_at_wall(furniture.plant(rng, 0.8), distance_m=0.05)
    layout.stand_at_wall(furniture.leaning_board(rng))
    rug_width, rug_depth = float(rng.uniform(2.0, 2.8)), float(rng.uniform(1.5, 2.0))
    x, y = living.centre_m
    at = placement(x, y, 0.006, float(rng.uniform(-0.1, 0.1)))
    living.solids.append(
        box((rug_width, rug_depth, 0.012), finishes.rug(rng), at, is_obstacle=False)
    )
    for _ in range(4):
        size = float(rng.uniform(0.45, 0.85))
        layout.hang(finishes.any_picture(rng), size, size * float(rng.uniform(0.75, 1.3)), 1.55)

    kitchen_left, kitchen_width = width + 2 * building.WALL_M, float(rng.uniform(3.2, 3.8))
    hole = _window(kitchen_width / 2, 1.2, 1.05)
    kitchen = building.make_shell(
        kitchen_left, 0.0, kitchen_width, depth, height,
        ([hole], [], [], [_doorway(depth - door)]),
        finishes.floor(rng, str(rng.choice(["checker", "tiles"]))),
        (finishes.wall(rng, "plaster"),) * 4, finishes.plain("#f2f0ea"), skirting,
    )  # fmt: skip
    building.add_window(rng, kitchen, SOUTH, hole, curtains=False, sun=bool(rng.random() < 0.5))
    building.add_ceiling_panel(kitchen, *kitchen.centre_m, 0.9, 0.3, 14.0)
    layout = _Layout(rng, kitchen)
    for _ in range(2):
        layout.stand_at_wall(furniture.sideboard(rng, 1.6, 0.92), (EAST, SOUTH))
    layout.stand_at_wall(furniture.bookshelf(rng, 0.8, 2.0))
    layout.stand_at_wall(furniture.dining_group(rng), (NORTH, EAST), distance_m=0.15)
    layout.stand_at_wall(furniture.bin_and_ball(rng))
    layout.stand_at_wall(furniture.cartons(rng))
    for _ in range(2):
        layout.hang(finishes.any_picture(rng), 0.6, 0.6, 1.6)
    return _join(living, kitchen)


def _coffee_corner(rng: np.random.Generator) -> Piece:
    """A low table with two armchairs facing it."""
    solids = list(furniture.table(rng, 1.0, 0.6, 0.42).solids)
    for side in (-1, 1):
        turn = float(rng.uniform(-0.3, 0.3)) - side * -math.pi / 2
        solids += placed(furniture.sofa(rng, 1).solids, placement(side * 1.15, 0, 0, turn))
    return Piece(solids=tuple(solids), width_m=3.3, depth_m=1.1, height_m=0.9)


def plan_office(seed: int) -> RoomPlan:
    """An office and the corridor beside it: desks, screens, partitions, doors, ceiling panels."""
    rng = np.random.default_rng((seed, 2))
    width, depth, height = float(rng.uniform(7.5, 9.0)), float(rng.uniform(5.6, 6.6)), 2.8
    door = float(rng.uniform(1.0, width - 1.0))
    skirting = finishes.plain("#8d9094")
    paint = finishes.wall(rng, "plaster")
    accent = finishes.wall(rng, str(rng.choice(["bricks", "concrete", "stripes"])))
    holes = [_window(along, 1.6, 0.95) for along in np.linspace(1.3, width - 1.3, 3).tolist()]
    office = building.make_shell(
        0.0, 0.0, width, depth, height, (holes, [], [_doorway(width - door)], []),
        finishes.floor(rng, str(rng.choice(["carpet", "concrete", "planks"]))),
        (paint, accent, paint, paint), finishes.office_ceiling(), skirting,
    )  # fmt: skip
    for number, hole in enumerate(holes):
        building.add_window(rng, office, SOUTH, hole, curtains=False, sun=number == 1)
        building.add_radiator(office, SOUTH, hole.along_m, 1.3)
    for x in (width * 0.27, width * 0.73):
        for y in (depth * 0.3, depth * 0.72):
            building.add_ceiling_panel(office, x, y, 1.2, 0.3, 12.0)
    layout = _Layout(rng, office)
    layout.stand_free(_desk_island(rng))
    for _ in range(2):
        layout.stand_at_wall(furniture.workplace(rng), (EAST, WEST))
    layout.stand_at_wall(furniture.bookshelf(rng, 1.0), (EAST, WEST, NORTH))
    layout.stand_at_wall(furniture.bookshelf(rng, 0.8, 1.3))
    layout.stand_at_wall(furniture.plant(rng, 1.3), distance_m=0.08)
    layout.stand_at_wall(furniture.cartons(rng))
    layout.stand_at_wall(furniture.bin_and_ball(rng))
    layout.stand_at_wall(furniture.partition(rng), distance_m=0.4)
    layout.hang(finishes.plain("#f4f4f2", 0.02), 1.6, 1.0, 1.45)
    layout.hang(finishes.picture("notices_1"), 1.2, 0.9, 1.5)
    layout.hang(finishes.any_picture(rng), 0.7, 0.9, 1.6)

    corridor_depth = float(rng.uniform(2.0, 2.4))
    floor = finishes.floor(rng, str(rng.choice(["concrete", "checker", "carpet"])))
    corridor = building.make_shell(
        0.0, depth + 2 * building.WALL_M, width, corridor_depth, height,
        ([_doorway(door)], [], [], []), floor, (paint, accent, paint, accent),
        finishes.office_ceiling(), skirting,
    )  # fmt: skip
    for x in np.linspace(1.2, width - 1.2, 3).tolist():
        building.add_ceiling_panel(corridor, x, corridor.centre_m[1], 0.3, 1.2, 9.0)
    for along in np.linspace(1.2, width - 1.2, int(rng.integers(2, 4))).tolist():
        building.add_closed_door(rng, corridor, NORTH, along, skirting)
    layout = _Layout(rng, corridor)
    layout.stand_at_wall(furniture.plant(rng, 1.4), (EAST, WEST), distance_m=0.05)
    layout.stand_at_wall(furniture.cartons(rng), (EAST, WEST))
    for name in ("notices_2", "abstract_2", "landscape_1", "fields_2"):
        layout.hang(finishes.picture(name), 0.9, 0.8, 1.55)
    return _join(office, corridor)


def _desk_island(rng: np.random.Generator) -> Piece:
    """Two desks back to back with their chairs, a low screen between them."""
    solids = [box((1.55, 0.03, 0.45), finishes.cloth(rng), placement(0, 0, 0.98))]
    for yaw in (0.0, math.pi):
        solids += placed(furniture.workplace(rng).solids, placement(yaw=yaw) @ placement(0, 0.75))
    return Piece(solids=tuple(solids), width_m=1.55, depth_m=2.9, height_m=1.2)


def plan_bare_room(seed: int) -> RoomPlan:
    """Blank walls, plain bodies, slopes and pillars: little texture to hold on to."""
    rng = np.random.default_rng((seed, 3))
    width, depth, height = float(rng.uniform(5.5, 7.0)), float(rng.uniform(5.0, 6.0)), 2.7
    paints = [finishes.plain(str(rng.choice(finishes.PALE_PAINTS)), 0.03, 2.5) for _ in range(2)]
    hole = _window(float(rng.uniform(1.5, width - 1.5)), 1.6)
    shell = building.make_shell(
        0.0, 0.0, width, depth, height, ([hole], [], [], []),
        finishes.floor(rng, str(rng.choice(["concrete", "carpet"]))),
        (paints[0], paints[1], paints[0], paints[0]), finishes.plain("#f1efe9", 0.02, 2.5),
        finishes.plain("#dcd9d2"),
    )  # fmt: skip
    building.add_window(rng, shell, SOUTH, hole, curtains=False, sun=True)
    building.add_ceiling_panel(shell, *shell.centre_m, 1.2, 0.6, 10.0)
    building.add_closed_door(rng, shell, NORTH, width / 2, finishes.plain("#dcd9d2"))
    layout = _Layout(rng, shell)
    layout.stand_free(furniture.pillar(rng, height), 0.9)
    layout.stand_free(furniture.blocks(rng), turned=True)
    layout.stand_at_wall(furniture.ramp(rng))
    for _ in range(2):
        layout.stand_at_wall(furniture.blocks(rng))
    layout.stand_at_wall(furniture.leaning_board(rng))
    layout.stand_at_wall(furniture.cartons(rng))
    layout.stand_at_wall(furniture.bin_and_ball(rng))
    layout.hang(finishes.plain(str(rng.choice(finishes.STRONG_PAINTS)), 0.03), 0.8, 0.8, 1.5)
    return _join(shell)


ROOMS: dict[str, Callable[[int], RoomPlan]] = {
    "living_room": plan_living_room,
    "office": plan_office,
    "bare_room": plan_bare_room,
}


def plan_room(kind: str, seed: int) -> RoomPlan:
    """The unlit room of a kind and a seed; equal arguments give equal rooms.

    Raises:
        WorldError: if there is no such kind of room.
    """
    if kind not in ROOMS:
        raise WorldError(f"there is no room {kind!r}: choose one of {', '.join(ROOMS)}")
    return ROOMS[kind](seed)


def make_room(kind: str, seed: int, on_step: Callable[[], None] = keep_on) -> World:
    """The lit world of a kind and a seed; equal arguments give equal worlds.

    It takes seconds; `on_step` is called between them, also from other threads, and may raise to
    end the work.

    Raises:
        WorldError: if there is no such kind of room.
    """
    plan = plan_room(kind, seed)
    return build_world(plan.solids, plan.lights, on_step)
