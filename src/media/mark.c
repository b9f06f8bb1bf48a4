// mark.c -- how a picture came about, in its file.
#include "media/mark.h"
#include <string.h>
#include <strings.h>

// What IPTC calls pictures into which a trained algorithm put something, and pictures put together
// from photos: NewsCodes, digital source type, http://cv.iptc.org/newscodes/digitalsourcetype/ .
static const char *const source_types[] = {
    [GUISE_SWAPPED] = "compositeWithTrainedAlgorithmicMedia",
    [GUISE_COMPOSED] = "compositeCapture",
};

char *media_mark_packet(guise_mark mark)
{
    return base_format("<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
                       "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
                       "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
                       "<rdf:Description rdf:about=\"\" "
                       "xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" "
                       "xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" "
                       "xmp:CreatorTool=\"Guise %s\" Iptc4xmpExt:DigitalSourceType="
                       "\"http://cv.iptc.org/newscodes/digitalsourcetype/%s\"/>"
                       "</rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>",
                       GUISE_VERSION, source_types[mark]);
}

// Does the packet name this type, in letters of either size?
static bool names(const char *packet, size_t n, const char *type)
{
    static const char before[] = "digitalsourcetype/";
    size_t head = sizeof before - 1, all = head + strlen(type);
    for (size_t i = 0; i + all <= n; i++)
        if (!strncasecmp(packet + i, before, head) &&
            !strncasecmp(packet + i + head, type, strlen(type)))
            return true;
    return false;
}

guise_mark media_mark_of(const void *packet, size_t n)
{
    static const char *const made[] = {"compositeWithTrainedAlgorithmicMedia",
                                       "trainedAlgorithmicMedia", "algorithmicMedia",
                                       "compositeSynthetic", "virtualRecording"};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (names(packet, n, made[i])) return GUISE_SWAPPED;
    return names(packet, n, source_types[GUISE_COMPOSED]) ? GUISE_COMPOSED : GUISE_PLAIN;
}

guise_mark media_mark_both(guise_mark a, guise_mark b)
{
    if (a == GUISE_SWAPPED || b == GUISE_SWAPPED) return GUISE_SWAPPED;
    return a == GUISE_PLAIN ? b : a;
}
