// SPDX-License-Identifier: Apache-2.0
// A tree of boxes over the primitives of a scene, by which rays find what they may meet.
#pragma once
#include <algorithm>
#include <vector>

#include "tracing.h"

struct Bounds {
    Vec3 low = vec(FAR_AWAY, FAR_AWAY, FAR_AWAY), high = -low;

    void include(const Bounds& other) {
        low = vec(std::min(low.x, other.low.x), std::min(low.y, other.low.y), std::min(low.z, other.low.z));
        high = vec(std::max(high.x, other.high.x), std::max(high.y, other.high.y), std::max(high.z, other.high.z));
    }
    float middle(int axis) const {  // twice the middle, which sorts alike
        return axis == 0 ? low.x + high.x : axis == 1 ? low.y + high.y : low.z + high.z;
    }
    float area() const {
        Vec3 size = high - low;
        return size.x * size.y + size.y * size.z + size.z * size.x;
    }
};

inline Bounds bounds_of(const Primitive& p) {
    const float* m = p.local_from_world;
    Vec3 rows[3] = {vec(m[0], m[1], m[2]), vec(m[4], m[5], m[6]), vec(m[8], m[9], m[10])};
    // The matrix's inverse takes the axes of the unit shape to the world.
    float determinant = dot(rows[0], cross(rows[1], rows[2]));
    float widest = std::max(1.0f, p.taper);
    bool is_flat = p.shape == SHEET || p.shape == DISC || p.shape == LEAF;
    float reach[3] = {widest, widest, is_flat ? 0.0f : 1.0f};
    Vec3 centre = vec(0, 0, 0), half = vec(1, 1, 1) * 2e-4f;  // more than rounding may take away
    for (int k = 0; k < 3; ++k) {
        Vec3 column = cross(rows[(k + 1) % 3], rows[(k + 2) % 3]) * (1.0f / determinant);
        centre = centre - column * m[4 * k + 3];
        half = half + vec(fabsf(column.x), fabsf(column.y), fabsf(column.z)) * reach[k];
    }
    return {centre - half, centre + half};
}

// Grows a tree from the top: what is in a box is cut in two, and each part again.
class TreeBuilder {
public:
    explicit TreeBuilder(Scene& scene)
        : scene_(scene), numbers_(scene.primitive_count), boxes_(scene.primitive_count), costs_(scene.primitive_count) {
        for (int i = 0; i < scene.primitive_count; ++i) {
            numbers_[i] = i;
            boxes_[i] = bounds_of(scene.primitives[i]);
        }
    }

    // Appends the groups of a range of numbers, which lie in a group with a box of some area.
    void grow(int first, int last, float area_around) {
        Bounds bounds;
        for (int k = first; k < last; ++k) bounds.include(boxes_[numbers_[k]]);
        bool is_single = last - first == 1;
        // A box nearly as large as the one around it would seldom spare a ray what is inside.
        bool is_group = is_single || bounds.area() < 0.6f * area_around;
        int own = scene_.group_count;
        if (is_group) {
            Group& group = scene_.groups[scene_.group_count++];
            group.centre = (bounds.low + bounds.high) * 0.5f;
            group.half_size_m = (bounds.high - bounds.low) * 0.5f;
            group.radius_m = length(group.half_size_m);
            group.first = numbers_[first];
            group.count = is_single;
        }
        if (is_single) return;
        int cut = split(first, last);
        float area = is_group ? bounds.area() : area_around;
        grow(first, cut, area);
        grow(cut, last, area);
        if (is_group) scene_.groups[own].first = scene_.group_count;
    }

private:
    Scene& scene_;
    std::vector<int> numbers_;   // of primitives, in the order of the tree
    std::vector<Bounds> boxes_;  // of primitives, by number
    std::vector<float> costs_;

    void sort(int first, int last, int axis) {
        std::sort(numbers_.begin() + first, numbers_.begin() + last, [&](int a, int b) {
            float x = boxes_[a].middle(axis), y = boxes_[b].middle(axis);
            return x < y || (x == y && a < b);
        });
    }

    // Sorts a range so that it can be cut in two where the areas of both boxes, times what is in
    // them, add up to the least: so a ray is likely to meet the fewest.
    int split(int first, int last) {
        float best = FAR_AWAY;
        int best_axis = 0, best_cut = (first + last) / 2;
        for (int axis = 0; axis < 3; ++axis) {
            sort(first, last, axis);
            Bounds left, right;
            for (int cut = first + 1; cut < last; ++cut) {
                left.include(boxes_[numbers_[cut - 1]]);
                costs_[cut] = left.area() * (cut - first);
            }
            for (int cut = last - 1; cut > first; --cut) {
                right.include(boxes_[numbers_[cut]]);
                float cost = costs_[cut] + right.area() * (last - cut);
                if (cost < best) { best = cost; best_axis = axis; best_cut = cut; }
            }
        }
        if (best_axis != 2) sort(first, last, best_axis);
        return best_cut;
    }
};

// Puts a tree of boxes, down to single primitives, in the place of a scene's groups.
inline void grow_tree(Scene& scene) {
    scene.group_count = 0;
    if (scene.primitive_count > 0) TreeBuilder(scene).grow(0, scene.primitive_count, FAR_AWAY);
}
