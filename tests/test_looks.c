// test_looks.c -- a swapped face gets its target's light and grain, and keeps its features; a mask
// by a network lands where the generator's crop has it.
#include "base/tensors.h"
#include "face/face.h"
#include "model/card.h"
#include "model/own.h"
#include "test.h"
#include "weights/weights.h"
#include <math.h>
#include <string.h>

enum { S = 64, N = S * S };

static void fill(float *planes, double left, double right, double red, double spot)
{
    for (int i = 0; i < N; i++) {
        double k = (double)(i % S) / S, v = left + (right - left) * k;
        if (hypot(i % S - 32.0, i / S - 32.0) < 3) v += spot; // a feature
        planes[i] = (float)(v + red);
        planes[N + i] = planes[2 * N + i] = (float)v;
    }
}

static double mean_of(const float *plane, int x0, int x1)
{
    double sum = 0;
    for (int y = 8; y < S - 8; y++)
        for (int x = x0; x < x1; x++) sum += (double)plane[y * S + x];
    return sum / ((S - 16) * (x1 - x0));
}

TEST(light_from_the_side_is_carried_over)
{
    static float made[3 * N], target[3 * N], mask[N], before[3 * N];
    fill(made, 0.5, 0.5, 0.08, -0.2); // flat light, reddish, with a dark feature
    fill(target, 0.3, 0.7, 0, 0);     // lit from the right
    memcpy(before, made, sizeof made);
    for (int i = 0; i < N; i++) mask[i] = i % S >= 4;
    CHECK(!face_match_light(made, target, mask, S, NULL));
    CHECK_NEAR(mean_of(made + N, 8, 24), mean_of(target + N, 8, 24), 0.02);
    CHECK_NEAR(mean_of(made + N, 40, 56), mean_of(target + N, 40, 56), 0.02);
    CHECK_NEAR(mean_of(made, 8, 56) - mean_of(made + N, 8, 56), 0, 0.01); // not reddish any more
    double spot = (double)made[N + 32 * S + 32] - (double)made[N + 32 * S + 50];
    double light = (double)target[N + 32 * S + 32] - (double)target[N + 32 * S + 50];
    CHECK(spot - light < -0.12); // the feature stays
    for (int i = 0; i < 3 * N; i++)
        if (!(mask[i % N] > 0)) CHECK(made[i] == before[i]);
    memset(mask, 0, sizeof mask);
    memcpy(made, before, sizeof made);
    CHECK(!face_match_looks(made, target, mask, S, NULL)); // nothing to go by: nothing changes
    CHECK(!memcmp(made, before, sizeof made));
    base_fail_allocation(0);
    CHECK(face_match_light(made, target, mask, S, NULL) == GUISE_NO_MEMORY);
    base_fail_allocation(-1);
}

// A frame twice as fine as its crop, with faint noise and one strong edge.
TEST(grain_comes_back_and_edges_do_not)
{
    enum { F = 2 * S };
    static float planes[3 * N], target[3 * N];
    base_image m = {0};
    base_rng r = {5};
    CHECK(!base_image_new(&m, F, F, NULL));
    for (int i = 0; i < F * F; i++) {
        int v = 128 + base_rng_range(&r, -4, 4);
        if (i % F == F / 2) v = 20;
        memset(m.rgb + 3 * i, v, 3);
    }
    for (int i = 0; i < 3 * N; i++) planes[i] = 0.3F, target[i] = 128 / 255.0F;
    face_transform t = {{0.5, 0, -0.25, 0, 0.5, -0.25}};
    face_patch p = {.size = S, .planes = planes, .target = target, .erode = -1, .blur = -1};
    CHECK(!face_paste(&m, t, &p, NULL));
    double mean = 0, square = 0, n = 0, edge = 0;
    for (int y = 16; y < F - 16; y++)
        for (int x = 16; x < F - 16; x++) {
            double v = m.rgb[3 * (y * F + x)];
            if (x == F / 2) edge += fabs(v - 76.5) / (F - 32);
            if (x != F / 2) mean += v, square += v * v, n++;
        }
    mean /= n;
    CHECK_NEAR(mean, 76.5, 0.6);
    CHECK_NEAR(sqrt(square / n - mean * mean), 2.45, 0.5); // of -4 .. 4, a little less
    CHECK(edge < 2);
    base_image_free(&m);
}

