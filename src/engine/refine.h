// refine.h -- HEAR-Net after a generator: what it took off the target's face comes back.
#ifndef GUISE_ENGINE_REFINE_H
#define GUISE_ENGINE_REFINE_H
#include "engine/engine.h"

// Where the configuration asks for it: *made [3,size,size] becomes the refined swap, owned by the
// engine. Else nothing happens.
//   crop   what n has swapped, its side n->size; point: the landmarks in it
// Errors: GUISE_IO where no weights refine this generator; GUISE_BAD_FILE and GUISE_BAD_ARGUMENT
// for a file that holds none, or another generator's; those of recognising.
guise_status engine_refine(guise_engine *g, generator *n, const base_image *crop,
                           const face_point point[FACE_POINTS], const float **made);
void refiner_close(refiner **r);

#endif
