// test_pth.c -- PyTorch files: real ones in both formats, modules without their classes, and
// pickles that mean harm. golden/pth: tiny_* and expected were written by PyTorch; the others by
// Python's pickle with the calls and classes that PyTorch's pickles name.
#include "test.h"
#include "weights/weights.h"

static bool reads(base_tensors *t, const char *name)
{
    base_error e = {0};
    const char *path = test_golden(name);
    guise_status s = path ? weights_read(t, path, &e) : GUISE_IO;
    if (path && s) printf("%s\n", e.text);
    CHECK(!path || !s);
    return !s;
}

TEST(written_by_pytorch)
{
    static const char *const name[] = {"pth/tiny_state_zip.pth", "pth/tiny_state_legacy.pth",
                                       "pth/tiny_module_zip.tar"};
    base_tensors want = {0};
    if (!reads(&want, "pth/expected.safetensors")) return;
    for (int i = 0; i < 3; i++) {
        base_tensors t = {0};
        if (!reads(&t, name[i])) continue;
        CHECK(t.n == (i == 2 ? 10 : 13)); // the module has no additional tensors
        for (size_t k = 0; k < t.n; k++) {
            const base_tensor *x = &t.at[k], *y = base_tensors_find(&want, x->name);
            bool same = y && base_tensor_count(x) == base_tensor_count(y);
            CHECK(same && y == &want.at[k]); // in the file's order
            for (int64_t j = 0; same && j < base_tensor_count(x); j++)
                CHECK(base_tensor_at(x, j) == base_tensor_at(y, j));
        }
        const base_tensor *h = base_tensors_find(&t, "half_tensor");
        CHECK(i == 2 ? !h : h && h->dtype == BASE_F16);
        base_tensors_free(&t);
    }
    base_tensors_free(&want);
}

static void check(const base_tensors *t, const char *name, base_dtype type, int rank,
                  const int64_t *dim, const double *v)
{
    const base_tensor *x = base_tensors_find(t, name);
    bool same = x && x->dtype == type && x->rank == rank;
    for (int i = 0; same && i < rank; i++) same = x->dim[i] == dim[i];
    CHECK(same);
    if (!same) printf("%s\n", name);
    for (int64_t i = 0; same && i < base_tensor_count(x); i++) CHECK(base_tensor_at(x, i) == v[i]);
}

#define DIMS(...)                                                                                  \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / 8), (int64_t[]) { __VA_ARGS__ }

// {'model': DataParallel(module), 'optimizer': ...}: modules are walked, the rest is left alone.
TEST(modules_of_unknown_classes)
{
    base_tensors t = {0};
    if (!reads(&t, "pth/parallel_legacy.tar")) return;
    CHECK(t.n == 5);
    check(&t, "bias", BASE_F32, DIMS(2), (double[]){-2, 1});
    check(&t, "layer1.0.weight", BASE_F32, DIMS(2, 3), (double[]){0, 0.25, 0.5, 0.75, 1, 1.25});
    check(&t, "layer1.0.running_mean", BASE_F32, DIMS(2), (double[]){-1, 0.5});
    check(&t, "layer1.0.steps", BASE_I64, 0, NULL, (double[]){7});
    check(&t, "prelu.weight", BASE_F32, DIMS(1), (double[]){0.25});
    base_tensors_free(&t);
}

TEST(prefix_is_left_out)
{
    base_tensors t = {0};
    if (!reads(&t, "pth/prefix_protocol4.pth")) return;
    CHECK(t.n == 3);
    check(&t, "a.weight", BASE_F32, DIMS(2, 3), (double[]){0, 0.25, 0.5, 0.75, 1, 1.25});
    check(&t, "a.bias", BASE_F16, DIMS(2), (double[]){-1, 0.5});
    check(&t, "d", BASE_F64, DIMS(2), (double[]){-1, 0.5});
    base_tensors_free(&t);
}

