// suite_faceforensics.c -- eval faceforensics: the protocol that FaceShifter (Li et al. 2020,
// section 4.2) and those after it measure by, on the user's copy of FaceForensics++ (Roessler et
// al. 2019): released results of other methods, and those of a generator on the same pairs.
// Facts: spec/faceshifter.md 3.1; the folder's layout is told in doc/eval.md.
#include "eval/files.h"
#include "eval/outcomes.h"
#include "eval/published.h"
#include "eval/suites.h"
#include <ctype.h>
#include <string.h>

enum { MOST_FRAMES = 100 };

typedef struct {
    const char *compression, *methods, *splits, *identity;
    int frames, videos;
    bool released, pictures;
} options;

#define AT(field) offsetof(options, field)
static const base_field fields[] = {
    {"compression", 0, BASE_TEXT, AT(compression), "c23", "raw, c23 or c40: part of the layout"},
    {"methods", 0, BASE_TEXT, AT(methods), NULL,
     "released results to measure, with commas between; default: those that are there and swap"},
    {"splits", 0, BASE_TEXT, AT(splits), NULL,
     "lists of pairs as FaceForensics++ has them (test.json), with commas between; default: all"},
    {"frames", 0, BASE_INT, AT(frames), "10", "of each video, evenly spread, 1 to 100"},
    {"videos", 0, BASE_INT, AT(videos), "0", "results to measure of each method; 0: all"},
    {"released", 0, BASE_FLAG, AT(released), NULL, "only released results, no generator"},
    {"identity", 0, BASE_TEXT, AT(identity), NULL,
     "recogniser that measures; default: mobilefacenet.onnx"},
    {"pictures", 0, BASE_FLAG, AT(pictures), "yes", "keep pictures in OUT/cases"},
    {0}};

// An original video: photos first .. first + n - 1 of the album, and those chosen.
typedef struct {
    const char *name;
    int first, n, frame[MOST_FRAMES], frames;
} clip;

typedef struct {
    int target, source; // clips
} pair;

typedef struct {
    const eval_call *c;
    const options *o;
    eval_report *r;
    eval_protocol p;
    clip *clips; // by the album's who
    pair *pairs;
    size_t n_pairs, cap_pairs;
    int *gallery, n_gallery;
    eval_outcome *outcome; // of one method at a time
    size_t n, cap;
    base_names files; // that outcomes point to
    bool *want;       // photos of the album that need vectors
    int done, total;
} work;

// The i'th of k out of n, evenly spread.
static int spread(int i, int k, int n) { return (int)(((int64_t)2 * i + 1) * n / (2 * k)); }

static guise_status read_clips(work *w, base_error *e)
{
    const eval_album *a = &w->p.album;
    w->clips = base_alloc((size_t)a->people, sizeof *w->clips);
    w->gallery = base_alloc(a->n, sizeof *w->gallery);
    w->want = base_alloc(a->n, sizeof *w->want);
    if (!w->clips || !w->gallery || !w->want) return base_no_memory(e);
    for (size_t i = 0; i < a->n; i++) {
        clip *k = &w->clips[a->at[i].who];
        if (!k->n++) k->first = (int)i, k->name = a->at[i].person;
    }
    for (int v = 0; v < a->people; v++) {
        clip *k = &w->clips[v];
        k->frames = k->n < w->o->frames ? k->n : w->o->frames;
        for (int i = 0; i < k->frames; i++) {
            k->frame[i] = k->first + spread(i, k->frames, k->n);
            w->gallery[w->n_gallery++] = k->frame[i];
            w->want[k->frame[i]] = true;
        }
    }
    return GUISE_OK;
}

static int find_clip(const work *w, const char *name, size_t n)
{
    for (int i = 0; i < w->p.album.people; i++)
        if (strlen(w->clips[i].name) == n && !strncmp(w->clips[i].name, name, n)) return i;
    return -1;
}

// "TARGET_SOURCE" of known videos.
static bool parse_pair(const work *w, const char *name, pair *p)
{
    const char *bar = strchr(name, '_');
    if (!bar) return false;
    *p = (pair){find_clip(w, name, (size_t)(bar - name)), find_clip(w, bar + 1, strlen(bar + 1))};
    return p->target >= 0 && p->source >= 0 && p->target != p->source;
}

