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
        Place found{-100, -100, 0, 0, false};
        float slope_found = 0.0f;
        for (int candidate = 0; candidate <= warp.candidates; ++candidate) {
            if ((candidate & 31) == 0) {  // each lane looks at one of the next 32
                int own_candidate = candidate + lane;
                slope_found = 0.0f;
                if (own_candidate < warp.candidates) {
                    found = find(warp, image, k, own_candidate, pixel);
                    if (found.is_inside) slope_found = share * slopes[((long long)image * warp.candidates + own_candidate) * pixels + pixel];
                }
            }
            bool is_end = candidate == warp.candidates;
            float slope = __shfl_sync(~0u, slope_found, candidate & 31);
            if (!is_end && slope == 0.0f) continue;
            int x0 = __shfl_sync(~0u, found.x, candidate & 31), y0 = __shfl_sync(~0u, found.y, candidate & 31);
            float u = __shfl_sync(~0u, found.u, candidate & 31), v = __shfl_sync(~0u, found.v, candidate & 31);
            if (is_end || x0 != at_x || y0 != at_y) {
#pragma unroll
                for (int corner = 0; corner < 4; ++corner) {
                    int x = at_x + (corner & 1), y = at_y + (corner >> 1);
                    int new_x = x0 + (corner & 1), new_y = y0 + (corner >> 1);
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
                at_x = x0;
                at_y = y0;
            }
            if (is_end) break;
#pragma unroll
            for (int corner = 0; corner < 4; ++corner) {
                float weight = slope * (corner & 1 ? u : 1 - u) * (corner >> 1 ? v : 1 - v);
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

// One thread per pixel and candidate: the share of neighbours inside whose image the hypothesis lies.
__global__ void witness_kernel(Warp warp, float* shares) {
    int pixels = warp.height * warp.width, image = blockIdx.y;
    long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= (long long)warp.candidates * pixels) return;
    int candidate = index / pixels, pixel = index % pixels;
    float px = pixel % warp.width, py = pixel / warp.width;
    float inverse = warp.is_per_pixel ? warp.inverse[(long long)image * warp.candidates * pixels + index] : warp.inverse[image * warp.candidates + candidate];
    float count = 0.0f;
    for (int k = 0; k < warp.neighbours; ++k) {
        const float* m = warp.matrix + (image * warp.neighbours + k) * 9;
        const float* t = warp.offset + (image * warp.neighbours + k) * 3;
        float x = m[0] * px + m[1] * py + m[2] + t[0] * inverse, y = m[3] * px + m[4] * py + m[5] + t[1] * inverse;
        float z = m[6] * px + m[7] * py + m[8] + t[2] * inverse;
        count += z > 0 && x >= 0 && y >= 0 && x <= z * (warp.width - 1) && y <= z * (warp.height - 1);
    }
    shares[(long long)image * warp.candidates * pixels + index] = count / warp.neighbours;
}

// ------ normalisation with the activation after it. sums: image channel 2

constexpr int THREADS = 256;

enum Activation { NONE, RELU, GELU, SILU };

__device__ float activated(int activation, float z) {
    if (activation == RELU) return fmaxf(z, 0.0f);
    if (activation == GELU) return 0.5f * z * (1.0f + erff(z * 0.70710678f));
    if (activation == SILU) return z / (1.0f + __expf(-z));
    return z;
}

__device__ float steepness(int activation, float z) {  // the activation's slope
    if (activation == RELU) return z > 0.0f;
    if (activation == GELU) return 0.5f * (1.0f + erff(z * 0.70710678f)) + z * 0.39894228f * __expf(-0.5f * z * z);
    if (activation == SILU) {
        float share = 1.0f / (1.0f + __expf(-z));
        return share * (1.0f + z * (1.0f - share));
    }
    return 1.0f;
}

// A pair's slopes before the activation.
__device__ float2 slopes_before(int activation, float2 g, float2 x, float2 scale, float2 shift) {
    if (activation == NONE) return g;
    return make_float2(g.x * steepness(activation, x.x * scale.x + shift.x), g.y * steepness(activation, x.y * scale.y + shift.y));
}

// Sums of x and x^2, or with slopes g of g and g x, per image and channel.
__global__ void sum_kernel(const __nv_bfloat162* values, const __nv_bfloat162* slopes, const float* scale, const float* shift, int activation,
                           int pixels, int channels, int pixels_per_block, float* sums) {
    __shared__ float4 shared[THREADS];
    int half = channels / 2, rows = THREADS / half, pair = threadIdx.x % half, row = threadIdx.x / half;
    int first = blockIdx.x * pixels_per_block, last = min(pixels, first + pixels_per_block), image = blockIdx.y;
    float4 sum = make_float4(0, 0, 0, 0);
    if (row < rows) {
        float2 a = make_float2(0, 0), b = a;
        if (slopes) {
            a = reinterpret_cast<const float2*>(scale)[image * half + pair];
            b = reinterpret_cast<const float2*>(shift)[image * half + pair];
        }
        for (int pixel = first + row; pixel < last; pixel += rows) {
            long long at = ((long long)image * pixels + pixel) * half + pair;
            float2 x = __bfloat1622float2(values[at]);
            float2 g = slopes ? slopes_before(activation, __bfloat1622float2(slopes[at]), x, a, b) : x;
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

struct Norm {  // numbers per image and channel, weight and bias per channel or null
    const __nv_bfloat16 *weight, *bias;
    int channels, size;  // of a group
    float count;         // of values in a group
    float *scale, *shift, *mean, *deviation;
};

// From sums of x and x^2: y = x * scale + shift. One block per image, one thread per channel.
__global__ void finish_kernel(const float* sums, Norm norm) {
    int channel = threadIdx.x, at = blockIdx.x * norm.channels + channel;
    if (channel >= norm.channels) return;
    int first = at - channel % norm.size;
    float mean = 0.0f, square = 0.0f;
    for (int k = first; k < first + norm.size; ++k) { mean += sums[2 * k]; square += sums[2 * k + 1]; }
    mean /= norm.count;
    square /= norm.count;
    float deviation = rsqrtf(fmaxf(square - mean * mean, 0.0f) + 1e-5f);
    float scale = deviation * (norm.weight ? __bfloat162float(norm.weight[channel]) : 1.0f);
    norm.mean[at] = mean;
    norm.deviation[at] = deviation;
    norm.scale[at] = scale;
    norm.shift[at] = (norm.bias ? __bfloat162float(norm.bias[channel]) : 0.0f) - mean * scale;
}

// From sums of g and g x: dx = g * scale - (lift + x * tilt), and the slopes of weight and bias.
__global__ void finish_backward_kernel(const float* sums, Norm norm, float* lift, float* tilt, float* weight_slope, float* bias_slope) {
    int channel = threadIdx.x, at = blockIdx.x * norm.channels + channel;
    if (channel >= norm.channels) return;
    int first = at - channel % norm.size;
    float mean = norm.mean[at], deviation = norm.deviation[at], plain = 0.0f, normed = 0.0f;
    for (int k = 0; k < norm.size; ++k) {
        float gain = norm.weight ? __bfloat162float(norm.weight[channel - channel % norm.size + k]) : 1.0f;
        plain += gain * sums[2 * (first + k)];
        normed += gain * (sums[2 * (first + k) + 1] - mean * sums[2 * (first + k)]) * deviation;
    }
    tilt[at] = deviation * deviation * normed / norm.count;
    lift[at] = deviation * plain / norm.count - mean * tilt[at];
    if (weight_slope) {
        atomicAdd(weight_slope + channel, (sums[2 * at + 1] - mean * sums[2 * at]) * deviation);
        atomicAdd(bias_slope + channel, sums[2 * at]);
    }
}

// y = activation(x * scale + shift), or with slopes dx = g * scale - (lift + x * tilt).
__global__ void apply_kernel(const __nv_bfloat162* values, const __nv_bfloat162* slopes, const float* scale, const float* shift, const float* lift,
                             const float* tilt, int activation, long long pairs_per_image, int half, __nv_bfloat162* result) {
    int image = blockIdx.y;
    for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < pairs_per_image; i += (long long)gridDim.x * blockDim.x) {
        long long at = image * pairs_per_image + i;
        int channel = image * half + (int)(i % half);
        float2 x = __bfloat1622float2(values[at]);
        float2 a = reinterpret_cast<const float2*>(scale)[channel], b = reinterpret_cast<const float2*>(shift)[channel];
        float2 y;
        if (slopes) {
            float2 g = slopes_before(activation, __bfloat1622float2(slopes[at]), x, a, b);
            float2 l = reinterpret_cast<const float2*>(lift)[channel], t = reinterpret_cast<const float2*>(tilt)[channel];
            y = make_float2(g.x * a.x - (l.x + x.x * t.x), g.y * a.y - (l.y + x.y * t.y));
        } else {
            y = make_float2(activated(activation, x.x * a.x + b.x), activated(activation, x.y * a.y + b.y));
        }
        result[at] = __float22bfloat162_rn(y);
    }
}

// ------ maps of another size; each thread gathers one pair of channels

struct Sizes { int height, width, half, factor; };  // of the smaller map

// The coarse cells around a fine row or column: the cell's own share falls towards the next.
__global__ void grow_kernel(const __nv_bfloat162* values, Sizes s, long long count, __nv_bfloat162* result) {
    long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count) return;
    int pair = index % s.half, wide = s.width * s.factor, high = s.height * s.factor;
    int x = (index / s.half) % wide, y = (index / s.half / wide) % high;
    long long image = index / s.half / wide / high;
    int x0 = x / s.factor, y0 = y / s.factor, x1 = min(x0 + 1, s.width - 1), y1 = min(y0 + 1, s.height - 1);
    float u = (x - x0 * s.factor) / (float)s.factor, v = (y - y0 * s.factor) / (float)s.factor;
    float2 sum = make_float2(0, 0);
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
        float weight = (corner & 1 ? u : 1 - u) * (corner >> 1 ? v : 1 - v);
        float2 value = __bfloat1622float2(values[((image * s.height + (corner >> 1 ? y1 : y0)) * s.width + (corner & 1 ? x1 : x0)) * s.half + pair]);
        sum.x += weight * value.x;
        sum.y += weight * value.y;
    }
    result[index] = __float22bfloat162_rn(sum);
}

__device__ float grown_share(int fine, int cell, int size, int factor) {
    return fine >= cell * factor && cell == size - 1 ? 1.0f : 1.0f - fabsf((float)(fine - cell * factor)) / factor;
}

__global__ void grow_backward_kernel(const __nv_bfloat162* slopes, Sizes s, long long count, __nv_bfloat162* result) {
    long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count) return;
    int pair = index % s.half, x = (index / s.half) % s.width, y = (index / s.half / s.width) % s.height;
    long long image = index / s.half / s.width / s.height;
    int wide = s.width * s.factor, high = s.height * s.factor;
    float2 sum = make_float2(0, 0);
    for (int fy = max(0, (y - 1) * s.factor + 1); fy < min(high, (y + 1) * s.factor); ++fy) {
        float v = grown_share(fy, y, s.height, s.factor);
        for (int fx = max(0, (x - 1) * s.factor + 1); fx < min(wide, (x + 1) * s.factor); ++fx) {
            float weight = v * grown_share(fx, x, s.width, s.factor);
            float2 slope = __bfloat1622float2(slopes[((image * high + fy) * wide + fx) * s.half + pair]);
            sum.x += weight * slope.x;
            sum.y += weight * slope.y;
        }
    }
    result[index] = __float22bfloat162_rn(sum);
}

// A border of one pixel that repeats the last.
__global__ void pad_kernel(const __nv_bfloat162* values, Sizes s, long long count, __nv_bfloat162* result) {
    long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count) return;
    int pair = index % s.half, wide = s.width + 2, high = s.height + 2;
    int x = (index / s.half) % wide, y = (index / s.half / wide) % high;
    long long image = index / s.half / wide / high;
    x = min(max(x - 1, 0), s.width - 1);
    y = min(max(y - 1, 0), s.height - 1);
    result[index] = values[((image * s.height + y) * s.width + x) * s.half + pair];
}

