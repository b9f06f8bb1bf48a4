// suite_celeba.c -- eval celeba: SimSwap's measurements on the user's copy of CelebAMask-HQ (Lee et
// al. 2020): random pairs of different people for the identity loss, swaps with the own identity
// for the reconstruction loss (Chen et al. 2020, section 4.3 and figure 7; facts: spec/simswap.md
// 7). The folder's layout is told in doc/eval.md.
#include "eval/files.h"
#include "eval/outcomes.h"
#include "eval/published.h"
#include "eval/suites.h"
#include <stdlib.h>
#include <string.h>

#define PHOTOS "CelebA-HQ-img/"
enum { MOST_PHOTOS = 1 << 20, ATTRIBUTES = 3, COLUMNS = 64 };
static const char *const attributes[ATTRIBUTES] = {"Male", "Young", "Eyeglasses"};

typedef struct {
    const char *identities, *identity;
    int pairs, seed;
    bool pictures;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"pairs", 0, BASE_INT, AT(pairs), "1000", "pairs of different people, 1 to 100000"},
    {"seed", 0, BASE_INT, AT(seed), "1", "of the pairs"},
    {"identities", 0, BASE_TEXT, AT(identities), NULL,
     "CelebA's identity_CelebA.txt; default: DATA/identity_CelebA.txt, where it is there"},
    {"identity", 0, BASE_TEXT, AT(identity), NULL,
     "recogniser that measures; default: mobilefacenet.onnx"},
    {"pictures", 0, BASE_FLAG, AT(pictures), "yes", "keep pictures in OUT/cases"},
    {0}};

typedef struct {
    const eval_call *c;
    const options *o;
    eval_report *r;
    eval_protocol p;
    int *photo, photos; // of the album, those of CelebA-HQ-img
    int *person;        // of each photo of the album; -1: not known
    bool people_known, attributes_known;
    signed char (*has)[ATTRIBUTES]; // of each photo: 1, 0, or -1: not known
    eval_outcome *swap, *self;
    int done;
} work;

// The number that a photo is called by: "CelebA-HQ-img/12.jpg" is 12; else -1.
static long number_of(const char *name)
{
    char *end = NULL;
    long v = strtol(name, &end, 10);
    return end != name && *end == '.' && v >= 0 && v < MOST_PHOTOS ? v : -1;
}

static guise_status list_photos(work *w, base_error *e)
{
    const eval_album *a = &w->p.album;
    w->photo = base_alloc(a->n, sizeof *w->photo);
    w->person = base_alloc(a->n, sizeof *w->person);
    w->has = base_alloc(a->n, sizeof *w->has);
    if (!w->photo || !w->person || !w->has) return base_no_memory(e);
    for (size_t i = 0; i < a->n; i++) {
        w->person[i] = -1;
        for (int k = 0; k < ATTRIBUTES; k++) w->has[i][k] = -1;
        if (!strncmp(a->at[i].key, PHOTOS, strlen(PHOTOS))) w->photo[w->photos++] = (int)i;
    }
    if (w->photos >= 2) return GUISE_OK;
    return base_fail(e, GUISE_BAD_FILE,
                     "%s/" PHOTOS " holds fewer than two photos; see doc/eval.md", w->c->data);
}

static size_t words(char *line, char *word[COLUMNS])
{
    size_t n = 0;
    char *rest = line;
    for (char *v; n < COLUMNS && (v = strtok_r(rest, " \t", &rest));) word[n++] = v;
    return n;
}

static const char *name_of(const work *w, int photo)
{
    return w->p.album.at[photo].key + strlen(PHOTOS);
}

// out[number of a photo of CelebA] = person, or -1.
static guise_status read_identities(const char *path, int *out, base_error *e)
{
    eval_lines l;
    guise_status s = eval_lines_open(&l, path, e);
    for (int i = 0; i < MOST_PHOTOS; i++) out[i] = -1;
    for (char *line; !s && (line = eval_lines_next(&l));) {
        char *word[COLUMNS];
        long at = words(line, word) == 2 ? number_of(word[0]) : -1;
        if (at < 0)
            s = base_fail(e, GUISE_BAD_FILE, "%s: wants lines such as '000001.jpg 2880'", path);
        else
            out[at] = (int)strtol(word[1], NULL, 10);
    }
    eval_lines_close(&l);
    return s;
}

