// fields.h -- a struct described as data: parsing key=value, printing, help and JSON all come from
// one table. Command options, network options and training recipes are such structs.
#ifndef GUISE_BASE_FIELDS_H
#define GUISE_BASE_FIELDS_H

#include "base/base.h"

typedef enum {
    BASE_TEXT,
    BASE_INT,
    BASE_REAL,
    BASE_FLAG,
    BASE_MAYBE // TEXT; a command takes --name too, for the empty text, and --name=VALUE
} base_field_type;

typedef struct {
    const char *name;
    char letter; // short option of a command, or 0
    base_field_type type;
    size_t offset;    // TEXT, MAYBE: const char *; INT: int; REAL: double; FLAG: bool
    const char *init; // default, as text; NULL: NULL, 0 or false
    const char *help; // one line, lower case, no full stop, with unit and range
} base_field;         // tables end with {0}

// Fill o with the defaults of the table.
void base_fields_init(const base_field *f, void *o);
const base_field *base_fields_find(const base_field *f, const char *name);
// Set one field from text. TEXT fields borrow the text.
// Errors: GUISE_BAD_ARGUMENT, naming the field and what it takes.
guise_status base_fields_set(const base_field *f, void *o, const char *name, const char *value,
                             base_error *e);
// "key=value" form of the above; the text is borrowed for TEXT values.
guise_status base_fields_assign(const base_field *f, void *o, const char *assignment,
                                base_error *e);
// "name=value name=value ..." of everything but texts that are not there, as they are by default;
// returned to you, NULL when out of memory.
char *base_fields_print(const base_field *f, const void *o);

#endif