static bool has_pair(const work *w, pair p)
{
    for (size_t i = 0; i < w->n_pairs; i++)
        if (w->pairs[i].target == p.target && w->pairs[i].source == p.source) return true;
    return false;
}

static guise_status add_pair(work *w, pair p, base_error *e)
{
    if (has_pair(w, p)) return GUISE_OK;
    if (!BASE_PUSH_ROOM(w->pairs, w->n_pairs, w->cap_pairs)) return base_no_memory(e);
    w->pairs[w->n_pairs++] = p;
    return GUISE_OK;
}

// [["071", "054"], ...]: both swap with each other. Videos that are not there are passed over.
static guise_status read_split(void *user, const char *file, base_error *e)
{
    work *w = user;
    json_error_t why;
    guise_status s =
        base_is_file(file) ? GUISE_OK : base_fail(e, GUISE_IO, "%s cannot be opened", file);
    json_t *all = s ? NULL : json_load_file(file, 0, &why);
    if (!s && !json_is_array(all))
        s = base_fail(e, GUISE_BAD_FILE, "%s is no list of pairs: [[\"071\", \"054\"], ...]", file);
    for (size_t i = 0; !s && i < json_array_size(all); i++) {
        const char *a = json_string_value(json_array_get(json_array_get(all, i), 0));
        const char *b = json_string_value(json_array_get(json_array_get(all, i), 1));
        if (!a || !b) {
            s = base_fail(e, GUISE_BAD_FILE, "%s, pair %zu: wants two names of videos", file,
                          i + 1);
            break;
        }
        pair p = {find_clip(w, a, strlen(a)), find_clip(w, b, strlen(b))};
        if (p.target < 0 || p.source < 0) continue;
        s = add_pair(w, p, e);
        if (!s) s = add_pair(w, (pair){p.source, p.target}, e);
    }
    json_decref(all);
    return s;
}

static eval_outcome *new_outcome(work *w, int source, int target, const char *file)
{
    if (!BASE_PUSH_ROOM(w->outcome, w->n, w->cap)) return NULL;
    eval_outcome *o = &w->outcome[w->n++];
    *o = (eval_outcome){.source = source, .target = target, .file = file};
    w->want[source] = w->want[target] = true;
    return o;
}

// Frames of a released result whose target's frame of the same name is there, evenly spread.
static guise_status add_released(work *w, const char *dir, pair p, base_error *e)
{
    const clip *target = &w->clips[p.target], *source = &w->clips[p.source];
    base_names l = {0};
    int *photo = NULL, *name = NULL, n = 0;
    guise_status s = base_names_read(&l, dir, e);
    if (!s) {
        photo = base_alloc(l.n + 1, sizeof *photo);
        name = base_alloc(l.n + 1, sizeof *name);
        if (!photo || !name) s = base_no_memory(e);
    }
    for (size_t i = 0; !s && i < l.n; i++) {
        char *key = base_format("%s/%s", target->name, l.name[i]);
        const eval_photo *found = key ? eval_album_find(&w->p.album, key) : NULL;
        if (!key) s = base_no_memory(e);
        if (found) photo[n] = (int)(found - w->p.album.at), name[n++] = (int)i;
        base_free(key);
    }
    int k = n < w->o->frames ? n : w->o->frames;
    for (int i = 0; !s && i < k; i++) {
        int at = spread(i, k, n);
        char *file = base_format("%s/%s", dir, l.name[name[at]]);
        bool ok = file && base_names_add(&w->files, file) &&
                  new_outcome(w, source->frame[i % source->frames], photo[at],
                              w->files.name[w->files.n - 1]);
        base_free(file);
        if (!ok) s = base_no_memory(e);
    }
    base_free(photo);
    base_free(name);
    base_names_free(&l);
    return s;
}

static char *method_dir(const work *w, const char *method)
{
    return base_format("%s/manipulated_sequences/%s/%s/images", w->c->data, method,
                       w->o->compression);
}

