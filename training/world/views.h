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

// A view of things at several depths, none of them at the lens; false where none was found.
inline bool choose_reference(Builder& b, const Place& place, bool is_level, Camera& camera) {
    Random& r = b.random;
    Scene& scene = b.scene;
    float depths[GRID];
    Vec3 points[GRID];
    bool is_close = !is_level && r.chance(0.4f);
    float best = -1.0f;
    Camera chosen = camera;
    for (int attempt = 0; attempt < 14; ++attempt) {
        float eye_low = is_level ? std::max(place.eye_low_m, 0.6f) : place.eye_low_m, eye_high = is_level ? std::max(eye_low, 1.2f) : place.eye_high_m;
        Vec3 origin = vec(r.between(place.low.x, place.high.x) * 0.9f, r.between(place.low.y, place.high.y) * 0.9f, r.between(eye_low, eye_high));
        float yaw = r.between(0, 2 * PI), pitch = is_level ? -0.1f * r.share() : -0.12f + 0.25f * r.normal();
        Vec3 forward = vec(cosf(yaw) * cosf(pitch), sinf(yaw) * cosf(pitch), sinf(pitch));
        if (is_close && scene.group_count > 3) {
            const Group& target = scene.groups[r.below(scene.group_count)];
            Vec3 back = r.direction();
            back.z = fabsf(back.z) * 0.7f;
            float distance = std::min(target.radius_m, 1.0f) + r.log_between(0.15f, 1.8f);
            origin = target.centre + unit(back) * distance;
            // Half of them look past it: near things at the border, before a far room.
            forward = target.centre + r.direction() * (r.chance(0.5f) ? 0.2f : r.between(0.3f, 0.9f) * distance) - origin;
            bool is_inside = origin.x > place.low.x && origin.x < place.high.x && origin.y > place.low.y && origin.y < place.high.y && origin.z > 0.05f && origin.z < place.high.z;
            if (!is_inside) continue;
        }
        camera.frame = looking(origin, forward, is_level ? 0.01f * r.normal() : 0.06f * r.normal());
        float room = clearance(scene, origin);
        if (room < 0.12f) continue;
        int things = probe(scene, camera, depths, points);
        float nearest = depths[2], median = depths[GRID / 2], farthest = depths[GRID - 3];
        if (nearest < 0.18f || median < 0.35f) continue;
        float merit = std::min(1.5f, logf(farthest / nearest)) + 0.12f * things + r.between(0, 0.6f);
        if (merit > best) { best = merit; chosen = camera; }
        if (merit > 2.8f) break;
    }
    camera = chosen;
    return best >= 0.0f;
}

// How the views of a window lie to each other.
struct Path {
    Vec3 along;         // from the reference
    Vec3 focus;         // where views turn to, by the share `fixation`
    float reach_m;      // of the farthest view
    float fixation, wobble;
    bool is_scattered;  // each view somewhere else; or one after the other
};

inline Path choose_path(Random& r, const Frame& f, float median_m, bool is_level) {
    Path path{};
    // Parallax at the median depth: of a path's whole length, as those who choose windows like it.
    float widest_deg = r.chance(0.5f) ? r.log_between(6.0f, 25.0f) : r.log_between(1.5f, 30.0f);
    path.reach_m = 2.0f * median_m * tanf(0.5f * widest_deg * PI / 180.0f);
    path.fixation = r.share();
    path.wobble = r.log_between(0.015f, 0.35f);
    path.focus = f.at(0, 0, median_m * r.between(0.7f, 2.0f));
    if (is_level) {  // a robot: forward past things, its views behind it
        float angle = (r.chance(0.5f) ? 1.0f : -1.0f) * r.between(0.15f, 1.1f);
        path.along = f.x * sinf(angle) - f.z * cosf(angle);
        path.reach_m = median_m * r.log_between(0.08f, 0.7f);
        path.fixation *= 0.3f;
        return path;
    }
    int kind = r.below(4);
    path.is_scattered = kind == 3;
    path.along = kind == 0   ? f.x * (r.chance(0.5f) ? 1.0f : -1.0f)
                 : kind == 1 ? f.z * (r.chance(0.7f) ? -1.0f : 1.0f)
                             : unit(f.x * r.normal() + f.y * (0.5f * r.normal()) + f.z * (0.7f * r.normal()));
    return path;
}

