// SPDX-License-Identifier: Apache-2.0
// Procedural textures: the colour of a surface at a point.
#pragma once
#include "tracing.h"

BOTH float lattice_noise(Vec3 p, uint32_t seed) {  // smooth, in [0, 1], one bump per unit
    float fx = floorf(p.x), fy = floorf(p.y), fz = floorf(p.z);
    int ix = (int)fx, iy = (int)fy, iz = (int)fz;
    float u = p.x - fx, v = p.y - fy, w = p.z - fz;
    u = u * u * (3 - 2 * u); v = v * v * (3 - 2 * v); w = w * w * (3 - 2 * w);
    float value = 0.0f;
    for (int corner = 0; corner < 8; ++corner) {
        int dx = corner & 1, dy = (corner >> 1) & 1, dz = corner >> 2;
        uint32_t h = scrambled((uint32_t)(ix + dx) * 73856093u ^ (uint32_t)(iy + dy) * 19349663u ^
                               (uint32_t)(iz + dz) * 83492791u ^ seed);
        value += as_share(h) * (dx ? u : 1 - u) * (dy ? v : 1 - v) * (dz ? w : 1 - w);
    }
    return value;
}

// Octaves finer than the pixel's footprint are left out.
BOTH float cloud_noise(Vec3 p, uint32_t seed, float footprint) {
    float value = 0.5f, amplitude = 0.5f, scale = 1.0f;
    for (int octave = 0; octave < 4; ++octave) {
        float visible = clamped(1.5f - 2.0f * footprint * scale, 0.0f, 1.0f);
        if (visible <= 0.0f) break;
        value += amplitude * visible * (lattice_noise(p * scale, seed + octave) - 0.5f);
        amplitude *= 0.7f;
        scale *= 2.1f;
    }
    return clamped(value, 0.0f, 1.0f);
}

BOTH float share_of(uint32_t seed, int a, int b, int c = 0) {
    return as_share(scrambled((uint32_t)a * 92837111u ^ (uint32_t)b * 689287499u ^
                              (uint32_t)c * 283923481u ^ seed));
}

// A picture of a few random figures on the unit square.
BOTH Vec3 figures(const Material& m, float u, float v, uint32_t seed) {
    Vec3 colour = mixed(m.colours[0], m.colours[1], share_of(seed, 1, 2) < 0.5f ? v : 0.2f);
    for (int k = 0; k < 6; ++k) {
        float x = share_of(seed, k, 10), y = share_of(seed, k, 11);
        float size = 0.06f + 0.3f * share_of(seed, k, 12), angle = 6.28f * share_of(seed, k, 13);
        float c = cosf(angle), s = sinf(angle), a = u - x, b = v - y;
        float p = c * a + s * b, q = c * b - s * a;
        float kind = share_of(seed, k, 14), thin = 0.15f + 0.85f * share_of(seed, k, 15);
        bool is_inside = kind < 0.4f   ? p * p + q * q / (thin * thin) < size * size
                         : kind < 0.8f ? fabsf(p) < size && fabsf(q) < size * thin
                                       : fabsf(q) < 0.02f;
        if (is_inside) {
            float tint = share_of(seed, k, 16);
            Vec3 figure = mixed(m.colours[k % 3], vec(share_of(seed, k, 17), share_of(seed, k, 18),
                                                      share_of(seed, k, 19)), 0.6f * tint);
            colour = figure;
        }
    }
    return colour;
}

