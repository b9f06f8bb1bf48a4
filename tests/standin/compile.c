// compile.c -- device code to a shared library, by the C++ compiler that CMake found.
#include "compile.h"
#include <ctype.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern const char standin_prefix[]; // prefix.hpp, as text

typedef struct {
    char *at;
    size_t n;
} text;

static bool add(text *t, const char *from, size_t n)
{
    char *more = realloc(t->at, t->n + n + 1);
    if (!more) return false;
    memcpy(more + t->n, from, n);
    more[t->n + n] = 0;
    *t = (text){more, t->n + n};
    return true;
}

static text read_file(const char *path)
{
    text t = {0};
    char part[65536];
    size_t n;
    FILE *f = fopen(path, "rb");
    while (f && (n = fread(part, 1, sizeof part, f)) > 0 && add(&t, part, n)) {
    }
    if (f) fclose(f);
    return t;
}

static bool write_file(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    bool good = f && fwrite(bytes, 1, n, f) == n;
    return f && fclose(f) == 0 && good;
}

// Runs the compiler, its words into the file at log.
static bool run(char *const *args, const char *log)
{
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_t to;
    posix_spawn_file_actions_init(&to);
    posix_spawn_file_actions_addopen(&to, 2, log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    bool begun = posix_spawnp(&pid, args[0], &to, NULL, args, environ) == 0;
    if (begun) waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&to);
    return begun && status == 0;
}

static uint64_t hash(const char *s, uint64_t h)
{
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    return h;
}

// cache/<hash>.so beside this library.
static bool place(const char *source, char *path, size_t size)
{
    Dl_info me;
    if (!dladdr(standin_prefix, &me) || !me.dli_fname) return false;
    const char *slash = strrchr(me.dli_fname, '/');
    int dir = slash ? (int)(slash - me.dli_fname) : 0;
    snprintf(path, size, "%.*s/cache", dir, me.dli_fname);
    mkdir(path, 0700);
    uint64_t a = hash(source, hash(standin_prefix, 14695981039346656037u)), b = hash(source, ~a);
    int n = snprintf(path, size, "%.*s/cache/%016llx%016llx.so", dir, me.dli_fname,
                     (unsigned long long)a, (unsigned long long)b);
    return n > 0 && (size_t)n < size;
}

// "(struct args a)" after a kernel's name: its type, without the parameter's name.
static bool add_caller(text *t, const char *from, const char *end)
{
    const char *open = memchr(from, '(', (size_t)(end - from));
    if (!open) return false;
    const char *close = memchr(open, ')', (size_t)(end - open)), *last = open;
    while (last > from && isspace((unsigned char)last[-1])) last--;
    const char *name = last;
    while (name > from && (isalnum((unsigned char)name[-1]) || name[-1] == '_')) name--;
    if (!close || name == last) return false;
    const char *type = close;
    while (type > open && isspace((unsigned char)type[-1])) type--;
    while (type > open && (isalnum((unsigned char)type[-1]) || type[-1] == '_')) type--;
    int n = (int)(last - name), m = (int)(type - open - 1);
    char line[1024];
    int k = snprintf(line, sizeof line,
                     "extern \"C\" __attribute__((visibility(\"default\"))) void "
                     "standin_call_%.*s(const void *p) { %.*s(*(const %.*s *)p); }\n"
                     "extern \"C\" __attribute__((visibility(\"default\"))) const size_t "
                     "standin_size_%.*s = sizeof(%.*s);\n",
                     n, name, n, name, m, open + 1, n, name, m, open + 1);
    return k > 0 && (size_t)k < sizeof line && add(t, line, (size_t)k);
}

// Kernels are the functions marked __global__, which the preprocessor leaves as it is.
static bool add_callers(text *t)
{
    text more = {0};
    bool good = true;
    const char mark[] = "__global__";
    for (char *at = strstr(t->at, mark); at && good; at = strstr(at + 1, mark)) {
        memset(at, ' ', sizeof mark - 1);
        good = add_caller(&more, at, t->at + t->n);
    }
    good = good && more.n && add(t, more.at, more.n);
    free(more.at);
    return good;
}

static bool build(const char *source, const char *path, char **log)
{
    char in[1100], middle[1100], out[1100], words[1100];
    long me = (long)getpid();
    snprintf(in, sizeof in, "%s.%ld.in", path, me);
    snprintf(middle, sizeof middle, "%s.%ld.ii", path, me);
    snprintf(out, sizeof out, "%s.%ld.out", path, me);
    snprintf(words, sizeof words, "%s.%ld.log", path, me);
    char *first[] = {(char[]){STANDIN_CXX}, "-x", "c++", "-E", "-P", in, "-o", middle, NULL};
    char *second[] = {(char[]){STANDIN_CXX},
                      "-x",
                      "c++-cpp-output",
                      "-std=c++17",
                      "-O1",
                      "-pipe",
                      "-fPIC",
                      "-shared",
                      "-nostdlib",
                      "-fno-exceptions",
                      "-fno-rtti",
                      "-fno-weak",
                      "-fvisibility=hidden",
                      "-ffp-contract=off",
                      "-Wl,--gc-sections",
                      "-ffunction-sections",
                      "-w",
                      middle,
                      "-o",
                      out,
                      NULL};
    text t = {0};
    bool good = add(&t, standin_prefix, strlen(standin_prefix)) &&
                add(&t, source, strlen(source)) && write_file(in, t.at, t.n) && run(first, words);
    free(t.at);
    t = (text){0};
    if (good) t = read_file(middle);
    good = good && t.at && add_callers(&t) && write_file(middle, t.at, t.n) && run(second, words) &&
           rename(out, path) == 0;
    free(t.at);
    if (!good) *log = read_file(words).at;
    if (!good && !*log) *log = strdup("no kernel in the text");
    unlink(in);
    unlink(middle);
    unlink(out);
    unlink(words);
    return good;
}

char *compile_text(const char *source, int n, const char *const *options, size_t *bytes, char **log)
{
    char path[1000];
    text image = {0};
    if (!place(source, path, sizeof path)) return NULL;
    if (!real_nvrtc_takes(source, n, options, log)) return NULL;
    if (access(path, R_OK) != 0 && !build(source, path, log)) return NULL;
    image = read_file(path);
    *bytes = image.n;
    return image.at;
}
