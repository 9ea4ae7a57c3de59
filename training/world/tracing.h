// SPDX-License-Identifier: Apache-2.0
// Where a ray meets a scene.
#pragma once
#include "scene.h"

constexpr float FAR_AWAY = 1e30f;

struct Hit {
    float distance;  // in units of the ray's direction
    int primitive;   // -1 for none
    Vec3 normal;     // in world space, towards the ray's origin, unit
    Vec3 local;      // point in the unit shape
    int side;        // axis of a box's face; 3 for round surfaces
};

BOTH Vec3 to_local(const Primitive& p, Vec3 a, float w) {
    const float* m = aligned(p).local_from_world;
    return {m[0] * a.x + m[1] * a.y + m[2] * a.z + m[3] * w,
            m[4] * a.x + m[5] * a.y + m[6] * a.z + m[7] * w,
            m[8] * a.x + m[9] * a.y + m[10] * a.z + m[11] * w};
}

BOTH Vec3 normal_to_world(const Primitive& p, Vec3 n) {
    const float* m = p.local_from_world;
    return unit(vec(m[0] * n.x + m[4] * n.y + m[8] * n.z, m[1] * n.x + m[5] * n.y + m[9] * n.z,
                    m[2] * n.x + m[6] * n.y + m[10] * n.z));
}

// Nearest crossing of a cylinder or cone about z, radius 1 at z = -1 and `taper` at z = 1.
BOTH float meet_round(Vec3 o, Vec3 d, float taper, float nearest, Vec3& normal, int& side) {
    float slope = 0.5f * (taper - 1.0f), middle = 0.5f * (taper + 1.0f);
    float ro = middle + slope * o.z, rd = slope * d.z;
    float a = d.x * d.x + d.y * d.y - rd * rd;
    float b = o.x * d.x + o.y * d.y - ro * rd;
    float c = o.x * o.x + o.y * o.y - ro * ro;
    float best = FAR_AWAY;
    float root = b * b - a * c;
    if (root >= 0.0f && fabsf(a) > 1e-12f) {
        root = sqrtf(root);
        for (int sign = -1; sign <= 1; sign += 2) {
            float t = (-b + sign * root) / a;
            float z = o.z + t * d.z;
            if (t > nearest && t < best && fabsf(z) <= 1.0f && middle + slope * z >= 0.0f) {
                best = t;
                normal = vec(o.x + t * d.x, o.y + t * d.y, -slope * (middle + slope * z));
                side = 3;
            }
        }
    }
    if (fabsf(d.z) > 1e-12f) {
        for (int sign = -1; sign <= 1; sign += 2) {
            float t = (sign - o.z) / d.z;
            float x = o.x + t * d.x, y = o.y + t * d.y;
            float radius = sign < 0 ? 1.0f : taper;
            if (t > nearest && t < best && x * x + y * y <= radius * radius) {
                best = t;
                normal = vec(0, 0, (float)sign);
                side = 2;
            }
        }
    }
    return best;
}

// Parameter of the nearest crossing after `nearest`, or FAR_AWAY.
BOTH float meet(const Primitive& p, Vec3 o, Vec3 d, float nearest, Vec3& normal, int& side) {
    if (p.shape == BOX) {
        float enter = -FAR_AWAY, leave = FAR_AWAY;
        int enter_axis = 0, leave_axis = 0;
        const float os[3] = {o.x, o.y, o.z}, ds[3] = {d.x, d.y, d.z};
        for (int axis = 0; axis < 3; ++axis) {
            float inverse = 1.0f / (fabsf(ds[axis]) < 1e-12f ? 1e-12f : ds[axis]);
            float t0 = (-1.0f - os[axis]) * inverse, t1 = (1.0f - os[axis]) * inverse;
            float low = fminf(t0, t1), high = fmaxf(t0, t1);
            if (low > enter) { enter = low; enter_axis = axis; }
            if (high < leave) { leave = high; leave_axis = axis; }
        }
        if (enter > leave) return FAR_AWAY;
        float t = enter > nearest ? enter : leave;
        side = enter > nearest ? enter_axis : leave_axis;
        if (t <= nearest) return FAR_AWAY;
        normal = vec(side == 0, side == 1, side == 2);
        return t;
    }
    if (p.shape == BALL) {
        float a = dot(d, d), b = dot(o, d), c = dot(o, o) - 1.0f;
        float root = b * b - a * c;
        if (root < 0.0f) return FAR_AWAY;
        root = sqrtf(root);
        float t = (-b - root) / a;
        if (t <= nearest) t = (-b + root) / a;
        if (t <= nearest) return FAR_AWAY;
        normal = o + d * t;
        side = 3;
        return t;
    }
    if (p.shape == CYLINDER || p.shape == CONE) {
        return meet_round(o, d, p.taper, nearest, normal, side);
    }
    if (fabsf(d.z) < 1e-12f) return FAR_AWAY;
    float t = -o.z / d.z;
    if (t <= nearest) return FAR_AWAY;
    float x = o.x + t * d.x, y = o.y + t * d.y;
    bool is_inside = p.shape == SHEET ? fabsf(x) <= 1.0f && fabsf(y) <= 1.0f
                     : p.shape == DISC ? x * x + y * y <= 1.0f
                                       : fabsf(x) <= 1.0f - y * y;
    if (!is_inside) return FAR_AWAY;
    normal = vec(0, 0, 1);
    side = 2;
    return t;
}

