// SPDX-License-Identifier: Apache-2.0
// Whole places: rooms, corridors, streets, and things afloat that obey no order.
#pragma once
#include "furniture.h"

struct Place {
    Vec3 low, high;      // where cameras may be
    float eye_low_m, eye_high_m;
};

inline int wall_material(Builder& b) {
    Random& r = b.random;
    Vec3 base = b.paint(0.1f, 0.85f);
    int pattern = r.chance(0.25f) ? (r.chance(0.35f) ? PLAIN : STAINS)
                                  : b.pick({BRICKS, TILES, STRIPES, MOTIFS, CLOUDS, WOOD, WEAVE, DOTS, MARBLE});
    return b.add_material(pattern, r.log_between(0.08f, 0.9f), base, r.chance(0.65f) ? base * r.between(0.3f, 2.2f) : b.paint(), base * r.between(0.2f, 1.6f));
}

inline int floor_material(Builder& b) {
    Random& r = b.random;
    if (r.chance(0.35f)) return b.wood();
    Vec3 base = b.paint(0.05f, 0.7f);
    int pattern = b.pick({TILES, TILES, CLOUDS, SPECKLES, STAINS, CHECKER, WEAVE, MARBLE, PLAIN, STRIPES});
    return b.add_material(pattern, r.log_between(0.05f, 0.8f), base, base * r.between(0.3f, 2.2f), base * r.between(0.2f, 1.6f));
}

// What hangs on a wall; the frame's y points into the room, its origin lies at the wall's foot.
inline void decorate_wall(Builder& b, Frame wall, float w, float h) {
    Random& r = b.random;
    if (r.chance(0.5f)) {
        b.begin_group();
        b.box(wall.moved(0, 0.01f, 0.05f), w, 0.02f, r.between(0.05f, 0.15f), b.plain());
        b.end_group();
    }
    int count = r.from_to(1, 8);
    for (int k = 0; k < count; ++k) {
        float x = r.between(-0.42f, 0.42f) * w, z = r.between(0.45f, 0.75f) * h;
        float size = r.between(0.2f, 1.2f), tall = size * r.between(0.5f, 1.6f);
        b.begin_group();
        switch (r.below(9)) {
            case 0: case 1: case 2: {  // picture or notice
                int pattern = b.pick({SHAPES, SHAPES, TEXT, CLOUDS, MOTIFS});
                int picture = b.add_material(pattern, r.log_between(0.03f, 0.3f), b.paint(), b.paint(), b.paint());
                float depth = r.between(0.005f, 0.05f);
                if (r.chance(0.7f)) b.box(wall.moved(x, depth / 2, z), size + 0.06f, depth, tall + 0.06f, b.any());
                b.box(wall.moved(x, depth, z), size, 0.008f, tall, picture);
                break;
            }
            case 3: {  // window
                int pane = b.lamp(r.between(1.0f, 6.0f)), bar = b.plain(0.2f, 0.85f);
                Material& m = b.scene.materials[pane];
                if (r.chance(0.6f)) { m.pattern = CLOUDS; m.period_m = 0.6f; m.colours[1] = b.paint(0.1f, 0.6f); }
                b.box(wall.moved(x, 0.005f, z), size * 1.2f, 0.01f, tall * 1.2f, pane);
                for (int s = -1; s <= 1; ++s) {
                    b.box(wall.moved(x + s * size * 0.6f, 0.02f, z), 0.05f, 0.05f, tall * 1.2f, bar);
                    b.box(wall.moved(x, 0.02f, z + s * tall * 0.6f), size * 1.2f, 0.05f, 0.05f, bar);
                }
                if (r.chance(0.4f)) {  // curtain
                    int cloth = b.cloth();
                    b.split_group();
                    for (int c = 0; c < 8; ++c) b.add(CYLINDER, wall.moved(x - size * 0.8f + 0.06f * c, 0.08f, z), 0.07f, 0.05f, tall * 1.6f, cloth);
                } else if (r.chance(0.3f)) {  // blind
                    int slat = b.plain(0.2f, 0.85f);
                    b.split_group();
                    for (int c = 0; c < 16; ++c) b.box(wall.moved(x, 0.07f, z + tall * (0.6f - c * 0.05f)).tilted(0.5f), size * 1.2f, 0.03f, 0.003f, slat);
                }
                break;
            }
            case 4: {  // door
                int door = r.chance(0.5f) ? b.wood() : b.plain();
                b.box(wall.moved(x, 0.01f, 1.02f), 1.0f, 0.06f, 2.1f, b.plain());
                b.box(wall.moved(x, 0.03f, 1.0f), 0.86f, 0.06f, 2.0f, door);
                b.rod(wall.at(x + 0.35f, 0.09f, 1.0f), wall.at(x + 0.23f, 0.09f, 1.0f), 0.02f, b.metal());
                break;
            }
            case 5: {  // board with things on it
                b.box(wall.moved(x, 0.11f, z), size, 0.22f, 0.025f, b.wood());
                add_things(b, wall.moved(x, 0.11f, z + 0.013f), size, 0.2f, r.below(5));
                break;
            }
            case 6: {  // radiator
                int metal = b.plain(0.3f, 0.85f);
                for (int c = 0; c < 12; ++c) {
                    if (c == 6) b.split_group();
                    b.box(wall.moved(x + 0.06f * c, 0.06f, 0.4f), 0.035f, 0.08f, 0.55f, metal);
                }
                break;
            }
            case 7: {  // pipes and cables
                int metal = b.metal();
                for (int c = r.from_to(1, 3); c > 0; --c) b.rod(wall.at(x + 0.1f * c, 0.06f, 0), wall.at(x + 0.1f * c, 0.06f, h), r.between(0.01f, 0.06f), metal);
                b.cable(wall.at(x, 0.03f, z), wall.at(x + size, 0.05f, z + r.between(-0.3f, 0.3f)), r.between(0.0f, 0.3f), r.between(0.006f, 0.02f), b.plain(0.03f, 0.5f));
                break;
            }
            default:  // panel, clock
                b.add(CYLINDER, frame_along(wall.at(x, 0.02f, z), wall.y), 0.35f, 0.35f, 0.04f, b.any());
                b.box(wall.moved(x + 0.5f, 0.01f, 1.1f), 0.08f, 0.02f, 0.08f, b.plain());
        }
        b.end_group();
    }
}

