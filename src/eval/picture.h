// picture.h -- pictures of cases, for reports.
#ifndef GUISE_EVAL_PICTURE_H
#define GUISE_EVAL_PICTURE_H
#include "base/image.h"

// Pictures of one height beside each other; new.
guise_status eval_side_by_side(base_image *out, const base_image m[], int n, base_error *e);

#endif
