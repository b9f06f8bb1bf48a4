// find.c -- where weights and other networks lie on this machine.
#include "engine/engine.h"
#include "model/card.h"
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Add "base/tail" where it is a directory.
static bool add_dir(base_names *dirs, const char *base, const char *tail)
{
    char *path = base_format("%s%s%s", base, *tail ? "/" : "", tail);
    bool ok = path != NULL;
    if (path && base_is_dir(path)) ok = base_names_add(dirs, path);
    base_free(path);
    return ok;
}

// Where a file's directory, as installed or as built, has weights.
static bool add_around(base_names *dirs, char file[PATH_MAX])
{
    char *slash = strrchr(file, '/');
    if (!slash) return true;
    *slash = 0;
    return add_dir(dirs, file, "weights") && add_dir(dirs, file, "../weights") &&
           add_dir(dirs, file, "../../weights") && add_dir(dirs, file, "../share/guise/weights") &&
           add_dir(dirs, file, "../../share/guise/weights"); // lib/TRIPLET, as Debian has it
}

bool find_weights_dirs(base_names *dirs)
{
    static const char here;
    char program[PATH_MAX] = "", library[PATH_MAX] = "";
    const char *set = getenv("GUISE_WEIGHTS");
    ssize_t n = readlink("/proc/self/exe", program, PATH_MAX - 1);
    program[n > 0 ? n : 0] = 0;
    Dl_info of;
    if (!dladdr(&here, &of) || !of.dli_fname || !realpath(of.dli_fname, library)) *library = 0;
    bool apart = strcmp(program, library) != 0; // libguise.so in somebody's program
    return (!set || !*set || add_dir(dirs, set, "")) && add_around(dirs, program) &&
           (!apart || add_around(dirs, library)) && add_dir(dirs, "weights", "");
}

static bool model_dirs(base_names *dirs)
{
    const char *set = getenv("GUISE_MODELS"), *home = getenv("HOME");
    return (!set || !*set || add_dir(dirs, set, "")) &&
           (!home || !*home || add_dir(dirs, home, ".local/share/guise/models")) &&
           add_dir(dirs, "models", "");
}

char *find_optional(const char *file, bool weights)
{
    base_names dirs = {0};
    char *found = NULL;
    bool ok = weights ? find_weights_dirs(&dirs) : model_dirs(&dirs);
    for (size_t i = 0; ok && !found && i < dirs.n; i++) {
        char *path = base_format("%s/%s", dirs.name[i], file);
        if (path && base_is_file(path))
            found = path;
        else
            base_free(path);
    }
    base_names_free(&dirs);
    return found;
}

guise_status find_model(const char *file, char **path, base_error *e)
{
    *path = find_optional(file, false);
    if (*path) return GUISE_OK;
    return base_fail(e, GUISE_IO,
                     "%s is not on this machine; put it into ~/.local/share/guise/models, or name "
                     "its folder in GUISE_MODELS",
                     file);
}

guise_status find_weights(const char *name, char **path, base_error *e)
{
    char *file = base_format("%s.safetensors", name);
    if (!file) return base_no_memory(e);
    *path = find_optional(file, true);
    base_free(file);
    if (*path) return GUISE_OK;
    return base_fail(e, GUISE_IO, "there is no generator '%s'; see guise models", name);
}

guise_status find_named(const char *named, const char *what, char **path, base_error *e)
{
    static const char *const endings[] = {".safetensors", ".onnx", ""};
    *path = NULL;
    if (base_is_file(named)) return (*path = base_copy_text(named)) ? GUISE_OK : base_no_memory(e);
    for (int i = 0; !*path && i < 3; i++) {
        char *file = base_format("%s%s", named, endings[i]);
        if (!file) return base_no_memory(e);
        *path = find_optional(file, i == 0);
        base_free(file);
    }
    if (*path) return GUISE_OK;
    return base_fail(e, GUISE_IO,
                     "there is no %s '%s': it is no file here, and no name that guise models lists",
                     what, named);
}

// Side of a generator's crops by its card; 0: it is none. Unreadable files are none, and no error.
static int generator_size(const char *path)
{
    base_tensors t = {0};
    const char *network = NULL;
    if (!weights_safetensors_read(&t, path, NULL)) network = base_tensors_meta(&t, CARD_NETWORK);
    const model_net *net = network ? model_find(network) : NULL;
    const char *size = net ? base_tensors_meta(&t, CARD_SIZE) : NULL;
    bool yes = size && net->swapper && base_tensors_meta(&t, CARD_IDENTITY);
    int side = yes ? (int)strtol(size, NULL, 10) : 0;
    base_tensors_free(&t);
    return side;
}

static bool generators_in(base_names *all, const char *dir)
{
    base_names files = {0};
    bool ok = true;
    if (base_names_read(&files, dir, NULL)) return true;
    for (size_t i = 0; ok && i < files.n; i++) {
        const char *dot = strrchr(files.name[i], '.');
        if (!dot || strcmp(dot, ".safetensors") != 0) continue;
        char *path = base_format("%s/%s", dir, files.name[i]);
        ok = path && (!generator_size(path) || base_names_add(all, path));
        base_free(path);
    }
    base_names_free(&files);
    return ok;
}

bool find_generators(base_names *all)
{
    base_names dirs = {0};
    bool ok = find_weights_dirs(&dirs);
    for (size_t i = 0; ok && !all->n && i < dirs.n; i++) ok = generators_in(all, dirs.name[i]);
    base_names_free(&dirs);
    return ok;
}

guise_status find_default_generator(char **path, base_error *e)
{
    base_names all = {0};
    size_t best = 0;
    int most = 0;
    *path = NULL;
    bool ok = find_generators(&all);
    for (size_t i = 0; i < all.n; i++) {
        int side = generator_size(all.name[i]);
        if (side > most) best = i, most = side;
    }
    if (ok && all.n) ok = (*path = base_copy_text(all.name[best])) != NULL;
    bool none = ok && !all.n;
    base_names_free(&all);
    if (!ok) return base_no_memory(e);
    if (!none) return GUISE_OK;
    return base_fail(e, GUISE_IO,
                     "no generator was found; name one with --weights, or its folder in "
                     "GUISE_WEIGHTS");
}

char *find_stem(const char *path, char name[64])
{
    const char *slash = strrchr(path, '/'), *start = slash ? slash + 1 : path;
    const char *dot = strrchr(start, '.');
    size_t n = dot && dot > start ? (size_t)(dot - start) : strlen(start);
    if (n > 63) n = 63;
    memcpy(name, start, n);
    name[n] = 0;
    return name;
}
