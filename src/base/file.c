// file.c -- mapping files, files that appear whole or not at all, directories, SHA-256.
#include "base/base.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

guise_status base_map_open(base_map *m, const char *path, base_error *e)
{
    *m = (base_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0) return base_fail(e, GUISE_IO, "%s: cannot be opened: %s", path, strerror(errno));
    guise_status s = GUISE_OK;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode))
        s = base_fail(e, GUISE_IO, "%s: is not a file", path);
    if (!s && st.st_size > 0) {
        void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            s = base_fail(e, GUISE_IO, "%s: cannot be mapped: %s", path, strerror(errno));
        else
            *m = (base_map){p, (size_t)st.st_size};
    }
    close(fd);
    return s;
}

void base_map_close(base_map *m)
{
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (base_map){0};
}

struct base_out {
    FILE *file;
    char *path, *beside;
    bool direct;   // a device or a pipe, which is written to and never replaced
    bool nameless; // beside is not there yet
};

static bool is_device(const char *path)
{
    struct stat st;
    static const char *const open_files[] = {"/dev/std", "/dev/fd/", "/proc/"};
    for (int i = 0; i < 3; i++)
        if (!strncmp(path, open_files[i], strlen(open_files[i]))) return true;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

// The file has no name until it is whole where the file system can do that (O_TMPFILE), so even
// kill -9 leaves nothing; elsewhere it is written beside and removed by close.
static int open_nameless(const char *path)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    int n = slash ? (int)(slash - path) : 0;
    if (n >= (int)sizeof dir) return -1;
    snprintf(dir, sizeof dir, "%.*s", slash ? (n ? n : 1) : 1, slash ? path : ".");
    return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0644);
}