// Outcomes of all pairs that a method has; with note set, only which pairs these are.
static guise_status read_method(work *w, const char *method, bool note, base_error *e)
{
    char *dir = method_dir(w, method);
    base_names l = {0};
    int taken = 0;
    guise_status s = dir ? base_names_read(&l, dir, e) : base_no_memory(e);
    for (size_t i = 0; !s && i < l.n && (!w->o->videos || taken < w->o->videos); i++) {
        pair p;
        if (!parse_pair(w, l.name[i], &p) || (!note && !has_pair(w, p))) continue;
        taken++;
        char *folder = note ? NULL : base_format("%s/%s", dir, l.name[i]);
        if (note)
            s = add_pair(w, p, e);
        else
            s = folder ? add_released(w, folder, p, e) : base_no_memory(e);
        base_free(folder);
    }
    base_names_free(&l);
    base_free(dir);
    return s;
}

// Frames of the targets with the sources' identities: the i'th frame of one with that of the other.
static guise_status read_generator(work *w, base_error *e)
{
    size_t pairs = w->n_pairs;
    if (w->o->videos && (size_t)w->o->videos < pairs) pairs = (size_t)w->o->videos;
    for (size_t i = 0; i < pairs; i++) {
        const clip *target = &w->clips[w->pairs[i].target], *source = &w->clips[w->pairs[i].source];
        for (int k = 0; k < target->frames; k++)
            if (!new_outcome(w, source->frame[k % source->frames], target->frame[k], NULL))
                return base_no_memory(e);
    }
    return GUISE_OK;
}

// Results of what stands in w->outcome.
static guise_status measure(work *w, const char *method, base_error *e)
{
    const eval_call *c = w->c;
    size_t missing;
    eval_result *x = NULL;
    const bool pictures = c->out && w->o->pictures;
    char *dir = pictures ? base_format("%s/cases", c->out) : NULL;
    guise_status s = pictures && !dir ? base_no_memory(e) : GUISE_OK;
    if (!s && dir) s = base_make_dir(dir, e);
    for (size_t i = 0; i < w->p.album.n; i++) // vectors that are there stay
        if (w->p.album.at[i].vector) w->want[i] = false;
    if (!s) s = eval_album_embed(&w->p.album, w->p.judge, w->want, c, &missing, e);
    const char *name = method ? method : "generator";
    w->done = 0;
    if (!s && !*c->stopped)
        s = eval_outcomes_measure(&w->p, w->outcome, w->n, dir, name, &w->done, (int)w->n, e);
    if (!s && !*c->stopped) {
        if (!method)
            s = eval_add_file(w->r, c->generator, w->n, &x, e);
        else if (!(x = eval_add_result(w->r, method, w->n)))
            s = base_no_memory(e);
        const outcome_view v = {.metrics = 1u << OUTCOME_RETRIEVAL | 1u << OUTCOME_TO_SOURCE |
                                           1u << OUTCOME_TO_TARGET | 1u << OUTCOME_POSE |
                                           1u << OUTCOME_EXPRESSION,
                                .gallery = w->gallery,
                                .n_gallery = w->n_gallery,
                                .pictures = pictures ? "cases" : NULL,
                                .name = name};
        if (!s) s = eval_outcomes_report(&w->p, w->outcome, w->n, &v, w->r, x, e);
    }
    base_free(dir);
    w->n = 0;
    return s;
}

// Face2Face and NeuralTextures move a face and change nobody's identity.
static bool swaps(const char *method)
{
    return strcmp(method, "Face2Face") != 0 && strcmp(method, "NeuralTextures") != 0;
}

// Named ones, or what lies below manipulated_sequences and swaps, in this compression.
static guise_status list_methods(work *w, base_names *l, base_error *e)
{
    base_names all = {0};
    char *dir = base_format("%s/manipulated_sequences", w->c->data);
    guise_status s = dir ? GUISE_OK : base_no_memory(e);
    if (!s && w->o->methods) {
        char *copy = base_copy_text(w->o->methods), *rest = copy;
        for (char *m; copy && (m = strtok_r(rest, ",", &rest));)
            if (!base_names_add(l, m)) s = base_no_memory(e);
        if (!copy) s = base_no_memory(e);
        base_free(copy);
    } else if (!s && base_is_dir(dir)) {
        s = base_names_read(&all, dir, e);
        for (size_t i = 0; !s && i < all.n; i++) {
            char *images = method_dir(w, all.name[i]);
            bool ok = images != NULL;
            if (ok && base_is_dir(images) && swaps(all.name[i]))
                ok = base_names_add(l, all.name[i]);
            base_free(images);
            if (!ok) s = base_no_memory(e);
        }
    }
    base_names_free(&all);
    base_free(dir);
    return s;
}