__global__ void pad_backward_kernel(const __nv_bfloat162* slopes, Sizes s, long long count, __nv_bfloat162* result) {
    long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count) return;
    int pair = index % s.half, x = (index / s.half) % s.width, y = (index / s.half / s.width) % s.height;
    long long image = index / s.half / s.width / s.height;
    int wide = s.width + 2, high = s.height + 2;
    float2 sum = make_float2(0, 0);
    for (int py = y == 0 ? 0 : y + 1; py <= (y == s.height - 1 ? y + 2 : y + 1); ++py) {
        for (int px = x == 0 ? 0 : x + 1; px <= (x == s.width - 1 ? x + 2 : x + 1); ++px) {
            float2 slope = __bfloat1622float2(slopes[((image * high + py) * wide + px) * s.half + pair]);
            sum.x += slope.x;
            sum.y += slope.y;
        }
    }
    result[index] = __float22bfloat162_rn(sum);
}

unsigned blocks_for(long long count) { return (unsigned)((count + THREADS - 1) / THREADS); }

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

extern "C" int match_witnesses(const void*, const float* matrix, const float* offset, const float* inverse, const int* source, int images, int neighbours,
                               int candidates, int height, int width, int channels, int is_per_pixel, float* shares, void* stream) {
    Warp warp{matrix, offset, inverse, source, 0, neighbours, candidates, height, width, channels, is_per_pixel};
    dim3 grid(blocks_for((long long)candidates * height * width), images);
    witness_kernel<<<grid, THREADS, 0, (cudaStream_t)stream>>>(warp, shares);
    return (int)cudaGetLastError();
}

