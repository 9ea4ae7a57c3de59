// SPDX-License-Identifier: Apache-2.0
// Two hot spots of training, for channels-last bfloat16 maps: matching along depth hypotheses,
// and normalisation per image and group of channels. `training.acceleration` says what they equal.
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

namespace {

struct Warp {  // how a view's pixels move into a neighbour with depth
    const float* matrix;   // image neighbour 3 3
    const float* offset;   // image neighbour 3
    const float* inverse;  // image candidate pixel, or image candidate if it is the same everywhere
    const int* source;     // image neighbour -> image
    int views, neighbours, candidates, height, width, channels, is_per_pixel;
};

struct Place {
    int x, y;  // of the upper left corner
    float u, v;
    bool is_inside;  // some corner is
};

__device__ Place find(const Warp& warp, int image, int neighbour, int candidate, int pixel) {
    const float* m = warp.matrix + (image * warp.neighbours + neighbour) * 9;
    const float* t = warp.offset + (image * warp.neighbours + neighbour) * 3;
    int pixels = warp.height * warp.width;
    float inverse = warp.is_per_pixel ? warp.inverse[((long long)image * warp.candidates + candidate) * pixels + pixel]
                                      : warp.inverse[image * warp.candidates + candidate];
    float depth = 1.0f / inverse, px = pixel % warp.width, py = pixel / warp.width;
    float x = (m[0] * px + m[1] * py + m[2]) * depth + t[0];
    float y = (m[3] * px + m[4] * py + m[5]) * depth + t[1];
    float z = fmaxf((m[6] * px + m[7] * py + m[8]) * depth + t[2], 1e-3f);
    // Beyond int's range nothing is inside either.
    x = fminf(fmaxf(x / z, -9.0f), warp.width + 9.0f);
    y = fminf(fmaxf(y / z, -9.0f), warp.height + 9.0f);
    float fx = floorf(x), fy = floorf(y);
    Place place{(int)fx, (int)fy, x - fx, y - fy, false};
    place.is_inside = place.x >= -1 && place.y >= -1 && place.x < warp.width && place.y < warp.height;
    return place;
}

__device__ bool holds(const Warp& warp, int x, int y) { return x >= 0 && y >= 0 && x < warp.width && y < warp.height; }

__device__ float dot8(uint4 a, uint4 b) {
    float sum = 0.0f;
    const __nv_bfloat162* pa = reinterpret_cast<const __nv_bfloat162*>(&a);
    const __nv_bfloat162* pb = reinterpret_cast<const __nv_bfloat162*>(&b);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        float2 fa = __bfloat1622float2(pa[i]), fb = __bfloat1622float2(pb[i]);
        sum += fa.x * fb.x + fa.y * fb.y;
    }
    return sum;
}

// One thread per pixel and candidate; candidates of a pixel lie side by side and share cells.
__global__ void match_kernel(Warp warp, const __nv_bfloat16* features, float* scores) {
    int pixels = warp.height * warp.width;
    long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    int candidate = index % warp.candidates, pixel = (index / warp.candidates) % pixels;
    int image = blockIdx.y;
    if (index >= (long long)warp.candidates * pixels) return;
    int chunks = warp.channels / 8;
    const uint4* all = reinterpret_cast<const uint4*>(features);
    const uint4* reference = all + ((long long)image * pixels + pixel) * chunks;
    float score = 0.0f;
    for (int k = 0; k < warp.neighbours; ++k) {
        Place place = find(warp, image, k, candidate, pixel);
        if (!place.is_inside) continue;
        const uint4* source = all + (long long)warp.source[image * warp.neighbours + k] * pixels * chunks;
        for (int corner = 0; corner < 4; ++corner) {
            int x = place.x + (corner & 1), y = place.y + (corner >> 1);
            if (!holds(warp, x, y)) continue;
            float weight = (corner & 1 ? place.u : 1 - place.u) * (corner >> 1 ? place.v : 1 - place.v);
            const uint4* cell = source + (y * warp.width + x) * chunks;
            float product = 0.0f;
            for (int chunk = 0; chunk < chunks; ++chunk) product += dot8(__ldg(reference + chunk), __ldg(cell + chunk));
            score += weight * product;
        }
    }
    scores[((long long)image * warp.candidates + candidate) * pixels + pixel] = score * rsqrtf((float)warp.channels) / warp.neighbours;
}

