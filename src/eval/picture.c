// picture.c -- pictures of cases: several beside each other.
#include "eval/picture.h"
#include "media/mark.h"
#include <string.h>

guise_status eval_side_by_side(base_image *out, const base_image m[], int n, base_error *e)
{
    int w = 0, at = 0;
    for (int i = 0; i < n; i++) {
        if (m[i].h != m[0].h)
            return base_fail(e, GUISE_BAD_ARGUMENT,
                             "pictures of %d and %d rows stand no side "
                             "by side",
                             m[0].h, m[i].h);
        w += m[i].w;
    }
    guise_status s = base_image_new(out, w, n ? m[0].h : 0, e);
    for (int i = 0; !s && i < n; i++) out->mark = media_mark_both(out->mark, m[i].mark);
    for (int i = 0; !s && i < n; at += m[i++].w)
        for (int y = 0; y < m[i].h; y++)
            memcpy(out->rgb + 3 * ((size_t)y * (size_t)w + (size_t)at),
                   m[i].rgb + 3 * (size_t)y * (size_t)m[i].w, 3 * (size_t)m[i].w);
    return s;
}
