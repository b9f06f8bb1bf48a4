// test_align.c -- alignment, crops, masks and pasting, against OpenCV's and SimSwap's numbers.
#include "face/face.h"
#include "test.h"

static base_tensors open_golden(const char *name)
{
    base_tensors t = {0};
    const char *path = test_golden(name);
    base_error e = {0};
    if (path && weights_safetensors_read(&t, path, &e)) test_report(__FILE__, __LINE__, e.text);
    return t;
}

static void read_points(const base_tensors *t, const char *name, int i, face_point p[FACE_POINTS])
{
    const base_tensor *v = base_tensors_find(t, name);
    for (int j = 0; v && j < FACE_POINTS; j++) {
        p[j].x = (float)base_tensor_at(v, i * 2 * FACE_POINTS + 2 * j);
        p[j].y = (float)base_tensor_at(v, i * 2 * FACE_POINTS + 2 * j + 1);
    }
}

// [h,w,3] bytes in the order B, G, R as a picture.
static base_image read_picture(const base_tensors *t, const char *name)
{
    base_image m = {0};
    const base_tensor *v = base_tensors_find(t, name);
    CHECK(v != NULL);
    if (!v || base_image_new(&m, (int)v->dim[1], (int)v->dim[0], NULL)) return m;
    const uint8_t *bgr = v->data;
    for (int i = 0; i < m.w * m.h * 3; i++) m.rgb[i] = bgr[i - i % 3 + 2 - i % 3];
    return m;
}

static int worst(const base_image *a, const base_image *b)
{
    int d = 0;
    if (!a->rgb || !b->rgb || a->w != b->w || a->h != b->h) return 999;
    for (int i = 0; i < a->w * a->h * 3; i++)
        if (abs(a->rgb[i] - b->rgb[i]) > d) d = abs(a->rgb[i] - b->rgb[i]);
    return d;
}

static float *read_floats(const base_tensors *t, const char *name)
{
    const base_tensor *v = base_tensors_find(t, name);
    CHECK(v != NULL);
    if (!v) return NULL;
    float *f = base_alloc((size_t)base_tensor_count(v), sizeof *f);
    base_tensor_floats(v, f);
    return f;
}

static face_transform frame_transform(const base_tensors *t)
{
    face_transform a = {{0}};
    const base_tensor *v = base_tensors_find(t, "frame_M");
    for (int i = 0; v && i < 6; i++) a.m[i] = base_tensor_at(v, i);
    return a;
}

TEST(matrices_are_those_of_umeyama)
{
    static const struct {
        const char *matrix, *index;
        face_template name;
        int size;
    } sets[] = {{"M.None.224", "index.None.224", FACE_SIMSWAP, 224},
                {"M.None.112", "index.None.112", FACE_SIMSWAP, 112},
                {"M.ffhq.512", "index.ffhq.512", FACE_FFHQ, 512},
                {"M.ffhq.224", "index.ffhq.224", FACE_FFHQ, 224}};
    base_tensors t = open_golden("align.safetensors");
    for (size_t k = 0; t.n && k < 4; k++)
        for (int i = 0; i < 6; i++) {
            face_point p[FACE_POINTS];
            read_points(&t, "landmarks", i, p);
            face_transform a;
            int pose = -1;
            CHECK(!face_align(&a, p, sets[k].name, sets[k].size, &pose, NULL));
            CHECK(pose == (int)base_tensor_at(base_tensors_find(&t, sets[k].index), i));
            const base_tensor *want = base_tensors_find(&t, sets[k].matrix);
            for (int j = 0; j < 6; j++)
                CHECK_NEAR(a.m[j], base_tensor_at(want, 6 * i + j), j % 3 == 2 ? 2e-4 : 1e-6);
        }
    base_tensors_free(&t);
}

