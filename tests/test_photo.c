// test_photo.c -- photos in and out: formats, orientation, colours, broken files.
#include "face/face.h"
#include "media/mark.h"
#include "media/media.h"
#include "test.h"
#include <vips/vips.h>

enum { W = 40, H = 24 };

// Smooth colours, different in every corner, so that losses stay small and turns show.
static base_image sample(void)
{
    base_image m;
    base_image_new(&m, W, H, NULL);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            uint8_t *p = m.rgb + 3 * (y * W + x);
            p[0] = (uint8_t)(20 + 5 * x), p[1] = (uint8_t)(30 + 8 * y), p[2] = 90;
        }
    return m;
}

static int worst(const base_image *a, const base_image *b)
{
    if (a->w != b->w || a->h != b->h) return 999;
    int d = 0;
    for (int i = 0; i < a->w * a->h * 3; i++)
        if (abs(a->rgb[i] - b->rgb[i]) > d) d = abs(a->rgb[i] - b->rgb[i]);
    return d;
}

static void roundtrip(const char *name, int quality, int tolerance)
{
    base_image m = sample(), back = {0};
    const char *path = test_scratch(name);
    base_error e = {0};
    if (!media_photo_writable(path)) {
        printf("skipped: no encoder for %s\n", name);
        test_skipped++;
        base_image_free(&m);
        return;
    }
    CHECK(media_photo_write(&m, path, &(media_photo_options){.quality = quality}, &e) == GUISE_OK);
    CHECK(media_photo_read(&back, path, &e) == GUISE_OK);
    if (e.text[0]) printf("%s: %s\n", name, e.text);
    CHECK_NEAR(worst(&m, &back), 0, tolerance);
    base_image_free(&m);
    base_image_free(&back);
}

TEST(png_keeps_every_bit) { roundtrip("a.png", 0, 0); }
TEST(tiff_keeps_every_bit) { roundtrip("a.TIF", 0, 0); }
TEST(jpeg_is_close) { roundtrip("a.jpg", 95, 6); }
TEST(jpeg_default_quality_is_close) { roundtrip("b.jpeg", 0, 8); }
TEST(webp_is_close) { roundtrip("a.webp", 95, 12); }
TEST(heic_is_close) { roundtrip("a.heic", 95, 12); }
TEST(avif_is_close) { roundtrip("a.avif", 95, 12); }

static VipsImage *wrap(const base_image *m)
{
    VipsImage *raw = vips_image_new_from_memory(m->rgb, (size_t)m->w * (size_t)m->h * 3, m->w, m->h,
                                                3, VIPS_FORMAT_UCHAR);
    VipsImage *v = NULL;
    vips_copy(raw, &v, "interpretation", VIPS_INTERPRETATION_sRGB, NULL);
    g_object_unref(raw);
    return v;
}

// Saves and lets go.
static const char *save(VipsImage *v, const char *name)
{
    const char *path = test_scratch(name);
    CHECK(vips_image_write_to_file(v, path, NULL) == 0);
    g_object_unref(v);
    return path;
}

static const uint8_t *pixel(const base_image *m, int x, int y)
{
    return m->rgb + 3 * (y * m->w + x);
}

static bool near(const uint8_t *p, int r, int g, int b, int tolerance)
{
    bool ok =
        abs(p[0] - r) <= tolerance && abs(p[1] - g) <= tolerance && abs(p[2] - b) <= tolerance;
    if (!ok) printf("got %d %d %d, want %d %d %d\n", p[0], p[1], p[2], r, g, b);
    return ok;
}

// Where EXIF orientation o (TIFF 6.0, tag 274) says the stored pixel (x, y) is shown.
static void shown(int o, int x, int y, int *u, int *v)
{
    if (o == 2)
        *u = W - 1 - x, *v = y;
    else if (o == 3)
        *u = W - 1 - x, *v = H - 1 - y;
    else if (o == 4)
        *u = x, *v = H - 1 - y;
    else if (o == 5)
        *u = y, *v = x;
    else if (o == 6)
        *u = H - 1 - y, *v = x;
    else if (o == 7)
        *u = H - 1 - y, *v = W - 1 - x;
    else if (o == 8)
        *u = y, *v = W - 1 - x;
    else
        *u = x, *v = y;
}

