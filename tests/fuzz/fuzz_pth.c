// fuzz_pth.c -- any bytes as a PyTorch file: read, and every value looked at.
#include "fuzz.h"
#include "weights/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    base_tensors t = {0};
    base_error e = {0};
    guise_status s = weights_pth_parse(&t, data, n, &e);
    fuzz_check(s == GUISE_OK ? !e.text[0] : e.text[0] && !t.at);
    fuzz_look(&t);
    base_tensors_free(&t);
    return 0;
}