// One warp per pixel, lanes over pairs of channels. While candidates stay in a cell its corners
// and their gradients stay in registers.
template <int PAIRS>  // per lane
__global__ void match_backward_kernel(Warp warp, const __nv_bfloat16* features, const float* slopes, float* gradient) {
    int pixels = warp.height * warp.width, lane = threadIdx.x & 31;
    int pixel = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), image = blockIdx.y;
    if (pixel >= pixels) return;
    int half = warp.channels / 2;
    const __nv_bfloat162* all = reinterpret_cast<const __nv_bfloat162*>(features);
    float2 reference[PAIRS], own[PAIRS], cells[4][PAIRS], pending[4][PAIRS];
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
        int pair = lane + 32 * i;
        reference[i] = pair < half ? __bfloat1622float2(all[((long long)image * pixels + pixel) * half + pair]) : make_float2(0, 0);
        own[i] = make_float2(0, 0);
    }
    float share = rsqrtf((float)warp.channels) / warp.neighbours;
    for (int k = 0; k < warp.neighbours; ++k) {
        long long source = (long long)warp.source[image * warp.neighbours + k] * pixels;
        int at_x = -100, at_y = -100;
        for (int candidate = 0; candidate <= warp.candidates; ++candidate) {
            bool is_end = candidate == warp.candidates;
            Place place{-100, -100, 0, 0, false};
            float slope = 0.0f;
            if (!is_end) {
                slope = share * slopes[((long long)image * warp.candidates + candidate) * pixels + pixel];
                place = find(warp, image, k, candidate, pixel);
                if (!place.is_inside || slope == 0.0f) continue;
            }
            if (place.x != at_x || place.y != at_y) {
#pragma unroll
                for (int corner = 0; corner < 4; ++corner) {
                    int x = at_x + (corner & 1), y = at_y + (corner >> 1);
                    int new_x = place.x + (corner & 1), new_y = place.y + (corner >> 1);
                    bool is_old = holds(warp, x, y), is_new = !is_end && holds(warp, new_x, new_y);
#pragma unroll
                    for (int i = 0; i < PAIRS; ++i) {
                        int pair = lane + 32 * i;
                        if (is_old && pair < half) {
                            float* target = gradient + ((source + y * warp.width + x) * half + pair) * 2;
                            atomicAdd(reinterpret_cast<float2*>(target), pending[corner][i]);
                        }
                        cells[corner][i] = is_new && pair < half ? __bfloat1622float2(all[(source + new_y * warp.width + new_x) * half + pair]) : make_float2(0, 0);
                        pending[corner][i] = make_float2(0, 0);
                    }
                }
                at_x = place.x;
                at_y = place.y;
            }
            if (is_end) break;
#pragma unroll
            for (int corner = 0; corner < 4; ++corner) {
                float weight = slope * (corner & 1 ? place.u : 1 - place.u) * (corner >> 1 ? place.v : 1 - place.v);
#pragma unroll
                for (int i = 0; i < PAIRS; ++i) {
                    own[i].x += weight * cells[corner][i].x;
                    own[i].y += weight * cells[corner][i].y;
                    pending[corner][i].x += weight * reference[i].x;
                    pending[corner][i].y += weight * reference[i].y;
                }
            }
        }
    }
#pragma unroll
    for (int i = 0; i < PAIRS; ++i) {
        int pair = lane + 32 * i;
        if (pair >= half) continue;
        float* target = gradient + (((long long)image * pixels + pixel) * half + pair) * 2;
        atomicAdd(reinterpret_cast<float2*>(target), own[i]);
    }
}

// ------ normalisation. sums: image channel 2

constexpr int THREADS = 256;

// Sums of x and x^2, or with slopes g of g and g x, per image and channel.
__global__ void sum_kernel(const __nv_bfloat162* values, const __nv_bfloat162* slopes, int pixels, int channels, int pixels_per_block, float* sums) {
    __shared__ float4 shared[THREADS];
    int half = channels / 2, rows = THREADS / half, pair = threadIdx.x % half, row = threadIdx.x / half;
    int first = blockIdx.x * pixels_per_block, last = min(pixels, first + pixels_per_block), image = blockIdx.y;
    float4 sum = make_float4(0, 0, 0, 0);
    if (row < rows) {
        for (int pixel = first + row; pixel < last; pixel += rows) {
            long long at = ((long long)image * pixels + pixel) * half + pair;
            float2 x = __bfloat1622float2(values[at]);
            float2 g = slopes ? __bfloat1622float2(slopes[at]) : x;
            sum.x += g.x; sum.y += g.y; sum.z += g.x * x.x; sum.w += g.y * x.y;
        }
    }
    shared[threadIdx.x] = sum;
    __syncthreads();
    if (row == 0) {
        for (int other = 1; other < rows; ++other) {
            float4 more = shared[other * half + pair];
            sum.x += more.x; sum.y += more.y; sum.z += more.z; sum.w += more.w;
        }
        float* target = sums + ((long long)image * channels + 2 * pair) * 2;
        atomicAdd(target, sum.x);
        atomicAdd(target + 1, sum.z);
        atomicAdd(target + 2, sum.y);
        atomicAdd(target + 3, sum.w);
    }
}

