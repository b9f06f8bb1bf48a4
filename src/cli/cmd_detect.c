// cmd_detect.c -- guise detect: where the faces of a photo are.
#include "cli/cli.h"

typedef struct {
    guise_config config;
    const char *json, *draw;
} options;

#define AT(field) offsetof(options, field)
static const base_field table[] = {
    {"draw", 'd', BASE_TEXT, AT(draw), NULL, "write the photo with boxes and points to this file"},
    CLI_JSON,
    CLI_DETECTOR,
    CLI_SCORE,
    {0}};

static void print(const guise_faces *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const guise_face *a = &f->at[i];
        printf("face %zu: score %.3f, box %.0f %.0f to %.0f %.0f, points", i + 1, (double)a->score,
               (double)a->x0, (double)a->y0, (double)a->x1, (double)a->y1);
        for (int k = 0; k < 5; k++)
            printf(" %.1f,%.1f", (double)a->point[k][0], (double)a->point[k][1]);
        printf("\n");
    }
}

static json_t *report(const char *path, const guise_image *m, const guise_faces *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < f->n; i++) json_array_append_new(list, cli_json_face(&f->at[i]));
    return json_pack("{s:s,s:i,s:i,s:f,s:o}", "image", path, "width", m->w, "height", m->h,
                     "best_score", (double)f->best, "faces", list);
}

static int run(const cli_call *c)
{
    const options *o = c->options;
    guise_engine *g = NULL;
    guise_image m = {0};
    guise_faces f = {0};
    guise_status s = guise_open(&g, &o->config);
    if (!s) s = guise_image_read(g, c->arg[0], &m);
    if (!s) s = guise_detect(g, &m, &f);
    int code = s ? cli_fail("detect", s, guise_message(g)) : 0;
    if (!s && cli_text(o->json)) print(&f);
    if (!s) code = cli_json("detect", o->json, report(c->arg[0], &m, &f));
    if (!code && o->draw) {
        s = guise_draw(g, &m, &f);
        if (!s) s = guise_image_write(g, &m, o->draw, GUISE_PLAIN);
        if (s) code = cli_fail("detect", s, guise_message(g));
    }
    if (!code && !f.n) code = cli_no_face("detect", c->arg[0], f.best, o->config.score);
    guise_faces_free(&f);
    guise_image_free(&m);
    guise_close(&g);
    return code;
}

const cli_command cmd_detect = {
    .name = "detect",
    .args = "PHOTO",
    .summary = "find faces: box, five points, score",
    .example = "  guise detect group.jpg --json - --draw faces.png",
    .least = 1,
    .most = 1,
    .options = table,
    .size = sizeof(options),
    .run = run,
};
