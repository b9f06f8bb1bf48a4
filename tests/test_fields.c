// test_fields.c -- structs described by tables: defaults, parsing, printing, what is refused.
#include "base/fields.h"
#include "test.h"

typedef struct {
    const char *name;
    int steps;
    double rate;
    bool loud;
} options;

static const base_field table[] = {
    {"name", 'n', BASE_TEXT, offsetof(options, name), "tiny", "what it is called"},
    {"steps", 0, BASE_INT, offsetof(options, steps), "10", "how many, 1 up"},
    {"rate", 'r', BASE_REAL, offsetof(options, rate), "4e-4", "step size"},
    {"loud", 0, BASE_FLAG, offsetof(options, loud), NULL, "say more"},
    {0},
};

TEST(defaults_and_assignment)
{
    options o;
    base_error e = {0};
    memset(&o, 0xff, sizeof o);
    base_fields_init(table, &o);
    CHECK(!strcmp(o.name, "tiny") && o.steps == 10 && o.rate == 4e-4 && !o.loud);
    CHECK(!base_fields_assign(table, &o, "steps=-3", &e) && o.steps == -3);
    CHECK(!base_fields_assign(table, &o, "rate=0.1", &e) && o.rate == 0.1);
    CHECK(!base_fields_assign(table, &o, "name=a=b", &e) && !strcmp(o.name, "a=b"));
    CHECK(!base_fields_set(table, &o, "loud", "yes", &e) && o.loud);
    CHECK(!base_fields_set(table, &o, "loud", "off", &e) && !o.loud);
    CHECK(base_fields_find(table, "rate") == &table[2] && !base_fields_find(table, "rat"));
}

TEST(prints_what_it_reads)
{
    options o, again;
    base_fields_init(table, &o);
    o.rate = 1.0 / 3;
    o.loud = true;
    char *text = base_fields_print(table, &o);
    CHECK(text && !strcmp(text, "name=tiny steps=10 rate=0.3333333333333333 loud=yes"));
    base_fields_init(table, &again);
    for (char *at = text, *end; at; at = end) {
        end = strchr(at, ' ');
        if (end) *end++ = '\0';
        CHECK(!base_fields_assign(table, &again, at, NULL));
    }
    CHECK(again.rate == o.rate && again.loud && again.steps == 10);
    base_free(text);
    o.name = ""; // not the default, so it is said
    text = base_fields_print(table, &o);
    CHECK(text && !strncmp(text, "name= steps=10", 14));
    base_free(text);
    o.name = NULL;
    text = base_fields_print(table, &o);
    CHECK(text && !strncmp(text, "steps=10", 8));
    base_free(text);
}

TEST(refuses)
{
    static const struct {
        const char *assignment, *why;
    } bad[] = {
        {"steps=ten", "steps takes a whole number (how many, 1 up), not 'ten'"},
        {"steps=1.5", "steps takes a whole number"},
        {"steps=99999999999", "steps takes a whole number"},
        {"steps=", "steps takes a whole number"},
        {"rate=fast", "rate takes a number (step size), not 'fast'"},
        {"rate=nan", "rate takes a number"},
        {"loud=maybe", "loud takes yes or no"},
        {"speed=1", "there is no option 'speed'; there are: name, steps, rate, loud"},
        {"steps", "'steps' is not of the form name=value"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        options o;
        base_error e = {0};
        base_fields_init(table, &o);
        CHECK(base_fields_assign(table, &o, bad[i].assignment, &e) == GUISE_BAD_ARGUMENT);
        CHECK(strstr(e.text, bad[i].why) != NULL);
        CHECK(o.steps == 10 && o.rate == 4e-4 && !o.loud);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(defaults_and_assignment), CASE(prints_what_it_reads),
               CASE(refuses));
}