TEST(all_orientations_end_upright)
{
    base_image m = sample();
    for (int o = 1; o <= 8; o++) {
        VipsImage *v = wrap(&m);
        vips_image_set_int(v, VIPS_META_ORIENTATION, o);
        save(v, "turned.jpg[Q=97]"); // the brackets are libvips' own options
        base_image back = {0};
        CHECK(media_photo_read(&back, test_scratch("turned.jpg"), NULL) == GUISE_OK);
        CHECK(back.w == (o < 5 ? W : H) && back.h == (o < 5 ? H : W));
        for (int i = 0; i < 4 && back.rgb; i++) {
            int x = i & 1 ? W - 3 : 2, y = i & 2 ? H - 3 : 2, u, t;
            shown(o, x, y, &u, &t);
            const uint8_t *p = pixel(&m, x, y);
            CHECK(near(pixel(&back, u, t), p[0], p[1], p[2], 8));
        }
        base_image_free(&back);
    }
    base_image_free(&m);
}

TEST(grey_becomes_three_channels)
{
    VipsImage *v = NULL, *grey = NULL;
    vips_black(&v, 5, 4, NULL);
    vips_linear1(v, &grey, 1, 77, "uchar", TRUE, NULL);
    g_object_unref(v);
    base_image m = {0};
    CHECK(media_photo_read(&m, save(grey, "grey.png"), NULL) == GUISE_OK);
    CHECK(m.w == 5 && m.h == 4 && near(pixel(&m, 3, 2), 77, 77, 77, 0));
    base_image_free(&m);
}

TEST(sixteen_bits_become_eight)
{
    VipsImage *v = NULL, *wide = NULL, *typed = NULL;
    vips_black(&v, 5, 4, "bands", 3, NULL);
    double zero[3] = {0, 0, 0}, add[3] = {65535, 128 * 257, 3 * 257};
    vips_linear(v, &wide, zero, add, 3, NULL);
    vips_cast_ushort(wide, &typed, NULL);
    VipsImage *rgb16 = NULL;
    vips_copy(typed, &rgb16, "interpretation", VIPS_INTERPRETATION_RGB16, NULL);
    g_object_unref(v);
    g_object_unref(wide);
    g_object_unref(typed);
    base_image m = {0};
    CHECK(media_photo_read(&m, save(rgb16, "deep.png"), NULL) == GUISE_OK);
    CHECK(m.rgb && near(pixel(&m, 0, 0), 255, 128, 3, 1));
    base_image_free(&m);
}

// A picture of one colour with opacity, as 8 or 16 bits.
static VipsImage *glassy(double r, double g, double b, double a, bool deep)
{
    VipsImage *v = NULL, *w = NULL, *out = NULL, *cast = NULL;
    vips_black(&v, 6, 6, "bands", 4, NULL);
    double zero[4] = {0}, add[4] = {r, g, b, a};
    vips_linear(v, &w, zero, add, 4, NULL);
    vips_cast(w, &cast, deep ? VIPS_FORMAT_USHORT : VIPS_FORMAT_UCHAR, NULL);
    vips_copy(cast, &out, "interpretation",
              deep ? VIPS_INTERPRETATION_RGB16 : VIPS_INTERPRETATION_sRGB, NULL);
    g_object_unref(v);
    g_object_unref(w);
    g_object_unref(cast);
    return out;
}

