// media.h -- photos in and out.
#ifndef GUISE_MEDIA_H
#define GUISE_MEDIA_H
#include "base/image.h"

enum { MEDIA_MAX_SIDE = 16384 }; // of photos, in pixels

typedef struct {
    int quality;     // JPEG, WebP, HEIC, AVIF: 1..100, 0 means 92
    guise_mark mark; // what the file says of how the picture came about, with what m->mark says
} media_photo_options;

// Read JPEG, PNG, WebP, TIFF, HEIC, AVIF: turned upright (EXIF), converted to sRGB (ICC), alpha
// laid over white, 8 bit; with the mark that the file has. The content decides, not the name. At
// most 16384 x 16384 pixels, which is checked before any pixel is decoded. Errors: GUISE_IO,
// GUISE_BAD_FILE (also where it ends early), GUISE_NO_MEMORY; *m is empty then.
guise_status media_photo_read(base_image *m, const char *path, base_error *e);
// The same from the bytes of a file; name is for messages.
guise_status media_photo_parse(base_image *m, const void *data, size_t n, const char *name,
                               base_error *e);
// Write by the extension of path, whole or not at all. Pixels only: no profile, which means sRGB,
// and no EXIF (but libvips 8.14 puts the size into one in WebP). o may be NULL.
// Errors: GUISE_IO; GUISE_BAD_ARGUMENT for an extension that this build cannot write.
guise_status media_photo_write(const base_image *m, const char *path, const media_photo_options *o,
                               base_error *e);
// What can be said of a write before there is a picture: its extension, its folder. Errors: as
// there.
guise_status media_photo_may_write(const char *path, base_error *e);
// m as a JPEG of this quality, 1 to 100, would show it.
guise_status media_photo_compress(base_image *m, int quality, base_error *e);
// Can this build write files of this name (by extension)?
bool media_photo_writable(const char *path);

#endif
