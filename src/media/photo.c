// photo.c -- photos through libvips: upright, sRGB, 8 bit, whole or not at all.
#include "media/mark.h"
#include "media/media.h"
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <vips/vips.h>

// libvips is started on first use. One worker thread: the same bits on every machine, and no pool
// of threads beside ours. No cache: files may change between reads.
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool ready;

// What libvips would print goes where our notes go.
static void note(const char *domain, GLogLevelFlags level, const char *text, void *user)
{
    (void)domain, (void)level, (void)user;
    base_log("%s", text);
}

static void start(void)
{
    ready = vips_init("guise") == 0;
    if (!ready) return;
    vips_concurrency_set(1);
    vips_cache_set_max(0);
    vips_block_untrusted_set(TRUE);
    g_log_set_handler("VIPS", G_LOG_LEVEL_WARNING, note, NULL);
}

static guise_status open_vips(base_error *e)
{
    pthread_once(&once, start);
    if (ready) return GUISE_OK;
    return base_fail(e, GUISE_IO, "libvips does not start: check its installation");
}

// The last complaint of libvips as one line, and forgotten.
static void complaint(char text[160])
{
    snprintf(text, 160, "%s", vips_error_buffer());
    vips_error_clear();
    for (size_t n = strlen(text); n > 0 && text[n - 1] == '\n'; n--) text[n - 1] = 0;
    for (char *c = text; *c; c++)
        if (*c == '\n') *c = ';';
}

// A step of the way: what it made takes the place of what it was made from.
static bool step(VipsImage **m, VipsImage *made, int failed)
{
    if (failed) return false;
    g_object_unref(*m);
    *m = made;
    return true;
}

// Colours, without alpha, to three bytes of sRGB. A profile that cannot be used is passed over.
static bool to_srgb(VipsImage **m)
{
    VipsImage *made = NULL;
    int failed;
    if (vips_image_get_typeof(*m, VIPS_META_ICC_NAME)) {
        failed =
            vips_icc_transform(*m, &made, "srgb", "embedded", TRUE, "intent", VIPS_INTENT_RELATIVE,
                               "black_point_compensation", TRUE, "depth", 8, NULL);
        if (step(m, made, failed)) return true;
        char why[160];
        complaint(why);
        base_log("a colour profile is passed over: %s", why);
        made = NULL;
    }
    failed = vips_colourspace(*m, &made, VIPS_INTERPRETATION_sRGB, NULL);
    if (!step(m, made, failed)) return false;
    if ((*m)->BandFmt == VIPS_FORMAT_UCHAR) return true;
    made = NULL;
    failed = vips_cast_uchar(*m, &made, NULL);
    return step(m, made, failed);
}

// Split off the last band as 0..255 opacity.
static bool take_alpha(VipsImage **m, VipsImage **alpha)
{
    VipsImage *band = NULL, *scaled = NULL, *colour = NULL;
    int bands = (*m)->Bands;
    if (vips_extract_band(*m, &band, bands - 1, NULL)) return false;
    double full = band->BandFmt == VIPS_FORMAT_UCHAR    ? 255
                  : band->BandFmt == VIPS_FORMAT_USHORT ? 65535
                                                        : 1; // floating point
    int failed = vips_linear1(band, &scaled, 255 / full, 0, "uchar", TRUE, NULL);
    g_object_unref(band);
    if (failed) return false;
    *alpha = scaled;
    failed = vips_extract_band(*m, &colour, 0, "n", bands - 1, NULL);
    return step(m, colour, failed);
}

static bool over_white(VipsImage **m, VipsImage *alpha)
{
    VipsImage *joined = NULL, *flat = NULL, *bytes = NULL;
    if (vips_bandjoin2(*m, alpha, &joined, NULL)) return false;
    VipsArrayDouble *white = vips_array_double_newv(3, 255.0, 255.0, 255.0);
    int failed = vips_flatten(joined, &flat, "background", white, NULL);
    vips_area_unref(VIPS_AREA(white));
    g_object_unref(joined);
    if (failed) return false;
    failed = vips_cast_uchar(flat, &bytes, NULL);
    g_object_unref(flat);
    return step(m, bytes, failed);
}

// Upright, sRGB, opaque.
static bool settle(VipsImage **m)
{
    VipsImage *made = NULL;
    int failed;
    if (vips_image_get_orientation(*m) > 1) { // turning reads in any order, decoding does not
        made = vips_image_copy_memory(*m);
        if (!step(m, made, !made)) return false;
        made = NULL;
        failed = vips_autorot(*m, &made, NULL);
        if (!step(m, made, failed)) return false;
    }
    VipsImage *alpha = NULL;
    bool ok = !vips_image_hasalpha(*m) || take_alpha(m, &alpha);
    ok = ok && to_srgb(m) && (!alpha || over_white(m, alpha));
    if (alpha) g_object_unref(alpha);
    return ok;
}