TEST(alpha_lies_over_white)
{
    base_image m = {0};
    CHECK(media_photo_read(&m, save(glassy(200, 100, 0, 0, false), "clear.png"), NULL) == 0);
    CHECK(m.rgb && near(pixel(&m, 1, 1), 255, 255, 255, 0));
    base_image_free(&m);
    CHECK(media_photo_read(&m, save(glassy(200, 100, 0, 255, false), "solid.png"), NULL) == 0);
    CHECK(m.rgb && near(pixel(&m, 1, 1), 200, 100, 0, 0));
    base_image_free(&m);
    CHECK(media_photo_read(&m, save(glassy(200, 100, 0, 51, false), "fifth.png"), NULL) == 0);
    CHECK(m.rgb && near(pixel(&m, 1, 1), 244, 224, 204, 1)); // a fifth of the colour
    base_image_free(&m);
    CHECK(media_photo_read(&m, save(glassy(51400, 25700, 0, 13107, true), "deep.png"), NULL) == 0);
    CHECK(m.rgb && near(pixel(&m, 1, 1), 244, 224, 204, 1));
    base_image_free(&m);
}

TEST(lab_and_cmyk_are_converted)
{
    VipsImage *v = NULL, *lab = NULL;
    base_image m = sample(), back = {0};
    v = wrap(&m);
    vips_colourspace(v, &lab, VIPS_INTERPRETATION_LAB, NULL);
    g_object_unref(v);
    CHECK(media_photo_read(&back, save(lab, "lab.tif"), NULL) == GUISE_OK);
    CHECK_NEAR(worst(&m, &back), 0, 3);
    base_image_free(&back);
    VipsImage *ink = NULL, *cmyk = NULL;
    vips_black(&ink, 8, 8, "bands", 4, NULL); // no ink: white paper
    vips_copy(ink, &cmyk, "interpretation", VIPS_INTERPRETATION_CMYK, NULL);
    g_object_unref(ink);
    CHECK(media_photo_read(&back, save(cmyk, "cmyk.tif"), NULL) == GUISE_OK);
    CHECK(back.rgb && near(pixel(&back, 4, 4), 255, 255, 255, 6));
    base_image_free(&back);
    base_image_free(&m);
}

TEST(an_embedded_profile_is_applied)
{
    VipsImage *v = glassy(255, 0, 0, 255, false), *rgb = NULL, *tagged = NULL;
    vips_extract_band(v, &rgb, 0, "n", 3, NULL);
    g_object_unref(v);
    // sRGB red in Display P3 coordinates, tagged so, must come back as sRGB red
    VipsImage *p3 = NULL;
    vips_icc_transform(rgb, &p3, "p3", "input_profile", "srgb", NULL);
    vips_copy(p3, &tagged, NULL);
    base_image m = {0};
    base_image raw = {0};
    size_t n;
    raw.rgb = vips_image_write_to_memory(tagged, &n);
    CHECK(raw.rgb && raw.rgb[0] < 250); // the numbers did change
    CHECK(media_photo_read(&m, save(tagged, "p3.png"), NULL) == GUISE_OK);
    CHECK(m.rgb && near(pixel(&m, 2, 2), 255, 0, 0, 3));
    g_free(raw.rgb);
    g_object_unref(rgb);
    g_object_unref(p3);
    base_image_free(&m);
}

// The first n bytes of a file, or all but -n, as another file.
static const char *cut(const char *from, const char *name, double share)
{
    base_map map;
    const char *path = test_scratch(name);
    CHECK(base_map_open(&map, from, NULL) == GUISE_OK);
    CHECK(!base_write_file(path, map.data, (size_t)((double)map.size * share), NULL));
    base_map_close(&map);
    return path;
}

TEST(files_that_end_early_are_refused)
{
    static const char *const names[] = {"whole.jpg", "whole.png", "whole.webp", "whole.tif"};
    base_image big, back = {0};
    base_image_new(&big, 300, 200, NULL);
    base_rng r = {7};
    for (int i = 0; i < 300 * 200 * 3; i++) big.rgb[i] = (uint8_t)base_rng_range(&r, 0, 255);
    for (size_t i = 0; i < 4; i++)
        for (int share = 1; share < 10; share += 2) {
            base_error e = {0};
            const char *whole = test_scratch(names[i]);
            CHECK(media_photo_write(&big, whole, NULL, NULL) == GUISE_OK);
            guise_status s = media_photo_read(&back, cut(whole, "cut", share / 10.0), &e);
            CHECK(s == GUISE_BAD_FILE && strstr(e.text, "cut") && back.rgb == NULL);
            base_image_free(&back);
        }
    base_image_free(&big);
}

