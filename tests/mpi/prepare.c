// prepare.c -- into an existing directory: faces/ of drawn people, and teacher.onnx, which has
// hardly learnt to recognise them.
#include "train/toy_teach.h"

int main(int argc, char **argv)
{
    static const toy_set people = {.people = 24, .photos = 4, .side = 48, .seed = 3};
    toy_teaching teaching = {.kind = TOY_TEACHER, .faces = 32, .steps = 2, .seed = 1};
    base_error e = {0};
    char faces[600], teacher[600];
    if (argc != 2) return 2;
    snprintf(faces, sizeof faces, "%s/faces", argv[1]);
    snprintf(teacher, sizeof teacher, "%s/teacher.onnx", argv[1]);
    guise_status s = toy_set_write(&people, faces, &e);
    if (!s) s = toy_teach(&teaching, teacher, &e);
    if (s) fprintf(stderr, "%s\n", e.text);
    return s != 0;
}
