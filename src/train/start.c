// start.c -- a learner that begins with the weights of a trained network.
#include "train/system.h"
#include "weights/weights.h"

// More input channels than the file has: a layer that sees more. The new ones begin at zero, so
// that the network begins with what the file's one gives.
static bool widens(const nn_entry *e, const base_tensor *t)
{
    bool wider = t && e->kind == NN_WEIGHT && e->shape.rank == 4 && t->rank == 4 &&
                 e->shape.dim[0] == t->dim[0] && e->shape.dim[1] > t->dim[1];
    return wider && e->shape.dim[2] == t->dim[2] && e->shape.dim[3] == t->dim[3];
}

static bool add_wider(base_tensors *to, const nn_entry *e, const base_tensor *t)
{
    base_tensor *y = base_tensors_add(to, e->name, BASE_F32, 4, e->shape.dim, NULL);
    size_t area = (size_t)(t->dim[2] * t->dim[3]), row = (size_t)t->dim[1] * area;
    size_t wide = (size_t)e->shape.dim[1] * area;
    for (int64_t k = 0; y && k < t->dim[0]; k++)
        for (size_t i = 0; i < row; i++)
            ((float *)y->data)[(size_t)k * wide + i] =
                (float)base_tensor_at(t, k * (int64_t)row + (int64_t)i);
    return y != NULL;
}

// What the network takes of the file, in its own shapes.
static guise_status choose(const nn_params *p, const base_tensors *from, base_tensors *to,
                           base_error *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < nn_params_n(p); i++) {
        const nn_entry *entry = nn_params_entry(p, i);
        const base_tensor *t = base_tensors_find(from, entry->name);
        if (widens(entry, t))
            ok = add_wider(to, entry, t);
        else if (t)
            ok = base_tensors_add(to, t->name, t->dtype, t->rank, t->dim, t->data) != NULL;
    }
    return ok ? GUISE_OK : base_no_memory(e);
}

guise_status train_start_with(train_learner *l, const char *path, base_error *e)
{
    base_tensors from = {0}, to = {0};
    base_error why = {{0}};
    guise_status s = weights_read(&from, path, e);
    if (!s) s = choose(l->params, &from, &to, e);
    if (!s && !to.n)
        s = base_fail(e, GUISE_BAD_FILE, "start=%s has no weights that this network takes", path);
    if (!s && (s = nn_load(l->params, &to, false, &why)))
        base_fail(e, s, "start=%s: %s", path, why.text);
    if (!s)
        base_log("begun with %zu of %zu tensors out of %s, the others new", to.n,
                 nn_params_n(l->params), path);
    base_tensors_free(&from);
    base_tensors_free(&to);
    return s;
}