TEST(what_is_no_photo_is_refused)
{
    base_image m;
    base_error e = {0};
    CHECK(media_photo_read(&m, test_scratch("absent.jpg"), &e) == GUISE_IO);
    CHECK(strstr(e.text, "absent.jpg") != NULL && m.rgb == NULL);
    static const char *const texts[] = {"",
                                        "hello",
                                        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
                                        "%PDF-1.4\n",
                                        "P6 2 2 255\n123456789012",
                                        "GIF89a"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *path = test_scratch("not.jpg");
        CHECK(!base_write_file(path, texts[i], strlen(texts[i]), NULL));
        e.text[0] = 0;
        CHECK(media_photo_read(&m, path, &e) == GUISE_BAD_FILE);
        CHECK(strstr(e.text, "not.jpg") && m.rgb == NULL);
    }
    CHECK(media_photo_read(&m, test_scratch("."), NULL) != GUISE_OK);
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t png_crc(const uint8_t *p, size_t n) // PNG specification, annex D
{
    uint32_t c = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        c ^= p[i];
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >> 1) : c >> 1;
    }
    return ~c;
}

TEST(huge_sizes_are_refused_before_decoding)
{
    uint8_t png[8 + 25 + 12] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    put32(png + 8, 13);
    memcpy(png + 12, "IHDR", 4);
    put32(png + 16, 60000), put32(png + 20, 50000);
    png[24] = 8, png[25] = 2;
    put32(png + 29, png_crc(png + 12, 17));
    memcpy(png + 37, "IDAT", 4);
    put32(png + 41, png_crc(png + 37, 4));
    base_image m;
    base_error e = {0};
    CHECK(media_photo_parse(&m, png, sizeof png, "huge.png", &e) == GUISE_BAD_FILE);
    CHECK(strstr(e.text, "60000 x 50000") && m.rgb == NULL);
    if (!strstr(e.text, "60000")) printf("%s\n", e.text);
}

TEST(odd_names_are_only_names)
{
    base_image m = sample(), back = {0};
    const char *path = test_scratch("photo[1] of 'x', 50%.png"); // brackets are options to libvips
    CHECK(media_photo_write(&m, path, NULL, NULL) == GUISE_OK);
    CHECK(media_photo_read(&back, path, NULL) == GUISE_OK);
    CHECK(worst(&m, &back) == 0);
    base_image_free(&m);
    base_image_free(&back);
}

