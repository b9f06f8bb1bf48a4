// swap_losses.c -- losses that all swappers share. SimSwap's identity loss (Chen et al. 2020); the
// others are ours, and where the ideas come from stands in landmarks.h and form.h.
#include "train/swap_losses.h"
#include "train/losses.h"

guise_status train_swap_check(const train_options *o, const train_swap_options *own, base_error *e)
{
    const train_bound bound[] = {{"lambda_away", own->lambda_away, 0, 1000},
                                 {"lambda_points", own->lambda_points, 0, 10000},
                                 {"lambda_form", own->lambda_form, 0, 1000}};
    guise_status s = train_bounds(bound, sizeof bound / sizeof *bound, e);
    if (!s && own->lambda_away > 0 && o->lambda_id <= 0)
        s = base_fail(
            e, GUISE_BAD_ARGUMENT,
            "lambda_away rises with the identity loss, so that lambda_id must be above 0");
    if (!s && own->lambda_points > 0 && o->size % 32)
        s = base_fail(e, GUISE_BAD_ARGUMENT,
                      "lambda_points: the detector takes multiples of 32 pixels, not size=%d",
                      o->size);
    return s;
}

guise_status train_swap_losses_open(train_swap_losses *l, const train_options *o,
                                    const train_swap_options *own, base_error *e)
{
    guise_status s = GUISE_OK;
    *l = (train_swap_losses){.o = own};
    if (own->lambda_points > 0 && !o->detector)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "lambda_points needs a detector, and none was found; name one");
    if (own->lambda_form > 0 && !own->form)
        return base_fail(e, GUISE_BAD_ARGUMENT,
                         "lambda_form needs form=FILE, 3DDFA_V2's MobileNet as ONNX");
    if (own->lambda_points > 0) s = train_landmarks_open(&l->landmarks, o->detector, e);
    if (!s && own->lambda_form > 0) s = train_form_open(&l->form, own->form, e);
    return s;
}

void train_swap_losses_close(train_swap_losses *l)
{
    train_landmarks_close(&l->landmarks);
    train_form_close(&l->form);
}

void train_swap_inputs_of(train_swap_inputs *in, const train_work *w, tg_graph *g)
{
    tg_shape vector = TG_SHAPE(w->rows, w->batch.length);
    *in = (train_swap_inputs){tg_input(g, vector, "given"), tg_input(g, vector, "vector"),
                              tg_input(g, vector, "theirs"),
                              tg_input(g, TG_SHAPE(w->rows, 6), "warp")};
}

// How much nearer the result is to the target's identity than the source is: what people who look
// alike share costs nothing.
static tg_node *left_of_target(tg_node *made, tg_node *source, tg_node *target)
{
    return tg_mean(tg_relu(tg_sub(nn_cosine(made, target), nn_cosine(source, target))));
}

tg_node *train_swap_add(tg_node *sum, const train_swap_losses *l, const train_work *w,
                        const train_swap_inputs *in, tg_node *made, tg_node *target,
                        tg_node *lambda, tg_node **id, tg_node *held[3])
{
    const train_swap_options *o = l->o;
    if (lambda) {
        tg_node *v = train_identity_of(w->identity, made, in->warp);
        *id = tg_mean(train_identity_loss(v, in->vector));
        sum = tg_add(sum, tg_mul(*id, lambda));
        if (o->lambda_away > 0) { // rises as the identity's weight does
            held[0] = left_of_target(v, in->vector, in->theirs);
            sum = tg_add(sum, tg_mul(held[0], tg_scale(lambda, o->lambda_away / w->o->lambda_id)));
        }
    }
    if (o->lambda_points > 0) {
        held[1] = train_landmarks_loss(&l->landmarks, made, target);
        sum = tg_add(sum, tg_scale(held[1], o->lambda_points));
    }
    if (o->lambda_form > 0) {
        held[2] = train_form_loss(&l->form, made, target);
        sum = tg_add(sum, tg_scale(held[2], o->lambda_form));
    }
    return sum;
}
