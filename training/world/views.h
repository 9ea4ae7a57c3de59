// SPDX-License-Identifier: Apache-2.0
// Where the cameras of a window stand: like a hand, a head or a robot that moves through a place.
#pragma once
#include "camera.h"
#include "places.h"

constexpr int GRID_X = 6, GRID_Y = 5, GRID = GRID_X * GRID_Y;

inline float clearance(const Scene& scene, Vec3 point) {
    float nearest = FAR_AWAY;
    for (int k = 0; k < 14; ++k) {
        Vec3 d = k < 6 ? vec((k == 0) - (k == 1), (k == 2) - (k == 3), (k == 4) - (k == 5))
                       : vec(k & 1 ? 0.577f : -0.577f, k & 2 ? 0.577f : -0.577f, k & 4 ? 0.577f : -0.577f);
        nearest = std::min(nearest, trace(scene, point, d, 0.0f).distance);
    }
    return nearest;
}

inline Frame looking(Vec3 origin, Vec3 forward, float roll) {  // optical axes: x right, y down
    Vec3 z = unit(forward), x = cross(z, vec(0, 0, 1));
    x = length(x) < 1e-3f ? vec(1, 0, 0) : unit(x);
    return Frame{origin, x, cross(z, x), z}.turned(roll);
}

// Sorted depths behind a grid of pixels, the points there, and how many primitives were met; the
// sky counts as 200 m away.
inline int probe(const Scene& scene, const Camera& camera, float* depths, Vec3* points) {
    int met[GRID];
    for (int k = 0; k < GRID; ++k) {
        float x = (k % GRID_X + 0.5f) / GRID_X, y = (k / GRID_X + 0.5f) / GRID_Y;
        Vec3 d = camera.frame.x * ((x - camera.cx) / camera.fx) + camera.frame.y * ((y - camera.cy) / camera.fy) + camera.frame.z;
        Hit hit = trace(scene, camera.frame.origin, d, 0.0f);
        met[k] = hit.primitive;
        depths[k] = std::min(200.0f, hit.distance);
        points[k] = camera.frame.origin + d * depths[k];
    }
    std::sort(depths, depths + GRID);
    std::sort(met, met + GRID);
    return (int)(std::unique(met, met + GRID) - met);
}

// The share of points that a camera has in its image, and in sight.
inline float share_in_sight(const Scene& scene, const Camera& camera, const Vec3* points) {
    int count = 0;
    for (int k = 0; k < GRID; ++k) count += sees(scene, camera, points[k]);
    return count / (float)GRID;
}