TEST(crop_is_opencvs)
{
    base_tensors t = open_golden("align.safetensors");
    base_image frame = read_picture(&t, "frame_bgr_u8"), want = read_picture(&t, "crop_bgr_u8");
    base_image crop = {0}, smooth = {0};
    face_transform a = frame_transform(&t);
    CHECK(!face_crop(&crop, &frame, a, 224, NULL));
    CHECK_NEAR(worst(&crop, &want), 0, 1);
    CHECK(!face_crop_smooth(&smooth, &frame, a, 224, NULL)); // enlarges: the same
    CHECK(worst(&crop, &smooth) == 0);
    base_image_free(&frame);
    base_image_free(&want);
    base_image_free(&crop);
    base_image_free(&smooth);
    base_tensors_free(&t);
}

TEST(box_mask_is_simswaps)
{
    base_tensors t = open_golden("align.safetensors");
    float *want = read_floats(&t, "box.blurred.ds4");
    face_box b = {0};
    CHECK(!face_box_mask(&b, 320, 240, frame_transform(&t), 224, 0, 0, NULL));
    double sum = 0;
    for (int y = 0; want && y < 240; y += 4)
        for (int x = 0; x < 320; x += 4) {
            int u = x - b.x0, v = y - b.y0;
            bool in = u >= 0 && v >= 0 && u < b.w && v < b.h;
            float got = in ? b.at[v * b.w + u] * 255 : 0;
            CHECK_NEAR(got, want[y / 4 * 80 + x / 4], 2e-3);
            sum += got;
        }
    CHECK(sum > 1000);
    base_free(b.at);
    base_free(want);
    base_tensors_free(&t);
}

// The file of 3.4 MB: all steps of pasting.
TEST(pasting_is_simswaps)
{
    base_tensors t = open_golden("simswap/align_paste.safetensors");
    if (!t.n) return;
    base_image frame = read_picture(&t, "frame_bgr_u8"), masked = read_picture(&t, "frame_bgr_u8");
    base_image want = read_picture(&t, "paste_nomask_bgr_u8");
    base_image want_masked = read_picture(&t, "paste_mask_bgr_u8");
    base_image crop = read_picture(&t, "crop_bgr_u8");
    float *swapped = read_floats(&t, "swapped_rgb_chw");
    face_transform a = frame_transform(&t);
    CHECK(!face_paste(&frame, a, &(face_patch){.size = 224, .planes = swapped}, NULL));
    CHECK_NEAR(worst(&frame, &want), 0, 1);

    size_t n = 224 * (size_t)224;
    float *mask = base_alloc(n, sizeof *mask), *target = base_alloc(3 * n, sizeof *target);
    float *soft = read_floats(&t, "softerosion.out");
    const base_tensor *labels = base_tensors_find(&t, "parse_labels_u8");
    CHECK(!face_label_mask(labels->data, 224, mask, NULL));
    CHECK_NEAR(test_distance(mask, soft, n), 0, 2e-5);
    base_image_to_planes(&crop, false, 1 / 255.0F, 0, target);
    face_blend(swapped, target, mask, 224);
    CHECK(!face_paste(&masked, a, &(face_patch){.size = 224, .planes = swapped}, NULL));
    CHECK_NEAR(worst(&masked, &want_masked), 0, 1);

    float *in = read_floats(&t, "softerosion.in");
    CHECK(!face_soft_erode(in, 224, NULL));
    CHECK_NEAR(test_distance(in, soft, n), 0, 2e-5);
    base_image *const images[] = {&frame, &masked, &want, &want_masked, &crop};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) base_image_free(images[i]);
    float *const arrays[] = {swapped, mask, target, soft, in};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) base_free(arrays[i]);
    base_tensors_free(&t);
}

