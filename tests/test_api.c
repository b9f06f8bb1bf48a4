// test_api.c -- the public interface, used as a program outside would use it: guise.h alone.
#include "guise.h"
#include "test.h"
#include "tiny.h" // makes the files
#include <pthread.h>

static const char *file(const char *name) // in the scratch directory, which is filled once
{
    static bool made;
    if (!made) {
        const char *dir = test_scratch("tiny");
        base_error e = {{0}};
        made = !base_make_dir(dir, &e) && !tiny_make(dir, &e);
        if (!made) fprintf(stderr, "%s\n", e.text);
        CHECK(made);
    }
    static char path[4][1024];
    static int next;
    next = (next + 1) % 4;
    char part[128];
    snprintf(part, sizeof part, "tiny/%s", name);
    snprintf(path[next], sizeof path[next], "%s", test_scratch(part));
    return path[next];
}

static guise_engine *open_tiny(void)
{
    guise_engine *g = NULL;
    CHECK(guise_open(&g, &(guise_config){.weights = file("tiny.safetensors")}) == GUISE_OK);
    return g;
}

static bool exists(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f) fclose(f);
    return f != NULL;
}

TEST(opens_and_closes)
{
    guise_engine *g = NULL;
    CHECK(guise_open(&g, NULL) == GUISE_OK);
    CHECK(g != NULL);
    guise_close(&g);
    CHECK(g == NULL);
    guise_close(&g);
    guise_close(NULL);
    CHECK(guise_message(NULL)[0] != 0);
}

TEST(messages_name_the_file_and_go_with_the_next_success)
{
    guise_engine *g = open_tiny();
    guise_image m;
    CHECK(guise_image_read(g, "nosuch.png", &m) == GUISE_IO);
    CHECK(strstr(guise_message(g), "nosuch.png") != NULL);
    CHECK(m.rgb == NULL);
    CHECK(guise_image_read(g, file("crop.png"), &m) == GUISE_OK);
    CHECK(m.w == 24 && m.h == 24);
    CHECK(strstr(guise_message(g), "nosuch.png") == NULL);
    guise_image_free(&m);
    guise_image_free(&m);
    guise_close(&g);
}

TEST(a_photo_survives_png)
{
    guise_engine *g = open_tiny();
    guise_image a, b;
    CHECK(guise_image_read(g, file("crop.png"), &a) == GUISE_OK);
    CHECK(guise_image_write(g, &a, test_scratch("copy.png"), GUISE_SWAPPED) == GUISE_OK);
    CHECK(guise_image_read(g, test_scratch("copy.png"), &b) == GUISE_OK);
    CHECK(a.w == b.w && a.h == b.h && !memcmp(a.rgb, b.rgb, (size_t)a.w * (size_t)a.h * 3));
    CHECK(guise_image_write(g, &a, test_scratch("copy.doc"), GUISE_PLAIN) == GUISE_BAD_ARGUMENT);
    guise_image_free(&a);
    guise_image_free(&b);
    guise_close(&g);
}

TEST(identities_have_cosines_and_means)
{
    guise_engine *g = open_tiny();
    float up[2] = {0, 1}, right[2] = {1, 0}, down[2] = {0, -1};
    guise_identity a = {"net", "", up, 2}, b = {"net", "", right, 2}, c = {"net", "net", down, 2};
    guise_identity other = {"another", "", up, 2}, alike = {"another", "net", up, 2}, mean;
    CHECK_NEAR(guise_identity_cosine(&a, &a), 1, 1e-12);
    CHECK_NEAR(guise_identity_cosine(&a, &b), 0, 1e-12);
    CHECK_NEAR(guise_identity_cosine(&a, &c), -1, 1e-12);
    CHECK(isnan(guise_identity_cosine(&a, &other)));
    CHECK_NEAR(guise_identity_cosine(&a, &alike), 1, 1e-12); // of one space
    CHECK(guise_identity_mean(g, (const guise_identity *[]){&a, &b}, 2, &mean) == GUISE_OK);
    CHECK_NEAR(guise_identity_cosine(&mean, &a), sqrt(0.5), 1e-6);
    CHECK_NEAR(mean.at[0], sqrt(0.5), 1e-6);
    guise_identity_free(&mean);
    CHECK(guise_identity_mean(g, (const guise_identity *[]){&a, &c}, 2, &mean) != GUISE_OK);
    CHECK(guise_identity_mean(g, (const guise_identity *[]){&a, &other}, 2, &mean) ==
          GUISE_BAD_ARGUMENT);
    CHECK(guise_identity_mean(g, NULL, 0, &mean) == GUISE_BAD_ARGUMENT);
    CHECK(mean.at == NULL);
    guise_close(&g);
}

