// test_pair_list.c -- lists of pairs, made and read; tables of comma-separated values; labels.
#include "eval/pair_list.h"
#include "test.h"

static const char *write_text(const char *name, const char *text)
{
    const char *path = test_scratch(name);
    CHECK(!base_write_file(path, text, strlen(text), NULL));
    return path;
}

TEST(splits_lines)
{
    char line[] = " a , \"b, \"\"c\"\" d\",, e", *cell[3];
    CHECK(eval_csv_split(line, cell, 3) == 4);
    CHECK(!strcmp(cell[0], "a") && !strcmp(cell[1], "b, \"c\" d") && !*cell[2]);
    char open[] = "\"never closed";
    CHECK(eval_csv_split(open, cell, 3) == 1 && !strcmp(cell[0], "never closed"));
    char one[] = "";
    CHECK(eval_csv_split(one, cell, 3) == 1 && !*cell[0]);
}

TEST(reads_lfw_form)
{
    eval_pair_list l;
    base_error e = {{0}};
    const char *path = write_text("pairs.txt", "2\t1\nAnn\t1\t4\nAnn\t1\tBob\t2\n"
                                               "Bob\t3\t12\nBob\t1\tEve_X\t1\n");
    CHECK(!eval_pair_list_read(&l, path, &e));
    CHECK(l.n == 4 && l.folds == 2);
    CHECK(!strcmp(l.at[0].photo[0], "Ann/Ann_0001.jpg") && l.at[0].same && l.at[0].fold == 0);
    CHECK(!strcmp(l.at[1].photo[1], "Bob/Bob_0002.jpg") && !l.at[1].same && l.at[1].fold == 0);
    CHECK(!strcmp(l.at[2].photo[1], "Bob/Bob_0012.jpg") && l.at[2].fold == 1);
    CHECK(!strcmp(l.at[3].photo[1], "Eve_X/Eve_X_0001.jpg"));
    eval_pair_list_free(&l);
    path = write_text("dev.txt", "1\nAnn 1 2\nAnn 1 Bob 2\n");
    CHECK(!eval_pair_list_read(&l, path, &e) && l.n == 2 && l.folds == 1);
    eval_pair_list_free(&l);
}

TEST(reads_csv_form)
{
    eval_pair_list l;
    base_error e = {{0}};
    const char *path =
        write_text("pairs.csv", "\xef\xbb\xbfone,two,same,fold\r\n"
                                "a/1.jpg,a/2.jpg,yes,2\r\n\r\na/1.jpg,b/1.jpg,0,1\n");
    CHECK(!eval_pair_list_read(&l, path, &e));
    CHECK(l.n == 2 && l.folds == 2 && l.at[0].same && !l.at[1].same && l.at[0].fold == 1);
    path = test_scratch("again.csv");
    CHECK(!eval_pair_list_write(&l, path, &e));
    eval_pair_list again;
    CHECK(!eval_pair_list_read(&again, path, &e) && again.n == 2 && again.folds == 2);
    CHECK(!strcmp(again.at[1].photo[1], "b/1.jpg") && again.at[0].fold == 1);
    eval_pair_list_free(&again);
    eval_pair_list_free(&l);
    path = write_text("bare.csv", "a/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\na/1.jpg,b/2.jpg,0\n");
    CHECK(!eval_pair_list_read(&l, path, &e));
    CHECK(l.n == 3 && l.folds == 2 && l.at[1].fold == 0 && l.at[2].fold == 1);
    eval_pair_list_free(&l);
}

TEST(refuses_broken_lists)
{
    static const char *const text[] = {"",
                                       "\n \n",
                                       "2 1\nAnn 1 2\nAnn 1 Bob 2\n",
                                       "1 1\nAnn 1 2\nAnn 1 Bob 2\nAnn 1 3\n",
                                       "1 1\nAnn 1\nAnn 1 Bob 2\n",
                                       "1 1\nAnn 1 x\nAnn 1 Bob 2\n",
                                       "a,b,1\na,b\n",
                                       "a,b,1\na,b,maybe\n",
                                       "a,b,1,0\n",
                                       "a,b,1,99\n",
                                       "a,b,same\n,c,1\n",
                                       "photo,photo,same\n"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        eval_pair_list l;
        base_error e = {{0}};
        CHECK(eval_pair_list_read(&l, write_text("bad", text[i]), &e) == GUISE_BAD_FILE);
        CHECK(e.text[0] && !l.at && !l.n);
    }
    eval_pair_list l;
    CHECK(eval_pair_list_read(&l, test_scratch("nowhere"), NULL) == GUISE_IO);
}