TEST(similarity_recovers_what_was_done)
{
    base_rng r = {11};
    for (int k = 0; k < 50; k++) {
        double s = 0.2 + 3 * base_rng_uniform(&r), a = 6.28 * base_rng_uniform(&r);
        double c = s * cos(a), d = s * sin(a);
        face_transform t = {{c, -d, 40 * base_rng_normal(&r), d, c, 40 * base_rng_normal(&r)}}, got;
        face_point from[7], to[7];
        for (int i = 0; i < 7; i++) {
            from[i] =
                (face_point){(float)base_rng_range(&r, -99, 99), (float)base_rng_range(&r, 0, 9)};
            to[i] = face_apply(t, from[i]);
        }
        CHECK(!face_similarity(&got, from, to, 7, NULL));
        for (int i = 0; i < 6; i++) CHECK_NEAR(got.m[i], t.m[i], i % 3 == 2 ? 2e-3 : 1e-4);
        CHECK_NEAR(face_scale(got), s, 1e-4);
        face_transform same = face_compose(got, face_invert(got));
        const double identity[6] = {1, 0, 0, 0, 1, 0};
        for (int i = 0; i < 6; i++) CHECK_NEAR(same.m[i], identity[i], 1e-10);
    }
}

TEST(degenerate_landmarks_are_refused)
{
    face_point p[FACE_POINTS];
    face_transform t;
    base_error e = {0};
    for (int i = 0; i < FACE_POINTS; i++) p[i] = (face_point){5, 5};
    CHECK(face_align(&t, p, FACE_ARCFACE, 112, NULL, &e) == GUISE_BAD_ARGUMENT && e.text[0]);
    p[2].x = NAN;
    CHECK(face_align(&t, p, FACE_ARCFACE, 112, NULL, NULL) == GUISE_BAD_ARGUMENT);
    p[2].x = INFINITY;
    CHECK(face_align(&t, p, FACE_ARCFACE, 112, NULL, NULL) == GUISE_BAD_ARGUMENT);
    p[2].x = 9;
    CHECK(face_align(&t, p, FACE_ARCFACE, 0, NULL, NULL) == GUISE_BAD_ARGUMENT);
    CHECK(face_align(&t, p, FACE_ARCFACE, 112, NULL, NULL) == GUISE_OK);
}

TEST(templates_scale_and_have_names)
{
    face_point a[FACE_POINTS], b[FACE_POINTS];
    for (int t = 0; t < FACE_TEMPLATES; t++) {
        face_template_points((face_template)t, 0, 100, a);
        face_template_points((face_template)t, 0, 200, b);
        for (int i = 0; i < FACE_POINTS; i++) {
            CHECK_NEAR(b[i].x, 2 * a[i].x, 1e-4);
            CHECK(a[i].x > 0 && a[i].x < 100 && a[i].y > 0 && a[i].y < 100);
        }
        CHECK(strcmp(face_template_name((face_template)t), "unknown") != 0);
    }
    face_template_points(FACE_SIMSWAP, 2, 112, a);
    face_template_points(FACE_ARCFACE, 0, 112, b);
    CHECK(!memcmp(a, b, sizeof a));
}

static base_image noise(int w, int h, uint64_t seed)
{
    base_image m;
    base_image_new(&m, w, h, NULL);
    base_rng r = {seed};
    for (int i = 0; i < w * h * 3; i++) m.rgb[i] = (uint8_t)base_rng_range(&r, 0, 255);
    return m;
}

TEST(whole_pixel_crops_copy)
{
    base_image m = noise(30, 20, 3), crop;
    face_transform t = {{1, 0, -4, 0, 1, -7}}; // crop (0,0) is picture (4,7)
    CHECK(!face_crop(&crop, &m, t, 16, NULL));
    for (int y = 0; y < 16; y++)
        for (int x = 0; x < 16; x++)
            for (int c = 0; c < 3; c++) {
                bool in = y + 7 < 20 && x + 4 < 30;
                int want = in ? m.rgb[3 * ((y + 7) * 30 + x + 4) + c] : 0;
                CHECK(crop.rgb[3 * (y * 16 + x) + c] == want);
            }
    base_image_free(&crop);
    CHECK(!face_crop(&crop, &m, (face_transform){{1, 0, 1e300, 0, 1, 0}}, 4, NULL));
    CHECK(crop.rgb[0] == 0); // far outside
    base_image_free(&crop);
    CHECK(!face_crop_smooth(&crop, &m, (face_transform){{1e-9, 0, 0, 0, 1e-9, 0}}, 4, NULL));
    base_image_free(&crop);
    base_image_free(&m);
}

