// fuzz_onnx.c -- any bytes as an ONNX model: its tensors read, its graph built for small inputs.
#include "fuzz.h"
#include "weights/weights.h"

enum { MOST = 16, ELEMENTS = 1 << 16 };

static void build(const weights_onnx *m)
{
    tg_node *in[MOST], *out[MOST];
    size_t n_in = weights_onnx_inputs(m), n_out = weights_onnx_outputs(m);
    if (n_in > MOST || n_out > MOST) return;
    tg_graph *g = tg_new();
    for (size_t i = 0; g && i < n_in; i++) {
        tg_shape s;
        double count = 1;
        weights_onnx_input(m, i, &s);
        for (int k = 0; k < s.rank; k++) {
            if (!s.dim[k]) s.dim[k] = 4; // free
            count *= (double)s.dim[k];
        }
        in[i] = count > ELEMENTS ? NULL : tg_input(g, s, "in");
    }
    if (g) weights_onnx_build(m, g, in, out);
    for (size_t i = 0; g && i < n_out; i++) fuzz_check(tg_error(g) ? true : out[i] != NULL);
    tg_free(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    weights_onnx *m = NULL;
    base_tensors t = {0};
    base_error e = {0};
    guise_status s = weights_onnx_parse(&m, data, n, &e);
    fuzz_check(s == GUISE_OK ? m && !e.text[0] : !m && e.text[0]);
    if (!s && !weights_onnx_tensors(m, &t, &e)) fuzz_look(&t);
    base_tensors_free(&t);
    if (!s) build(m);
    weights_onnx_close(&m);
    return 0;
}