BOTH Vec3 pattern_colour(const Material& m, Vec3 solid, float u, float v, float fu, float fv,
                         float footprint) {
    // solid: metres in the shape's axes; u, v: metres in the surface; fu, fv: shares of its size.
    Vec3 mean = (m.colours[0] + m.colours[1]) * 0.5f;
    float inverse = 1.0f / m.period_m;
    float c = cosf(m.angle), s = sinf(m.angle);
    float a = (c * u + s * v) * inverse, b = (c * v - s * u) * inverse;
    int ia = (int)floorf(a), ib = (int)floorf(b);
    float ra = a - floorf(a), rb = b - floorf(b);
    float print = footprint * inverse;
    float visible = clamped(1.5f - 2.0f * print, 0.0f, 1.0f);
    Vec3 colour = m.colours[0];
    switch (m.pattern) {
        case CLOUDS:
            colour = mixed(m.colours[0], m.colours[1],
                           smooth_step(0.25f, 0.75f, cloud_noise(solid * inverse, m.seed, print)));
            visible = 1.0f;
            break;
        case CHECKER:
            colour = m.colours[(ia + ib) & 1];
            break;
        case STRIPES: {
            float width = 0.2f + 0.6f * share_of(m.seed, 1, 1);
            colour = ra < width ? m.colours[0]
                                : (ia & 3) == 0 && share_of(m.seed, 2, 2) < 0.5f ? m.colours[2] : m.colours[1];
            break;
        }
        case TILES: {
            float joint = 0.02f + 0.05f * share_of(m.seed, 1, 1);
            float tint = share_of(m.seed, ia, ib) * share_of(m.seed, 3, 3);
            colour = ra < joint || rb < joint ? m.colours[2] : mixed(m.colours[0], m.colours[1], tint);
            mean = m.colours[0];
            break;
        }
        case BRICKS: {
            float row = floorf(b * 2.0f), shift = ((int)row & 1) * 0.5f;
            float along = a + shift - floorf(a + shift), across = b * 2.0f - row;
            int column = (int)floorf(a + shift);
            colour = along < 0.05f || across < 0.1f
                         ? m.colours[2]
                         : mixed(m.colours[0], m.colours[1], share_of(m.seed, column, (int)row));
            mean = mean * 0.9f + m.colours[2] * 0.1f;
            break;
        }
        case WOOD: {
            float plank = floorf(b), shift = share_of(m.seed, (int)plank, 7);
            float grain = cloud_noise(vec(a * 0.35f + 17.0f * shift, b * 6.0f, plank), m.seed, print * 6);
            float ring = 0.5f + 0.5f * sinf(40.0f * grain + 8.0f * b);
            colour = mixed(m.colours[0], m.colours[1],
                           clamped(0.5f * shift + 0.3f * ring * clamped(1.5f - 8 * print, 0, 1) + 0.3f * grain, 0, 1));
            if (rb < 0.03f) colour = colour * mixed(1.0f, 0.5f, visible);
            visible = 1.0f;
            break;
        }
        case TEXT: {
            float line = b * 2.0f, in_line = line - floorf(line);
            float glyphs = a * 6.0f, in_glyph = glyphs - floorf(glyphs);
            int row = (int)floorf(line), letter = (int)floorf(glyphs);
            bool is_ink = in_line > 0.25f && in_line < 0.8f && share_of(m.seed, letter / 5, row, 3) < 0.8f &&
                          share_of(m.seed, letter, row) < 0.85f && in_glyph < 0.75f &&
                          share_of(m.seed, letter * 3 + (int)(in_glyph * 4), row * 5 + (int)(in_line * 7), 9) < 0.6f;
            colour = is_ink ? m.colours[1] : m.colours[0];
            mean = mixed(m.colours[0], m.colours[1], 0.25f);
            visible = clamped(1.5f - 8.0f * print, 0.0f, 1.0f);
            break;
        }
        case SHAPES:
            return figures(m, fu, fv, m.seed);
        case MOTIFS:
            colour = figures(m, ra, rb, m.seed + (share_of(m.seed, 5, 5) < 0.3f ? (uint32_t)((ia & 1) + 2 * (ib & 1)) : 0u));
            break;
        case SPECKLES: {
            float best = 9.0f;
            uint32_t who = 0;
            for (int k = 0; k < 9; ++k) {
                int ja = ia + k % 3 - 1, jb = ib + k / 3 - 1;
                float da = ja + share_of(m.seed, ja, jb, 1) - a, db = jb + share_of(m.seed, ja, jb, 2) - b;
                float near = da * da + db * db;
                if (near < best) { best = near; who = scrambled((uint32_t)ja * 31u + (uint32_t)jb * 1009u + m.seed); }
            }
            float size = 0.1f + 0.4f * as_share(who);
            colour = best < size * size ? mixed(m.colours[1], m.colours[2], as_share(who * 7u)) : m.colours[0];
            mean = mixed(m.colours[0], m.colours[1], 0.25f);
            break;
        }
        case MARBLE: {
            float n = cloud_noise(solid * inverse, m.seed, print);
            float vein = fabsf(sinf(6.0f * n + 3.0f * a));
            colour = mixed(m.colours[1], m.colours[0], smooth_step(0.0f, 0.5f, vein));
            visible = clamped(1.5f - 4.0f * print, 0.0f, 1.0f);
            mean = mixed(m.colours[0], m.colours[1], 0.2f);
            break;
        }
        case WEAVE:
            colour = mixed(m.colours[0], m.colours[1],
                           0.5f + 0.25f * (sinf(6.28f * a) + sinf(6.28f * b)) * (((ia + ib) & 1) ? 1.0f : -1.0f));
            break;
        case DOTS: {
            float da = ra - 0.5f, db = rb - 0.5f, size = 0.15f + 0.25f * share_of(m.seed, 1, 1);
            colour = da * da + db * db < size * size ? m.colours[1 + ((ia ^ ib) & 1)] : m.colours[0];
            break;
        }
        case FACADE: {
            bool is_window = ra > 0.25f && ra < 0.8f && rb > 0.2f && rb < 0.75f;
            bool is_bar = fabsf(ra - 0.52f) < 0.02f || fabsf(rb - 0.55f) < 0.02f;
            colour = is_window ? (is_bar ? m.colours[2] : m.colours[1] * (0.3f + 0.7f * share_of(m.seed, ia, ib)))
                               : m.colours[0];
            mean = mixed(m.colours[0], m.colours[1], 0.3f);
            break;
        }
        case STAINS: {
            float n = cloud_noise(solid * inverse, m.seed, print);
            float fine = cloud_noise(solid * (inverse * 9.0f), m.seed + 77, print * 9.0f);
            colour = mixed(m.colours[0], m.colours[1], 0.7f * smooth_step(0.3f, 0.8f, n) + 0.6f * (fine - 0.5f));
            visible = 1.0f;
            break;
        }
        default:
            visible = 1.0f;
    }
    return mixed(mean, colour, visible);
}

