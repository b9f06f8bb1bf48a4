// numbers.h -- bfloat16 and TF32 as NVIDIA's units round them, and arrays of either type.
#ifndef GUISE_STANDIN_NUMBERS_H
#define GUISE_STANDIN_NUMBERS_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline float bits_to_float(uint32_t u)
{
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static inline uint32_t float_to_bits(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return u;
}

// The upper bits of v, of which `drop` fewer are kept; to nearest, ties to even.
static inline float round_bits(float v, int drop)
{
    uint32_t u = float_to_bits(v), half = (1u << (drop - 1)) - 1;
    if ((u & 0x7f800000) == 0x7f800000) return v;
    u += half + (u >> drop & 1);
    return bits_to_float(u & ~((1u << drop) - 1));
}

static inline float round_bf16(float v) { return round_bits(v, 16); }
static inline float round_tf32(float v) { return round_bits(v, 13); }

static inline float get_number(const void *p, bool bf16, int64_t i)
{
    if (!bf16) return ((const float *)p)[i];
    return bits_to_float((uint32_t)((const uint16_t *)p)[i] << 16);
}

static inline void put_number(void *p, bool bf16, int64_t i, float v)
{
    if (bf16)
        ((uint16_t *)p)[i] = (uint16_t)(float_to_bits(v != v ? v : round_bf16(v)) >> 16);
    else
        ((float *)p)[i] = v;
}
#endif