TEST(shrinking_averages)
{
    base_image m = noise(12, 9, 5), small, crop;
    CHECK(!face_shrink(&small, &m, 4, 3, NULL));
    for (int i = 0; i < 4 * 3 * 3; i++) {
        int x = i / 3 % 4, y = i / 12, sum = 0;
        for (int k = 0; k < 9; k++)
            sum += m.rgb[3 * ((3 * y + k / 3) * 12 + 3 * x + k % 3) + i % 3];
        CHECK_NEAR(small.rgb[i], sum / 9.0, 0.51);
    }
    base_image_free(&small);
    CHECK(!face_shrink(&small, &m, 5, 2, NULL)); // shares of pixels: the mean stays
    double before = 0, after = 0;
    for (int i = 0; i < 12 * 9 * 3; i++) before += m.rgb[i] / (12.0 * 9 * 3);
    for (int i = 0; i < 5 * 2 * 3; i++) after += small.rgb[i] / (5.0 * 2 * 3);
    CHECK_NEAR(before, after, 0.5);
    base_image_free(&small);
    base_image_free(&m);
    // a checkerboard of single pixels aliases in a plain crop and is grey in a smooth one
    base_image_new(&m, 64, 64, NULL);
    for (int i = 0; i < 64 * 64 * 3; i++) m.rgb[i] = (i / 3 + i / 192) % 2 ? 255 : 0;
    face_transform t = {{0.25, 0, 0, 0, 0.25, 0}};
    CHECK(!face_crop_smooth(&crop, &m, t, 16, NULL));
    for (int i = 16 * 3 + 3; i < 15 * 16 * 3; i++)
        if (i / 3 % 16 > 0 && i / 3 % 16 < 15) CHECK_NEAR(crop.rgb[i], 127, 1);
    base_image_free(&crop);
    base_image_free(&m);
}

TEST(unaligning_undoes_aligning)
{
    // a smooth picture: crop, paste the crop back, and nothing moves
    base_image m, crop, back;
    base_image_new(&m, 200, 160, NULL);
    for (int i = 0; i < 200 * 160 * 3; i++) {
        int x = i / 3 % 200, y = i / 600;
        m.rgb[i] = (uint8_t)(128 + 60 * sin(x * 0.05 + i % 3) + 50 * cos(y * 0.06));
    }
    base_image_copy(&back, &m, NULL);
    face_transform t = {{1.8, 0.3, -120, -0.3, 1.8, -60}};
    static float planes[3 * 160 * 160];
    CHECK(!face_crop(&crop, &m, t, 160, NULL));
    base_image_to_planes(&crop, false, 1 / 255.0F, 0, planes);
    CHECK(!face_paste(&back, t, &(face_patch){.size = 160, .planes = planes}, NULL));
    CHECK_NEAR(worst(&m, &back), 0, 2);
    base_image_free(&m);
    base_image_free(&crop);
    base_image_free(&back);
}

TEST(mask_zero_changes_no_byte)
{
    base_image m = noise(120, 100, 9), was;
    base_image_copy(&was, &m, NULL);
    static float planes[3 * 64 * 64], mask[64 * 64];
    for (int i = 0; i < 3 * 64 * 64; i++) planes[i] = 0.5F;
    face_transform t = {{0.9, 0, -20, 0, 0.9, -15}};
    face_patch p = {.size = 64, .planes = planes, .mask = mask, .erode = 8, .blur = 9};
    CHECK(!face_paste(&m, t, &p, NULL));
    CHECK(worst(&m, &was) == 0);
    for (int i = 0; i < 64 * 64; i++) mask[i] = 1;
    CHECK(!face_paste(&m, t, &p, NULL));
    CHECK(worst(&m, &was) > 50);
    for (int i = 0; i < 120 * 100 * 3; i++) { // outside of the crop nothing moves
        face_point q = face_apply(t, (face_point){(float)(i / 3 % 120), (float)(i / 360)});
        bool out = q.x < -2 || q.y < -2 || q.x > 66 || q.y > 66;
        if (out) CHECK(m.rgb[i] == was.rgb[i]);
    }
    t.m[2] = 1e6; // beside the frame: nothing to do
    base_image_free(&m);
    base_image_copy(&m, &was, NULL);
    CHECK(!face_paste(&m, t, &p, NULL) && worst(&m, &was) == 0);
    base_image_free(&m);
    base_image_free(&was);
}

