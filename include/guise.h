// guise.h -- the public interface: everything the library exports is here.
#ifndef GUISE_H
#define GUISE_H

typedef enum {
    GUISE_OK = 0,
    GUISE_NO_MEMORY = -1,
    GUISE_BAD_ARGUMENT = -2,
    GUISE_BAD_FILE = -3, // exists, but is not what it should be
    GUISE_IO = -4,       // cannot be opened, read or written
    GUISE_NO_FACE = -5,
} guise_status;

// Where notes go (a slower path taken, a file ignored): one line each. NULL: nowhere, the default.
void guise_set_log(void (*log)(void *user, const char *line), void *user);

#endif
