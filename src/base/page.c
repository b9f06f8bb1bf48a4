// page.c -- pages of HTML that are one file: style, escaping, pictures as data URIs (RFC 2397).
#include "base/page.h"
#include <openssl/evp.h>

// Colours are variables, so that plots (plot.c) suit both modes. The series' are those of Okabe
// and Ito (2008), which people with any colour vision can tell apart, made lighter for dark pages.
static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d2126;--soft:#5f6872;--line:#dfe3e8;--page:#fff;"
    "--card:#f6f7f9;--accent:#0a6ba8;--s0:#0a6ba8;--s1:#c9541a;--s2:#00855f;--s3:#9a4f85;"
    "--s4:#97750b;--s5:#4d7fa8}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6e9ed;--soft:#98a2ad;--line:#333a42;"
    "--page:#14171b;--card:#1c2127;--accent:#6cb8ea;--s0:#62b4ec;--s1:#f08a53;--s2:#3fc59a;"
    "--s3:#d890c0;--s4:#dcbb4a;--s5:#8fb8d8}}"
    "*{box-sizing:border-box}"
    "body{font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;"
    "max-width:1080px;margin:0 auto;padding:40px 24px 64px;color:var(--ink);"
    "background:var(--page)}"
    "h1{font-size:30px;line-height:1.2;letter-spacing:-.01em;margin:0 0 6px}"
    "h2{font-size:20px;margin:44px 0 12px;padding-top:18px;border-top:1px solid var(--line)}"
    "h3{font-size:16px;margin:26px 0 8px}"
    "details{margin:0 0 18px}summary{font-weight:600;cursor:pointer;margin:0 0 10px}"
    "p{margin:0 0 12px;max-width:78ch}.lead{font-size:18px;color:var(--soft);max-width:75ch}"
    "small,.soft{color:var(--soft)}"
    "code,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}"
    "code{overflow-wrap:anywhere}"
    "pre{background:var(--card);padding:12px 16px;border-radius:8px;white-space:pre-wrap;"
    "overflow-wrap:anywhere;margin:0 0 12px}"
    ".wide{overflow-x:auto}"
    "table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:15px;"
    "margin:0 0 14px}"
    "th{font-weight:600;color:var(--soft);text-align:left;font-size:13px;vertical-align:bottom}"
    "th,td{padding:7px 18px 7px 0;border-bottom:1px solid var(--line)}"
    "td.n,th.n{text-align:right;white-space:nowrap}td.i{white-space:nowrap;padding-left:0}"
    "td.n:has(+td.i),th.n:has(+th:empty){padding-right:8px}"
    "tr.apart td{color:var(--soft)}"
    ".cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(215px,1fr));gap:12px;"
    "margin:24px 0}"
    ".card{background:var(--card);border-radius:10px;padding:14px 16px}"
    ".card b{display:block;font-size:27px;line-height:1.25;font-weight:650;"
    "letter-spacing:-.01em;font-variant-numeric:tabular-nums}"
    ".card b small{font-size:15px;font-weight:400}.card span{display:block;font-size:14px}"
    ".card small{font-size:13px}"
    ".plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(430px,1fr));"
    "gap:26px 32px;align-items:start}"
    "@media(max-width:520px){.plots{grid-template-columns:1fr}body{padding:24px 14px}}"
    "figure{margin:0}figcaption{font-size:14px;margin-bottom:4px}"
    "figcaption strong{margin-right:12px}"
    "figcaption i{font-style:normal;color:var(--soft);margin-right:12px;white-space:nowrap}"
    "figcaption i::before{content:'';display:inline-block;width:10px;height:10px;"
    "border-radius:2px;margin-right:5px;background:var(--k)}"
    "svg{width:100%;height:auto;display:block;overflow:visible}"
    "svg text{font-size:12px;fill:var(--soft)}svg .e{text-anchor:end}svg .m{text-anchor:middle}"
    "svg .in{fill:var(--ink)}"
    "svg .grid{stroke:var(--line);stroke-width:1}svg .axis{stroke:var(--soft);stroke-width:1}"
    "svg .line{fill:none;stroke-width:2;stroke-linejoin:round}svg .bar{fill-opacity:.45}"
    "svg .chance{stroke:var(--soft);stroke-dasharray:4 4;stroke-width:1}"
    ".grid-of{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));"
    "gap:18px 16px}"
    ".grid-of.long{grid-template-columns:repeat(auto-fill,minmax(330px,1fr))}"
    ".grid-of figure img{width:100%;border-radius:6px;display:block}"
    ".grid-of figcaption{margin:5px 0 0;font-size:13px;color:var(--soft)}"
    "dl{display:grid;grid-template-columns:minmax(150px,max-content) 1fr;gap:8px 22px;margin:0}"
    "dt{font-weight:600}dd{margin:0;max-width:70ch}"
    "@media(max-width:640px){dl{grid-template-columns:1fr}dd{margin-bottom:8px}}"
    "img{max-width:100%}";

void page_text(FILE *f, const char *text)
{
    for (; *text; text++) switch (*text) {
        case '&':
            fputs("&amp;", f);
            break;
        case '<':
            fputs("&lt;", f);
            break;
        case '>':
            fputs("&gt;", f);
            break;
        case '"':
            fputs("&quot;", f);
            break;
        case '\'':
            fputs("&#39;", f);
            break;
        default:
            fputc(*text, f);
        }
}

void page_open(FILE *f, const char *title, const char *lead)
{
    fputs("<!doctype html>\n<html lang=en><meta charset=utf-8>"
          "<meta name=viewport content='width=device-width,initial-scale=1'>\n<title>",
          f);
    page_text(f, title);
    fprintf(f, "</title>\n<style>%s</style>\n<h1>", style);
    page_text(f, title);
    fputs("</h1>\n", f);
    if (!lead) return;
    fputs("<p class=lead>", f);
    page_text(f, lead);
    fputs("</p>\n", f);
}

void page_close(FILE *f) { fputs("</html>\n", f); }

guise_status page_picture(FILE *f, const char *kind, const void *data, size_t n, const char *alt,
                          base_error *e)
{
    if (n > 1 << 28)
        return base_fail(e, GUISE_BAD_FILE, "%s: a picture of %zu bytes is too large for a page",
                         alt, n);
    unsigned char *text = base_alloc(n / 3 + 2, 4);
    if (!text) return base_no_memory(e);
    EVP_EncodeBlock(text, data, (int)n);
    fputs("<img alt='", f);
    page_text(f, alt);
    fprintf(f, "' src='data:%s;base64,%s'>", kind, (char *)text);
    base_free(text);
    return GUISE_OK;
}

void page_cell(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '|') fputc('\\', f);
        fputc(*text == '\n' ? ' ' : *text, f);
    }
}
