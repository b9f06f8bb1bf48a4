// inversion.h -- Swapping-Guided ID Inversion (Xu et al. 2022, section 3.3, algorithm 1): a style
// vector for each layer of a trained StyleSwap that carries the source's identity better than the
// recogniser's vector alone. Only those vectors change; all networks are frozen.
//
// Each step lays a random identity onto the source picture and swaps the source back with the
// vectors at hand: the attribute path sees another face each time, so it cannot solve the task
// alone. The vectors that are kept are the best on the real target.
#ifndef GUISE_TRAIN_INVERSION_H
#define GUISE_TRAIN_INVERSION_H
#include "model/stylegan2.h"

// The frozen networks. identity: img [1,3,s,s] RGB -1..1, warp [1,6] from the recogniser's crop to
// it, or NULL where none is given -> [1,d], any length; constants and nodes of the graph only.
typedef struct {
    const model_styleswap_options *options;
    nn_params *generator;
    tg_node *(*identity)(void *user, tg_node *img, tg_node *warp);
    void *user;
    double lambda_rec, lambda_id; // 0: 10, as in training
} train_inversion_nets;

// Vectors to begin with, [1,layers,style]: those of the mean of the unit rows of ids [k,latent],
// for a single source of its vector as it is. m: position of the generator.
tg_node *train_inversion_start(nn m, tg_node *ids, int layers, const model_styleswap_options *o);

// Nodes of one step. L_rec is the mean |a - b|, L_id is 1 - cosine.
typedef struct {
    tg_node *other; // A [1,3,s,s]: the random identity on the source; a constant to the gradient
    tg_node *back;  // B: the source swapped back by wplus
    tg_node *swap;  // C: the target with wplus
    tg_node *rec, *id, *loss; // of B and the source, []
    tg_node *chosen;          // sum over all sources of L_id(C, source), before the step
} train_inversion_nodes;
typedef struct {
    tg_node *source;                    // [1,3,s,s]
    tg_node *source_id;                 // [1,d], by the recogniser
    tg_node *all_ids;                   // [k,d], of all sources
    tg_node *random_id;                 // [1,latent]
    tg_node *target;                    // [1,3,s,s]
    tg_node *wplus;                     // [1,layers,style]: differentiate loss by it
    tg_node *source_warp, *target_warp; // [1,6] for identity, or NULL
} train_inversion_inputs;
void train_inversion_build(const train_inversion_nets *n, const train_inversion_inputs *in,
                           train_inversion_nodes *out);

// The whole optimisation. Recommended in spec/styleswap.md 6, which found no published numbers:
// Adam with rate 0.01, betas 0.9 and 0.999, 100 steps, an end after 20 without a better one.
typedef struct {
    train_inversion_nets nets;
    int size;               // s
    int sources;            // k; step i takes source i mod k
    const float *source;    // [k,3,s,s]
    const float *source_id; // [k,latent]
    const float *target;    // [3,s,s]
    // [k,6] and [6], for nets.identity; NULL, both: it needs none
    const float *source_warp, *target_warp;
    const float *random_id; // [randoms,latent]; step i takes i mod randoms
    int randoms;
    int steps, patience; // 0: 100, 20
    double lr;           // 0: 0.01
    // Called after each step, counted from 0; false ends. NULL is fine.
    bool (*progress)(void *user, int step, double rec, double id, double chosen);
    void *progress_user;
} train_inversion;
typedef struct {
    int steps, best;         // made; the best one, counted from 0
    double chosen, at_start; // L_id on the target with the best vectors; with the first
} train_inversion_result;
// wplus: [layers,style], the best vectors. Errors: GUISE_BAD_ARGUMENT, GUISE_NO_MEMORY; wplus is
// unchanged then.
guise_status train_invert(const train_inversion *v, float *wplus, train_inversion_result *r,
                          base_error *e);

#endif
