// test_golden_weights.c -- the formula of the golden weights against its own check table.
#include "golden_weights.h"
#include "test.h"

static uint32_t crc32_of(const void *data, size_t n) // as zip's
{
    uint32_t table[256], crc = 0xffffffffu;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
        table[i] = c;
    }
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i++) crc = table[(crc ^ p[i]) & 255] ^ (crc >> 8);
    return ~crc;
}

static tg_shape parse_shape(const char *text)
{
    tg_shape s = {0};
    for (const char *p = text; *p && s.rank < TG_MAX_RANK;) {
        char *end;
        s.dim[s.rank] = strtol(p, &end, 10);
        if (end == p) break;
        s.rank++;
        p = *end == 'x' ? end + 1 : end;
    }
    return s;
}

static void check_line(char *line, int *full)
{
    char *field[7], *rest = line;
    for (int i = 0; i < 7; i++) field[i] = strsep(&rest, "\t\n");
    tg_shape s = parse_shape(field[2]);
    size_t n = (size_t)tg_count(s);
    if (n > 300000) return; // the formula knows no size; the large ones take long
    float *v = base_alloc(n, sizeof *v);
    golden_tensor(field[0], field[1], s, v);
    unsigned first = 0, crc = 0, bits;
    memcpy(&bits, v, sizeof bits);
    bool unit = strstr(field[3], "normalised") != NULL;
    double l2 = 0;
    for (size_t i = 0; i < n; i++) l2 += (double)v[i] * v[i];
    CHECK(sscanf(field[4], "%x", &first) == 1 && sscanf(field[5], "%x", &crc) == 1);
    CHECK_NEAR(sqrt(l2), strtod(field[6], NULL), 1e-7 * sqrt(l2) + 1e-12);
    if (!unit) CHECK(bits == first);
    if (!unit) CHECK(crc32_of(v, n * sizeof *v) == crc);
    *full += !unit;
    base_free(v);
}

TEST(weights_match_their_check_table)
{
    const char *path = test_golden("simswap/WEIGHTS_CHECK.tsv");
    FILE *f = path ? fopen(path, "r") : NULL;
    if (!f) return;
    char line[400];
    int lines = 0, full = 0;
    while (fgets(line, sizeof line, f))
        if (lines++) check_line(line, &full);
    fclose(f);
    CHECK(lines == 1970);
    CHECK(full > 1200);
}

TEST(hash_gives_known_values)
{
    float v[2];
    golden_tensor("G224", "up3.2.running_var", TG_SHAPE(2), v);
    unsigned bits[2];
    memcpy(bits, v, sizeof bits);
    CHECK(bits[0] == 0x3f850c6b && bits[1] == 0x3f45a04f);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(hash_gives_known_values), CASE(weights_match_their_check_table));
}