TEST(values_outside_are_clipped)
{
    base_image m = noise(80, 80, 1);
    static float planes[3 * 64 * 64];
    for (int i = 0; i < 3 * 64 * 64; i++) planes[i] = i < 64 * 64 ? 1.7F : -0.5F;
    face_patch p = {.size = 64, .planes = planes, .erode = -1, .blur = -1};
    CHECK(!face_paste(&m, (face_transform){{1, 0, -8, 0, 1, -8}}, &p, NULL));
    const uint8_t *q = m.rgb + 3 * (40 * 80 + 40);
    CHECK(q[0] == 255 && q[1] == 0 && q[2] == 0);
    base_image_free(&m);
}

TEST(ovals_cover_features_and_spare_edges)
{
    static float mask[112 * 112];
    for (int pose = 0; pose < 5; pose++) {
        face_point p[FACE_POINTS];
        face_template_points(FACE_SIMSWAP, pose, 112, p);
        face_oval_mask(p, 112, 0, mask);
        int inner = pose == 0 || pose == 4 ? 2 : 0; // profiles: the nose may reach over the rim
        for (int i = 0; i < FACE_POINTS; i++)
            if (!(inner && i == 2)) CHECK(mask[(int)p[i].y * 112 + (int)p[i].x] > 0.6);
        for (int i = 0; i < 112; i++)
            CHECK(mask[i] == 0 && mask[111 * 112 + i] == 0 && mask[i * 112] == 0 &&
                  mask[i * 112 + 111] == 0);
        for (int i = 0; i < 112 * 112; i++) CHECK(mask[i] >= 0 && mask[i] <= 1);
        double jump = 0; // soft: no visible edge
        for (int i = 1; i < 112 * 112; i++) jump = fmax(jump, fabs(mask[i] - mask[i - 1]));
        CHECK(jump < 0.25);
    }
}

static void fill_planes(float *planes, int size, double r, double g, double b, double ripple)
{
    int n = size * size;
    for (int i = 0; i < n; i++) {
        double w = ripple * sin(i % size * 0.9) * cos(i / size * 0.7);
        planes[i] = (float)(r + w), planes[n + i] = (float)(g + w),
        planes[2 * n + i] = (float)(b + w);
    }
}

