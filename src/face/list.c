// list.c -- a growing list of faces.
#include "face/face.h"

bool face_list_add(face_list *l, face f)
{
    if (!BASE_PUSH_ROOM(l->at, l->n, l->cap)) return false;
    l->at[l->n++] = f;
    return true;
}

void face_list_free(face_list *l)
{
    base_free(l->at);
    *l = (face_list){0};
}