// "idx orig_idx orig_file": which photo of CelebA a photo of CelebA-HQ was. of: by its number.
static guise_status read_mapping(const char *path, const int *identity, int *of, base_error *e)
{
    eval_lines l;
    guise_status s = eval_lines_open(&l, path, e);
    char *line = s ? NULL : eval_lines_next(&l), *word[COLUMNS]; // the first one is a heading
    for (int i = 0; i < MOST_PHOTOS; i++) of[i] = -1;
    while (!s && line && (line = eval_lines_next(&l))) {
        size_t n = words(line, word);
        long at = n == 3 ? strtol(word[0], NULL, 10) : -1, from = n == 3 ? number_of(word[2]) : -1;
        if (at < 0 || at >= MOST_PHOTOS || from < 0)
            s = base_fail(e, GUISE_BAD_FILE, "%s: wants lines such as '0 119613 119614.jpg'", path);
        else
            of[at] = identity[from];
    }
    eval_lines_close(&l);
    return s;
}

static guise_status read_people(work *w, base_error *e)
{
    char *mapping = base_format("%s/CelebA-HQ-to-CelebA-mapping.txt", w->c->data);
    char *identities = w->o->identities ? base_copy_text(w->o->identities)
                                        : base_format("%s/identity_CelebA.txt", w->c->data);
    guise_status s = mapping && identities ? GUISE_OK : base_no_memory(e);
    bool wanted = w->o->identities != NULL;
    if (!s && (wanted || (base_is_file(mapping) && base_is_file(identities)))) {
        int *identity = base_alloc(MOST_PHOTOS, sizeof *identity);
        int *of = base_alloc(MOST_PHOTOS, sizeof *of);
        s = identity && of ? read_identities(identities, identity, e) : base_no_memory(e);
        if (!s) s = read_mapping(mapping, identity, of, e);
        for (int i = 0; !s && i < w->photos; i++) {
            long number = number_of(name_of(w, w->photo[i]));
            if (number >= 0) w->person[w->photo[i]] = of[number];
        }
        w->people_known = !s;
        base_free(identity);
        base_free(of);
    }
    base_free(mapping);
    base_free(identities);
    return s;
}

// A heading with the attributes' names, after a line with the number of photos; then "0.jpg -1 1".
static guise_status read_attributes(work *w, base_error *e)
{
    char *path = base_format("%s/CelebAMask-HQ-attribute-anno.txt", w->c->data), *word[COLUMNS];
    eval_lines l = {0};
    guise_status s = path ? GUISE_OK : base_no_memory(e);
    size_t column[ATTRIBUTES] = {0}, n = 0;
    if (!s && !base_is_file(path)) return base_free(path), GUISE_OK;
    if (!s) s = eval_lines_open(&l, path, e);
    char *line = s ? NULL : eval_lines_next(&l);
    if (line && (line = eval_lines_next(&l))) n = words(line, word);
    for (int k = 0; k < ATTRIBUTES; k++)
        for (size_t i = 0; i < n; i++)
            if (!strcmp(word[i], attributes[k])) column[k] = i + 1;
    while (!s && line && (line = eval_lines_next(&l))) {
        char key[300];
        n = words(line, word);
        snprintf(key, sizeof key, PHOTOS "%s", word[0]);
        const eval_photo *p = eval_album_find(&w->p.album, key);
        for (int k = 0; p && k < ATTRIBUTES; k++)
            if (column[k] && column[k] < n)
                w->has[p - w->p.album.at][k] = !strcmp(word[column[k]], "1");
        w->attributes_known |= p != NULL;
    }
    eval_lines_close(&l);
    base_free(path);
    return s;
}

static bool different(const work *w, int a, int b)
{
    return a != b && (w->person[a] < 0 || w->person[b] < 0 || w->person[a] != w->person[b]);
}

// Source and target of two people, both drawn with replacement; the self-swaps are of the targets.
static guise_status draw(work *w, base_error *e)
{
    base_rng r = {(uint64_t)w->o->seed};
    size_t n = (size_t)w->o->pairs;
    w->swap = base_alloc(n, sizeof *w->swap);
    w->self = base_alloc(n, sizeof *w->self);
    if (!w->swap || !w->self) return base_no_memory(e);
    for (size_t i = 0, tries = 0; i < n;) {
        int a = w->photo[base_rng_range(&r, 0, w->photos - 1)];
        int b = w->photo[base_rng_range(&r, 0, w->photos - 1)];
        if (!different(w, a, b)) {
            if (++tries > 1000000)
                return base_fail(e, GUISE_NO_FACE, "all photos of %s show one person", w->c->data);
            continue;
        }
        w->swap[i] = (eval_outcome){.source = a, .target = b};
        w->self[i++] = (eval_outcome){.source = b, .target = b};
    }
    return GUISE_OK;
}