static guise_status list_pairs(work *w, const base_names *methods, base_error *e)
{
    guise_status s = w->o->splits ? eval_each_file(w->o->splits, read_split, w, e) : GUISE_OK;
    for (size_t i = 0; !s && !w->o->splits && i < methods->n; i++)
        s = read_method(w, methods->name[i], true, e);
    if (!s && !w->n_pairs)
        s = base_fail(e, GUISE_BAD_FILE,
                      "%s: no pair of original videos is known: give lists of pairs with --splits, "
                      "or released results as doc/eval.md tells",
                      w->c->data);
    return s;
}

static guise_status describe(work *w, const base_names *methods, base_error *e)
{
    eval_report *r = w->r;
    r->title = "FaceForensics++";
    r->data = eval_text(r,
                        "%s, %s: %d original videos, %d frames of each; %zu pairs; gallery of "
                        "%d frames",
                        w->c->data, w->o->compression, w->p.album.people, w->o->frames, w->n_pairs,
                        w->n_gallery);
    bool ok =
        r->data && eval_add_all_published(r, eval_published_faceforensics) &&
        eval_add_note(r, "Protocol of FaceShifter: the nearest frame of all originals must be "
                         "of the source's video. Networks that measure differ from paper to "
                         "paper, so retrieval compares in order of size at best, and pose and "
                         "expression do not compare at all.");
    if (ok && !methods->n)
        ok = eval_add_note(r, "No released results of other methods were found to measure.");
    return ok ? eval_protocol_networks(&w->p, r, e) : base_no_memory(e);
}

static guise_status measure_all(work *w, const base_names *methods, base_error *e)
{
    guise_status s = read_clips(w, e);
    if (!s) s = list_pairs(w, methods, e);
    for (size_t i = 0; !s && i < methods->n && !*w->c->stopped; i++) {
        s = read_method(w, methods->name[i], false, e);
        if (!s && w->n) s = measure(w, methods->name[i], e);
    }
    if (!s && w->p.taker && !*w->c->stopped) {
        s = read_generator(w, e);
        if (!s) s = measure(w, NULL, e);
    }
    return s || *w->c->stopped ? s : describe(w, methods, e);
}

static guise_status run(const eval_call *c, const void *given, eval_report *r, base_error *e)
{
    const options *o = given;
    work w = {.c = c, .o = o, .r = r};
    base_names methods = {0};
    if (!c->data || o->frames < 1 || o->frames > MOST_FRAMES || o->videos < 0)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "say where FaceForensics++ lies with --data; frames lie in 1..%d",
                         MOST_FRAMES);
    char *originals =
        base_format("%s/original_sequences/youtube/%s/images", c->data, o->compression);
    guise_status s = originals ? GUISE_OK : base_no_memory(e);
    if (!s && !base_is_dir(originals))
        s = base_fail(e, GUISE_IO,
                      "%s is not there: frames are expected where the set's own script puts them; "
                      "see doc/eval.md",
                      originals);
    if (!s) s = list_methods(&w, &methods, e);
    const char *generator = o->released ? NULL : c->generator;
    if (!s) s = eval_protocol_open(&w.p, c, originals, o->identity, generator, r, e);
    if (!s) s = measure_all(&w, &methods, e);
    eval_protocol_close(&w.p);
    base_names_free(&methods);
    base_names_free(&w.files);
    base_free(originals);
    base_free(w.clips);
    base_free(w.pairs);
    base_free(w.gallery);
    base_free(w.outcome);
    base_free(w.want);
    return s;
}

const eval_suite eval_suite_faceforensics = {
    .name = "faceforensics",
    .summary = "the papers' protocol on your copy of FaceForensics++",
    .fields = fields,
    .size = sizeof(options),
    .run = run,
};