TEST(a_saved_face_comes_back)
{
    guise_engine *g = open_tiny();
    float v[3] = {0.6f, 0, -0.8f};
    guise_identity a = {"net", "", v, 3}, b;
    CHECK(guise_identity_write(g, &a, test_scratch("saved.safetensors")) == GUISE_OK);
    CHECK(guise_identity_read(g, test_scratch("saved.safetensors"), &b) == GUISE_OK);
    CHECK(b.n == 3 && !strcmp(b.network, "net"));
    CHECK_NEAR(guise_identity_cosine(&a, &b), 1, 1e-6);
    guise_identity_free(&b);
    CHECK(guise_identity_read(g, file("tiny.safetensors"), &b) == GUISE_BAD_FILE);
    CHECK(guise_identity_read(g, file("crop.png"), &b) == GUISE_BAD_FILE);
    CHECK(b.at == NULL && b.n == 0);
    guise_close(&g);
}

TEST(a_crop_is_swapped_and_another_identity_gives_another_picture)
{
    guise_engine *g = open_tiny();
    guise_image crop, one = {0}, two = {0};
    guise_identity id;
    CHECK(guise_image_read(g, file("crop.png"), &crop) == GUISE_OK);
    CHECK(guise_identity_read(g, file("face.safetensors"), &id) == GUISE_OK);
    CHECK(guise_swap_crop(g, &crop, &id, &one) == GUISE_OK);
    CHECK(one.w == 16 && one.h == 16);
    for (size_t i = 0; i < id.n; i++) id.at[i] = -id.at[i];
    CHECK(guise_swap_crop(g, &crop, &id, &two) == GUISE_OK);
    CHECK(memcmp(one.rgb, two.rgb, 16 * 16 * 3) != 0);
    id.network[0] = 'x';
    guise_image_free(&two);
    CHECK(guise_swap_crop(g, &crop, &id, &two) == GUISE_BAD_ARGUMENT);
    CHECK(two.rgb == NULL);
    guise_identity_free(&id);
    guise_image_free(&one);
    guise_image_free(&crop);
    guise_close(&g);
}

// Whoever writes what was made in memory, and however, it is marked.
TEST(what_is_made_in_memory_is_marked)
{
    guise_engine *g = open_tiny();
    guise_image crop, made = {0}, again;
    guise_identity id;
    CHECK(guise_image_read(g, file("crop.png"), &crop) == GUISE_OK);
    CHECK(guise_identity_read(g, file("face.safetensors"), &id) == GUISE_OK);
    CHECK(guise_swap_crop(g, &crop, &id, &made) == GUISE_OK);
    CHECK(crop.mark == GUISE_PLAIN && made.mark == GUISE_SWAPPED);
    CHECK(guise_image_write(g, &made, test_scratch("made.jpg"), GUISE_PLAIN) == GUISE_OK);
    CHECK(guise_image_read(g, test_scratch("made.jpg"), &again) == GUISE_OK);
    CHECK(again.mark == GUISE_SWAPPED);
    guise_image_free(&again);
    guise_image_free(&made);
    CHECK(guise_swap_crop(g, &crop, NULL, &made) == GUISE_BAD_ARGUMENT); // it takes an identity
    CHECK(!made.rgb && made.mark == GUISE_PLAIN);
    CHECK(strstr(guise_message(g), "needs an identity"));
    guise_image_free(&crop);
    guise_identity_free(&id);
    guise_close(&g);
}

static void *count_threads(void *n)
{
    guise_engine *g = NULL;
    guise_machine m;
    if (!guise_open(&g, NULL) && !guise_doctor(g, &m)) *(int *)n = m.threads;
    guise_close(&g);
    return NULL;
}

TEST(threads_are_set_for_the_whole_process)
{
    for (int want = 3; want >= 1; want -= 2) {
        pthread_t other;
        int n = 0;
        guise_set_threads(want);
        CHECK(!pthread_create(&other, NULL, count_threads, &n));
        CHECK(!pthread_join(other, NULL));
        CHECK(n == want);
    }
    guise_set_threads(0);
}

