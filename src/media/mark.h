// mark.h -- how a picture came about, in its file: an XMP packet with IPTC's digital source type.
#ifndef GUISE_MEDIA_MARK_H
#define GUISE_MEDIA_MARK_H
#include "base/base.h"

// XMP packet (ISO 16684-1) that says so; returned to you, NULL: out of memory.
char *media_mark_packet(guise_mark mark);
// What a packet of n bytes says, ours or another program's. A picture that an algorithm made or
// changed counts as swapped.
guise_mark media_mark_of(const void *packet, size_t n);
// Of two marks the one that says more of what was made.
guise_mark media_mark_both(guise_mark a, guise_mark b);

#endif