// What was decoded to a picture of ours; the pixels are computed here.
static guise_status collect(base_image *m, VipsImage *from, const char *name, base_error *e)
{
    char why[160];
    size_t bytes = 0;
    void *rgb = NULL;
    if (from->Bands == 3) rgb = vips_image_write_to_memory(from, &bytes);
    if (!rgb) {
        complaint(why);
        return base_fail(e, GUISE_BAD_FILE, "%s is damaged or incomplete: %s", name,
                         *why ? why : "its colours cannot be converted");
    }
    guise_status s = base_image_new(m, from->Xsize, from->Ysize, e);
    if (!s) memcpy(m->rgb, rgb, bytes);
    g_free(rgb);
    return s;
}

// The formats taken, by libvips' name of their reader. Others that libvips may know (PDF, SVG,
// whatever ImageMagick reads) are not photos, and a wide door for broken files.
static bool photo_format(const char *loader)
{
    static const char *const known[] = {"Jpeg", "Png", "Webp", "Tiff", "Heif"};
    for (size_t i = 0; loader && i < sizeof known / sizeof *known; i++)
        if (strstr(loader, known[i])) return true;
    return false;
}

static bool looks_like_heif(const unsigned char *p, size_t n)
{
    return n >= 12 && !memcmp(p + 4, "ftyp", 4);
}

static guise_mark mark_of(VipsImage *v)
{
    const void *packet = NULL;
    size_t n = 0;
    if (!vips_image_get_typeof(v, VIPS_META_XMP_NAME) ||
        vips_image_get_blob(v, VIPS_META_XMP_NAME, &packet, &n))
        return GUISE_PLAIN;
    return media_mark_of(packet, n);
}

guise_status media_photo_parse(base_image *m, const void *data, size_t n, const char *name,
                               base_error *e)
{
    *m = (base_image){0};
    guise_status s = open_vips(e);
    if (s) return s;
    const char *loader = vips_foreign_find_load_buffer(data, n);
    vips_error_clear();
    if (!photo_format(loader)) {
        if (looks_like_heif(data, n))
            return base_fail(e, GUISE_BAD_FILE,
                             "%s looks like HEIC or AVIF, which this libvips cannot read: install "
                             "its HEIF support or convert the photo to JPEG",
                             name);
        return base_fail(e, GUISE_BAD_FILE,
                         "%s is not a photo that can be read: give JPEG, PNG, WebP, TIFF or HEIC",
                         name);
    }
    char why[160];
    VipsImage *v = vips_image_new_from_buffer(data, n, "", "access", VIPS_ACCESS_SEQUENTIAL,
                                              "fail_on", VIPS_FAIL_ON_ERROR, NULL);
    if (!v) {
        complaint(why);
        return base_fail(e, GUISE_BAD_FILE, "%s cannot be read: %s", name, why);
    }
    guise_mark mark = mark_of(v);
    if (v->Xsize > MEDIA_MAX_SIDE || v->Ysize > MEDIA_MAX_SIDE) {
        s = base_fail(e, GUISE_BAD_FILE, "%s has %d x %d pixels: at most %d x %d are taken", name,
                      v->Xsize, v->Ysize, MEDIA_MAX_SIDE, MEDIA_MAX_SIDE);
    } else if (!settle(&v)) {
        complaint(why);
        s = base_fail(e, GUISE_BAD_FILE, "%s cannot be brought to sRGB: %s", name, why);
    } else {
        s = collect(m, v, name, e);
        if (!s) m->mark = mark;
    }
    g_object_unref(v);
    return s;
}

guise_status media_photo_read(base_image *m, const char *path, base_error *e)
{
    *m = (base_image){0};
    base_map map;
    guise_status s = base_map_open(&map, path, e);
    if (s) return s;
    if (!map.size) s = base_fail(e, GUISE_BAD_FILE, "%s is empty", path);
    if (!s) s = media_photo_parse(m, map.data, map.size, path, e);
    base_map_close(&map);
    return s;
}

typedef enum { NONE, JPEG, PNG, WEBP, TIFF, HEIC, AVIF } format;

static format format_of(const char *path)
{
    static const struct {
        const char *extension;
        format format;
    } known[] = {{"jpg", JPEG},  {"jpeg", JPEG}, {"png", PNG},   {"webp", WEBP}, {"tif", TIFF},
                 {"tiff", TIFF}, {"heic", HEIC}, {"heif", HEIC}, {"avif", AVIF}};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof known / sizeof *known; i++)
        if (!strcasecmp(dot + 1, known[i].extension)) return known[i].format;
    return NONE;
}

