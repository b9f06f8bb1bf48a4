// test_safetensors.c -- files written, read again, and refused with a sentence.
#include "test.h"
#include "weights/weights.h"

// A file in memory: length, header, then n bytes of data (all zero). Returns its size.
static size_t file_of(unsigned char *to, const char *header, size_t n)
{
    size_t length = strlen(header);
    for (int i = 0; i < 8; i++) to[i] = (unsigned char)(length >> 8 * i);
    memcpy(to + 8, header, length);
    memset(to + 8 + length, 0, n);
    return 8 + length + n;
}

static void sample(base_tensors *t)
{
    static const float v[6] = {1, -2, 3, -4, 5, -6};
    static const int64_t steps = 1234567890123;
    CHECK(base_tensors_add(t, "half", BASE_F16, 1, (int64_t[]){3}, (uint16_t[]){1, 2, 0x3c00}));
    CHECK(base_tensors_add(t, "weight", BASE_F32, 2, (int64_t[]){2, 3}, v));
    CHECK(base_tensors_add(t, "flag", BASE_BOOL, 1, (int64_t[]){1}, "\1"));
    CHECK(base_tensors_add(t, "steps", BASE_I64, 0, NULL, &steps));
    CHECK(base_tensors_add(t, "none", BASE_F32, 2, (int64_t[]){0, 5}, NULL));
    CHECK(base_tensors_set_meta(t, "network", "simswap"));
    CHECK(base_tensors_set_meta(t, "licence", "caf\xc3\xa9 \"quoted\""));
}

TEST(writes_and_reads)
{
    base_tensors t = {0}, u = {0};
    base_error e = {0};
    const char *path = test_scratch("sample.safetensors");
    sample(&t);
    CHECK(!weights_safetensors_write(&t, path, &e));
    CHECK(!weights_safetensors_read(&u, path, &e));
    CHECK(u.n == t.n && u.n_meta == 2 && u.map.size > 0);
    for (size_t i = 0; i < u.n; i++) {
        const base_tensor *a = &t.at[i], *b = &u.at[i];
        CHECK(!strcmp(a->name, b->name) && a->dtype == b->dtype && a->rank == b->rank);
        CHECK(!memcmp(a->dim, b->dim, sizeof a->dim));
        CHECK(!memcmp(a->data, b->data, base_tensor_bytes(a)));
        CHECK(!b->owned && (uintptr_t)b->data % base_dtype_size(b->dtype) == 0); // in the map
    }
    const char *meta = base_tensors_meta(&u, "licence");
    CHECK(meta && !strcmp(meta, "caf\xc3\xa9 \"quoted\""));
    CHECK(u.map.data && (u.map.data[0] + 8) % 8 == 0);
    base_tensors_free(&u);
    CHECK(!weights_read(&u, path, &e) && u.n == t.n); // recognised by its content
    base_tensors_free(&u);
    base_tensors_free(&t);
}

TEST(copies_what_is_not_aligned)
{
    unsigned char file[400];
    base_tensors t = {0};
    base_error e = {0};
    const char *header = "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                         "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}";
    size_t n = file_of(file, header, 5);
    file[n - 1] = 0xbf, file[n - 2] = 0x80; // b = -1
    const char *path = test_scratch("unaligned.safetensors");
    CHECK(!base_write_file(path, file, n, &e));
    CHECK(!weights_safetensors_read(&t, path, &e));
    const base_tensor *b = base_tensors_find(&t, "b");
    CHECK(b && (uintptr_t)b->data % 4 == 0 && base_tensor_at(b, 0) == -1);
    base_tensors_free(&t);
    CHECK(!weights_safetensors_parse(&t, file, n, &e)); // nothing points into `file`
    memset(file, 0, sizeof file);
    b = base_tensors_find(&t, "b");
    CHECK(b && base_tensor_at(b, 0) == -1);
    base_tensors_free(&t);
}

#define ONE(DTYPE, SHAPE, OFFSETS)                                                                 \
    "{\"x\":{\"dtype\":\"" DTYPE "\",\"shape\":" SHAPE ",\"data_offsets\":" OFFSETS "}}"

