// tune.c -- where the program remembers which way of a convolution was fastest: a file in the
// user's cache directory (XDG Base Directory Specification), or the one that GUISE_TUNE names.
#include "backend/backend.h"
#include "engine/engine.h"
#include <stdlib.h>
#include <string.h>

// guise below $XDG_CACHE_HOME, which counts only as an absolute path, or below ~/.cache.
static char *directory(void)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0] == '/') return base_format("%s/guise", cache);
    return home && home[0] == '/' ? base_format("%s/.cache/guise", home) : NULL;
}

void engine_tune(void)
{
    const char *set = getenv("GUISE_TUNE");
    if (set && !strcmp(set, "none")) return;
    if (set && *set) {
        cpu_tune_file(set);
        return;
    }
    char *dir = directory();
    char *file = dir && !base_make_dir(dir, NULL) ? base_format("%s/algorithms", dir) : NULL;
    if (file) cpu_tune_file(file); // else the choices live as long as the program
    base_free(file);
    base_free(dir);
}