inline void add_ceiling(Builder& b, float w, float d, float h) {
    Random& r = b.random;
    Scene& scene = b.scene;
    int lamps = b.pick({1, 2, 2, 4});
    scene.light_count = lamps;
    float power = r.log_between(1.5f, 8.0f) * 2.0f / lamps;
    Vec3 tint = mixed(vec(1.0f, 0.75f, 0.5f), vec(0.9f, 1.0f, 1.1f), r.share());
    for (int k = 0; k < lamps; ++k) {
        float x = r.between(-0.4f, 0.4f) * w, y = r.between(-0.4f, 0.4f) * d;
        bool is_low = r.chance(0.3f);
        float z = is_low ? r.between(1.2f, h - 0.3f) : h - 0.14f;
        scene.lights[k] = {vec(x, y, z), r.log_between(0.02f, is_low ? 0.3f : 0.12f), tint * power, 0};
        if (lamps > 1 && r.chance(0.1f)) {  // the sun, which a roof keeps out
            scene.lights[k] = {unit(vec(r.between(-1, 1), r.between(-1, 1), r.between(0.3f, 1.2f))), 0.03f, tint * r.between(0.5f, 2.5f), 1};
            continue;
        }
        Frame f = world_frame().moved(x, y, z);
        b.begin_group();
        int glow = b.lamp(r.between(1.5f, 6.0f));
        if (r.chance(0.4f)) b.box(f.turned(r.below(2) * PI / 2), r.between(0.2f, 1.3f), 0.15f, 0.04f, glow);
        else b.add(BALL, f, 0.2f, 0.2f, 0.16f, glow);
        if (is_low || r.chance(0.3f)) b.rod(f.origin, vec(x, y, h), 0.012f, b.metal());
        b.end_group();
    }
    if (r.chance(0.25f)) {  // beams
        int beam = b.any();
        b.begin_group();
        for (float x = -w / 2 + 0.5f; x < w / 2; x += 1.1f) b.box(world_frame().moved(x, 0, h - 0.08f), 0.12f, d, 0.16f, beam);
        b.end_group();
    }
}

