// weights.c -- any file of weights to named tensors, told apart by its first bytes.
#include "weights/weights.h"
#include <string.h>

// safetensors begins with the length of its header, then the header, which is JSON.
static bool is_safetensors(const unsigned char *p, size_t n)
{
    uint64_t length = 0;
    if (n < 9) return false;
    for (int i = 7; i >= 0; i--) length = length << 8 | p[i];
    return p[8] == '{' && (length <= n || !p[7]);
}

// A zip archive, or a pickle of protocol 2 and up.
static bool is_pth(const unsigned char *p, size_t n)
{
    return (n > 4 && !memcmp(p, "PK\3\4", 4)) || (n > 2 && p[0] == 0x80 && p[1] >= 2 && p[1] <= 5);
}

static guise_status read_onnx(base_tensors *t, const char *path, base_error *e)
{
    weights_onnx *m = NULL;
    guise_status s = weights_onnx_open(&m, path, e);
    if (!s) s = weights_onnx_tensors(m, t, e);
    weights_onnx_close(&m);
    return s;
}

guise_status weights_read(base_tensors *t, const char *path, base_error *e)
{
    base_map map = {0};
    guise_status s = base_map_open(&map, path, e);
    if (s) return s;
    bool safetensors = is_safetensors(map.data, map.size), pth = is_pth(map.data, map.size);
    bool onnx = map.size > 2 && map.data[0] == 8; // field 1, a number: the version
    base_map_close(&map);
    if (safetensors) return weights_safetensors_read(t, path, e);
    if (pth) return weights_pth_read(t, path, e);
    if (onnx) return read_onnx(t, path, e);
    return base_fail(e, GUISE_BAD_FILE,
                     "%s is no file of weights that is read: neither safetensors, nor a PyTorch "
                     "file (.pth), nor ONNX",
                     path);
}
