// toy.c -- drawn faces to train on, with their recognisers.
#include "engine/engine.h"
#include "train/toy_teach.h"

static guise_status teach(const char *dir, const char *file, toy_recogniser kind, int seed,
                          base_error *e)
{
    toy_teaching t = {.kind = kind, .seed = seed};
    char *path = base_format("%s/%s.onnx", dir, file);
    guise_status s = path ? toy_teach(&t, path, e) : base_no_memory(e);
    if (!s)
        base_log("%s: cosine %.2f between what it says of new faces and what is so", path,
                 t.cosine);
    base_free(path);
    return s;
}

guise_status guise_toy(guise_engine *g, const char *dir, int people, int each, int size, int seed)
{
    base_error *e = engine_begin(g);
    toy_set set = {.people = people, .photos = each, .side = size, .seed = seed};
    char *faces = base_format("%s/faces", dir);
    guise_status s = faces ? toy_set_write(&set, faces, e) : base_no_memory(e);
    if (!s) s = teach(dir, "teacher", TOY_TEACHER, seed, e);
    if (!s) s = teach(dir, "judge", TOY_JUDGE, seed, e);
    base_free(faces);
    return s;
}