TEST(labels_of_photos)
{
    eval_labels l;
    const char *path = write_text("x_info.csv", "face_id,age,gender\n007,24,female\nAnn,31,male\n"
                                                "b.c,NA,?\nd,9,male\n");
    CHECK(!eval_labels_read(&l, path, NULL) && l.keys == 2 && l.n == 4);
    CHECK(!strcmp(l.key[1], "gender"));
    CHECK(!strcmp(eval_labels_of(&l, "smiling/007_08.jpg", 1), "female"));
    CHECK(!strcmp(eval_labels_of(&l, "Ann/Ann_0001.jpg", 0), "31")); // few numbers stay as they are
    CHECK(!eval_labels_of(&l, "z/b.c.jpg", 1) && !eval_labels_of(&l, "z/nobody.jpg", 0));
    CHECK(!eval_labels_of(&l, "z/007.jpg", 2));
    eval_labels_free(&l);
    char many[400] = "id,age\n";
    for (int i = 0; i < 12; i++)
        snprintf(many + strlen(many), sizeof many - strlen(many), "p%d,%d.5\n", i, 3 * i + 1);
    CHECK(!eval_labels_read(&l, write_text("many.csv", many), NULL));
    CHECK(!strcmp(eval_labels_of(&l, "a/p0_x.jpg", 0), "0-9"));
    CHECK(!strcmp(eval_labels_of(&l, "a/p3_x.jpg", 0), "10-19"));
    CHECK(!strcmp(eval_labels_of(&l, "p11/x.jpg", 0), "30-39"));
    eval_labels_free(&l);
    CHECK(eval_labels_read(&l, write_text("one.csv", "id\na\n"), NULL) == GUISE_BAD_FILE);
    CHECK(eval_labels_read(&l, write_text("none.csv", "id,x\n"), NULL) == GUISE_BAD_FILE);
}

// A folder with the photos of so many people: file names are all that is looked at.
static const char *folder(const char *name, int people, int photos)
{
    const char *dir = test_scratch(name);
    char path[4400];
    for (int i = 0; i < people; i++) {
        snprintf(path, sizeof path, "%s/p%02d", dir, i);
        CHECK(!base_make_dir(path, NULL));
        for (int k = 0; k < photos; k++) {
            snprintf(path, sizeof path, "%s/p%02d/p%02d_%d.jpg", dir, i, i, k);
            CHECK(!base_write_file(path, "x", 1, NULL));
        }
    }
    return dir;
}

TEST(makes_pairs)
{
    eval_album a;
    eval_pair_list l, again;
    base_error e = {{0}};
    CHECK(!eval_album_open(&a, folder("people", 40, 4), NULL, false, &e));
    CHECK(a.n == 160 && a.people == 40 && !strcmp(a.at[5].key, "p01/p01_1.jpg"));
    CHECK(a.at[5].who == 1 && eval_album_find(&a, "p01/p01_1.jpg") == &a.at[5]);
    CHECK(!eval_album_find(&a, "p01/none.jpg"));
    eval_pair_rule rule = {
        .same = 100, .different = 103, .folds = 10, .seed = 3, .everybody = true};
    CHECK(!eval_pair_list_make(&l, &a, &rule, &e));
    CHECK(l.n == 203 && l.folds == 10);
    int same = 0, fold_of[40];
    for (int i = 0; i < 40; i++) fold_of[i] = -1;
    for (size_t i = 0; i < l.n; i++) {
        const eval_photo *x = eval_album_find(&a, l.at[i].photo[0]);
        const eval_photo *y = eval_album_find(&a, l.at[i].photo[1]);
        CHECK(x && y && x != y && (x->who == y->who) == l.at[i].same);
        same += l.at[i].same;
        for (int k = 0; k < 2; k++) { // nobody is in two folds
            int who = k ? y->who : x->who;
            CHECK(fold_of[who] < 0 || fold_of[who] == l.at[i].fold);
            fold_of[who] = l.at[i].fold;
        }
        for (size_t k = 0; k < i; k++) // no pair twice, in whatever order
            CHECK(strcmp(l.at[i].photo[0], l.at[k].photo[0]) != 0 ||
                  strcmp(l.at[i].photo[1], l.at[k].photo[1]) != 0);
    }
    CHECK(same == 100);
    CHECK(!eval_pair_list_make(&again, &a, &rule, &e) && again.n == l.n);
    for (size_t i = 0; i < l.n; i++) CHECK(!strcmp(l.at[i].photo[1], again.at[i].photo[1]));
    eval_pair_list_free(&again);
    rule.seed = 4;
    CHECK(!eval_pair_list_make(&again, &a, &rule, &e));
    int equal = 0;
    for (size_t i = 0; i < l.n; i++) equal += !strcmp(l.at[i].photo[1], again.at[i].photo[1]);
    CHECK(equal < 100);
    eval_pair_list_free(&again);
    eval_pair_list_free(&l);
    eval_album_close(&a);
}

