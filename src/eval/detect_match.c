// detect_match.c -- matching of detections by overlap, greedily, as Everingham et al. 2010 (PASCAL
// VOC, section 4.2) do; their overlap is 0.5, ours 0.4, since boxes here are a network's.
#include "eval/detect_match.h"
#include <math.h>

void eval_faces_free(eval_faces *f)
{
    face_list_free(&f->sure);
    face_list_free(&f->unsure);
}

static double landmark_error(const face *got, const face *there)
{
    const face_point *p = there->point;
    double eyes = hypot((double)p[0].x - p[1].x, (double)p[0].y - p[1].y), sum = 0;
    for (int i = 0; i < FACE_POINTS; i++)
        sum += hypot((double)got->point[i].x - p[i].x, (double)got->point[i].y - p[i].y);
    return eyes > 0 ? sum / FACE_POINTS / eyes : (double)NAN;
}

static bool add_score(eval_scores *s, double score)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        double *at = base_grow(s->at, cap, sizeof *at);
        if (!at) return false;
        s->at = at;
        s->cap = cap;
    }
    s->at[s->n++] = score;
    return true;
}

// Number of the face in l that f overlaps most, by enough, and that is not taken; -1: none.
static int best_of(const face *f, const face_list *l, const eval_found *found)
{
    double most = EVAL_OVERLAP;
    int best = -1;
    for (size_t i = 0; i < l->n; i++) {
        double o = face_overlap(f, &l->at[i]);
        if (o < most || (found && found[i].score >= 0)) continue;
        most = o;
        best = (int)i;
    }
    return best;
}

guise_status eval_match_faces(const face_list *got, const eval_faces *there, double least,
                              eval_found *found, eval_scores *alarm, base_error *e)
{
    for (size_t i = 0; i < there->sure.n; i++) found[i] = (eval_found){-1, NAN};
    for (size_t k = 0; k < got->n; k++) {
        const face *f = &got->at[k];
        int i = best_of(f, &there->sure, found);
        if (i >= 0)
            found[i] = (eval_found){f->score, landmark_error(f, &there->sure.at[i])};
        else if (best_of(f, &there->unsure, NULL) < 0 && (double)f->y1 - f->y0 >= least &&
                 !add_score(alarm, f->score))
            return base_no_memory(e);
    }
    return GUISE_OK;
}

double eval_threshold_for(const double *score, size_t n, size_t most)
{
    return n <= most ? 0 : nextafter(score[n - 1 - most], INFINITY);
}
