// embedding.h -- an identity embedder in inference: vectors of crops, how well they tell people
// apart, and the ONNX file that recognises like any other.
#ifndef GUISE_TRAIN_EMBEDDING_H
#define GUISE_TRAIN_EMBEDDING_H
#include "train/data.h"
#include "train/networks.h"

// img [n,3,s,s] RGB 0..1 -> [n,length] unit rows, by the network smooth-embedder.
tg_node *train_embed(const train_network *n, nn m, tg_node *img);

typedef struct {
    const train_network *net; // borrowed
    nn_params *params;
    tg_graph *graph;
    tg_plan *plan;
    tg_node *unit;
    int n, size, length;
    float *img; // [n,3,size,size]
} train_embedder;
guise_status train_embedder_open(train_embedder *s, const train_network *net, int size,
                                 base_error *e);
void train_embedder_close(train_embedder *s);
void train_embedder_take(train_embedder *s, const float *flat); // laid out like s->params
// Vectors of `count` crops, spread evenly over the cache in runs of eight: number i is that of crop
// train_embedded(i, ..). As shown unchanged, with o's size and margin. vector [count,length]
guise_status train_embedder_run(train_embedder *s, const train_cache *c, const train_options *o,
                                size_t count, float *vector, base_error *e);
size_t train_embedded(size_t i, size_t count, const train_cache *c);
// [1,3,112,112] RGB 0..255, aligned by template arcface -> [1,length]: as recognisers of the
// ArcFace family. Colours are normalised, and the size changed to what the network learnt from,
// inside.
// Where the crop that the network learnt from has another size than 112, train_embedder_see makes
// it of this one: x [n,3,s,s], s 112 -> [n,3,size,size].
tg_node *train_embedder_see(tg_node *x, int size);
guise_status train_embedder_write(const train_embedder *s, const char *path, base_error *e);

// Verification by cosine over all pairs of photos.
typedef struct {
    double auc;  // chance that a pair of one person scores above a pair of two; ties count half
    double top1; // of photos whose person has others: share whose nearest is one of those
} train_verification;
// vector [n,length] unit rows, person[n]. Errors: GUISE_BAD_ARGUMENT where there is no pair of one
// person or none of two; GUISE_NO_MEMORY.
guise_status train_verify(const float *vector, const int *person, size_t n, int length,
                          train_verification *v, base_error *e);

#endif