inline Place build_room(Builder& b, float w, float d, float h, float crowd) {
    Random& r = b.random;
    Scene& scene = b.scene;
    Frame f = world_frame();
    int wall = wall_material(b);
    b.begin_group();
    b.box(f.moved(0, 0, -0.1f), w + 0.4f, d + 0.4f, 0.2f, floor_material(b));
    b.box(f.moved(0, 0, h + 0.1f), w + 0.4f, d + 0.4f, 0.2f, r.chance(0.7f) ? b.plain(0.3f, 0.85f) : b.patterned());
    for (int side = 0; side < 4; ++side) {
        float own = side % 2 ? d : w, other = side % 2 ? w : d;
        Frame g = f.turned(side * PI / 2).moved(0, -other / 2 - 0.1f, h / 2);
        b.box(g, own + 0.4f, 0.2f, h, r.chance(0.7f) ? wall : wall_material(b));
    }
    b.end_group();
    for (int side = 0; side < 4; ++side) {
        float own = side % 2 ? d : w, other = side % 2 ? w : d;
        decorate_wall(b, f.turned(side * PI / 2).moved(0, -other / 2, 0), own, h);
    }
    add_ceiling(b, w, d, h);
    if (r.chance(0.4f)) {
        b.begin_group();
        Frame rug = f.moved(r.between(-0.25f, 0.25f) * w, r.between(-0.25f, 0.25f) * d, 0.006f).turned(r.chance(0.7f) ? 0.0f : r.between(0, 3));
        if (r.chance(0.7f)) b.box(rug, r.between(1, 3), r.between(0.8f, 2), 0.012f, b.cloth());
        else b.add(CYLINDER, rug, 2, 2, 0.012f, b.cloth());
        b.end_group();
    }
    if (r.chance(0.25f)) {  // a wall with an opening
        b.begin_group();
        Frame g = f.turned(r.below(2) * PI / 2).moved(0, r.between(-0.25f, 0.25f) * std::min(w, d), 0);
        float gap = r.between(0.8f, 1.6f), at = r.between(-0.3f, 0.3f) * w, longest = std::max(w, d);
        b.box(g.moved(at - gap / 2 - longest / 2, 0, h / 2), longest, 0.12f, h, wall);
        b.box(g.moved(at + gap / 2 + longest / 2, 0, h / 2), longest, 0.12f, h, wall);
        b.box(g.moved(at, 0, (h + 2.1f) / 2), gap, 0.12f, h - 2.1f, wall);
        b.end_group();
    }
    for (int k = r.chance(0.25f) ? r.from_to(1, 4) : 0; k > 0; --k) {
        b.begin_group();
        Frame g = f.moved(r.between(-0.4f, 0.4f) * w, r.between(-0.4f, 0.4f) * d, h / 2);
        if (r.chance(0.5f)) b.add(CYLINDER, g, 0.3f, 0.3f, h, b.any());
        else b.box(g, 0.35f, 0.35f, h, b.any());
        b.end_group();
    }
    int pieces = (int)(crowd * w * d * r.between(0.15f, 0.55f)) + 2;
    pieces = std::min(pieces, 22);
    Vec3 taken[24];
    int count = 0;
    for (int k = 0; k < 3 * pieces && count < pieces; ++k) {
        bool is_at_wall = r.chance(0.45f);
        int side = r.below(4);
        float own = side % 2 ? d : w, other = side % 2 ? w : d;
        Frame g = is_at_wall ? f.turned(side * PI / 2).moved(r.between(-0.45f, 0.45f) * own, -other / 2 + 0.4f, 0)
                             : f.moved(r.between(-0.42f, 0.42f) * w, r.between(-0.42f, 0.42f) * d, 0).turned(r.between(0, 2 * PI));
        bool is_free = true;
        for (int i = 0; i < count; ++i) is_free &= length(taken[i] - g.origin) > 0.75f;
        if (!is_free) continue;
        taken[count++] = g.origin;
        add_furniture(b, g);
    }
    if (r.chance(0.3f)) {
        b.begin_group();
        b.cable(vec(-w / 2, r.between(-d, d) * 0.4f, h * 0.9f), vec(w / 2, r.between(-d, d) * 0.4f, h * 0.85f), r.between(0.1f, 0.6f), r.between(0.008f, 0.03f), b.any(), 12);
        b.end_group();
    }
    float ambient = r.log_between(0.05f, 0.5f);
    scene.ambient_top = vec(1, 1, 1) * ambient;
    scene.ambient_bottom = vec(1, 0.95f, 0.9f) * (ambient * r.between(0.3f, 0.9f));
    scene.sky_top = scene.sky_horizon = vec(0.6f, 0.7f, 0.9f);
    return {vec(-w / 2, -d / 2, 0), vec(w / 2, d / 2, h), r.chance(0.3f) ? 0.15f : 0.8f, std::min(h - 0.3f, 1.9f)};
}