static void sum_up(const void* values, const void* slopes, const Norm& norm, int activation, int images, int pixels, float* sums, cudaStream_t stream) {
    int per_block = max(64, (int)((long long)images * pixels / 4096));
    dim3 grid((pixels + per_block - 1) / per_block, images);
    sum_kernel<<<grid, THREADS, 0, stream>>>((const __nv_bfloat162*)values, (const __nv_bfloat162*)slopes, norm.scale, norm.shift, activation, pixels,
                                             norm.channels, per_block, sums);
}

static dim3 apply_grid(long long pairs, int images) { return dim3((unsigned)min((pairs + THREADS * 4 - 1) / (THREADS * 4), 4096LL), images); }

// `sums` are zero at the start; `numbers` are scale, shift, mean and deviation, one after the other.
extern "C" int norm_forward(const void* values, const void* weight, const void* bias, int images, int pixels, int channels, int groups, int activation,
                            float* sums, float* numbers, void* result, void* stream) {
    auto s = (cudaStream_t)stream;
    int size = channels / groups, all = images * channels;
    Norm norm{(const __nv_bfloat16*)weight, (const __nv_bfloat16*)bias, channels, size, (float)pixels * size, numbers, numbers + all, numbers + 2 * all, numbers + 3 * all};
    sum_up(values, nullptr, norm, activation, images, pixels, sums, s);
    finish_kernel<<<images, channels, 0, s>>>(sums, norm);
    long long pairs = (long long)pixels * channels / 2;
    apply_kernel<<<apply_grid(pairs, images), THREADS, 0, s>>>((const __nv_bfloat162*)values, nullptr, norm.scale, norm.shift, nullptr, nullptr, activation,
                                                               pairs, channels / 2, (__nv_bfloat162*)result);
    return (int)cudaGetLastError();
}

