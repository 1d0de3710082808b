/* Five kinds of rules, turn about: a path with an argument, a query, a header, a cookie, a body. */
#include "synthetic.h"

#include <stdio.h>

#include "stopgap/banned.h"

enum { N_KINDS = 5 };

/* Templates; a backtick stands for the number of the rule. */
static const struct kind {
    const char *when;
    const char *attack;   /* a sample that the rule blocks */
    const char *harmless; /* samples that it lets pass */
} kinds[N_KINDS] = {
    {"  all:\n"
     "    - {field: path, regex: '^/owa/[^/]{1,64}/gadget`\\.aspx$'}\n"
     "    - {field: arg, name: cmd`, regex: '^(?:exec|shell)[a-z]{0,16}='}\n",
     "    - {target: '/owa/x/gadget`.aspx?cmd`=execute%3D1'}\n",
     "    - {target: '/owa/x/gadget`.aspx?cmd=execute%3D1'}\n"
     "    - {target: '/owa/gadget`.aspx?cmd`=execute%3D1'}\n"},
    {"  any:\n"
     "    - {field: query, regex: 'probe`=[^&]{0,32}shell'}\n"
     "    - {field: path, contains: '/drop`/'}\n",
     "    - {target: '/ecp/default.aspx?probe`=powershell'}\n",
     "    - {target: '/ecp/default.aspx?probe`=0'}\n"
     "    - {target: '/ecp/drop`'}\n"},
    {"  all:\n"
     "    - {field: header, name: User-Agent, regex: '^scanner`/\\d{1,9}'}\n"
     "    - none:\n"
     "        - {field: vdir, equals: ews}\n",
     "    - {target: /owa/, headers: ['User-Agent: Scanner`/7']}\n",
     "    - {target: /ews/exchange.asmx, headers: ['User-Agent: Scanner`/7']}\n"
     "    - {target: /owa/, headers: ['User-Agent: Scanner`']}\n"},
    {"  all:\n"
     "    - {field: vdir, one_of: [ecp, owa]}\n"
     "    - {field: cookie, name: Session`, not_regex: '^[a-z0-9.-]{1,255}~[0-9]{1,10}$'}\n",
     "    - {target: /ecp/y.js, headers: ['Cookie: Session`=a]@b#~1']}\n",
     "    - {target: /ecp/y.js, headers: ['Cookie: Session`=mail01~1942062522']}\n"
     "    - {target: /ews/y.js, headers: ['Cookie: Session`=a]@b#~1']}\n"},
    {"  all:\n"
     "    - {field: path, starts_with: /ews/exchange.asmx}\n"
     "    - {field: xml_element, equals: Import`}\n",
     "    - {target: /ews/exchange.asmx, headers: ['Content-Type: text/xml'], body: "
     "'<Import`/>'}\n",
     "    - {target: /ews/exchange.asmx, headers: ['Content-Type: text/xml'], body: '<Export`/>'}\n"
     "    - {target: /owa/, headers: ['Content-Type: text/xml'], body: '<Import`/>'}\n"},
};

static bool fill(struct buf *text, const char *template, unsigned number)
{
    bool fits = true;
    for (; *template != '\0' && fits; template ++)
        fits = *template == '`' ? buf_printf(text, "%04x", number)
                                : buf_append(text, slice_make(template, 1));
    return fits;
}

bool synthetic_rule(struct buf *text, unsigned number)
{
    const struct kind *kind = &kinds[number % N_KINDS];
    return buf_printf(text,
                      "id: BENCH-%05u\ntitle: synthetic rule %u\nseverity: low\n"
                      "references: ['https://example.com/bench/%u']\nside_effects: none\n"
                      "mode: block\naction: {type: block, status: 403}\nwhen:\n",
                      number, number, number) &&
           fill(text, kind->when, number) && fill(text, "samples:\n  must_block:\n", number) &&
           fill(text, kind->attack, number) && fill(text, "  must_pass:\n", number) &&
           fill(text, kind->harmless, number);
}
