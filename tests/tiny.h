// tiny.h -- small files for tests of the engine and the program, made while the tests run.
#ifndef GUISE_TEST_TINY_H
#define GUISE_TEST_TINY_H
#include "base/base.h"

// Into an existing directory:
//   tiny.safetensors    a swap generator of 16 pixels, with random weights and a card
//   face.safetensors    a saved face that it takes; other.safetensors: of another network
//   in.safetensors      img, id and cotangent for tiny's network
//   crop.png, other.jpg pictures of 24 x 24; wide.png: of 40 x 24; grey.png: 320 x 240, no face
//   own/                detector, recogniser and face mask under our names, and the generator; the
//                       detector sees faces everywhere
guise_status tiny_make(const char *dir, base_error *e);

#endif