static guise_status measure(work *w, const char *dir, base_error *e)
{
    size_t n = (size_t)w->o->pairs, missing;
    bool *want = base_alloc(w->p.album.n, sizeof *want);
    if (!want) return base_no_memory(e);
    for (size_t i = 0; i < n; i++) want[w->swap[i].source] = want[w->swap[i].target] = true;
    guise_status s = eval_album_embed(&w->p.album, w->p.judge, want, w->c, &missing, e);
    base_free(want);
    int total = 2 * w->o->pairs;
    if (!s && !*w->c->stopped)
        s = eval_outcomes_measure(&w->p, w->swap, n, dir, "pair", &w->done, total, e);
    if (!s && !*w->c->stopped)
        s = eval_outcomes_measure(&w->p, w->self, n, NULL, "self", &w->done, total, e);
    return s;
}

// "source Male", "target Male"...: yes or no.
static guise_status add_labels(work *w, eval_result *x, base_error *e)
{
    eval_report *r = w->r;
    if (!w->attributes_known) return GUISE_OK;
    for (int k = 0; k < ATTRIBUTES; k++)
        for (int side = 0; side < 2; side++) {
            r->label_key[r->labels] =
                eval_text(r, "%s %s", side ? "target" : "source", attributes[k]);
            if (!r->label_key[r->labels]) return base_no_memory(e);
            for (size_t i = 0; i < x->n_cases; i++) {
                int has = w->has[side ? w->swap[i].target : w->swap[i].source][k];
                x->cases[i].label[r->labels] = has < 0 ? NULL : has ? "yes" : "no";
            }
            r->labels++;
        }
    return GUISE_OK;
}

static guise_status report(work *w, base_error *e)
{
    eval_report *r = w->r;
    size_t n = (size_t)w->o->pairs;
    eval_result *x = NULL;
    double *self = base_alloc(n, sizeof *self);
    guise_status s = self ? eval_add_file(r, w->c->generator, n, &x, e) : base_no_memory(e);
    for (size_t i = 0; !s && i < n; i++) self[i] = w->self[i].l1;
    const outcome_view v = {.metrics = 1u << OUTCOME_LOSS | 1u << OUTCOME_SELF |
                                       1u << OUTCOME_TO_SOURCE | 1u << OUTCOME_TO_TARGET |
                                       1u << OUTCOME_POSE | 1u << OUTCOME_EXPRESSION,
                            .self = self,
                            .pictures = w->c->out && w->o->pictures ? "cases" : NULL,
                            .name = "pair"};
    if (!s) s = eval_outcomes_report(&w->p, w->swap, n, &v, r, x, e);
    if (!s) s = add_labels(w, x, e);
    base_free(self);
    if (s) return s;
    r->title = "CelebAMask-HQ";
    r->data = eval_text(r, "%s: %d random pairs out of %d photos, seed %d", w->c->data, w->o->pairs,
                        w->photos, w->o->seed);
    bool ok = r->data && eval_add_all_published(r, eval_published_portraits) &&
              eval_add_note(r, "SimSwap's paper prints its identity and reconstruction losses on "
                               "CelebAMask-HQ as a plot only (figure 7), measured by the "
                               "recogniser that taught it; nothing there compares in digits.");
    if (ok && !w->people_known)
        ok = eval_add_note(r, "Who is on which photo is not known (identity_CelebA.txt is not "
                              "there), so two photos count as two people: a few pairs may show "
                              "one.");
    return ok ? eval_protocol_networks(&w->p, r, e) : base_no_memory(e);
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    work w = {.c = c, .o = o, .r = r};
    if (!c->data || o->pairs < 1 || o->pairs > 100000)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "say where CelebAMask-HQ lies with --data; pairs lie in 1..100000");
    if (!c->generator)
        return base_fail(e, GUISE_IO, "there is no generator; name one with --weights");
    char *dir = c->out && o->pictures ? base_format("%s/cases", c->out) : NULL;
    guise_status s = c->out && o->pictures && !dir ? base_no_memory(e) : GUISE_OK;
    if (!s && dir) s = base_make_dir(dir, e);
    if (!s) s = eval_protocol_open(&w.p, c, c->data, o->identity, c->generator, r, e);
    if (!s) s = list_photos(&w, e);
    if (!s) s = read_people(&w, e);
    if (!s) s = read_attributes(&w, e);
    if (!s) s = draw(&w, e);
    if (!s) s = measure(&w, dir, e);
    if (!s && !*c->stopped) s = report(&w, e);
    eval_protocol_close(&w.p);
    base_free(dir);
    base_free(w.photo);
    base_free(w.person);
    base_free(w.has);
    base_free(w.swap);
    base_free(w.self);
    return s;
}

const eval_suite eval_suite_celeba = {
    .name = "celeba",
    .summary = "SimSwap's measurements on your copy of CelebAMask-HQ",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
