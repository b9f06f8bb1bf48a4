// embed.c -- guise inside another program: the face of one photo on all faces of another.
//   cc embed.c $(pkg-config --cflags --libs guise) -o embed && ./embed ann.jpg party.jpg out.png
#include <guise.h>
#include <stdio.h>

// Who is on the first photo: the largest face of it.
static guise_status who_is(guise_engine *g, const char *path, guise_identity *id)
{
    guise_image m;
    guise_faces faces = {0};
    guise_status s = guise_image_read(g, path, &m);
    if (!s) s = guise_detect(g, &m, &faces);
    if (!s && !faces.n) {
        fprintf(stderr, "embed: there is no face in %s; try a larger or sharper photo\n", path);
        s = GUISE_NO_FACE;
    } else if (!s) {
        s = guise_embed(g, &m, faces.at, NULL, id);
    }
    guise_faces_free(&faces);
    guise_image_free(&m);
    return s;
}

// Frames of a video would go through here one by one: the engine keeps its networks ready.
static guise_status swap_all(guise_engine *g, guise_image *m, const guise_identity *id, size_t *n)
{
    guise_faces faces;
    guise_status s = guise_detect(g, m, &faces);
    *n = faces.n;
    for (size_t i = 0; !s && i < faces.n; i++) s = guise_swap_face(g, m, &faces.at[i], id, NULL);
    guise_faces_free(&faces);
    return s;
}

int main(int argc, char **argv)
{
    guise_engine *g = NULL;
    guise_identity id = {0};
    guise_image m = {0};
    size_t n = 0;
    if (argc != 4) return fprintf(stderr, "embed: it takes SOURCE TARGET OUT\n"), 2;
    guise_status s = guise_open(&g, NULL);
    if (!s) s = who_is(g, argv[1], &id);
    if (!s) s = guise_image_read(g, argv[2], &m);
    if (!s) s = swap_all(g, &m, &id, &n);
    if (!s) s = guise_image_write(g, &m, argv[3], n ? GUISE_SWAPPED : GUISE_PLAIN);
    if (s && s != GUISE_NO_FACE) fprintf(stderr, "embed: %s\n", guise_message(g));
    if (!s) printf("%zu faces changed\n", n);
    guise_image_free(&m);
    guise_identity_free(&id);
    guise_close(&g);
    return s ? 1 : 0;
}