// Waves of five pixels of the crop, in a frame three times as fine that is as far from the target's
// crop as can be: how high they are there.
TEST(a_crop_made_larger_stays_sharp)
{
    enum { F = 3 * S };
    static float planes[3 * N], target[3 * N];
    const double turn = 2 * 3.14159265358979 / 5;
    double high[2];
    for (int i = 0; i < 3 * N; i++) {
        planes[i] = (float)(0.5 + 0.3 * sin(turn * (i % S)));
        target[i] = 0; // far from the frame: none of its grain comes back
    }
    for (int k = 0; k < 2; k++) {
        base_image m = {0};
        double sum = 0, most = 0;
        face_transform t = {{1 / 3.0, 0, -1 / 3.0, 0, 1 / 3.0, -1 / 3.0}};
        face_patch p = {.size = S, .planes = planes, .erode = -1, .blur = -1};
        if (k) p.target = target;
        CHECK(!base_image_new(&m, F, F, NULL));
        memset(m.rgb, 255, 3 * F * F);
        CHECK(!face_paste(&m, t, &p, NULL));
        for (int x = 30; x < F - 30; x++) {
            double v = sin(turn * (x - 1) / 3.0);
            sum += v * ((double)m.rgb[3 * (F / 2 * F + x)] - 127.5) / 255;
            most += v * v;
        }
        high[k] = sum / most;
        base_image_free(&m);
    }
    CHECK_NEAR(high[1], 0.3, 0.01);
    CHECK(high[0] < 0.275);
}

// A face mask that gives the same answer everywhere, the sigmoid of 3, with or without a card.
static bool write_masker(const char *path, bool card)
{
    nn_params *p = NULL;
    base_tensors t = {0};
    tg_graph *g = tg_new();
    bool ok = g && !nn_params_open(&p, NULL);
    model_face_mask_options o = {.width = 4};
    if (ok)
        ok = model_face_mask(nn_root(p, g, false), tg_input(g, TG_SHAPE(1, 3, 32, 32), "img"), &o);
    ok = ok && !nn_settle(p, 3, NULL);
    const nn_entry *bias = ok ? nn_params_find(p, "mask.bias") : NULL;
    const nn_entry *weight = ok ? nn_params_find(p, "mask.weight") : NULL;
    if (bias) nn_params_data(p)[bias->offset] = 3;
    for (size_t i = 0; weight && i < weight->count; i++) nn_params_data(p)[weight->offset + i] = 0;
    ok = ok && bias && weight && !nn_save(p, NULL, &t, NULL) &&
         base_tensors_set_meta(&t, CARD_OPTIONS, "width=4") &&
         base_tensors_set_meta(&t, CARD_SIZE, "32");
    if (card) ok = ok && base_tensors_set_meta(&t, CARD_NETWORK, "face-mask");
    ok = ok && !weights_safetensors_write(&t, path, NULL);
    base_tensors_free(&t);
    nn_params_close(&p);
    tg_free(g);
    return ok;
}

TEST(masks_by_a_network)
{
    const face_point point[FACE_POINTS] = {{70, 90}, {130, 90}, {100, 125}, {75, 160}, {125, 160}};
    static float mask[N];
    char path[500], none[500];
    base_image m = {0};
    face_masker *k = NULL;
    base_error e = {{0}};
    face_transform t;
    snprintf(path, sizeof path, "%s", test_scratch("masker.safetensors"));
    snprintf(none, sizeof none, "%s", test_scratch("no-masker.safetensors"));
    CHECK(write_masker(path, true) && write_masker(none, false));
    CHECK(face_masker_open(&k, none, &e) == GUISE_BAD_FILE && !k && e.text[0]);
    CHECK(face_masker_open(&k, "/nonexistent", NULL) && !k);
    CHECK(!base_image_new(&m, 200, 220, NULL));
    CHECK(!face_masker_open(&k, path, NULL));
    CHECK(!face_align(&t, point, FACE_FFHQ, S, NULL, NULL));
    CHECK(!face_masker_run(k, &m, point, t, S, mask, NULL));
    for (int i = 0; i < N; i++) CHECK_NEAR(mask[i], 1 / (1 + exp(-3)), 1e-4);
    for (long i = 0; i < 4; i++) {
        base_fail_allocation(i);
        guise_status s = face_masker_run(k, &m, point, t, S, mask, NULL);
        base_fail_allocation(-1);
        CHECK(!s || s == GUISE_NO_MEMORY);
    }
    face_masker_close(&k);
    base_image_free(&m);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(light_from_the_side_is_carried_over),
               CASE(grain_comes_back_and_edges_do_not), CASE(a_crop_made_larger_stays_sharp),
               CASE(masks_by_a_network));
}
