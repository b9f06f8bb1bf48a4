// test_result.c -- reports: means and intervals of metrics, groups by hand, and what is shown of
// them as JSON, table, CSV and Markdown.
#include "eval/markdown.h"
#include "eval/statistics.h"
#include "test.h"

static const eval_definition height = {"height",  "height", "cm", "how high, with a \"mark\"",
                                       "by hand", 1,        1};
static const eval_definition weight = {"weight", "weight", "kg", "how heavy", "by hand", -1, 2};

// Four cases, two groups; one height is missing. false: out of memory.
static bool fill(eval_report *r)
{
    static const char *const group[] = {"a", "b", "a", NULL};
    const double tall[] = {10, 20, 40, NAN};
    r->suite = "made";
    r->title = "Made by hand";
    r->command = eval_text(r, "guise eval %s", "made");
    r->label_key[0] = "group";
    r->labels = 1;
    eval_result *x = eval_add_result(r, "one", 4);
    eval_metric *m = x ? eval_add_metric(x, &height) : NULL;
    if (!r->command || !m || !eval_add_number(x, &weight, 1.25)) return false;
    m = &x->metric[0]; // they move
    for (int i = 0; i < 4; i++) {
        x->cases[i].name = eval_text(r, "%d", i + 1);
        x->cases[i].source = i ? "plain.jpg" : "with, \"marks\".jpg";
        x->cases[i].label[0] = group[i];
        m->value[i] = tall[i];
        if (!x->cases[i].name) return false;
    }
    eval_curve *c = eval_add_curve(x, "line", "x", "y", 2);
    if (c) c->at[3] = 7;
    return c && eval_add_note(r, "A note.") &&
           eval_add_published(r, (eval_published){"theirs", "height", 30, "a paper", "other"});
}

TEST(means_and_groups)
{
    eval_report r = {0};
    base_error e = {{0}};
    CHECK(fill(&r) && !eval_finish(&r, &e));
    const eval_metric *m = eval_metric_find(r.result[0], "height");
    const double have[] = {10, 20, 40};
    double low, high, mean;
    size_t n;
    CHECK(!eval_bootstrap(have, 3, EVAL_RESAMPLES, EVAL_SEED, &low, &high, &e));
    CHECK(m && m->n == 3 && m->low == low && m->high == high);
    CHECK_NEAR(m ? m->mean : 0, 70.0 / 3, 1e-12);
    CHECK(!eval_group_mean(r.result[0], m, 0, "a", &n, &mean, &low, &high, &e));
    CHECK(n == 2 && mean == 25 && low >= 10 && high <= 40 && low <= mean && mean <= high);
    CHECK(!eval_group_mean(r.result[0], m, 0, "b", &n, &mean, &low, &high, &e));
    CHECK(n == 1 && mean == 20 && low == 20 && high == 20);
    CHECK(!eval_group_mean(r.result[0], m, 0, "c", &n, &mean, &low, &high, &e));
    CHECK(n == 0 && isnan(mean) && isnan(low));
    CHECK(eval_group_mean(r.result[0], m, EVAL_LABELS, "a", &n, &mean, &low, &high, &e) ==
          GUISE_BAD_ARGUMENT);
    const eval_metric *number = eval_metric_find(r.result[0], "weight");
    CHECK(number && number->mean == 1.25 && isnan(number->low) && !number->value);
    CHECK(eval_metric_find(r.result[0], "length") == NULL);
    eval_report_free(&r);
}

TEST(as_json)
{
    eval_report r = {0};
    base_error e = {{0}};
    CHECK(fill(&r) && !eval_finish(&r, &e));
    json_t *j = eval_json(&r), *one = json_array_get(json_object_get(j, "results"), 0);
    json_t *m = json_array_get(json_object_get(one, "metrics"), 0);
    json_t *values = json_object_get(m, "values");
    CHECK(json_array_size(values) == 4 && json_is_null(json_array_get(values, 3)));
    CHECK(json_real_value(json_array_get(values, 2)) == 40);
    CHECK(json_integer_value(json_object_get(m, "cases")) == 3);
    json_t *number = json_array_get(json_object_get(one, "metrics"), 1);
    CHECK(json_real_value(json_object_get(number, "value")) == 1.25);
    CHECK(!json_object_get(number, "low") && !json_object_get(number, "values"));
    json_t *first = json_array_get(json_object_get(one, "cases"), 0);
    const char *group = json_string_value(json_object_get(first, "group"));
    CHECK(group && !strcmp(group, "a"));
    CHECK(json_array_size(json_object_get(j, "published")) == 1);
    CHECK(json_array_size(json_object_get(j, "notes")) == 1);
    json_t *line = json_array_get(json_object_get(one, "curves"), 0);
    json_t *end = json_array_get(json_object_get(line, "points"), 1);
    CHECK(json_real_value(json_array_get(end, 1)) == 7);
    json_decref(j);
    eval_report_free(&r);
}

// The text of a file; "" where there is none.
static const char *text_of(const char *path)
{
    static char text[4096];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text - 1, f) : 0;
    if (f) fclose(f);
    text[n] = 0;
    return text;
}

TEST(as_text)
{
    eval_report r = {0};
    base_error e = {{0}};
    CHECK(fill(&r) && !eval_finish(&r, &e));
    char *table = eval_table(&r);
    CHECK(table && strstr(table, "Made by hand\n") && strstr(table, "one, 4 cases"));
    CHECK(table && strstr(table, "      23.3  (10.0 to 40.0)  cm"));
    CHECK(table && strstr(table, "      1.25  kg") && strstr(table, "theirs"));
    base_free(table);
    const char *path = test_scratch("made.csv");
    CHECK(!eval_write_csv(r.result[0], path, &e));
    CHECK(!strcmp(text_of(path), "case,source,target,height\n"
                                 "1,\"with, \"\"marks\"\".jpg\",,10\n"
                                 "2,plain.jpg,,20\n"
                                 "3,plain.jpg,,40\n"
                                 "4,plain.jpg,,\n"));
    path = test_scratch("made.md");
    CHECK(!eval_write_markdown(&r, path, &e));
    const char *page = text_of(path);
    CHECK(strstr(page, "# Made by hand\n") && strstr(page, "| height, cm | 23.3 (10.0 to 40.0) |"));
    CHECK(strstr(page, "| weight, kg | 1.25 |") && strstr(page, "    guise eval made\n"));
    CHECK(strstr(page, "- theirs, height: 30. a paper; other"));
    CHECK(eval_write_csv(r.result[0], "/nowhere/made.csv", &e) == GUISE_IO && e.text[0]);
    eval_report_free(&r);
}

TEST(without_memory)
{
    long n = 0;
    for (bool done = false; !done && n < 1000; n++) {
        eval_report r = {0};
        base_error e = {{0}};
        base_fail_allocation(n);
        bool ok = fill(&r);
        if (ok) ok = eval_finish(&r, &e) == GUISE_OK;
        char *table = ok ? eval_table(&r) : NULL;
        base_fail_allocation(-1);
        done = table != NULL;
        base_free(table);
        eval_report_free(&r);
    }
    CHECK(n > 10 && n < 1000);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(means_and_groups), CASE(as_json), CASE(as_text),
               CASE(without_memory));
}
