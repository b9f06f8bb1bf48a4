// invert.h -- the sources' identity as styles of a StyleSwap, found by optimisation.
#ifndef GUISE_ENGINE_INVERT_H
#define GUISE_ENGINE_INVERT_H
#include "engine/engine.h"

typedef struct {
    const char *const *source; // photos; saved faces hold no picture to learn from
    size_t n;
    const char *layout; // template of aligned sources; NULL: their largest face is found
    const guise_image *target;
    const face_point *point;     // of the target's face, in pixels of target
    const guise_swap_options *o; // invert, progress
} engine_inversion;

// Swapping-Guided ID Inversion (train/inversion.h). From then on n swaps with the styles found,
// until generator_style(n, NULL).
//   cosine  of the target's swap to the sources: the mean, before and after
// Errors: GUISE_BAD_ARGUMENT for a generator that is no StyleSwap, for a saved face; those of
// reading and finding.
guise_status engine_invert(guise_engine *g, generator *n, const engine_inversion *v,
                           double cosine[2]);

#endif