inline void place_cameras(Builder& b, const Place& place, int view_count, float aspect) {
    Random& r = b.random;
    Scene& scene = b.scene;
    scene.view_count = view_count;
    Camera camera{};
    camera.fx = r.log_between(0.62f, 1.45f);
    if (r.chance(0.3f)) camera.fx = r.between(0.8f, 1.05f);
    camera.fy = camera.fx * aspect * r.between(0.995f, 1.005f);
    camera.cx = 0.5f + r.between(-0.03f, 0.03f);
    camera.cy = 0.5f + r.between(-0.05f, 0.05f);
    float depths[GRID];
    Vec3 points[GRID];
    bool is_close = r.chance(0.4f);
    float best = -1.0f;
    Camera chosen = camera;
    for (int attempt = 0; attempt < 14; ++attempt) {
        Vec3 origin = vec(r.between(place.low.x, place.high.x) * 0.9f, r.between(place.low.y, place.high.y) * 0.9f, r.between(place.eye_low_m, place.eye_high_m));
        float yaw = r.between(0, 2 * PI), pitch = -0.12f + 0.25f * r.normal();
        Vec3 forward = vec(cosf(yaw) * cosf(pitch), sinf(yaw) * cosf(pitch), sinf(pitch));
        if (is_close && scene.group_count > 3) {
            const Group& target = scene.groups[r.below(scene.group_count)];
            Vec3 back = r.direction();
            back.z = fabsf(back.z) * 0.7f;
            origin = target.centre + unit(back) * (std::min(target.radius_m, 1.0f) + r.log_between(0.15f, 1.8f));
            forward = target.centre + r.direction() * 0.2f - origin;
            bool is_inside = origin.x > place.low.x && origin.x < place.high.x && origin.y > place.low.y && origin.y < place.high.y && origin.z > 0.05f && origin.z < place.high.z;
            if (!is_inside) continue;
        }
        camera.frame = looking(origin, forward, 0.06f * r.normal());
        float room = clearance(scene, origin);
        if (room < 0.12f) continue;
        int things = probe(scene, camera, depths, points);
        // A view of things at several depths, none of them at the lens.
        float nearest = depths[2], median = depths[GRID / 2], farthest = depths[GRID - 3];
        if (nearest < 0.18f || median < 0.35f) continue;
        float merit = std::min(1.5f, logf(farthest / nearest)) + 0.07f * things + r.between(0, 0.6f);
        if (merit > best) { best = merit; chosen = camera; }
        if (merit > 2.2f) break;
    }
    if (best < 0.0f) {
        chosen.frame = looking((place.low + place.high) * 0.5f, vec(1, 0.2f, -0.1f), 0.0f);
    }
    scene.cameras[0] = chosen;
    probe(scene, chosen, depths, points);
    float median = depths[GRID / 2], typical = sqrtf(median * std::max(depths[GRID / 5], 0.2f));
    // Parallax as window choosers give it: about a degree to fifteen, for the whole path.
    float widest_deg = r.log_between(1.5f, 20.0f);
    int path = r.below(4);
    const Frame& f = chosen.frame;
    Vec3 along = path == 0 ? f.x * (r.chance(0.5f) ? 1.0f : -1.0f) : path == 1 ? f.z * (r.chance(0.7f) ? -1.0f : 1.0f) : unit(f.x * r.normal() + f.y * (0.5f * r.normal()) + f.z * (0.7f * r.normal()));
    float fixation = r.share();
    Vec3 focus = f.at(0, 0, typical * r.between(0.7f, 2.0f));
    for (int k = 1; k < view_count; ++k) {
        float wobble = r.log_between(0.015f, 0.35f);
        float share = path == 3 ? r.log_between(0.25f, 1.0f) : (float)k / (view_count - 1) * r.between(0.7f, 1.3f);
        float baseline = 2.0f * typical * tanf(0.5f * widest_deg * share * PI / 180.0f);
        Vec3 direction = path == 3 ? r.direction() : unit(along + r.direction() * 0.25f);
        Camera other = chosen;
        for (int attempt = 0; attempt < 8; ++attempt) {
            Vec3 origin = f.origin + direction * baseline;
            Vec3 forward = mixed(f.z, unit(focus - origin), fixation) + r.direction() * wobble;
            other.frame = looking(origin, forward, 0.0f);
            // Keep the roll of the path: compare with the reference's horizon.
            float roll = atan2f(dot(f.x, other.frame.y), dot(f.x, other.frame.x));
            other.frame = other.frame.turned(roll + wobble * 0.5f * r.normal());
            bool is_good = clearance(scene, origin) > 0.08f && !is_blocked(scene, f.origin, origin - f.origin, 0.0f, 1.0f) &&
                           share_in_sight(scene, other, points) > 0.25f;
            if (is_good) break;
            baseline *= 0.75f;
            wobble *= 0.7f;
            if (attempt == 3) direction = unit(r.direction() + direction * 0.2f);
        }
        scene.cameras[k] = other;
    }
}

inline void make_scene(Scene& scene, uint32_t seed, int view_count, float aspect) {
    scene.primitive_count = scene.group_count = scene.material_count = scene.light_count = scene.is_open = 0;
    scene.seed = scrambled(seed, 17u);
    scene.exposure = 1.0f;
    Builder builder(scene, Random{scrambled(seed, 99u)});
    Place place = build_place(builder);
    place_cameras(builder, place, view_count, aspect);
}
