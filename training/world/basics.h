// SPDX-License-Identifier: Apache-2.0
// Vectors and reproducible random numbers; the same code for a CPU and, with nvcc, for a GPU.
#pragma once
#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define BOTH __host__ __device__ inline
#else
#define BOTH inline
#endif

constexpr float PI = 3.14159265f;

struct Vec3 {
    float x, y, z;
};

BOTH Vec3 vec(float x, float y, float z) { return {x, y, z}; }
BOTH Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
BOTH Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
BOTH Vec3 operator-(Vec3 a) { return {-a.x, -a.y, -a.z}; }
BOTH Vec3 operator*(Vec3 a, Vec3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
BOTH Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
BOTH Vec3 operator*(float s, Vec3 a) { return a * s; }
BOTH float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
BOTH Vec3 cross(Vec3 a, Vec3 b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
BOTH float length(Vec3 a) { return sqrtf(dot(a, a)); }
BOTH Vec3 unit(Vec3 a) { return a * (1.0f / fmaxf(length(a), 1e-12f)); }
BOTH float clamped(float x, float low, float high) { return fminf(fmaxf(x, low), high); }
BOTH float mixed(float a, float b, float t) { return a + (b - a) * t; }
BOTH Vec3 mixed(Vec3 a, Vec3 b, float t) { return a + (b - a) * t; }
BOTH float smooth_step(float low, float high, float x) {
    float t = clamped((x - low) / (high - low), 0.0f, 1.0f);
    return t * t * (3.0f - 2.0f * t);
}

BOTH uint32_t scrambled(uint32_t x) {  // PCG output function: all bits of the result are usable.
    x = x * 747796405u + 2891336453u;
    x = ((x >> ((x >> 28) + 4)) ^ x) * 277803737u;
    return (x >> 22) ^ x;
}
BOTH uint32_t scrambled(uint32_t a, uint32_t b) { return scrambled(a ^ (scrambled(b) + 0x9e3779b9u)); }
BOTH uint32_t scrambled(uint32_t a, uint32_t b, uint32_t c) { return scrambled(scrambled(a, b), c); }
BOTH float as_share(uint32_t bits) { return (bits >> 8) * (1.0f / 16777216.0f); }

// A stream of random numbers that depends on its seed alone.
struct Random {
    uint32_t state;

    BOTH uint32_t bits() {
        state = state * 1664525u + 1013904223u;
        return scrambled(state);
    }
    BOTH float share() { return as_share(bits()); }
    BOTH float between(float low, float high) { return low + (high - low) * share(); }
    BOTH float log_between(float low, float high) { return low * powf(high / low, share()); }
    BOTH int below(int count) { return (int)(bits() % (uint32_t)count); }
    BOTH int from_to(int low, int high) { return low + below(high - low + 1); }
    BOTH bool chance(float probability) { return share() < probability; }
    BOTH float normal() {
        float radius = sqrtf(-2.0f * logf(fmaxf(share(), 1e-7f)));
        return radius * cosf(2.0f * PI * share());
    }
    BOTH Vec3 direction() {
        float z = between(-1.0f, 1.0f), angle = between(0.0f, 2.0f * PI);
        float r = sqrtf(fmaxf(0.0f, 1.0f - z * z));
        return {r * cosf(angle), r * sinf(angle), z};
    }
};

// Right-handed unit axes with an origin; builders place parts in them.
struct Frame {
    Vec3 origin, x, y, z;

    Vec3 at(float a, float b, float c) const { return origin + x * a + y * b + z * c; }
    Frame moved(float a, float b, float c) const { return {at(a, b, c), x, y, z}; }
    Frame turned(float angle) const {  // about its own z
        float c = cosf(angle), s = sinf(angle);
        return {origin, x * c + y * s, y * c - x * s, z};
    }
    Frame tilted(float angle) const {  // about its own x
        float c = cosf(angle), s = sinf(angle);
        return {origin, x, y * c + z * s, z * c - y * s};
    }
    Frame rolled(float angle) const {  // about its own y
        float c = cosf(angle), s = sinf(angle);
        return {origin, x * c - z * s, y, z * c + x * s};
    }
};

inline Frame world_frame() { return {vec(0, 0, 0), vec(1, 0, 0), vec(0, 1, 0), vec(0, 0, 1)}; }

inline Frame frame_along(Vec3 origin, Vec3 z) {
    z = unit(z);
    Vec3 helper = fabsf(z.z) < 0.9f ? vec(0, 0, 1) : vec(1, 0, 0);
    Vec3 x = unit(cross(helper, z));
    return {origin, x, cross(z, x), z};
}
