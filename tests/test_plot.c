// test_plot.c -- pages and plots: what is written is whole, escaped, and where it should be.
#include "base/page.h"
#include "base/plot.h"
#include "test.h"

static char *text;
static size_t size;

static FILE *begin(void) { return open_memstream(&text, &size); }

static int count(const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++) n++;
    return n;
}

// Every tag that is opened is closed, in order; void elements apart.
static bool balanced(void)
{
    char stack[64][24];
    int depth = 0;
    for (const char *c = text; (c = strchr(c, '<')); c++) {
        char name[24];
        bool closing = c[1] == '/';
        size_t n = strcspn(c + 1 + closing, " >/'");
        snprintf(name, sizeof name, "%.*s", (int)n, c + 1 + closing);
        const char *end = strchr(c, '>');
        if (!end) return false;
        if (end[-1] == '/' || !strcmp(name, "img") || !strcmp(name, "br") ||
            !strcmp(name, "meta") || *name == '!')
            continue;
        if (closing && (!depth || strcmp(stack[--depth], name) != 0)) return false;
        if (!closing && depth < 64) snprintf(stack[depth++], sizeof stack[0], "%s", name);
    }
    return depth == 0;
}

TEST(page_is_one_file)
{
    FILE *f = begin();
    page_open(f, "a <b> & 'c'", "\"lead\"");
    CHECK(!page_picture(f, "image/png", "\x00\x01\x02hello", 8, "<alt>", NULL));
    page_close(f);
    fclose(f);
    CHECK(balanced());
    CHECK(count("<title>a &lt;b&gt; &amp; &#39;c&#39;</title>") == 1);
    CHECK(count("&quot;lead&quot;") == 1 && count("alt='&lt;alt&gt;'") == 1);
    CHECK(count("data:image/png;base64,AAECaGVsbG8=") == 1);      // by coreutils' base64
    CHECK(!count("http") && !count("<script") && !count("url(")); // nothing from elsewhere
    CHECK(count("prefers-color-scheme:dark") == 1);
    free(text);
}

TEST(lines_lie_where_they_should)
{
    const double x[] = {0, 5, 10}, y[] = {0, 1, NAN}, y2[] = {2, 2, 2};
    const plot_line l[] = {{"one", x, y, 3}, {"two & more", x, y2, 3}};
    FILE *f = begin();
    plot_lines(f, &(plot_frame){.title = "t", .x = "x", .y = "y"}, l, 2);
    fclose(f);
    CHECK(balanced() && count("<polyline") == 2 && count("two &amp; more") == 1);
    CHECK(count("points='52.0,258.0 279.0,134.0 '") == 1); // of 52..506 and 258..10
    CHECK(count("points='52.0,10.0 279.0,10.0 506.0,10.0 '") == 1);
    CHECK(!count("nan") && !count("inf"));
    free(text);
    f = begin();
    const double far[] = {0, 0.001, 0.01, 1}, tar[] = {0, 0.5, 0.7, 1};
    plot_lines(f,
               &(plot_frame){.title = "t", .x = "x", .y = "y", .x0 = 0.001, .x1 = 1, .log_x = true},
               &(plot_line){"roc", far, tar, 4}, 1);
    fclose(f);
    CHECK(balanced() && count("52.0,258.0 203.3,") == 1); // a third of the way is a decade
    CHECK(count(">0.001<") == 1 && count(">0.01<") == 1 && count(">1<") == 1);
    free(text);
}

TEST(histogram_shares)
{
    const double a[] = {0.05, 0.05, 0.05, 0.95}, b[] = {NAN, 0.5};
    const plot_sample s[] = {{"a", a, 4}, {"b", b, 2}};
    FILE *f = begin();
    plot_histogram(f, &(plot_frame){.title = "t", .x = "x", .y = "y", .x0 = 0, .x1 = 1}, s, 2, 10);
    fclose(f);
    CHECK(balanced() && count("<rect") == 3);
    CHECK(count("0 to 0.1: 3, 75.0 %") == 1 && count("0.9 to 1: 1, 25.0 %") == 1);
    CHECK(count("0.5 to 0.6: 1, 100.0 %") == 1);
    free(text);
}

TEST(ranges_and_unknowns)
{
    const plot_range r[] = {
        {"all", 0.5, 0.4, 0.6, 10}, {"few", 0.71, NAN, NAN, 1}, {"none", NAN, NAN, NAN, 0}};
    FILE *f = begin();
    plot_ranges(f, &(plot_frame){.title = "t", .x = "x", .digits = 2}, r, 3);
    fclose(f);
    CHECK(balanced() && count("<circle") == 2 && count("all (10)") == 1 && count(">0.71<") == 1);
    CHECK(count("stroke-width=2") == 1 && count("not known") == 1);
    free(text);
}

TEST(nothing_to_draw)
{
    const double none[] = {NAN, NAN}, same[] = {3, 3};
    FILE *f = begin();
    plot_lines(f, &(plot_frame){.title = "t", .x = "x", .y = "y"}, NULL, 0);
    plot_lines(f, &(plot_frame){.title = "t", .x = "x", .y = "y"}, &(plot_line){"n", none, none, 2},
               1);
    plot_lines(f, &(plot_frame){.title = "t", .x = "x", .y = "y"}, &(plot_line){"s", same, same, 2},
               1);
    plot_histogram(f, &(plot_frame){.title = "t", .x = "x", .y = "y"}, &(plot_sample){"n", none, 2},
                   1, 0);
    plot_histogram(f, &(plot_frame){.title = "t", .x = "x", .y = "y"}, &(plot_sample){"s", same, 2},
                   1, 0);
    plot_ranges(f, &(plot_frame){.title = "t", .x = "x"}, NULL, 0);
    fclose(f);
    CHECK(balanced() && count("<figure>") == 6 && !count("nan") && !count("inf"));
    free(text);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(page_is_one_file), CASE(lines_lie_where_they_should),
               CASE(histogram_shares), CASE(ranges_and_unknowns), CASE(nothing_to_draw));
}