// What the tests of a ray against boxes have in common.
struct Ray {
    Vec3 origin, direction;
    Vec3 inverse;  // of the direction
    Vec3 offset;   // of the origin, over the direction
    float nearest;
};

BOTH float inverse_of(float x) { return 1.0f / (fabsf(x) < 1e-12f ? 1e-12f : x); }

BOTH Ray make_ray(Vec3 o, Vec3 d, float nearest) {
    Vec3 inverse = vec(inverse_of(d.x), inverse_of(d.y), inverse_of(d.z));
    return {o, d, inverse, o * inverse, nearest};
}

BOTH bool crosses(const Ray& ray, const Group& group, float farthest) {
    Vec3 middle = group.centre * ray.inverse - ray.offset;
    Vec3 half = group.half_size_m * vec(fabsf(ray.inverse.x), fabsf(ray.inverse.y), fabsf(ray.inverse.z));
    Vec3 in = middle - half, out = middle + half;
    float enter = fmaxf(fmaxf(in.x, in.y), fmaxf(in.z, ray.nearest));
    return enter <= fminf(fminf(out.x, out.y), fminf(out.z, farthest));
}

// The first group at or after a place in the tree that has primitives of its own and is crossed
// by a ray; the number of groups if none is. Finding and testing take turns, so that the rays of
// a warp test at the same time.
BOTH int next_group(const Scene& scene, const Ray& ray, float farthest, int at) {
    while (at < scene.group_count) {
        const Group& group = aligned(scene.groups[at]);
        bool is_crossed = crosses(ray, group, farthest);
        if (is_crossed && group.count > 0) return at;
        at = is_crossed || group.count > 0 ? at + 1 : group.first;
    }
    return at;
}

BOTH float meet(const Primitive& p, const Ray& ray, Vec3& normal, int& side) {
    return meet(p, to_local(p, ray.origin, 1.0f), to_local(p, ray.direction, 0.0f), ray.nearest, normal, side);
}

// What a ray meets first. A primitive that it is likely to meet, if any, makes the search short;
// of several at the same distance the one with the lowest number counts.
BOTH Hit trace(const Scene& scene, Vec3 o, Vec3 d, float nearest, int likely = -1) {
    Ray ray = make_ray(o, d, nearest);
    Hit hit{FAR_AWAY, -1, vec(0, 0, 1), vec(0, 0, 0), 0};
    if (likely >= 0) {
        hit.distance = meet(scene.primitives[likely], ray, hit.normal, hit.side);
        if (hit.distance < FAR_AWAY) hit.primitive = likely;
    }
    int at = -1;
    while ((at = next_group(scene, ray, hit.distance, at + 1)) < scene.group_count) {
        const Group& group = scene.groups[at];
        for (int i = group.first; i < group.first + group.count; ++i) {
            float t = meet(scene.primitives[i], ray, hit.normal, hit.side);
            if (t < hit.distance || (t == hit.distance && i < hit.primitive)) {
                hit.distance = t;
                hit.primitive = i;
            }
        }
    }
    if (hit.primitive >= 0) {
        const Primitive& p = scene.primitives[hit.primitive];
        meet(p, ray, hit.normal, hit.side);
        hit.local = to_local(p, o + d * hit.distance, 1.0f);
        hit.normal = normal_to_world(p, hit.normal);
        if (dot(hit.normal, d) > 0.0f) hit.normal = -hit.normal;
    }
    return hit;
}

// Whether anything lies between two parameters of a ray.
BOTH bool is_blocked(const Scene& scene, Vec3 o, Vec3 d, float nearest, float farthest) {
    Ray ray = make_ray(o, d, nearest);
    int at = -1;
    while ((at = next_group(scene, ray, farthest, at + 1)) < scene.group_count) {
        const Group& group = scene.groups[at];
        for (int i = group.first; i < group.first + group.count; ++i) {
            const Primitive& p = scene.primitives[i];
            if (scene.materials[p.material].glow > 1.0f) continue;  // lamps do not shade themselves
            Vec3 normal;
            int side;
            if (meet(p, ray, normal, side) < farthest) return true;
        }
    }
    return false;
}