TEST(what_cannot_be_written_is_said)
{
    base_image m = sample();
    base_error e = {0};
    CHECK(media_photo_write(&m, test_scratch("a.xyz"), NULL, &e) == GUISE_BAD_ARGUMENT);
    CHECK(strstr(e.text, "a.xyz") != NULL);
    CHECK(media_photo_write(&m, test_scratch("plain"), NULL, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(media_photo_write(&m, test_scratch("q.jpg"), &(media_photo_options){.quality = 101},
                            NULL) == GUISE_BAD_ARGUMENT);
    CHECK(media_photo_write(&m, test_scratch("no/such/dir/a.jpg"), NULL, NULL) == GUISE_IO);
    CHECK(!base_is_file(test_scratch("a.xyz")) && !base_is_file(test_scratch("q.jpg")));
    CHECK(!media_photo_writable("a.gif") && media_photo_writable("A.JPG"));
    base_image_free(&m);
}

TEST(written_photos_carry_nothing_but_pixels)
{
    base_image m = sample();
    static const char *const names[] = {"bare.jpg", "bare.png", "bare.tif"};
    for (size_t i = 0; i < 3; i++) {
        const char *path = test_scratch(names[i]);
        CHECK(media_photo_write(&m, path, NULL, NULL) == GUISE_OK);
        VipsImage *v = vips_image_new_from_file(path, NULL);
        CHECK(v && !vips_image_get_typeof(v, VIPS_META_ICC_NAME));
        CHECK(v && !vips_image_get_typeof(v, VIPS_META_EXIF_NAME));
        if (v) g_object_unref(v);
    }
    base_image_free(&m);
}

// A mark comes back from every format, stays when the picture is written again or cut out of, and
// goes over nobody's head: plain ones stay plain.
TEST(marks_stay)
{
    static const char *const names[] = {"mark.jpg", "mark.png", "mark.webp", "mark.tif"};
    const face_transform half = {{0.5, 0, 0, 0, 0.5, 0}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        for (guise_mark mark = GUISE_PLAIN; mark <= GUISE_COMPOSED; mark++) {
            base_image m = sample(), back = {0}, cut = {0}, again = {0};
            const char *path = test_scratch(names[i]);
            CHECK(!media_photo_write(&m, path, &(media_photo_options){.mark = mark}, NULL));
            CHECK(!media_photo_read(&back, path, NULL) && back.mark == mark);
            CHECK(!face_crop(&cut, &back, half, 8, NULL) && cut.mark == mark);
            CHECK(!media_photo_write(&cut, path, NULL, NULL));
            CHECK(!media_photo_read(&again, path, NULL) && again.mark == mark);
            base_image_free(&m);
            base_image_free(&back);
            base_image_free(&cut);
            base_image_free(&again);
        }
    static const char made[] = "<x>http://cv.iptc.org/newscodes/DigitalSourceType/"
                               "trainedAlgorithmicMedia</x>";
    static const char camera[] = "digitalsourcetype/digitalCapture";
    CHECK(media_mark_of(made, sizeof made - 1) == GUISE_SWAPPED);
    CHECK(media_mark_of(made, sizeof made - 12) == GUISE_PLAIN); // cut short
    CHECK(media_mark_of(camera, sizeof camera - 1) == GUISE_PLAIN);
    CHECK(media_mark_both(GUISE_COMPOSED, GUISE_SWAPPED) == GUISE_SWAPPED);
    CHECK(media_mark_both(GUISE_PLAIN, GUISE_COMPOSED) == GUISE_COMPOSED);
}

TEST(memory_may_run_out)
{
    base_image m = sample(), back;
    const char *path = test_scratch("oom.png");
    CHECK(media_photo_write(&m, path, NULL, NULL) == GUISE_OK);
    bool done = false;
    for (long i = 0; i < 20 && !done; i++) {
        base_fail_allocation(i);
        guise_status s = media_photo_read(&back, path, NULL);
        base_fail_allocation(-1);
        CHECK(s == GUISE_OK || (s == GUISE_NO_MEMORY && back.rgb == NULL));
        done = s == GUISE_OK;
        base_image_free(&back);
    }
    CHECK(done);
    base_image_free(&m);
}

int main(int argc, char **argv)
{
    if (vips_init(argv[0])) return 1;
    return RUN(argc, argv, CASE(png_keeps_every_bit), CASE(tiff_keeps_every_bit),
               CASE(jpeg_is_close), CASE(jpeg_default_quality_is_close), CASE(webp_is_close),
               CASE(heic_is_close), CASE(avif_is_close), CASE(all_orientations_end_upright),
               CASE(grey_becomes_three_channels), CASE(sixteen_bits_become_eight),
               CASE(alpha_lies_over_white), CASE(lab_and_cmyk_are_converted),
               CASE(an_embedded_profile_is_applied), CASE(files_that_end_early_are_refused),
               CASE(what_is_no_photo_is_refused), CASE(huge_sizes_are_refused_before_decoding),
               CASE(odd_names_are_only_names), CASE(what_cannot_be_written_is_said),
               CASE(written_photos_carry_nothing_but_pixels), CASE(marks_stay),
               CASE(memory_may_run_out));
}