// A descriptor to write to, or -1 and errno. A link stays one: what it leads to is replaced.
static int open_for(base_out *n)
{
    char *real = n->direct ? NULL : realpath(n->path, NULL);
    if (real) {
        char *copy = base_copy_text(real);
        free(real); // libc's
        if (!copy) return errno = ENOMEM, -1;
        base_free(n->path);
        n->path = copy;
    }
    n->beside = base_format("%s.part%ld", n->path, (long)getpid());
    if (!n->beside) return errno = ENOMEM, -1;
    if (n->direct) return open(n->path, O_WRONLY | O_CLOEXEC);
    int fd = open_nameless(n->path);
    n->nameless = fd >= 0;
    return n->nameless ? fd : open(n->beside, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
}

guise_status base_out_open(base_out **o, const char *path, base_error *e)
{
    *o = NULL;
    if (base_is_dir(path))
        return base_fail(e, GUISE_IO, "%s: cannot be written: it is a directory", path);
    base_out *n = base_alloc(1, sizeof *n);
    if (!n) return base_no_memory(e);
    n->direct = is_device(path);
    n->path = base_copy_text(path);
    guise_status s = n->path ? GUISE_OK : base_no_memory(e);
    int fd = s ? -1 : open_for(n), why = errno;
    if (!s && fd < 0 && why == ENOMEM) s = base_no_memory(e);
    if (!s && fd < 0) s = base_fail(e, GUISE_IO, "%s: cannot be written: %s", path, strerror(why));
    if (!s && !(n->file = fdopen(fd, n->direct ? "wb" : "w+b"))) s = base_no_memory(e);
    if (s && fd >= 0) close(fd);
    if (s && fd >= 0 && !n->direct && !n->nameless) unlink(n->beside);
    *o = n;
    if (s) base_out_close(o);
    return s;
}

FILE *base_out_file(base_out *o) { return o->file; }

guise_status base_out_commit(base_out **o, base_error *e)
{
    base_out *n = *o;
    char self[64];
    bool ok = fflush(n->file) == 0 && !ferror(n->file); // of any write before
    if (ok && !n->direct) ok = fsync(fileno(n->file)) == 0;
    if (ok && n->nameless) { // give it a name beside first
        snprintf(self, sizeof self, "/proc/self/fd/%d", fileno(n->file));
        unlink(n->beside); // of a process with this number that was killed here
        ok = linkat(AT_FDCWD, self, AT_FDCWD, n->beside, AT_SYMLINK_FOLLOW) == 0;
        n->nameless = !ok;
    }
    ok = ok && (n->direct || rename(n->beside, n->path) == 0);
    guise_status s = ok ? GUISE_OK
                        : base_fail(e, GUISE_IO, "%s: writing failed: %s; is the disk full?",
                                    n->path, strerror(errno));
    base_out_close(o);
    return s;
}

void base_out_close(base_out **o)
{
    base_out *n = *o;
    if (!n) return;
    if (n->file) {
        fclose(n->file);
        if (!n->direct && !n->nameless) unlink(n->beside); // after a commit it has been renamed
    }
    base_free(n->path);
    base_free(n->beside);
    base_free(n);
    *o = NULL;
}

guise_status base_write_file(const char *path, const void *data, size_t n, base_error *e)
{
    base_out *o = NULL;
    guise_status s = base_out_open(&o, path, e);
    if (s) return s;
    if (fwrite(data, 1, n, o->file) != n) {
        s = base_fail(e, GUISE_IO, "%s: writing failed: %s; is the disk full?", path,
                      strerror(errno));
        base_out_close(&o);
        return s;
    }
    return base_out_commit(&o, e);
}

bool base_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool base_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

guise_status base_make_dir(const char *path, base_error *e)
{
    char *p = base_copy_text(path);
    if (!p) return base_no_memory(e);
    int why = 0;
    for (char *c = p; *c; c++)
        if (*c == '/' && c > p) {
            *c = 0;
            if (mkdir(p, 0755) && errno != EEXIST && !why) why = errno;
            *c = '/';
        }
    if (mkdir(p, 0755) && !why) why = errno;
    base_free(p);
    if (base_is_dir(path)) return GUISE_OK;
    return base_fail(e, GUISE_IO, "%s: the directory cannot be made: %s", path, strerror(why));
}

bool base_names_add(base_names *l, const char *name)
{
    char *copy = base_copy_text(name);
    if (!copy || !BASE_PUSH_ROOM(l->name, l->n, l->cap)) return base_free(copy), false;
    l->name[l->n++] = copy;
    return true;
}

void base_names_free(base_names *l)
{
    for (size_t i = 0; i < l->n; i++) base_free(l->name[i]);
    base_free(l->name);
    *l = (base_names){0};
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

guise_status base_names_read(base_names *l, const char *dir, base_error *e)
{
    *l = (base_names){0};
    DIR *d = opendir(dir);
    if (!d) return base_fail(e, GUISE_IO, "%s: cannot be listed: %s", dir, strerror(errno));
    bool ok = true;
    for (struct dirent *f; ok && (f = readdir(d));)
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0)
            ok = base_names_add(l, f->d_name);
    closedir(d);
    if (!ok) return base_names_free(l), base_no_memory(e);
    if (l->n) qsort(l->name, l->n, sizeof *l->name, by_bytes);
    return GUISE_OK;
}

void base_sha256_bytes(base_sha256 *h, const void *data, size_t n)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    *h = (base_sha256){0};
    EVP_Digest(data, n, digest, &length, EVP_sha256(), NULL);
    for (unsigned i = 0; i < length && i < 32; i++)
        snprintf(h->hex + 2 * (size_t)i, 3, "%02x", digest[i]);
}

guise_status base_sha256_file(base_sha256 *h, const char *path, base_error *e)
{
    base_map m;
    guise_status s = base_map_open(&m, path, e);
    if (s) return s;
    base_sha256_bytes(h, m.data ? (const void *)m.data : "", m.size);
    base_map_close(&m);
    return GUISE_OK;
}