// 40 people have 6 pairs each: no more can be made. Held-out people alone: those of the rule.
TEST(makes_what_there_is)
{
    eval_album a;
    eval_pair_list l;
    base_error e = {{0}};
    const char *dir = folder("few", 40, 4);
    CHECK(!eval_album_open(&a, dir, NULL, false, &e));
    eval_pair_rule rule = {
        .same = 5000, .different = 50, .folds = 10, .seed = 3, .everybody = true};
    CHECK(!eval_pair_list_make(&l, &a, &rule, &e));
    size_t same = 0;
    for (size_t i = 0; i < l.n; i++) same += l.at[i].same;
    CHECK(same == 240 && l.n == 290);
    eval_pair_list_free(&l);
    rule = (eval_pair_rule){.same = 6, .different = 6, .folds = 1, .seed = 3};
    CHECK(!eval_pair_list_make(&l, &a, &rule, &e));
    for (size_t i = 0; i < l.n; i++) CHECK(eval_album_find(&a, l.at[i].photo[0])->held_out);
    eval_pair_list_free(&l);
    rule.folds = 33;
    CHECK(eval_pair_list_make(&l, &a, &rule, &e) == GUISE_BAD_ARGUMENT && !l.at);
    eval_album_close(&a);
    CHECK(!eval_album_open(&a, folder("lonely", 5, 1), NULL, false, &e));
    rule = (eval_pair_rule){.same = 6, .different = 6, .folds = 1, .seed = 3, .everybody = true};
    CHECK(eval_pair_list_make(&l, &a, &rule, NULL) == GUISE_NO_FACE && !l.at);
    eval_album_close(&a);
    CHECK(!eval_album_open(&a, dir, NULL, true, &e)); // "p01_1.jpg" is of p01, wherever it lies
    CHECK(a.people == 40 && !strcmp(a.at[5].person, "p01"));
    eval_album_close(&a);
}

TEST(memory_runs_out)
{
    const char *dir = folder("small", 6, 3);
    const char *csv = write_text("oom.csv", "a,b,1\na,c,0\n");
    bool ok = false;
    for (int i = 0; i < 2000 && !ok; i++) {
        eval_album a;
        eval_pair_list l = {0}, read = {0};
        const eval_pair_rule rule = {4, 4, 2, 1, true};
        base_fail_allocation(i);
        guise_status s = eval_album_open(&a, dir, NULL, false, NULL);
        if (!s) s = eval_pair_list_make(&l, &a, &rule, NULL);
        if (!s) s = eval_pair_list_read(&read, csv, NULL);
        base_fail_allocation(-1);
        CHECK(!s || s == GUISE_NO_MEMORY);
        ok = !s;
        eval_pair_list_free(&read);
        eval_pair_list_free(&l);
        eval_album_close(&a);
    }
    CHECK(ok);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(splits_lines), CASE(reads_lfw_form), CASE(reads_csv_form),
               CASE(refuses_broken_lists), CASE(labels_of_photos), CASE(makes_pairs),
               CASE(makes_what_there_is), CASE(memory_runs_out));
}