TEST(colours_and_sharpness_match)
{
    enum { S = 32, N = S * S };
    static float a[3 * N], b[3 * N], mask[N], first[3 * N];
    for (int i = 0; i < N; i++) mask[i] = i % S > 3 ? 1 : 0;
    fill_planes(a, S, 0.7, 0.5, 0.4, 0.05);
    fill_planes(b, S, 0.4, 0.3, 0.25, 0.06);
    memcpy(first, a, sizeof a);
    face_match_colour(a, b, mask, S, 1);
    double mean[3] = {0}, want[3] = {0};
    for (int i = 0; i < 3 * N; i++)
        if (mask[i % N] > 0) mean[i / N] += a[i] / N, want[i / N] += b[i] / N;
    for (int c = 0; c < 3; c++) CHECK_NEAR(mean[c], want[c], 0.01);
    for (int i = 0; i < 3 * N; i++)
        if (!(mask[i % N] > 0)) CHECK(a[i] == first[i]);
    memcpy(a, first, sizeof a);
    face_match_colour(a, b, mask, S, 0);
    CHECK_NEAR(test_distance(a, first, 3 * N), 0, 1e-5);

    fill_planes(a, S, 0.5, 0.5, 0.5, 0.06);
    fill_planes(b, S, 0.5, 0.5, 0.5, 0.08);
    double amount = 0, goal = face_sharpness(b, mask, S);
    CHECK(face_sharpness(a, mask, S) < goal && face_sharpness(a, mask, S) > 0);
    CHECK(!face_match_sharpness(a, b, mask, S, 9, &amount, NULL));
    CHECK(amount > 0.05 && amount < 9);
    CHECK_NEAR(face_sharpness(a, mask, S), goal, 0.05 * goal);
    memcpy(first, a, sizeof a);
    fill_planes(b, S, 0.5, 0.5, 0.5, 0.01); // softer: nothing is blurred
    CHECK(!face_match_sharpness(a, b, mask, S, 0, &amount, NULL) && amount == 0);
    CHECK(!memcmp(a, first, sizeof a));
    memset(mask, 0, sizeof mask);
    CHECK(face_sharpness(a, mask, S) == 0);
    face_match_colour(a, b, mask, S, 1);
    CHECK(!memcmp(a, first, sizeof a));
}

TEST(label_masks_need_a_face)
{
    static uint8_t labels[512 * 512];
    static float mask[64 * 64];
    CHECK(!face_label_mask(labels, 64, mask, NULL)); // background only: no mask is 1 everywhere
    CHECK(mask[0] == 1 && mask[2000] == 1);
    for (int i = 0; i < 512 * 512; i++) {
        int x = i % 512 - 256, y = i / 512 - 256;
        labels[i] = x * x + y * y < 200 * 200 ? 1 : 17;
    }
    CHECK(!face_label_mask(labels, 64, mask, NULL));
    CHECK(mask[32 * 64 + 32] == 1 && mask[0] == 0);
}

TEST(memory_may_run_out)
{
    base_image m = noise(120, 100, 9), crop;
    static float planes[3 * 64 * 64];
    face_transform t = {{0.9, 0, -20, 0, 0.9, -15}};
    face_patch p = {.size = 64, .planes = planes};
    bool done = false;
    for (long i = 0; i < 60 && !done; i++) {
        base_fail_allocation(i);
        guise_status a = face_paste(&m, t, &p, NULL);
        base_fail_allocation(-1);
        base_fail_allocation(i);
        guise_status b =
            face_crop_smooth(&crop, &m, (face_transform){{0.3, 0, 0, 0, 0.3, 0}}, 9, NULL);
        base_fail_allocation(-1);
        if (!b) base_image_free(&crop);
        base_fail_allocation(i);
        guise_status c = face_soft_erode(planes, 64, NULL);
        base_fail_allocation(-1);
        base_fail_allocation(i);
        guise_status d = face_shrink(&crop, &m, 9, 9, NULL);
        base_fail_allocation(-1);
        if (!d) base_image_free(&crop);
        CHECK((!a || a == GUISE_NO_MEMORY) && (!b || b == GUISE_NO_MEMORY));
        CHECK((!c || c == GUISE_NO_MEMORY) && (!d || d == GUISE_NO_MEMORY));
        done = !a && !b && !c && !d;
    }
    CHECK(done);
    base_image_free(&m);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(matrices_are_those_of_umeyama), CASE(crop_is_opencvs),
               CASE(box_mask_is_simswaps), CASE(pasting_is_simswaps),
               CASE(similarity_recovers_what_was_done), CASE(degenerate_landmarks_are_refused),
               CASE(templates_scale_and_have_names), CASE(whole_pixel_crops_copy),
               CASE(shrinking_averages), CASE(unaligning_undoes_aligning),
               CASE(mask_zero_changes_no_byte), CASE(values_outside_are_clipped),
               CASE(ovals_cover_features_and_spare_edges), CASE(colours_and_sharpness_match),
               CASE(label_masks_need_a_face), CASE(memory_may_run_out));
}
