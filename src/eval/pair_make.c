// pair_make.c -- pairs of photos by a rule that everybody can repeat.
#include "eval/pair_list.h"
#include "eval/verify.h"
#include <string.h>

enum { TRIES = 200 }; // draws before a person, or a fold, counts as having nothing left

// The photos of one person: n of them, from photo[first] on.
typedef struct {
    size_t first, n;
    int fold;
} owner;

typedef struct {
    const eval_album *a;
    const eval_pair_rule *rule;
    eval_pair_list *l;
    base_rng rng;
    size_t *photo; // of those who take part, person after person
    owner *who;
    int *order; // of people, by fold
    int people;
} making;

static guise_status check(const eval_pair_rule *r, base_error *e)
{
    if (r->folds < 1 || r->folds > EVAL_FOLDS || r->same < r->folds || r->different < r->folds ||
        r->same > 1000000 || r->different > 1000000)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "pairs of one and of two people are at least as many as folds and at most "
                         "1000000, folds 1..%d",
                         EVAL_FOLDS);
    return GUISE_OK;
}

// People in random order, each with the photos of the album that are theirs, dealt to the folds.
static guise_status gather(making *m, base_error *e)
{
    const eval_album *a = m->a;
    size_t *count = base_alloc((size_t)a->people + 1, sizeof *count);
    m->photo = base_alloc(a->n, sizeof *m->photo);
    m->who = base_alloc((size_t)a->people, sizeof *m->who);
    m->order = base_alloc((size_t)a->people, sizeof *m->order);
    bool ok = count && m->photo && m->who && m->order;
    for (size_t i = 0; ok && i < a->n; i++)
        if (m->rule->everybody || a->at[i].held_out) count[a->at[i].who]++;
    for (int k = 0; ok && k < a->people; k++) {
        m->who[k].first = k ? m->who[k - 1].first + count[k - 1] : 0;
        if (count[k]) m->order[m->people++] = k;
    }
    for (size_t i = 0; ok && i < a->n; i++) {
        owner *o = &m->who[a->at[i].who];
        if (m->rule->everybody || a->at[i].held_out) m->photo[o->first + o->n++] = i;
    }
    base_free(count);
    if (!ok) return base_no_memory(e);
    base_rng_shuffle(&m->rng, m->order, m->people);
    for (int i = 0; i < m->people; i++) m->who[m->order[i]].fold = i % m->rule->folds;
    return GUISE_OK;
}

static bool taken(const making *m, size_t from, const char *a, const char *b)
{
    for (size_t i = from; i < m->l->n; i++) {
        char *const *p = m->l->at[i].photo;
        if ((!strcmp(p[0], a) && !strcmp(p[1], b)) || (!strcmp(p[0], b) && !strcmp(p[1], a)))
            return true;
    }
    return false;
}

static guise_status add(making *m, size_t a, size_t b, bool same, int fold, base_error *e)
{
    eval_pair_list *l = m->l;
    char *one = base_copy_text(m->a->at[a].key), *two = base_copy_text(m->a->at[b].key);
    if (one && two && BASE_PUSH_ROOM(l->at, l->n, l->cap)) {
        l->at[l->n++] = (eval_listed_pair){{one, two}, same, fold};
        return GUISE_OK;
    }
    base_free(one);
    base_free(two);
    return base_no_memory(e);
}

static size_t draw_photo(making *m, const owner *o)
{
    return m->photo[o->first + (size_t)base_rng_range(&m->rng, 0, (int)o->n - 1)];
}

// Another pair of the person's own photos, if one is found. Pairs of this fold begin at `from`.
static guise_status add_own(making *m, const owner *o, size_t from, bool *more, base_error *e)
{
    for (int i = 0; o->n > 1 && i < TRIES; i++) {
        size_t a = draw_photo(m, o), b = draw_photo(m, o);
        if (a == b || taken(m, from, m->a->at[a].key, m->a->at[b].key)) continue;
        *more = true;
        return add(m, a < b ? a : b, a < b ? b : a, true, o->fold, e);
    }
    return GUISE_OK;
}

static guise_status fold_same(making *m, int fold, size_t want, base_error *e)
{
    size_t from = m->l->n;
    guise_status s = GUISE_OK;
    for (bool more = true; !s && more && m->l->n - from < want;) {
        more = false;
        for (int i = fold; !s && i < m->people && m->l->n - from < want; i += m->rule->folds)
            s = add_own(m, &m->who[m->order[i]], from, &more, e);
    }
    return s;
}

static guise_status fold_different(making *m, int fold, size_t want, base_error *e)
{
    size_t from = m->l->n;
    int here = (m->people - fold + m->rule->folds - 1) / m->rule->folds, missed = 0;
    guise_status s = GUISE_OK;
    while (!s && here > 1 && missed < TRIES && m->l->n - from < want) {
        int i = base_rng_range(&m->rng, 0, here - 1), k = base_rng_range(&m->rng, 0, here - 1);
        if (i == k) continue;
        size_t a = draw_photo(m, &m->who[m->order[fold + i * m->rule->folds]]);
        size_t b = draw_photo(m, &m->who[m->order[fold + k * m->rule->folds]]);
        if (taken(m, from, m->a->at[a].key, m->a->at[b].key)) {
            missed++;
            continue;
        }
        missed = 0;
        s = add(m, a, b, false, fold, e);
    }
    return s;
}

// Folds that got no pair are closed up, so that every fold has some.
static void close_folds(eval_pair_list *l)
{
    int number[EVAL_FOLDS] = {0}, n = 0;
    bool used[EVAL_FOLDS] = {0};
    for (size_t i = 0; i < l->n; i++) used[l->at[i].fold] = true;
    for (int k = 0; k < l->folds; k++) number[k] = used[k] ? n++ : 0;
    for (size_t i = 0; i < l->n; i++) l->at[i].fold = number[l->at[i].fold];
    l->folds = n;
}

guise_status eval_pair_list_make(eval_pair_list *l, const eval_album *a, const eval_pair_rule *rule,
                                 base_error *e)
{
    *l = (eval_pair_list){.folds = rule->folds};
    making m = {.a = a, .rule = rule, .l = l, .rng = {rule->seed}};
    size_t count[2] = {0};
    guise_status s = check(rule, e);
    if (!s) s = gather(&m, e);
    for (int k = 0; !s && k < rule->folds; k++) {
        size_t more = (size_t)(k < rule->same % rule->folds);
        s = fold_same(&m, k, (size_t)(rule->same / rule->folds) + more, e);
        more = (size_t)(k < rule->different % rule->folds);
        if (!s) s = fold_different(&m, k, (size_t)(rule->different / rule->folds) + more, e);
    }
    for (size_t i = 0; i < l->n; i++) count[l->at[i].same]++;
    if (!s && (!count[0] || !count[1]))
        s = base_fail(e, GUISE_NO_FACE,
                      "of %d people no pairs of one person and of two can be made; several photos "
                      "of somebody, and several people in each fold are needed",
                      m.people);
    if (!s) close_folds(l);
    base_free(m.photo);
    base_free(m.who);
    base_free(m.order);
    if (s) eval_pair_list_free(l);
    return s;
}