inline void add_tree(Builder& b, Frame f) {
    Random& r = b.random;
    float h = r.between(2.0f, 8.0f);
    int bark = b.add_material(CLOUDS, 0.1f, vec(0.2f, 0.15f, 0.1f), vec(0.08f, 0.06f, 0.05f), vec(0, 0, 0));
    Vec3 green = vec(0.08f, 0.2f, 0.05f) * r.log_between(0.4f, 2.5f);
    int crown = b.add_material(CLOUDS, r.between(0.05f, 0.3f), green * 1.5f, green * 0.3f, green);
    b.begin_group();
    b.add(CONE, f.moved(0, 0, h * 0.35f), h * 0.07f, h * 0.07f, h * 0.7f, bark, 0.6f);
    b.end_group();
    b.begin_group();
    for (int k = 0; k < 12; ++k) {
        float size = h * r.between(0.12f, 0.35f);
        b.add(BALL, f.moved(r.normal() * h * 0.13f, r.normal() * h * 0.13f, h * r.between(0.6f, 1.0f)), size, size, size * 0.8f, crown);
        if (k < 5) b.rod(f.at(0, 0, h * 0.55f), f.at(r.normal() * h * 0.2f, r.normal() * h * 0.2f, h * 0.8f), h * 0.02f, bark);
    }
    b.end_group();
}

inline Place build_street(Builder& b) {
    Random& r = b.random;
    Scene& scene = b.scene;
    Frame f = world_frame();
    scene.is_open = 1;
    Vec3 ground = b.paint(0.05f, 0.5f);
    int material = b.add_material(b.pick({CLOUDS, TILES, STAINS, SPECKLES, BRICKS}), r.log_between(0.1f, 1.5f), ground, ground * 0.7f, ground * 0.5f);
    b.begin_group();
    b.box(f.moved(0, 0, -0.5f), 300, 300, 1, material);
    b.end_group();
    for (int k = 0; k < r.from_to(1, 3); ++k) {
        b.begin_group();
        b.box(f.turned(r.below(2) * PI / 2).moved(0, r.between(-8, 8), 0.0f), 200, r.between(1, 5), r.between(0.02f, 0.3f), floor_material(b));
        b.end_group();
    }
    int houses = r.from_to(1, 10);
    for (int k = 0; k < houses; ++k) {
        float angle = r.between(0, 2 * PI), away = r.log_between(9, 45), w = r.between(4, 15), h = r.between(3, 14);
        Frame g = f.turned(angle).moved(away + w * 0.5f, 0, 0).turned(r.between(-0.3f, 0.3f));
        Vec3 colour = b.paint(0.1f, 0.7f);
        b.begin_group();
        b.box(g.moved(0, 0, h / 2), w, r.between(4, 18), h, b.add_material(r.chance(0.7f) ? FACADE : BRICKS, r.between(1.2f, 3.5f), colour, b.paint(0.03f, 0.4f), b.paint(0.3f, 0.8f)));
        if (r.chance(0.5f)) b.add(CONE, g.moved(0, 0, h + 1), w * 1.4f, 12, 2.5f, b.plain(0.05f, 0.4f), 0.3f);
        b.end_group();
    }
    for (int k = r.below(9); k > 0; --k) add_tree(b, f.turned(r.between(0, 6.28f)).moved(r.log_between(3, 30), 0, 0));
    int poles = r.below(5);
    for (int k = 0; k < poles; ++k) {
        Frame g = f.turned(r.between(0, 6.28f)).moved(r.log_between(1.5f, 15), 0, 0);
        b.begin_group();
        b.rod(g.origin, g.at(0, 0, r.between(2.5f, 7)), r.between(0.05f, 0.2f), b.metal());
        if (r.chance(0.4f)) b.box(g.moved(0, 0.06f, r.between(2, 3)), 0.6f, 0.02f, 0.6f, b.patterned());
        b.cable(g.at(0, 0, 5), g.at(10, r.between(-9, 9), 5), 0.6f, 0.03f, b.plain(0.02f, 0.1f), 10);
        b.end_group();
    }
    for (int k = r.below(5); k > 0; --k) {  // cars
        Frame g = f.turned(r.between(0, 6.28f)).moved(r.log_between(3, 20), 0, 0).turned(r.between(0, 6.28f));
        int paint = b.plain(), glass = b.metal(), tyre = b.plain(0.02f, 0.06f);
        b.scene.materials[paint].mirror = 0.06f;
        b.begin_group();
        b.box(g.moved(0, 0, 0.6f), 1.75f, 4.2f, 0.6f, paint);
        b.box(g.moved(0, -0.2f, 1.15f), 1.5f, 2.2f, 0.55f, glass);
        b.box(g.moved(0, -0.2f, 1.45f), 1.4f, 1.8f, 0.06f, paint);
        for (int s = 0; s < 4; ++s) b.add(CYLINDER, frame_along(g.at(s % 2 ? 0.8f : -0.8f, s < 2 ? 1.3f : -1.3f, 0.32f), g.x), 0.64f, 0.64f, 0.2f, tyre);
        b.end_group();
    }
    for (int k = r.from_to(1, 8); k > 0; --k) add_furniture(b, f.turned(r.between(0, 6.28f)).moved(r.log_between(1.5f, 12), 0, 0).turned(r.between(0, 6.28f)));
    scene.light_count = 1;
    scene.lights[0] = {unit(vec(r.between(-1, 1), r.between(-1, 1), r.between(0.25f, 1.3f))), r.chance(0.3f) ? 0.5f : 0.02f, vec(1.0f, 0.95f, 0.85f) * r.between(0.2f, 3.0f), 1};
    scene.sky_horizon = vec(0.75f, 0.8f, 0.85f) * r.between(0.5f, 1.2f);
    scene.sky_top = mixed(vec(0.25f, 0.45f, 0.9f), vec(0.7f, 0.7f, 0.7f), r.share()) * r.between(0.6f, 1.2f);
    scene.ambient_top = scene.sky_top * r.between(0.5f, 1.0f);
    scene.ambient_bottom = ground * r.between(0.3f, 1.0f);
    return {vec(-6, -6, 0), vec(6, 6, 8), 0.3f, r.chance(0.2f) ? 5.0f : 2.0f};
}

