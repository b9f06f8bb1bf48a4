// pair_list.h -- pairs of photos, of one person or of two: read from a file, or made by a rule.
#ifndef GUISE_EVAL_PAIR_LIST_H
#define GUISE_EVAL_PAIR_LIST_H
#include "eval/album.h"

typedef struct {
    char *photo[2]; // below the data's folder
    bool same;
    int fold; // from 0
} eval_listed_pair;

typedef struct {
    eval_listed_pair *at;
    size_t n, cap;
    int folds;
} eval_pair_list;

// Two forms, told apart by the first line.
//   LFW: "10 300" (folds, pairs of either kind in each) or "500" (one fold); then lines
//        "NAME I J" and "NAME I OTHER J", meaning NAME/NAME_000I.jpg, fold by fold, same first
//   CSV: "photo,photo,same[,fold]" with an optional header line; same is 1 or 0, yes or no, true or
//        false; fold counts from 1; without it, pairs of either kind take turns in 10 folds
// Errors: GUISE_IO; GUISE_BAD_FILE, naming the line; GUISE_NO_MEMORY.
guise_status eval_pair_list_read(eval_pair_list *l, const char *path, base_error *e);
// As CSV with a header and folds, which reads back.
guise_status eval_pair_list_write(const eval_pair_list *l, const char *path, base_error *e);
void eval_pair_list_free(eval_pair_list *l);

// Pairs by rule, the same for the same photos and seed: people, in random order, are dealt out to
// the folds, so that no person is in two. In a fold, round after round, every person with several
// photos gives a pair of own photos that was not taken, until there are same / folds; then
// different / folds times two random people give one random photo each, no pair twice. A fold with
// too few photos gives what it has.
typedef struct {
    int same, different, folds;
    uint64_t seed;
    bool everybody; // else only held-out people (train_is_held_out)
} eval_pair_rule;
// Errors: GUISE_BAD_ARGUMENT for a rule without sense; GUISE_NO_FACE where no pair of one kind can
// be made; GUISE_NO_MEMORY.
guise_status eval_pair_list_make(eval_pair_list *l, const eval_album *a, const eval_pair_rule *rule,
                                 base_error *e);

#endif
