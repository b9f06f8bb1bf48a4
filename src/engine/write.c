// write.c -- photos out, with the mark of a swap.
#include "engine/engine.h"
#include "media/media.h"

// IPTC's word for pictures into which a trained algorithm put something: NewsCodes, digital source
// type, http://cv.iptc.org/newscodes/digitalsourcetype/ ; Photo Metadata Standard 2023.1.
static const char mark[] =
    "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
    "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
    "<rdf:Description rdf:about=\"\" "
    "xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\" "
    "xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\" "
    "xmp:CreatorTool=\"Guise " GUISE_VERSION "\" "
    "Iptc4xmpExt:DigitalSourceType=\"http://cv.iptc.org/newscodes/digitalsourcetype/"
    "compositeWithTrainedAlgorithmicMedia\"/>"
    "</rdf:RDF></x:xmpmeta><?xpacket end=\"w\"?>";

guise_status guise_image_write(guise_engine *g, const guise_image *m, const char *path,
                               bool swapped)
{
    base_image b = image_of(m);
    media_photo_options o = {.xmp = swapped ? mark : NULL};
    return media_photo_write(&b, path, &o, engine_begin(g));
}
