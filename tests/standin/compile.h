// compile.h -- device code to a shared library of this machine (compile.c), and through the real
// NVRTC (real_nvrtc.c).
#ifndef GUISE_STANDIN_COMPILE_H
#define GUISE_STANDIN_COMPILE_H
#include <stdbool.h>
#include <stddef.h>

// The library's bytes (free), or NULL with what the compiler said in *log (free).
char *compile_text(const char *text, int n, const char *const *options, size_t *bytes, char **log);
// Does the real NVRTC of GUISE_STANDIN_NVRTC compile it? True where that is not set.
bool real_nvrtc_takes(const char *text, int n, const char *const *options, char **log);
#endif