TEST(options_that_would_do_nothing_are_refused)
{
    guise_engine *g = open_tiny();
    char from[1024], out[1024]; // names in the scratch directory are used in turn
    snprintf(from, sizeof from, "%s", file("face.safetensors"));
    snprintf(out, sizeof out, "%s", test_scratch("refused.png"));
    const char *const source[] = {from};
    const guise_swap_options bad[] = {{.aligned = true, .all = true},
                                      {.aligned = true, .mask = "oval"},
                                      {.aligned = true, .plain = true}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(guise_swap_photo(g, source, 1, file("crop.png"), out, &bad[i], NULL) ==
              GUISE_BAD_ARGUMENT);
    const guise_swap_options aligned = {.aligned = true};
    CHECK(guise_swap_photo(g, source, 1, file("crop.png"), test_scratch("no/x.png"), &aligned,
                           NULL) == GUISE_IO);
    CHECK(strstr(guise_message(g), "its folder is not there"));
    CHECK(!exists(out));
    guise_close(&g);
    CHECK(!guise_open(&g, &(guise_config){.model = "tiny", .weights = file("tiny.safetensors")}));
    CHECK(guise_swap_photo(g, source, 1, file("crop.png"), out, &aligned, NULL) ==
          GUISE_BAD_ARGUMENT);
    CHECK(strstr(guise_message(g), "leave one out"));
    guise_close(&g);
}

// A face without a detector: points where a frontal one has them.
static guise_face face_at(float x, float y, float side)
{
    static const float at[5][2] = {
        {.35f, .46f}, {.64f, .46f}, {.5f, .61f}, {.38f, .78f}, {.62f, .78f}};
    guise_face f = {x, y, x + side, y + side, 1, {{0}}};
    for (int i = 0; i < 5; i++) {
        f.point[i][0] = x + at[i][0] * side;
        f.point[i][1] = y + at[i][1] * side;
    }
    return f;
}

TEST(a_face_is_swapped_in_place_and_nothing_else_changes)
{
    guise_engine *g = open_tiny();
    guise_image m, before;
    guise_identity id;
    CHECK(guise_image_read(g, file("grey.png"), &m) == GUISE_OK);
    CHECK(guise_image_read(g, file("grey.png"), &before) == GUISE_OK);
    CHECK(guise_identity_read(g, file("face.safetensors"), &id) == GUISE_OK);
    guise_face f = face_at(100, 60, 80);
    guise_swap_options all = {.mask = "box"};
    CHECK(guise_swap_face(g, &m, &f, &id, NULL) == GUISE_OK);
    size_t inside = 0, outside = 0;
    for (int y = 0; y < m.h; y++)
        for (int x = 0; x < m.w; x++) {
            size_t at = 3 * ((size_t)y * (size_t)m.w + (size_t)x);
            bool in = x >= 90 && x < 190 && y >= 50 && y < 150;
            if (memcmp(m.rgb + at, before.rgb + at, 3)) *(in ? &inside : &outside) += 1;
        }
    CHECK(inside > 1000);
    CHECK(outside == 0);
    CHECK(guise_swap_face(g, &m, &f, &id, &all) == GUISE_OK);
    CHECK(guise_swap_face(g, &m, &f, &id, &(guise_swap_options){.mask = "star"}) ==
          GUISE_BAD_ARGUMENT);
    CHECK(strstr(guise_message(g), "star") != NULL);
    f = (guise_face){0}; // all points coincide
    CHECK(guise_swap_face(g, &m, &f, &id, NULL) == GUISE_BAD_ARGUMENT);
    guise_identity_free(&id);
    guise_image_free(&m);
    guise_image_free(&before);
    guise_close(&g);
}

TEST(crops_are_aligned_by_points)
{
    guise_engine *g = open_tiny();
    guise_image m, crop;
    guise_face f = face_at(100, 60, 80);
    CHECK(guise_image_read(g, file("grey.png"), &m) == GUISE_OK);
    static const char *const layouts[] = {"arcface", "simswap", "ffhq", "reid"};
    for (int i = 0; i < 4; i++) {
        CHECK(guise_align(g, &m, &f, layouts[i], 64, &crop) == GUISE_OK);
        CHECK(crop.w == 64 && crop.h == 64);
        guise_image_free(&crop);
    }
    CHECK(guise_align(g, &m, &f, "round", 64, &crop) == GUISE_BAD_ARGUMENT);
    CHECK(guise_align(g, &m, &f, "ffhq", 4, &crop) == GUISE_BAD_ARGUMENT);
    CHECK(guise_align(g, &m, &f, NULL, 64, &crop) == GUISE_BAD_ARGUMENT);
    guise_faces faces = {&f, 1, 1};
    unsigned char before = m.rgb[3 * (60 * (size_t)m.w + 100)];
    CHECK(guise_draw(g, &m, &faces) == GUISE_OK);
    CHECK(m.rgb[3 * (60 * (size_t)m.w + 100)] != before);
    guise_image_free(&m);
    guise_close(&g);
}

TEST(a_failed_swap_writes_nothing)
{
    guise_engine *g = open_tiny();
    const char *source[] = {file("other.safetensors")};
    char out[1024]; // test_scratch's own text does not last
    snprintf(out, sizeof out, "%s", test_scratch("never.png"));
    guise_swap_report r;
    guise_swap_options o = {.aligned = true};
    CHECK(guise_swap_photo(g, source, 1, file("crop.png"), out, &o, &r) == GUISE_BAD_ARGUMENT);
    CHECK(guise_swap_photo(g, source, 0, file("crop.png"), out, &o, &r) == GUISE_BAD_ARGUMENT);
    source[0] = file("face.safetensors");
    CHECK(guise_swap_photo(g, source, 1, file("wide.png"), out, &o, &r) == GUISE_BAD_FILE);
    CHECK(!exists(out));
    CHECK(guise_swap_photo(g, source, 1, file("crop.png"), out, &o, &r) == GUISE_OK);
    CHECK(exists(out));
    CHECK(r.swapped == 1 && r.size == 16 && !strcmp(r.model, "tiny"));
    guise_close(&g);
}

TEST(networks_and_recipes_are_listed)
{
    guise_net n;
    guise_option r;
    guise_option o;
    size_t nets = 0, recipes = 0, options = 0;
    while (guise_net_at(nets, &n)) nets++;
    while (guise_recipe_at(recipes, &r)) recipes++;
    while (guise_recipe_option("simswap-128", options, &o)) options++;
    CHECK(nets >= 5 && recipes >= 8 && options > 20);
    CHECK(guise_net_option("simswap", 0, &o));
    CHECK(!guise_net_option("nosuch", 0, &o) && !guise_recipe_option("nosuch", 0, &o));
}

// Everything a swap does, with each allocation failing once: an error, never a crash.
TEST(an_allocation_that_fails_is_an_error)
{
    const char *source[] = {file("face.safetensors")};
    char target[1024], out[1024], weights[1024];
    snprintf(target, sizeof target, "%s", file("crop.png"));
    snprintf(weights, sizeof weights, "%s", file("tiny.safetensors"));
    snprintf(out, sizeof out, "%s", test_scratch("oom.png"));
    guise_swap_options o = {.aligned = true};
    int failed = 0;
    // Some allocations may fail without harm (a cache is not made), so one success is no end.
    for (long n = 0, good = 0; good < 20 && n < 100000; n++) {
        guise_engine *g = NULL;
        base_fail_allocation(n);
        guise_status s = guise_open(&g, &(guise_config){.weights = weights});
        if (!s) s = guise_swap_photo(g, source, 1, target, out, &o, NULL);
        base_fail_allocation(-1);
        good = s ? 0 : good + 1;
        failed += s != GUISE_OK;
        if (s && s != GUISE_NO_MEMORY) test_report(__FILE__, __LINE__, guise_message(g));
        guise_close(&g);
    }
    CHECK(failed > 100);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(opens_and_closes),
               CASE(messages_name_the_file_and_go_with_the_next_success),
               CASE(a_photo_survives_png), CASE(identities_have_cosines_and_means),
               CASE(a_saved_face_comes_back),
               CASE(a_crop_is_swapped_and_another_identity_gives_another_picture),
               CASE(what_is_made_in_memory_is_marked), CASE(threads_are_set_for_the_whole_process),
               CASE(options_that_would_do_nothing_are_refused),
               CASE(a_face_is_swapped_in_place_and_nothing_else_changes),
               CASE(crops_are_aligned_by_points), CASE(a_failed_swap_writes_nothing),
               CASE(networks_and_recipes_are_listed), CASE(an_allocation_that_fails_is_an_error));
}
