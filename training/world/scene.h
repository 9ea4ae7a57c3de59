// SPDX-License-Identifier: Apache-2.0
// What a scene consists of, as plain data that can be copied to a GPU.
#pragma once
#include "basics.h"

constexpr int MAX_PRIMITIVES = 1024;
constexpr int MAX_GROUPS = 192;                    // of a place
constexpr int MAX_TREE_GROUPS = 2 * MAX_PRIMITIVES;
constexpr int MAX_MATERIALS = 160;
constexpr int MAX_LIGHTS = 4;
constexpr int MAX_VIEWS = 6;

enum Shape { BOX, BALL, CYLINDER, CONE, SHEET, DISC, LEAF };

// A unit shape under an affine map: a ray's parameter is the same in both spaces.
struct alignas(16) Primitive {
    float local_from_world[12];  // rows of a 3x4 matrix
    Vec3 half_size_m;            // of the unit shape, for textures in metres
    float taper;                 // radius of a cone's top over its bottom's
    int shape;
    int material;
};

// What lies at a multiple of 16 bytes, which nvcc must be told to load four numbers at once.
template <class T>
BOTH const T& aligned(const T& thing) {
    return *static_cast<const T*>(__builtin_assume_aligned(&thing, 16));
}

// Primitives that lie close together, in a box. Those of a place follow one another, each in a
// cube around its bounding sphere; `grow_tree` puts a tree in their stead, in depth-first order.
struct alignas(16) Group {
    Vec3 centre;
    int first;  // primitive; or, where there is none, the group after all those inside this one
    Vec3 half_size_m;
    int count;  // of primitives; 0 for a group of groups
    float radius_m;

    Group() = default;
    Group(Vec3 centre, float radius_m, int first, int count)
        : centre(centre), first(first), half_size_m{radius_m, radius_m, radius_m}, count(count), radius_m(radius_m) {}
};

enum Pattern {
    PLAIN, CLOUDS, CHECKER, STRIPES, TILES, BRICKS, WOOD, TEXT, SHAPES, SPECKLES, MARBLE, WEAVE,
    DOTS, MOTIFS, FACADE, STAINS, PATTERN_COUNT
};

struct Material {
    Vec3 colours[3];  // linear light
    float period_m;   // of the pattern
    float angle;      // of the pattern in the surface
    float dirt;       // contrast of irregular variation
    float mirror;     // share of light reflected like a mirror, seen head-on
    float gloss;      // strength of highlights
    float glow;       // light emitted over light reflected
    int pattern;
    uint32_t seed;
};

struct Light {
    Vec3 position;  // or the direction towards it
    float radius_m;
    Vec3 power;
    int is_directional;
};

struct Camera {
    Frame frame;   // x right, y down, z forward
    float fx, fy;  // over width and height
    float cx, cy;  // likewise; (0, 0) is the image's top-left corner
};

struct Scene {
    int primitive_count, group_count, material_count, light_count, view_count, is_open;
    uint32_t seed;
    float exposure;
    Vec3 sky_top, sky_horizon, ambient_top, ambient_bottom;
    Group groups[MAX_TREE_GROUPS];
    Material materials[MAX_MATERIALS];
    Light lights[MAX_LIGHTS];
    Camera cameras[MAX_VIEWS];
    Primitive primitives[MAX_PRIMITIVES];
};