// `sums` are zero at the start, as are the slopes of weight and bias; `bends` are lift and tilt.
extern "C" int norm_backward(const void* values, const void* slopes, const void* weight, float* numbers, int images, int pixels, int channels, int groups,
                             int activation, float* sums, float* bends, void* result, float* weight_slope, float* bias_slope, void* stream) {
    auto s = (cudaStream_t)stream;
    int size = channels / groups, all = images * channels;
    Norm norm{(const __nv_bfloat16*)weight, nullptr, channels, size, (float)pixels * size, numbers, numbers + all, numbers + 2 * all, numbers + 3 * all};
    sum_up(values, slopes, norm, activation, images, pixels, sums, s);
    finish_backward_kernel<<<images, channels, 0, s>>>(sums, norm, bends, bends + all, weight_slope, bias_slope);
    long long pairs = (long long)pixels * channels / 2;
    apply_kernel<<<apply_grid(pairs, images), THREADS, 0, s>>>((const __nv_bfloat162*)values, (const __nv_bfloat162*)slopes, norm.scale, norm.shift, bends,
                                                               bends + all, activation, pairs, channels / 2, (__nv_bfloat162*)result);
    return (int)cudaGetLastError();
}

#define MAPPING(name, kernel, size)                                                                                                   \
    extern "C" int name(const void* values, int images, int height, int width, int channels, int factor, void* result, void* stream) { \
        Sizes s{height, width, channels / 2, factor};                                                                                 \
        long long count = (long long)images * (size) * s.half;                                                                        \
        kernel<<<blocks_for(count), THREADS, 0, (cudaStream_t)stream>>>((const __nv_bfloat162*)values, s, count, (__nv_bfloat162*)result); \
        return (int)cudaGetLastError();                                                                                               \
    }
MAPPING(grow_forward, grow_kernel, (long long)height * width * factor * factor)
MAPPING(grow_backward, grow_backward_kernel, (long long)height * width)
MAPPING(pad_forward, pad_kernel, (long long)(height + 2) * (width + 2))
MAPPING(pad_backward, pad_backward_kernel, (long long)height * width)
