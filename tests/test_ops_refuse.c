// test_ops_refuse.c -- what the ops that move elements and the image ops refuse, and how they say
// it: a builder given nonsense returns NULL and leaves one sentence in the graph.
#include "graph/op.h"
#include "test.h"

typedef struct {
    tg_graph *g;
    tg_node *a, *x; // [2,3] and [1,2,4,5]
} fixture;

static fixture start(void)
{
    fixture f = {.g = tg_new()};
    f.a = tg_input(f.g, TG_SHAPE(2, 3), "a");
    f.x = tg_input(f.g, TG_SHAPE(1, 2, 4, 5), "x");
    return f;
}

// BUILD, an expression of a and x, is refused with a sentence that has WHY in it.
#define REFUSES(BUILD, WHY)                                                                        \
    do {                                                                                           \
        fixture f = start();                                                                       \
        tg_node *a = f.a, *x = f.x;                                                                \
        (void)a, (void)x;                                                                          \
        CHECK((BUILD) == NULL);                                                                    \
        CHECK(tg_error(f.g) && strstr(tg_error(f.g), WHY));                                        \
        if (!tg_error(f.g) || !strstr(tg_error(f.g), WHY))                                         \
            printf("  %s: %s\n", #BUILD, tg_error(f.g) ? tg_error(f.g) : "accepted");              \
        tg_free(f.g);                                                                              \
    } while (0)

static const int64_t huge = INT64_MAX / 2;

TEST(moves)
{
    REFUSES(tg_reshape(a, TG_SHAPE(7)), "another count");
    REFUSES(tg_reshape(a, TG_SHAPE(-2, -3)), "empty");
    REFUSES(tg_reshape(a, TG_SHAPE(huge, huge, 6)), "too large");
    REFUSES(tg_reshape(a, ((tg_shape){.rank = 7})), "dims");
    REFUSES(tg_reshape(a, ((tg_shape){.rank = -1})), "dims");
    REFUSES(tg_transpose(a, (const int[]){1, 1}), "twice");
    REFUSES(tg_transpose(a, (const int[]){2, 0}), "does not have");
    REFUSES(tg_transpose(a, (const int[]){-1, 0}), "does not have");
    REFUSES(tg_slice(a, 2, 0, 1), "dim");
    REFUSES(tg_slice(a, -1, 0, 1), "dim");
    REFUSES(tg_slice(a, 1, 2, 2), "outside");
    REFUSES(tg_slice(a, 1, -1, 2), "outside");
    REFUSES(tg_slice(a, 1, 1, huge), "outside");
    REFUSES(tg_slice(a, 1, 1, 0), "at least one");
    REFUSES(tg_pad(a, 2, 1, 1), "dim");
    REFUSES(tg_pad(a, 0, -1, 1), "negative");
    REFUSES(tg_pad(a, 0, huge, huge), "too large");
    REFUSES(tg_flip(a, 2), "dim");
    REFUSES(tg_flip(a, -1), "dim");
    REFUSES(tg_concat((tg_node *[]){a, x}, 2, 0), "ranks");
    REFUSES(tg_concat((tg_node *[]){x, tg_slice(x, 2, 0, 1)}, 2, 1), "differ");
    REFUSES(tg_concat((tg_node *[]){a, a}, 2, 2), "dim");
}

TEST(sizes_and_pads)
{
    REFUSES(tg_reflect_pad(a, 1), "[n,c,h,w]");
    REFUSES(tg_reflect_pad(x, 4), "less than");
    REFUSES(tg_reflect_pad(x, -1), "negative");
    REFUSES(tg_reflect_pad_dx(x, 2), "smaller");
    REFUSES(tg_reflect_pad_dx(a, 1), "[n,c,h,w]");
    REFUSES(tg_resize(a, 2, 2, TG_BILINEAR), "[n,c,h,w]");
    REFUSES(tg_resize(x, 0, 2, TG_BILINEAR), "positive");
    REFUSES(tg_resize(x, 2, huge, TG_BILINEAR), "too large");
    REFUSES(tg_resize(x, 2, 2, (tg_resize_mode)9), "mode");
    REFUSES(tg_resize_dx(x, -1, 2, TG_NEAREST), "positive");
    REFUSES(tg_warp(x, a, 2, 2), "[n,6]");
    REFUSES(tg_warp(a, a, 2, 2), "[n,c,h,w]");
    REFUSES(tg_warp_dx(x, a, 2, 2), "[n,6]");
}

static tg_window window(int64_t kh, int64_t kw, int64_t stride, int64_t pad)
{
    return (tg_window){.kh = kh, .kw = kw, .stride = stride, .pad = pad};
}

TEST(windows)
{
    REFUSES(tg_avg_pool(a, window(2, 2, 1, 0)), "[n,c,h,w]");
    REFUSES(tg_avg_pool(x, window(0, 2, 1, 0)), "at least one");
    REFUSES(tg_avg_pool(x, window(2, 2, 0, 0)), "stride");
    REFUSES(tg_avg_pool(x, window(2, 2, 1, -1)), "negative");
    REFUSES(tg_avg_pool(x, window(2, 2, 1, 2)), "less than the window");
    REFUSES(tg_avg_pool(x, window(5, 2, 1, 0)), "larger");
    REFUSES(tg_avg_pool(x, window(huge, 2, 1, 0)), "too large");
    REFUSES(tg_avg_pool_dx(x, 9, 9, window(2, 2, 1, 0)), "pooled");
    REFUSES(tg_avg_pool_dx(x, -1, 9, window(2, 2, 1, 0)), "empty");
    REFUSES(tg_max_pool(x, window(2, 6, 1, 0)), "larger");
    REFUSES(tg_max_unpool(x, x, window(2, 2, 1, 0)), "pooled");
    REFUSES(tg_max_pool_at(a, x, window(2, 2, 1, 0)), "differ");
}

TEST(a_mistake_flows_through_what_is_built_on_it)
{
    fixture f = start();
    tg_node *bad = tg_slice(f.a, 5, 0, 1);
    CHECK(tg_concat((tg_node *[]){f.a, bad}, 2, 0) == NULL);
    CHECK(tg_transpose(bad, (const int[]){1, 0}) == NULL);
    CHECK(tg_reshape(bad, TG_SHAPE(1)) == NULL);
    CHECK(tg_resize(bad, 1, 1, TG_NEAREST) == NULL);
    CHECK(tg_max_unpool(f.x, bad, window(2, 2, 1, 0)) == NULL);
    CHECK(strstr(tg_error(f.g), "slice of [2,3]"));
    tg_free(f.g);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(moves), CASE(sizes_and_pads), CASE(windows),
               CASE(a_mistake_flows_through_what_is_built_on_it));
}
