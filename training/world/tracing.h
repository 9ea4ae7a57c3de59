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
    const float* m = p.local_from_world;
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

BOTH bool may_meet(const Group& group, Vec3 o, Vec3 d, float squared_length, float farthest) {
    Vec3 to_centre = group.centre - o;
    float along = dot(to_centre, d);
    float squared_distance = dot(to_centre, to_centre);
    float reach = group.radius_m * group.radius_m;
    if (squared_distance * squared_length - along * along > reach * squared_length) return false;
    if (squared_distance <= reach) return true;
    if (along < 0.0f) return false;
    // The nearest point of the sphere lies beyond what was found already.
    float first = along - group.radius_m * sqrtf(squared_length);
    return first <= farthest * squared_length;
}

BOTH Hit trace(const Scene& scene, Vec3 o, Vec3 d, float nearest) {
    Hit hit{FAR_AWAY, -1, vec(0, 0, 1), vec(0, 0, 0), 0};
    float squared_length = dot(d, d);
    for (int g = 0; g < scene.group_count; ++g) {
        const Group& group = scene.groups[g];
        if (!may_meet(group, o, d, squared_length, hit.distance)) continue;
        for (int i = group.first; i < group.first + group.count; ++i) {
            const Primitive& p = scene.primitives[i];
            Vec3 normal;
            int side;
            float t = meet(p, to_local(p, o, 1.0f), to_local(p, d, 0.0f), nearest, normal, side);
            if (t < hit.distance) {
                hit.distance = t;
                hit.primitive = i;
                hit.normal = normal;
                hit.side = side;
            }
        }
    }
    if (hit.primitive >= 0) {
        const Primitive& p = scene.primitives[hit.primitive];
        hit.local = to_local(p, o + d * hit.distance, 1.0f);
        hit.normal = normal_to_world(p, hit.normal);
        if (dot(hit.normal, d) > 0.0f) hit.normal = -hit.normal;
    }
    return hit;
}

// Whether anything lies between two parameters of a ray.
BOTH bool is_blocked(const Scene& scene, Vec3 o, Vec3 d, float nearest, float farthest) {
    float squared_length = dot(d, d);
    for (int g = 0; g < scene.group_count; ++g) {
        const Group& group = scene.groups[g];
        if (!may_meet(group, o, d, squared_length, farthest)) continue;
        for (int i = group.first; i < group.first + group.count; ++i) {
            const Primitive& p = scene.primitives[i];
            if (scene.materials[p.material].glow > 1.0f) continue;  // lamps do not shade themselves
            Vec3 normal;
            int side;
            float t = meet(p, to_local(p, o, 1.0f), to_local(p, d, 0.0f), nearest, normal, side);
            if (t < farthest) return true;
        }
    }
    return false;
}
