// write.c -- photos out, with the mark of how they came about.
#include "engine/engine.h"
#include "media/media.h"

// What IPTC calls pictures into which a trained algorithm put something, and pictures put together
// from photos: NewsCodes, digital source type, http://cv.iptc.org/newscodes/digitalsourcetype/ .
static const char *const source_types[] = {
    [GUISE_SWAPPED] = "compositeWithTrainedAlgorithmicMedia",
    [GUISE_COMPOSED] = "compositeCapture",
};

// XMP packet (ISO 16684-1) that says so; returned to you.
static char *packet(guise_mark mark)
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

guise_status guise_image_write(guise_engine *g, const guise_image *m, const char *path,
                               guise_mark mark)
{
    base_error *e = engine_begin(g);
    base_image b = image_of(m);
    char *xmp = NULL;
    if (mark != GUISE_PLAIN && mark != GUISE_SWAPPED && mark != GUISE_COMPOSED)
        return base_fail(e, GUISE_BAD_ARGUMENT, "there is no mark number %d", (int)mark);
    if (mark != GUISE_PLAIN && !(xmp = packet(mark))) return base_no_memory(e);
    guise_status s = media_photo_write(&b, path, &(media_photo_options){.xmp = xmp}, e);
    base_free(xmp);
    return s;
}
