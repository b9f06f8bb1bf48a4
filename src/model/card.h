// card.h -- what a weights file of ours says about itself: keys of the safetensors metadata.
// Whoever exports a network writes them; whoever loads one builds the network by them.
#ifndef GUISE_MODEL_CARD_H
#define GUISE_MODEL_CARD_H

#define CARD_NETWORK  "guise.network"  // name in model_nets: "simswap"
#define CARD_OPTIONS  "guise.options"  // of the build, as base_fields_print: "width=32 blocks=6"
#define CARD_SIZE     "guise.size"     // side of the crop in pixels: "128"
#define CARD_TEMPLATE "guise.template" // how crops are aligned: "simswap", "arcface", "ffhq"
#define CARD_IDENTITY "guise.identity" // network that makes identity vectors: "face_reid_0095"
#define CARD_LENGTH   "guise.identity_length" // numbers in such a vector: "256"
#define CARD_LICENCE  "guise.licence"
#define CARD_DATA     "guise.data"          // what it was trained on, in words
#define CARD_RECIPE   "guise.recipe"        // "simswap-128 steps=60000 ..."
#define CARD_COMMIT   "guise.commit"        // of the program that trained it
#define CARD_TRAINED  "guise.trained"       // "60000 steps of 16 photos, 14 hours on 2 cores"
#define CARD_SPACE    "guise.space"         // of a recogniser: whose vectors its own compare with
#define CARD_REFINES  "guise.refines"       // of HEAR-Net: SHA-256 of its generator's file
#define CARD_SOURCE   "guise.source_sha256" // of the file that this one was converted from

// A saved face holds the tensor "identity" [n], of unit length, and CARD_IDENTITY.
#define CARD_FACE_TENSOR "identity"

#endif