// Nothing but pixels: no EXIF, and no profile, since untagged pictures are sRGB. An XMP packet
// stays only where metadata is not stripped. Returned bytes are glib's.
static bool encode(VipsImage *v, format f, int q, void **data, size_t *n)
{
    gboolean bare = !vips_image_get_typeof(v, VIPS_META_XMP_NAME);
    switch (f) {
    case JPEG:
        return !vips_jpegsave_buffer(v, data, n, "Q", q, "optimize_coding", TRUE, "strip", bare,
                                     NULL);
    case PNG:
        return !vips_pngsave_buffer(v, data, n, "compression", 6, "strip", bare, NULL);
    case WEBP:
        return !vips_webpsave_buffer(v, data, n, "Q", q, "strip", bare, NULL);
    case TIFF:
        return !vips_tiffsave_buffer(v, data, n, "compression", VIPS_FOREIGN_TIFF_COMPRESSION_LZW,
                                     "predictor", VIPS_FOREIGN_TIFF_PREDICTOR_HORIZONTAL, "strip",
                                     bare, NULL);
    case HEIC:
        return !vips_heifsave_buffer(v, data, n, "Q", q, "compression",
                                     VIPS_FOREIGN_HEIF_COMPRESSION_HEVC, "strip", bare, NULL);
    case AVIF:
        return !vips_heifsave_buffer(v, data, n, "Q", q, "compression",
                                     VIPS_FOREIGN_HEIF_COMPRESSION_AV1, "strip", bare, NULL);
    case NONE:
        break;
    }
    return false;
}

static bool encode_image(const base_image *m, format f, int q, const char *xmp, void **data,
                         size_t *n)
{
    size_t bytes = (size_t)m->w * (size_t)m->h * 3;
    VipsImage *raw = vips_image_new_from_memory(m->rgb, bytes, m->w, m->h, 3, VIPS_FORMAT_UCHAR);
    if (!raw) return false;
    VipsImage *v = NULL;
    bool ok = !vips_copy(raw, &v, "interpretation", VIPS_INTERPRETATION_sRGB, NULL);
    g_object_unref(raw);
    if (!ok) return false;
    if (xmp) vips_image_set_blob_copy(v, VIPS_META_XMP_NAME, xmp, strlen(xmp));
    ok = encode(v, f, q, data, n);
    g_object_unref(v);
    return ok;
}

bool media_photo_writable(const char *path)
{
    format f = format_of(path);
    if (f == NONE || open_vips(NULL)) return false;
    // encoders of HEIC and AVIF are plug-ins of a plug-in: only trying tells
    uint8_t grey[16 * 16 * 3] = {0};
    void *data = NULL;
    size_t n = 0;
    bool ok = encode_image(&(base_image){.w = 16, .h = 16, .rgb = grey}, f, 50, NULL, &data, &n);
    g_free(data);
    vips_error_clear();
    return ok;
}

guise_status media_photo_may_write(const char *path, base_error *e)
{
    if (format_of(path) == NONE)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "%s has no extension of a photo: take .jpg, .png, .webp, .tif, .heic or "
                         ".avif",
                         path);
    const char *slash = strrchr(path, '/');
    char *dir = slash ? base_format("%.*s/", (int)(slash - path), path) : NULL;
    if (slash && !dir) return base_no_memory(e);
    bool there = !slash || base_is_dir(dir);
    base_free(dir);
    return there ? GUISE_OK
                 : base_fail(e, GUISE_IO, "%s: cannot be written: its folder is not there", path);
}

guise_status media_photo_write(const base_image *m, const char *path, const media_photo_options *o,
                               base_error *e)
{
    guise_status s = media_photo_may_write(path, e);
    if (s) return s;
    format f = format_of(path);
    int q = o && o->quality ? o->quality : 92;
    if (q < 1 || q > 100)
        return base_fail(e, GUISE_BAD_ARGUMENT, "quality %d is outside 1..100", q);
    if ((s = open_vips(e))) return s;
    void *data = NULL;
    size_t n = 0;
    guise_mark mark = media_mark_both(m->mark, o ? o->mark : GUISE_PLAIN);
    char *xmp = mark == GUISE_PLAIN ? NULL : media_mark_packet(mark);
    if (mark != GUISE_PLAIN && !xmp) return base_no_memory(e);
    if (encode_image(m, f, q, xmp, &data, &n)) {
        s = base_write_file(path, data, n, e);
    } else {
        char why[160];
        complaint(why);
        s = base_fail(e, GUISE_BAD_ARGUMENT, "%s cannot be written by this libvips: %s", path, why);
    }
    base_free(xmp);
    g_free(data);
    return s;
}

guise_status media_photo_compress(base_image *m, int quality, base_error *e)
{
    void *data = NULL;
    size_t n = 0;
    base_image made = {0};
    guise_status s = open_vips(e);
    if (s) return s;
    if (encode_image(m, JPEG, quality, NULL, &data, &n)) {
        s = media_photo_parse(&made, data, n, "a JPEG in memory", e);
    } else {
        char why[160];
        complaint(why);
        s = base_fail(e, GUISE_BAD_ARGUMENT, "this libvips cannot write a JPEG: %s", why);
    }
    g_free(data);
    if (s) return s;
    base_image_free(m);
    *m = made;
    return GUISE_OK;
}