inline void place_partner(Builder& b, const Path& path, const Camera& reference, const Vec3* points, float share, Camera& partner) {
    Random& r = b.random;
    const Scene& scene = b.scene;
    const Frame& f = reference.frame;
    float wobble = path.wobble, distance = path.reach_m * share, fixation = path.fixation;
    for (int attempt = 0; attempt < 9; ++attempt) {
        // What fails is tried elsewhere first; only then nearer.
        bool is_elsewhere = path.is_scattered || attempt >= 3;
        Vec3 direction = is_elsewhere ? unit(r.direction() + f.x * (0.5f * r.normal())) : unit(path.along + r.direction() * 0.2f);
        if (attempt >= 5) distance *= 0.8f;
        Vec3 origin = f.origin + direction * distance;
        Vec3 forward = mixed(f.z, unit(path.focus - origin), fixation) + r.direction() * wobble;
        partner = reference;
        partner.frame = looking(origin, forward, 0.0f);
        // Keep the roll of the path: compare with the reference's horizon.
        float roll = atan2f(dot(f.x, partner.frame.y), dot(f.x, partner.frame.x));
        partner.frame = partner.frame.turned(roll + wobble * 0.5f * r.normal());
        bool is_good = clearance(scene, origin) > 0.08f && !is_blocked(scene, f.origin, origin - f.origin, 0.0f, 1.0f) &&
                       share_in_sight(scene, partner, points) > 0.35f;
        if (is_good) return;
        fixation = std::min(1.0f, fixation + 0.15f);
        wobble *= 0.75f;
    }
}

// The median over the points of the widest angle between the rays of the reference and another view in sight of it.
inline float parallax_deg(const Scene& scene, const Vec3* points) {
    float angles[GRID];
    for (int k = 0; k < GRID; ++k) {
        angles[k] = 0.0f;
        Vec3 own = unit(points[k] - scene.cameras[0].frame.origin);
        for (int view = 1; view < scene.view_count; ++view) {
            if (!sees(scene, scene.cameras[view], points[k])) continue;
            Vec3 other = unit(points[k] - scene.cameras[view].frame.origin);
            angles[k] = std::max(angles[k], acosf(std::min(1.0f, dot(own, other))) * 180.0f / PI);
        }
    }
    std::sort(angles, angles + GRID);
    return angles[GRID / 2];
}

inline void place_cameras(Builder& b, const Place& place, int view_count, float aspect) {
    Random& r = b.random;
    Scene& scene = b.scene;
    scene.view_count = view_count;
    Camera camera{};
    camera.fx = r.log_between(0.5f, 1.45f);
    if (r.chance(0.55f)) camera.fx = r.chance(0.5f) ? r.between(0.55f, 0.7f) : r.between(0.8f, 1.05f);
    camera.fy = camera.fx * aspect * r.between(0.995f, 1.005f);
    camera.cx = 0.5f + r.between(-0.03f, 0.03f);
    camera.cy = 0.5f + r.between(-0.05f, 0.05f);
    bool is_level = r.chance(0.3f), may_be_narrow = r.chance(0.1f);
    for (int attempt = 0; attempt < 4; ++attempt) {
        if (!choose_reference(b, place, is_level, camera)) {
            camera.frame = looking((place.low + place.high) * 0.5f, vec(1, 0.2f, -0.1f), 0.0f);
        }
        scene.cameras[0] = camera;
        float depths[GRID];
        Vec3 points[GRID];
        probe(scene, camera, depths, points);
        Path path = choose_path(r, camera.frame, depths[GRID / 2], is_level);
        for (int k = 1; k < view_count; ++k) {
            float share = path.is_scattered ? r.log_between(0.1f, 1.0f) : (float)k / (view_count - 1) * r.between(0.7f, 1.3f);
            place_partner(b, path, camera, points, share, scene.cameras[k]);
        }
        // With less there is nothing to measure.
        if (may_be_narrow || parallax_deg(scene, points) > 1.2f) break;
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
