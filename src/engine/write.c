// write.c -- photos out, with the mark of how they came about.
#include "engine/engine.h"
#include "media/media.h"

guise_status guise_image_write(guise_engine *g, const guise_image *m, const char *path,
                               guise_mark mark)
{
    base_error *e = engine_begin(g);
    base_image b = image_of(m);
    if (mark != GUISE_PLAIN && mark != GUISE_SWAPPED && mark != GUISE_COMPOSED)
        return base_fail(e, GUISE_BAD_ARGUMENT, "there is no mark number %d", (int)mark);
    return media_photo_write(&b, path, &(media_photo_options){.mark = mark}, e);
}