BOTH Vec3 surface_colour(const Scene& scene, const Hit& hit, float footprint) {
    const Primitive& p = scene.primitives[hit.primitive];
    const Material& m = scene.materials[p.material];
    Vec3 solid = hit.local * p.half_size_m;
    float u, v, fu, fv;
    if (hit.side == 0) {
        u = solid.y; v = solid.z; fu = hit.local.y; fv = hit.local.z;
    } else if (hit.side == 1) {
        u = solid.x; v = solid.z; fu = hit.local.x; fv = hit.local.z;
    } else if (hit.side == 2) {
        u = solid.x; v = solid.y; fu = hit.local.x; fv = hit.local.y;
    } else {
        float angle = atan2f(hit.local.y, hit.local.x);
        u = angle * p.half_size_m.x; v = solid.z; fu = angle / PI; fv = hit.local.z;
    }
    uint32_t own = m.seed + (uint32_t)hit.primitive * 7919u;
    Vec3 colour = pattern_colour(m, solid, u, v, 0.5f + 0.5f * fu, 0.5f - 0.5f * fv, footprint);
    if (m.dirt > 0.0f) {
        float n = cloud_noise(solid * 3.1f, own, footprint * 3.1f) - 0.5f;
        float fine = cloud_noise(solid * 37.0f, own + 5u, footprint * 37.0f) - 0.5f;
        colour = colour * (1.0f + m.dirt * (1.2f * n + 0.8f * fine));
    }
    return vec(clamped(colour.x, 0.01f, 0.95f), clamped(colour.y, 0.01f, 0.95f), clamped(colour.z, 0.01f, 0.95f));
}
