// SPDX-License-Identifier: Apache-2.0
// The library behind `training.world`: makes scenes on a CPU, renders them there or on a GPU.
#include <cstring>

#include "camera.h"
#include "tree.h"
#include "views.h"

BOTH void store(const Pixel& pixel, long long image, long long place, long long pixels, float* colour, float* depth_m, uint8_t* is_seen) {
    colour[(image * 3) * pixels + place] = pixel.colour.x;
    colour[(image * 3 + 1) * pixels + place] = pixel.colour.y;
    colour[(image * 3 + 2) * pixels + place] = pixel.colour.z;
    depth_m[image * pixels + place] = pixel.depth_m;
    is_seen[image * pixels + place] = pixel.is_seen;
}

extern "C" long long world_scene_bytes() { return sizeof(Scene); }

extern "C" void world_make(char* scenes, const uint32_t* seeds, int count, int view_count, float aspect, int threads) {
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int i = 0; i < count; ++i) {
        Scene& scene = *reinterpret_cast<Scene*>(scenes + i * sizeof(Scene));
        make_scene(scene, seeds[i], view_count, aspect);
        grow_tree(scene);
    }
}

// 12 numbers of world_from_camera, row by row, then fx, fy, cx, cy over the image's size.
extern "C" void world_cameras(const char* scenes, int count, int view_count, float* values) {
    for (int i = 0; i < count; ++i) {
        const Scene& scene = *reinterpret_cast<const Scene*>(scenes + i * sizeof(Scene));
        for (int view = 0; view < view_count; ++view) {
            const Camera& c = scene.cameras[view];
            const Frame& f = c.frame;
            const float numbers[16] = {f.x.x, f.y.x, f.z.x, f.origin.x, f.x.y, f.y.y, f.z.y, f.origin.y,
                                       f.x.z, f.y.z, f.z.z, f.origin.z, c.fx, c.fy, c.cx, c.cy};
            std::memcpy(values + (i * view_count + view) * 16, numbers, sizeof(numbers));
        }
    }
}

extern "C" void world_render(const char* scenes, int count, int view_count, int width, int height, int samples,
                             float* colour, float* depth_m, uint8_t* is_seen, int threads) {
    long long pixels = (long long)width * height;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int row = 0; row < count * view_count * height; ++row) {
        int image = row / height;
        const Scene& scene = *reinterpret_cast<const Scene*>(scenes + (image / view_count) * sizeof(Scene));
        for (int column = 0; column < width; ++column) {
            Pixel pixel = take_pixel(scene, image % view_count, column, row % height, width, height, samples);
            store(pixel, image, (long long)(row % height) * width + column, pixels, colour, depth_m, is_seen);
        }
    }
}

#ifdef __CUDACC__
__global__ void __launch_bounds__(128, 6) render_kernel(const char* scenes, int view_count, int width, int height, int samples,
                                                     float* colour, float* depth_m, uint8_t* is_seen) {
    // A warp covers 8 x 4 pixels, whose rays meet the same things.
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int column = blockIdx.x * 16 + (warp & 1) * 8 + (lane & 7), row = blockIdx.y * 8 + (warp >> 1) * 4 + (lane >> 3);
    if (column >= width || row >= height) return;
    int image = blockIdx.z;
    const Scene& scene = *reinterpret_cast<const Scene*>(scenes + (long long)(image / view_count) * sizeof(Scene));
    Pixel pixel = take_pixel(scene, image % view_count, column, row, width, height, samples);
    store(pixel, image, (long long)row * width + column, (long long)width * height, colour, depth_m, is_seen);
}

extern "C" int world_render_cuda(const char* scenes, int count, int view_count, int width, int height, int samples,
                                 float* colour, float* depth_m, uint8_t* is_seen, void* stream) {
    dim3 grid((width + 15) / 16, (height + 7) / 8, count * view_count);
    render_kernel<<<grid, 128, 0, (cudaStream_t)stream>>>(scenes, view_count, width, height, samples, colour, depth_m, is_seen);
    return (int)cudaGetLastError();
}
#endif