TEST(refuses)
{
    static const struct {
        const char *header;
        const char *why;
    } bad[] = {
        {"", "too few"},
        {"{\"x\":[1,2]}", "'x' in the header describes no tensor"},
        {"[1,2,3,4]", "the header is not a JSON object"},
        {"{\"x\":", "the header is not JSON"},
        {"{\"x\":1,\"x\":2}", "the header is not JSON: duplicate object key"},
        {ONE("F8", "[2]", "[0,8]"), "tensor 'x' is of dtype 'F8'"},
        {ONE("F32", "[3]", "[0,8]"), "has 8 bytes of data where its shape and dtype make 12"},
        {ONE("F32", "[-2]", "[0,8]"), "dimension 0 of tensor 'x' is not a whole number"},
        {ONE("F32", "[1.5]", "[0,8]"), "dimension 0 of tensor 'x' is not a whole number"},
        {ONE("F32", "[4294967296,4294967296,4]", "[0,8]"), "more elements than can exist"},
        {ONE("F32", "[9223372036854775807]", "[0,8]"), "more elements than can exist"},
        {ONE("F32", "[1,1,1,1,1,1,1,1,2]", "[0,8]"), "has 9 dimensions; at most 8"},
        {ONE("F32", "[4]", "[0,16]"), "tensor 'x' ends at byte 16 of 8; the file is cut short"},
        {ONE("F32", "[2]", "[8,0]"), "data_offsets of tensor 'x' are not two rising numbers"},
        {ONE("F32", "[2]", "[-8,0]"), "data_offsets of tensor 'x' are not two rising numbers"},
        {ONE("F32", "[2]", "[0]"), "data_offsets of tensor 'x' are not two rising numbers"},
        {"{\"x\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
         "\"y\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[3,7]}}",
         "tensors 'x' and 'y' overlap"},
        {"{\"__metadata__\":{\"a\":1}}", "metadata 'a' in the header is not a text"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        unsigned char file[512];
        base_tensors t = {0};
        base_error e = {0};
        size_t n = file_of(file, bad[i].header, i ? 8 : 0);
        CHECK(weights_safetensors_parse(&t, file, n, &e) == GUISE_BAD_FILE && !t.n && !t.at);
        CHECK(strstr(e.text, bad[i].why) != NULL);
        if (!strstr(e.text, bad[i].why)) printf("%s: %s\n", bad[i].header, e.text);
    }
}

TEST(refuses_lengths)
{
    unsigned char file[64];
    base_tensors t = {0};
    base_error e = {0};
    size_t n = file_of(file, "{\"__metadata__\":{}}", 0);
    CHECK(!weights_safetensors_parse(&t, file, n, &e) && t.n == 0);
    base_tensors_free(&t);
    file[3] = 0x40; // a header of 1 GiB
    CHECK(weights_safetensors_parse(&t, file, n, &e) == GUISE_BAD_FILE);
    CHECK(strstr(e.text, "its header claims 1073741843 bytes; at most 67108864") != NULL);
    file[3] = 0, file[2] = 1, e = (base_error){0};
    CHECK(weights_safetensors_parse(&t, file, n, &e) == GUISE_BAD_FILE);
    CHECK(strstr(e.text, "claims 65555 bytes but the file has") != NULL);
    for (size_t k = 0; k < n; k++) { // cut anywhere
        file_of(file, "{\"__metadata__\":{}}", 0);
        CHECK(weights_safetensors_parse(&t, file, k, NULL) == GUISE_BAD_FILE);
    }
}

TEST(names_the_file)
{
    base_tensors t = {0};
    base_error e = {0};
    const char *path = test_scratch("text.safetensors");
    CHECK(!base_write_file(path, "hello, this is text", 19, &e));
    CHECK(weights_safetensors_read(&t, path, &e) == GUISE_BAD_FILE);
    CHECK(strstr(e.text, "text.safetensors: no safetensors file") != NULL);
    e = (base_error){0};
    CHECK(weights_read(&t, path, &e) == GUISE_BAD_FILE);
    CHECK(strstr(e.text, "neither safetensors, nor a PyTorch file (.pth), nor ONNX") != NULL);
    e = (base_error){0};
    CHECK(weights_read(&t, test_scratch("absent"), &e) == GUISE_IO && e.text[0]);
}

TEST(writes_whole_or_not_at_all)
{
    base_tensors t = {0};
    base_error e = {0};
    const char *path = test_scratch("twice.safetensors");
    CHECK(base_tensors_add(&t, "x", BASE_U8, 0, NULL, "a"));
    CHECK(base_tensors_add(&t, "x", BASE_U8, 0, NULL, "b"));
    CHECK(weights_safetensors_write(&t, path, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "two tensors are named 'x'") != NULL && !base_is_file(path));
    base_tensors_free(&t);
    CHECK(base_tensors_add(&t, "\xff\xfe", BASE_U8, 0, NULL, "a"));
    e = (base_error){0};
    CHECK(weights_safetensors_write(&t, path, &e) == GUISE_BAD_ARGUMENT && !base_is_file(path));
    CHECK(strstr(e.text, "not text in UTF-8") != NULL);
    base_tensors_free(&t);
    sample(&t);
    e = (base_error){0};
    CHECK(weights_safetensors_write(&t, test_scratch("no/such/dir/x"), &e) == GUISE_IO);
    base_tensors_free(&t);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(writes_and_reads), CASE(copies_what_is_not_aligned), CASE(refuses),
               CASE(refuses_lengths), CASE(names_the_file), CASE(writes_whole_or_not_at_all));
}