// y = x * scale + shift, or dx = g * scale - (shift + x * tilt), with numbers per image and channel.
__global__ void apply_kernel(const __nv_bfloat162* values, const __nv_bfloat162* slopes, const float* scale, const float* shift, const float* tilt,
                             long long pairs_per_image, int half, __nv_bfloat162* result) {
    int image = blockIdx.y;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < pairs_per_image; i += (long long)gridDim.x * blockDim.x) {
        long long at = image * pairs_per_image + i;
        int channel = image * half + (int)(i % half);
        float2 x = __bfloat1622float2(values[at]);
        float2 a = reinterpret_cast<const float2*>(scale)[channel], b = reinterpret_cast<const float2*>(shift)[channel];
        float2 y;
        if (slopes) {
            float2 g = __bfloat1622float2(slopes[at]), c = reinterpret_cast<const float2*>(tilt)[channel];
            y = make_float2(g.x * a.x - (b.x + x.x * c.x), g.y * a.y - (b.y + x.y * c.y));
        } else {
            y = make_float2(x.x * a.x + b.x, x.y * a.y + b.y);
        }
        result[at] = __float22bfloat162_rn(y);
    }
}

}  // namespace

extern "C" int match_forward(const void* features, const float* matrix, const float* offset, const float* inverse, const int* source, int images,
                             int neighbours, int candidates, int height, int width, int channels, int is_per_pixel, float* scores, void* stream) {
    Warp warp{matrix, offset, inverse, source, 0, neighbours, candidates, height, width, channels, is_per_pixel};
    long long threads = (long long)candidates * height * width;
    match_kernel<<<dim3((unsigned)((threads + 127) / 128), images), 128, 0, (cudaStream_t)stream>>>(warp, (const __nv_bfloat16*)features, scores);
    return (int)cudaGetLastError();
}

extern "C" int match_backward(const void* features, const float* matrix, const float* offset, const float* inverse, const int* source, int images,
                              int neighbours, int candidates, int height, int width, int channels, int is_per_pixel, const float* slopes,
                              float* gradient, void* stream) {
    Warp warp{matrix, offset, inverse, source, 0, neighbours, candidates, height, width, channels, is_per_pixel};
    dim3 grid((height * width + 3) / 4, images);
    auto s = (cudaStream_t)stream;
    if (channels <= 64) match_backward_kernel<1><<<grid, 128, 0, s>>>(warp, (const __nv_bfloat16*)features, slopes, gradient);
    else match_backward_kernel<2><<<grid, 128, 0, s>>>(warp, (const __nv_bfloat16*)features, slopes, gradient);
    return (int)cudaGetLastError();
}

extern "C" int norm_sums(const void* values, const void* slopes, int images, int pixels, int channels, float* sums, void* stream) {
    int per_block = max(64, (int)((long long)images * pixels / 4096));
    dim3 grid((pixels + per_block - 1) / per_block, images);
    sum_kernel<<<grid, THREADS, 0, (cudaStream_t)stream>>>((const __nv_bfloat162*)values, (const __nv_bfloat162*)slopes, pixels, channels, per_block, sums);
    return (int)cudaGetLastError();
}

extern "C" int norm_apply(const void* values, const void* slopes, const float* scale, const float* shift, const float* tilt, int images, int pixels,
                          int channels, void* result, void* stream) {
    long long pairs = (long long)pixels * channels / 2;
    dim3 grid((unsigned)min((pairs + THREADS * 4 - 1) / (THREADS * 4), 4096LL), images);
    apply_kernel<<<grid, THREADS, 0, (cudaStream_t)stream>>>((const __nv_bfloat162*)values, (const __nv_bfloat162*)slopes, scale, shift, tilt, pairs,
                                                              channels / 2, (__nv_bfloat162*)result);
    return (int)cudaGetLastError();
}
