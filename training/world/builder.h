// SPDX-License-Identifier: Apache-2.0
// Puts materials, primitives and lamps into a scene.
#pragma once
#include <algorithm>
#include <initializer_list>

#include "scene.h"

struct Builder {
    Scene& scene;
    Random random;

    Builder(Scene& scene, Random random) : scene(scene), random(random) {}

    int pick(std::initializer_list<int> choices) { return choices.begin()[random.below((int)choices.size())]; }
    Vec3 paint(float darkest = 0.03f, float lightest = 0.85f) {
        // Mostly muted: a grey level with a hue of random strength.
        float grey = random.log_between(darkest, lightest);
        float strength = random.chance(0.35f) ? random.between(0.3f, 0.9f) : random.between(0.0f, 0.35f);
        Vec3 hue = vec(random.share(), random.share(), random.share());
        float mean = (hue.x + hue.y + hue.z) / 3.0f + 1e-3f;
        Vec3 colour = mixed(vec(1, 1, 1), hue * (1.0f / mean), strength) * grey;
        return vec(std::min(colour.x, 0.9f), std::min(colour.y, 0.9f), std::min(colour.z, 0.9f));
    }

    int add_material(int pattern, float period_m, Vec3 first, Vec3 second, Vec3 third) {
        if (scene.material_count == MAX_MATERIALS) return random.below(MAX_MATERIALS);
        Material& m = scene.materials[scene.material_count];
        m = Material{};
        m.colours[0] = first;
        m.colours[1] = second;
        m.colours[2] = third;
        m.period_m = period_m;
        m.angle = random.chance(0.7f) ? 0.5f * PI * random.below(4) : random.between(0.0f, 2 * PI);
        m.dirt = random.chance(0.12f) ? 0.0f : random.log_between(0.15f, 2.0f);
        m.pattern = pattern;
        m.seed = random.bits();
        if (random.chance(0.3f)) m.gloss = random.between(0.05f, 0.6f);
        if (random.chance(0.12f)) m.mirror = random.between(0.02f, 0.25f);
        return scene.material_count++;
    }
    int plain(float darkest = 0.03f, float lightest = 0.85f) {
        Vec3 colour = paint(darkest, lightest);
        return add_material(random.chance(0.35f) ? PLAIN : STAINS, random.log_between(0.05f, 0.8f), colour,
                            colour * random.between(0.3f, 1.8f), colour);
    }
    int wood() {
        Vec3 base = mixed(vec(0.45f, 0.28f, 0.14f), vec(0.75f, 0.6f, 0.42f), random.share()) * random.log_between(0.25f, 1.1f);
        return add_material(WOOD, random.log_between(0.05f, 0.3f), base, base * random.between(0.35f, 0.8f), base);
    }
    int metal() {
        int material = add_material(PLAIN, 1.0f, vec(1, 1, 1) * random.log_between(0.08f, 0.6f), vec(0.3f, 0.3f, 0.3f), vec(0, 0, 0));
        scene.materials[material].gloss = random.between(0.2f, 1.0f);
        scene.materials[material].mirror = random.chance(0.3f) ? random.between(0.05f, 0.4f) : 0.0f;
        return material;
    }
    int lamp(float glow) {
        int material = add_material(PLAIN, 1.0f, vec(0.9f, 0.88f, 0.8f), vec(0.9f, 0.9f, 0.9f), vec(0, 0, 0));
        scene.materials[material].glow = glow;
        scene.materials[material].mirror = 0.0f;
        return material;
    }
    int patterned() {
        Vec3 first = paint(), second = random.chance(0.4f) ? first * random.between(0.3f, 2.5f) : paint();
        return add_material(random.below(PATTERN_COUNT), random.log_between(0.03f, 0.8f), first, second, paint());
    }
    int any() {
        float kind = random.share();
        return kind < 0.22f ? plain() : kind < 0.38f ? wood() : kind < 0.44f ? metal() : patterned();
    }
    int cloth() {
        float kind = random.share();
        Vec3 first = paint();
        if (kind < 0.25f) return plain();
        return add_material(kind < 0.65f ? WEAVE : kind < 0.8f ? STRIPES : kind < 0.9f ? MOTIFS : CLOUDS,
                            random.log_between(0.01f, 0.25f), first, random.chance(0.6f) ? first * random.between(0.3f, 2.0f) : paint(), paint());
    }

    // ------ primitives; sizes are full extents in metres

    void begin_group() { group_start_ = scene.primitive_count; }
    void end_group() {
        int count = scene.primitive_count - group_start_;
        if (count == 0 || scene.group_count == MAX_GROUPS) { scene.primitive_count = group_start_; return; }
        Vec3 centre = vec(0, 0, 0);
        for (int i = group_start_; i < scene.primitive_count; ++i) centre = centre + centres_[i] * (1.0f / count);
        float radius = 0.0f;
        for (int i = group_start_; i < scene.primitive_count; ++i) {
            radius = std::max(radius, length(centres_[i] - centre) + radii_[i]);
        }
        scene.groups[scene.group_count++] = {centre, radius * 1.001f + 1e-4f, group_start_, count};
        group_start_ = scene.primitive_count;
    }
    void split_group() { end_group(); begin_group(); }

    void add(int shape, Frame frame, float x, float y, float z, int material, float taper = 1.0f) {
        if (scene.primitive_count == MAX_PRIMITIVES) return;
        int index = scene.primitive_count++;
        Primitive& p = scene.primitives[index];
        Vec3 half = vec(std::max(x, 1e-3f), std::max(y, 1e-3f), std::max(z, 1e-3f)) * 0.5f;
        Vec3 axes[3] = {frame.x, frame.y, frame.z};
        float halves[3] = {half.x, half.y, half.z};
        for (int row = 0; row < 3; ++row) {
            Vec3 a = axes[row] * (1.0f / halves[row]);
            p.local_from_world[4 * row] = a.x;
            p.local_from_world[4 * row + 1] = a.y;
            p.local_from_world[4 * row + 2] = a.z;
            p.local_from_world[4 * row + 3] = -dot(a, frame.origin);
        }
        p.half_size_m = half;
        p.taper = taper;
        p.shape = shape;
        p.material = material;
        centres_[index] = frame.origin;
        float widest = std::max(1.0f, taper);
        bool is_flat = shape == SHEET || shape == DISC || shape == LEAF;
        float rim = shape == BOX || shape == SHEET ? length(vec(half.x, half.y, is_flat ? 0 : half.z))
                    : shape == BALL ? std::max(half.x, std::max(half.y, half.z))
                    : is_flat ? std::max(half.x, half.y)
                              : length(vec(widest * std::max(half.x, half.y), 0, half.z));
        radii_[index] = rim;
    }
    void box(Frame frame, float x, float y, float z, int material) { add(BOX, frame, x, y, z, material); }
    void rod(Vec3 from, Vec3 to, float thickness, int material) {
        Frame frame = frame_along((from + to) * 0.5f, to - from);
        add(CYLINDER, frame, thickness, thickness, length(to - from), material);
    }
    void cable(Vec3 from, Vec3 to, float sag, float thickness, int material, int pieces = 8) {
        Vec3 last = from;
        for (int k = 1; k <= pieces; ++k) {
            float t = (float)k / pieces;
            Vec3 next = mixed(from, to, t) - vec(0, 0, 1) * (4.0f * sag * t * (1.0f - t));
            rod(last, next, thickness, material);
            last = next;
        }
    }

private:
    int group_start_ = 0;
    Vec3 centres_[MAX_PRIMITIVES];
    float radii_[MAX_PRIMITIVES];
};
