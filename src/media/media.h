// media.h -- photos in and out.
#ifndef GUISE_MEDIA_H
#define GUISE_MEDIA_H
#include "base/image.h"

typedef struct {
    int quality; // JPEG, WebP, HEIC: 1..100, 0 means 92
} media_photo_options;

// Read JPEG, PNG, WebP, TIFF, HEIC...: turned upright (EXIF), converted to sRGB (ICC), alpha laid
// over white, 8 bit. At most 16384 x 16384 pixels.
// Errors: GUISE_IO, GUISE_BAD_FILE, GUISE_NO_MEMORY; *m is empty then.
guise_status media_photo_read(base_image *m, const char *path, base_error *e);
// Write by the extension of path, whole or not at all. sRGB profile, no EXIF.
// Errors: GUISE_IO; GUISE_BAD_ARGUMENT for an extension that this build cannot write.
guise_status media_photo_write(const base_image *m, const char *path, const media_photo_options *o,
                               base_error *e);
// Can this build read or write files of this name (by extension)?
bool media_photo_writable(const char *path);

#endif
