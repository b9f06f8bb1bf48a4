// test_device.h -- tests of networks and of training run on the device that GUISE_TEST_DEVICE
// names, or on the CPU.
#ifndef GUISE_TEST_DEVICE_H
#define GUISE_TEST_DEVICE_H
#include "graph/graph.h"
#include <stdio.h>
#include <stdlib.h>

// As tg_device_open takes it; NULL: the CPU. Ends the program as skipped, with a word, where that
// device cannot be used.
static inline const char *test_device_name(void)
{
    static bool asked; // once
    const char *name = getenv("GUISE_TEST_DEVICE");
    tg_device *d = NULL;
    base_error e = {0};
    if (!name || !*name) return NULL;
    if (!asked && tg_device_open(&d, name, NULL, &e)) {
        printf("skipped: %s\n", e.text);
        exit(77);
    }
    tg_device_close(&d);
    asked = true;
    return name;
}
#endif