// Shapes without any order, in a room or before the sky: nothing can be guessed, all must be measured.
inline Place build_chaos(Builder& b) {
    Random& r = b.random;
    float w = r.log_between(2.5f, 12), h = r.log_between(2.5f, 8);
    Place place = build_room(b, w, w, h, 0.1f);
    place.eye_low_m = 0.2f;
    place.eye_high_m = h - 0.2f;
    int materials[12];
    for (int& m : materials) m = b.any();
    int clusters = r.from_to(8, 40);
    for (int k = 0; k < clusters; ++k) {
        b.begin_group();
        Vec3 centre = vec(r.between(-0.5f, 0.5f) * w, r.between(-0.5f, 0.5f) * w, r.between(0, h));
        float size = r.log_between(0.05f, 0.35f * w);
        for (int i = r.from_to(1, 6); i > 0; --i) {
            Frame g = frame_along(centre + r.direction() * (size * 0.6f), r.direction()).turned(r.between(0, 6.28f));
            float thin = r.chance(0.35f) ? 0.08f : 1.0f;
            b.add(r.below(7), g, size * r.between(0.2f, 1) * thin, size * r.between(0.2f, 1), size * r.between(0.2f, 1) * (r.chance(0.2f) ? 0.1f : 1.0f), materials[r.below(12)], r.between(0, 1));
        }
        b.end_group();
    }
    return place;
}

inline Place build_place(Builder& b) {
    Random& r = b.random;
    float kind = r.share();
    if (kind < 0.62f) return build_room(b, r.log_between(2.4f, 9), r.log_between(2.4f, 9), r.between(2.2f, 3.4f), r.between(0.4f, 1.6f));
    if (kind < 0.72f) return build_room(b, r.between(1.3f, 2.6f), r.between(6, 25), r.between(2.2f, 3), r.between(0.2f, 0.7f));
    if (kind < 0.79f) return build_room(b, r.between(10, 25), r.between(10, 25), r.between(3, 8), 0.25f);
    if (kind < 0.90f) return build_street(b);
    return build_chaos(b);
}
