// SPDX-License-Identifier: Apache-2.0
// What a camera sees: radiance with soft shadows and reflections, depth, and who else sees it.
#pragma once
#include "patterns.h"

constexpr float SURFACE_GAP = 1e-4f;

BOTH Vec3 sky_colour(const Scene& scene, Vec3 d) {
    d = unit(d);
    Vec3 colour = mixed(scene.sky_horizon, scene.sky_top, smooth_step(0.0f, 0.6f, d.z));
    if (!scene.is_open || d.z <= 0.02f) return colour;
    float n = cloud_noise(vec(d.x / d.z, d.y / d.z, 0.0f) * 1.3f, scene.seed, 0.01f);
    return mixed(colour, vec(1, 1, 1) * (0.6f + scene.sky_top.z), 0.7f * smooth_step(0.5f, 0.75f, n) * smooth_step(0.02f, 0.3f, d.z));
}

// Light that leaves a hit towards the ray's origin. A sample asks one lamp, which stands for all,
// at a place of it that only the sample's number decides: so soft shadows look alike in all views.
BOTH Vec3 shade(const Scene& scene, const Hit& hit, Vec3 o, Vec3 d, float footprint, int sample,
                bool has_shadows) {
    const Material& m = scene.materials[scene.primitives[hit.primitive].material];
    Vec3 albedo = surface_colour(scene, hit, footprint);
    if (m.glow > 0.0f) return albedo * m.glow;
    Vec3 point = o + d * hit.distance + hit.normal * (SURFACE_GAP * (1.0f + hit.distance));
    float up = 0.5f + 0.5f * hit.normal.z;
    Vec3 light = mixed(scene.ambient_bottom, scene.ambient_top, up);
    Vec3 shine = vec(0, 0, 0);
    Vec3 view = unit(-d);
    if (scene.light_count > 0) {
        const Light& lamp = scene.lights[sample % scene.light_count];
        Random random{scrambled(scene.seed, (uint32_t)sample)};
        Vec3 target = lamp.position + random.direction() * lamp.radius_m;
        Vec3 to_lamp = lamp.is_directional ? target : target - point;
        float squared = dot(to_lamp, to_lamp);
        Vec3 towards = to_lamp * (1.0f / sqrtf(fmaxf(squared, 1e-8f)));
        float facing = dot(towards, hit.normal);
        if (facing > 0.0f) {
            float farthest = lamp.is_directional ? FAR_AWAY : 0.98f;
            if (!has_shadows || !is_blocked(scene, point, to_lamp, 0.0f, farthest)) {
                float strength = scene.light_count * (lamp.is_directional ? 1.0f : 1.0f / (0.3f + squared));
                light = light + lamp.power * (facing * strength);
                if (m.gloss > 0.0f) {
                    float half = fmaxf(0.0f, dot(unit(towards + view), hit.normal));
                    shine = shine + lamp.power * (strength * m.gloss * powf(half, 40.0f));
                }
            }
        }
    }
    return albedo * light + shine;
}

BOTH Vec3 radiance(const Scene& scene, Vec3 o, Vec3 d, float angle_px, Random& random, int sample, int likely) {
    Hit hit = trace(scene, o, d, 0.0f, likely);
    if (hit.primitive < 0) return sky_colour(scene, d);
    float distance = hit.distance * length(d);
    Vec3 view = unit(d);
    float slant = fmaxf(0.15f, -dot(view, hit.normal));
    Vec3 colour = shade(scene, hit, o, d, distance * angle_px / slant, sample, true);
    const Material& m = scene.materials[scene.primitives[hit.primitive].material];
    if (m.mirror > 0.0f) {
        float grazing = 1.0f + dot(view, hit.normal);
        float share = m.mirror + (1.0f - m.mirror) * 0.6f * grazing * grazing * grazing * grazing;
        Vec3 point = o + d * hit.distance + hit.normal * (SURFACE_GAP * (1.0f + distance));
        Vec3 mirrored = view - hit.normal * (2.0f * dot(view, hit.normal));
        mirrored = unit(mirrored + random.direction() * (0.04f * (1.0f - m.gloss)));
        Hit seen = trace(scene, point, mirrored, 0.0f);
        Vec3 reflected = seen.primitive < 0
                             ? sky_colour(scene, mirrored)
                             : shade(scene, seen, point, mirrored, (distance + seen.distance) * angle_px * 3.0f,
                                     sample, false);
        colour = mixed(colour, reflected, share);
    }
    return colour;
}

BOTH Vec3 ray_through(const Camera& camera, float x, float y) {  // unit depth; x, y over the size
    float a = (x - camera.cx) / camera.fx, b = (y - camera.cy) / camera.fy;
    return camera.frame.x * a + camera.frame.y * b + camera.frame.z;
}

// Whether a camera has a point in its image with nothing in between.
BOTH bool sees(const Scene& scene, const Camera& camera, Vec3 point) {
    Vec3 away = point - camera.frame.origin;
    float depth = dot(away, camera.frame.z);
    if (depth <= 1e-3f) return false;
    float x = camera.fx * dot(away, camera.frame.x) / depth + camera.cx;
    float y = camera.fy * dot(away, camera.frame.y) / depth + camera.cy;
    if (x < 0.0f || x > 1.0f || y < 0.0f || y > 1.0f) return false;
    return !is_blocked(scene, camera.frame.origin, away, 0.0f, 0.995f);
}

struct Pixel {
    Vec3 colour;
    float depth_m;  // along the optical axis through the pixel's centre; 0 for the sky
    bool is_seen;   // by another camera too
};

BOTH Pixel take_pixel(const Scene& scene, int view, int column, int row, int width, int height, int samples) {
    const Camera& camera = scene.cameras[view];
    Random random{scrambled(scene.seed, (uint32_t)(row * width + column), (uint32_t)view)};
    Pixel pixel{vec(0, 0, 0), 0.0f, false};
    Vec3 o = camera.frame.origin;
    Vec3 centre = ray_through(camera, (column + 0.5f) / width, (row + 0.5f) / height);
    Hit hit = trace(scene, o, centre, 0.0f);
    if (hit.primitive >= 0) {
        pixel.depth_m = hit.distance;
        Vec3 point = o + centre * hit.distance;
        for (int other = 0; other < scene.view_count && !pixel.is_seen; ++other) {
            pixel.is_seen = other != view && sees(scene, scene.cameras[other], point);
        }
    }
    float angle_px = 0.7f / (camera.fx * width);
    for (int sample = 0; sample < samples; ++sample) {
        // A rotated grid: even coverage along both axes.
        float dx = (sample + 0.5f) / samples, dy = ((sample * 2 + 1) % samples + 0.5f) / samples;
        Vec3 d = ray_through(camera, (column + dx) / width, (row + dy) / height);
        pixel.colour = pixel.colour + radiance(scene, o, d, angle_px, random, sample, hit.primitive);
    }
    pixel.colour = pixel.colour * (scene.exposure / samples);
    return pixel;
}