TEST(views_become_contiguous)
{
    base_tensors t = {0};
    if (!reads(&t, "pth/views_legacy.pth")) return;
    check(&t, "all", BASE_F32, DIMS(3, 4), (double[]){0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
    check(&t, "column", BASE_F32, DIMS(3), (double[]){1, 5, 9});
    check(&t, "transposed", BASE_F32, DIMS(4, 3), (double[]){0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11});
    check(&t, "repeated", BASE_F32, DIMS(2, 2), (double[]){5, 5, 5, 5});
    check(&t, "empty", BASE_F32, DIMS(0, 4), NULL);
    base_tensors_free(&t);
}

// ---- Pickles that mean harm

typedef struct {
    unsigned char p[8192];
    size_t n;
} stream;

static void put(stream *s, const void *p, size_t n)
{
    memcpy(s->p + s->n, p, n);
    s->n += n;
}

#define PUT(S, TEXT) put((S), (TEXT), sizeof(TEXT) - 1)

// Magic number, version, system information: what every legacy file begins with.
static stream begin(void)
{
    stream s = {.n = 0};
    PUT(&s, "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.");
    PUT(&s, "\x80\2M\xe9\3.");
    PUT(&s, "\x80\2}.");
    return s;
}

// A tensor: float storage "0" of `elements`, then offset, sizes and strides as pickled numbers.
static void put_tensor(stream *s, const char *offset, const char *size, const char *stride)
{
    PUT(s, "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\n"
           "X\1\0\0\0000X\3\0\0\0cpuK\4NtQ");
    put(s, offset, strlen(offset));
    PUT(s, "(");
    put(s, size, strlen(size));
    PUT(s, "t(");
    put(s, stride, strlen(stride));
    PUT(s, "t\x89}tR");
}

// The key list, and storage "0" of four floats.
static void end(stream *s)
{
    PUT(s, "\x80\2]X\1\0\0\0000a.");
    PUT(s, "\4\0\0\0\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@");
}

static void check_refused(const stream *s, const char *why, int line)
{
    base_tensors t = {0};
    base_error e = {0};
    guise_status status = weights_pth_parse(&t, s->p, s->n, &e);
    test_checked++;
    if (status == GUISE_BAD_FILE && strstr(e.text, why) && !t.at) return;
    printf("status %d: '%s', want '%s'\n", (int)status, e.text, why);
    test_report(__FILE__, line, "refused with the sentence");
    base_tensors_free(&t);
}

#define REFUSED(S, WHY) check_refused((S), (WHY), __LINE__)

// The object is this pickle.
static void refused_object(const char *p, size_t n, const char *why, int line)
{
    stream s = begin();
    put(&s, p, n);
    end(&s);
    check_refused(&s, why, line);
}

#define OBJECT(PICKLE, WHY) refused_object((PICKLE), sizeof(PICKLE) - 1, (WHY), __LINE__)

TEST(a_plain_tensor)
{
    stream s = begin();
    base_tensors t = {0};
    base_error e = {0};
    PUT(&s, "\x80\2}X\1\0\0\0w");
    put_tensor(&s, "K\1", "K\3", "K\1");
    PUT(&s, "s.");
    end(&s);
    CHECK(!weights_pth_parse(&t, s.p, s.n, &e));
    check(&t, "w", BASE_F32, DIMS(3), (double[]){2, 3, 4});
    base_tensors_free(&t);
}

TEST(nothing_runs)
{
    const char *mark = test_scratch("mark");
    stream s = begin();
    PUT(&s, "\x80\2cposix\nsystem\n");
    char command[256];
    snprintf(command, sizeof command, "touch %s", mark);
    unsigned char head[5] = {'X', (unsigned char)strlen(command)};
    put(&s, head, 5);
    put(&s, command, strlen(command));
    PUT(&s, "\x85R.");
    end(&s);
    REFUSED(&s, "the file holds no tensors");
    CHECK(!base_is_file(mark));
}

TEST(tensors_that_lie)
{
    static const struct {
        const char *offset, *size, *stride, *why;
    } bad[] = {
        {"K\2", "K\3", "K\1", "needs 5 elements of storage 0, which has 4"},
        {"K\1", "K\2K\2", "K\2K\2", "needs 6 elements of storage 0, which has 4"},
        {"J\xff\xff\xff\xff", "K\1", "K\1", "an impossible place"},
        {"K\1", "J\xff\xff\xff\xff", "K\1", "an impossible size or stride"},
        {"K\1", "K\2", "J\xff\xff\xff\xff", "an impossible size or stride"},
        {"K\1", "K\2K\2", "K\1", "an impossible number of dimensions"},
        {"K\1", "J\xff\xff\xff\x7f", "K\x20", "repeats its storage beyond reason"},
        {"K\1", "J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7f", "K\1K\1K\1",
         "more elements than can exist"},
        {"K\1", "J\xff\xff\xff\x7fK\1", "\x8a\x8\xff\xff\xff\xff\xff\xff\xff\x7fK\1",
         "an impossible stride"},
        {"K\1", "N", "K\1", "an impossible size or stride"},
        {"N", "K\1", "K\1", "not made of storage, offset, size and stride"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        stream s = begin();
        PUT(&s, "\x80\2}X\1\0\0\0w");
        put_tensor(&s, bad[i].offset, bad[i].size, bad[i].stride);
        PUT(&s, "s.");
        end(&s);
        REFUSED(&s, bad[i].why);
    }
}

TEST(pickles_that_lie)
{
    OBJECT("\x80\2}q\0X\1\0\0\0ah\0s.", "'a' in the pickle contains itself");
    OBJECT("\x80\2]q\0h\0a.", "contains itself");
    OBJECT("\x80\2}X\5\0\0\0modelh\7s.", "recalls value 7, which it never had");
    OBJECT("\x80\2.", "takes from an empty stack");
    OBJECT("\x80\2t.", "ends a list that it did not begin");
    OBJECT("\x80\2K\1(K\2s.", "adds to");
    OBJECT("\x80\2K\1K\2a.", "adds to what is no list");
    OBJECT("\x80\2}(K\1u.", "adds to what is no dictionary");
    OBJECT("\x80\2\xff.", "byte 0xff is no pickle instruction");
    OBJECT("\x80\x09.", "pickle protocol 9 is not known");
    OBJECT("\x80\2Nr\xff\xff\xff\xff.", "remembers value 4294967295 wrongly");
    OBJECT("\x80\2X\xff\xff\xff\x7f.", "ends too early");
    OBJECT("\x80\2\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "ends too early");
    OBJECT("\x80\2K\1Q.", "neither a storage nor a module");
    OBJECT("\x80\2(X\7\0\0\0storagectorch\nQUInt8Storage\nX\1\0\0\0000X\3\0\0\0cpuK\4NtQ.",
           "a storage of type torch QUInt8Storage is not read");
    OBJECT("\x80\2}.", "the file holds no tensors");
}

TEST(pickles_without_end)
{
    stream s = begin(); // lists in lists in lists
    PUT(&s, "\x80\2");
    for (int i = 0; i < 3000; i++) PUT(&s, "]");
    for (int i = 1; i < 3000; i++) PUT(&s, "a");
    PUT(&s, ".");
    end(&s);
    REFUSED(&s, "nested too deeply");
    s = begin(); // two of the one before, forty times over
    PUT(&s, "\x80\2K\1");
    for (int i = 0; i < 40; i++) PUT(&s, "2\x86");
    PUT(&s, ".");
    end(&s);
    REFUSED(&s, "nested too deeply or too often");
    s = begin();
    PUT(&s, "\x80\2}q\0X\5\0\0\0modelh\0s."); // a checkpoint whose model is the checkpoint
    end(&s);
    REFUSED(&s, "contains itself");
}

TEST(lists_of_storages_that_lie)
{
    stream s = begin();
    PUT(&s, "\x80\2}X\1\0\0\0w");
    put_tensor(&s, "K\1", "K\1", "K\1");
    PUT(&s, "s.");
    size_t object = s.n;
    PUT(&s, "\x80\2].");
    REFUSED(&s, "storage 0 is not in the file");
    s.n = object;
    PUT(&s, "\x80\2N.");
    REFUSED(&s, "has no list of storages");
    s.n = object;
    PUT(&s, "\x80\2]X\1\0\0\0000a.\xff\xff\xff\xff\xff\xff\xff\x7f");
    REFUSED(&s, "storage 1 of 1 is not whole");
    s.n = object;
    PUT(&s, "\x80\2]X\1\0\0\0009a.\1\0\0\0\0\0\0\0\0\0\0\0");
    REFUSED(&s, "storage 1 of 1 is not whole");
}

// Wherever a file is cut, an error comes back and nothing is left behind.
TEST(cut_short)
{
    static const char *const name[] = {"pth/tiny_state_legacy.pth", "pth/tiny_module_zip.tar",
                                       "pth/parallel_legacy.tar"};
    for (int i = 0; i < 3; i++) {
        const char *path = test_golden(name[i]);
        base_map map = {0};
        if (!path || base_map_open(&map, path, NULL)) continue;
        for (size_t n = 0; n < map.size; n++) {
            base_tensors t = {0};
            base_error e = {0};
            unsigned char *part = base_alloc(n + 1, 1); // so that reading past n is noticed
            if (part) memcpy(part, map.data, n);
            CHECK(part && weights_pth_parse(&t, part, n, &e) == GUISE_BAD_FILE && e.text[0]);
            base_free(part);
        }
        base_map_close(&map);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(written_by_pytorch), CASE(modules_of_unknown_classes),
               CASE(prefix_is_left_out), CASE(views_become_contiguous), CASE(a_plain_tensor),
               CASE(nothing_runs), CASE(tensors_that_lie), CASE(pickles_that_lie),
               CASE(pickles_without_end), CASE(lists_of_storages_that_lie), CASE(cut_short));
}
