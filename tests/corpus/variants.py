#!/usr/bin/env python3
"""Spell the known techniques in ways that a server would still take: attacks that must be stopped.

  tests/corpus/variants.py > variants.jsonl
  build/dev/tests/corpus-judge < variants.jsonl

Written after what IIS and ASP.NET accept, without a look at the rules: a technique is a list of base
requests, a spelling is a change that the server undoes. Every base goes through every spelling that fits
it. Where an attack would carry a command or a token stands MARKER. The output is the same each time.
The key "works" says "yes", or "unsure" where no public source tells what a server makes of it.
"""
import base64
import gzip
import json
import re
import sys
import urllib.parse

HOST = "mail.k.example"
SOAP = ('<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
        ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><soap:Body>%s</soap:Body></soap:Envelope>')
DDI = "/ecp/DDI/DDIService.svc/SetObject"


class Request:
    def __init__(self, technique, method, target, headers=(), body=b"", works="yes"):
        self.technique, self.method, self.target = technique, method, target
        self.headers = [tuple(h) for h in headers]
        self.body = body if isinstance(body, bytes) else body.encode()
        self.works = works
        self.note = ""

    def copy(self, note, **changes):
        other = Request(self.technique, self.method, self.target, self.headers, self.body, self.works)
        other.note = note
        for name, value in changes.items():
            setattr(other, name, value)
        return other

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), "")

    def with_header(self, name, value):
        return [h for h in self.headers if h[0].lower() != name.lower()] + [(name, value)]


def percent(text, every=2, upper=True):
    """Escape every n-th letter."""
    out, n = "", 0
    for c in text:
        if c.isalpha():
            n += 1
            if n % every == 0:
                code = "%%%02X" % ord(c)
                out += code if upper else code.lower()
                continue
        out += c
    return out


def unicode_escape(text, every=3):
    out, n = "", 0
    for c in text:
        if c.isalpha():
            n += 1
            if n % every == 0:
                out += "%%u%04x" % ord(c)
                continue
        out += c
    return out


def mixed(text):
    return "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(text))


# ---- spellings of the target

def path_spellings(r):
    if not r.target.startswith("/"):
        return
    path, mark, query = r.target.partition("?")
    query = mark + query
    segments = path.split("/")
    yield r.copy("path-percent", target=percent(path) + query)
    yield r.copy("path-percent-all", target="/" + percent(path[1:], 1, False) + query)
    yield r.copy("path-u-escape", target=unicode_escape(path) + query)
    yield r.copy("path-upper", target=path.upper() + query)
    yield r.copy("path-mixed", target=mixed(path) + query)
    yield r.copy("dot-segment", target="/." + path + query)
    yield r.copy("dot-dot", target="/owa/.." + path + query)
    yield r.copy("dot-dot-percent", target="/owa/%2e%2E" + path + query)
    yield r.copy("dot-dot-backslash", target="/owa/..%5c" + path[1:] + query, works="unsure")
    yield r.copy("inner-dot", target="/".join(segments[:2] + ["."] + segments[2:]) + query)
    yield r.copy("inner-dot-dot", target="/".join(segments[:2] + ["x", ".."] + segments[2:]) + query)
    yield r.copy("slash-percent", target="/" + path[1:].replace("/", "%2f") + query, works="unsure")
    yield r.copy("absolute", target="http://" + HOST + r.target)
    yield r.copy("absolute-upper", target="HTTPS://" + HOST.upper() + ":443" + r.target)
    yield r.copy("absolute-other-host", target="https://other.example:8443" + r.target)
    yield r.copy("cookieless", target="/".join(segments[:2] + ["(S(k0k0k0k0k0k0k0k0k0k0k0k0))"] + segments[2:]) + query,
                 works="unsure")


def query_spellings(r):
    if "?" not in r.target:
        yield r.copy("query-null", target=r.target + "?")
        yield r.copy("query-decoy", target=r.target + "?a=1&b=%40&c")
        return
    path, _, query = r.target.partition("?")
    pairs = query.split("&")
    named = [p for p in pairs if "=" in p and "@" not in p.split("=")[0]]
    if len(named) != len(pairs):
        return  # the text at the front counts, nothing may be moved
    names = ["%s=%s" % (percent(p.split("=", 1)[0], 2), p.split("=", 1)[1]) for p in pairs]
    yield r.copy("arg-name-percent", target=path + "?" + "&".join(names))
    yield r.copy("arg-name-u", target=path + "?" + "&".join(
        "%s=%s" % (unicode_escape(p.split("=", 1)[0], 2), p.split("=", 1)[1]) for p in pairs))
    yield r.copy("arg-name-case", target=path + "?" + "&".join(
        "%s=%s" % (mixed(p.split("=", 1)[0]), p.split("=", 1)[1]) for p in pairs))
    yield r.copy("arg-reversed", target=path + "?" + "&".join(reversed(pairs)))
    yield r.copy("arg-empty-pairs", target=path + "?&&" + query + "&&")
    yield r.copy("arg-decoy", target=path + "?layout=x&n=%26&" + query + "&z=1")


def verb_spellings(r, verbs):
    for verb in verbs:
        if verb != r.method:
            yield r.copy("verb-" + verb, method=verb)


# ---- spellings of cookies

def cookie_spellings(r):
    cookie = r.header("Cookie")
    if not cookie:
        return
    parts = cookie.split("; ")
    split_names = [p.partition("=") for p in parts]
    yield r.copy("cookie-name-case", headers=r.with_header("Cookie", "; ".join(mixed(n) + s + v for n, s, v in split_names)))
    yield r.copy("cookie-field-case", headers=[h for h in r.headers if h[0] != "Cookie"] + [("cOOKIE", cookie)])
    yield r.copy("cookie-no-blank", headers=r.with_header("Cookie", "a=b;" + ";".join(parts) + ";c=d"))
    yield r.copy("cookie-tab", headers=r.with_header("Cookie", "a=b;\t" + ";\t".join(parts)))
    yield r.copy("cookie-blanks", headers=r.with_header("Cookie", "a=b;    " + "  ;   ".join(parts) + "   "))
    yield r.copy("cookie-two-fields", headers=r.headers + [("Cookie", "ClientId=1")])
    yield r.copy("cookie-field-each", headers=[h for h in r.headers if h[0] != "Cookie"] + [("Cookie", p) for p in parts])
    yield r.copy("cookie-behind-decoys", headers=r.with_header("Cookie", "; ".join("c%d=%s" % (i, "v" * 60) for i in range(40)) + "; " + cookie))
    yield r.copy("cookie-padded", headers=r.with_header("Cookie", "pad=" + "A" * 6000 + "; " + cookie))
    yield r.copy("cookie-empty-parts", headers=r.with_header("Cookie", ";;; ;" + cookie + ";;"))
    yield r.copy("cookie-valueless", headers=r.with_header("Cookie", "flag; " + cookie))
    yield r.copy("cookie-twice-good-second", headers=r.with_header("Cookie", cookie + "; " + "; ".join(
        n + s + "mail01.k.example~1942062522" for n, s, v in split_names if n.lower().startswith("x-"))))
    yield r.copy("cookie-version", headers=r.with_header("Cookie", "$Version=1; " + cookie + "; $Path=/"))


# ---- spellings of bodies

def xml_spellings(r):
    body = r.body.decode()
    yield r.copy("xml-prefix", body=body.replace("<m:", "<zz:").replace("</m:", "</zz:").replace("xmlns:m=", "xmlns:zz=").encode())
    yield r.copy("xml-default-ns", body=re.sub(r"<(/?)m:", r"<\1", body).replace("xmlns:m=", "xmlns=").encode())
    yield r.copy("xml-blank", body=body.replace(">", "\r\n\t >").replace('?\r\n\t >', "?>").encode())
    yield r.copy("xml-comment", body=re.sub(r"(<m:\w+[^/>]*>)", r"\1<!-- k -->", body).encode())
    yield r.copy("xml-no-declaration", body=re.sub(r"<\?xml.*?\?>", "", body).encode())
    yield r.copy("xml-leading-blank", body=("\r\n  " + re.sub(r"<\?xml.*?\?>", "", body)).encode())
    yield r.copy("xml-bom", body=b"\xef\xbb\xbf" + r.body)
    yield r.copy("xml-utf16-le", body=b"\xff\xfe" + body.replace("utf-8", "utf-16").encode("utf-16-le"),
                 headers=r.with_header("Content-Type", "text/xml; charset=utf-16"), works="unsure")
    yield r.copy("xml-utf16-be", body=b"\xfe\xff" + body.replace("utf-8", "utf-16").encode("utf-16-be"),
                 headers=r.with_header("Content-Type", "text/xml; charset=utf-16BE"), works="unsure")
    yield r.copy("xml-padded", body=body.replace("<soap:Body>", "<soap:Header><!--" + "A" * 20000 + "--></soap:Header><soap:Body>").encode())
    yield r.copy("xml-soap12", headers=r.with_header("Content-Type", "application/soap+xml; charset=utf-8"))
    yield r.copy("xml-single-quotes", body=body.replace('"', "'").encode())
    yield r.copy("xml-gzip", body=gzip.compress(r.body, mtime=0), headers=r.headers + [("Content-Encoding", "gzip")], works="unsure")
    value = re.search(r'(?:Name=")([^"]+)"|ManifestUrl>([^<]+)<', body)
    if value:
        text = value.group(1) or value.group(2)
        yield r.copy("xml-charref", body=body.replace(text, "".join("&#%d;" % ord(c) for c in text)).encode())
        yield r.copy("xml-charref-hex", body=body.replace(text, "".join("&#x%X;" % ord(c) if i % 3 == 0 else c for i, c in enumerate(text))).encode())
        if value.group(2):
            yield r.copy("xml-cdata", body=body.replace(text, "<![CDATA[" + text[:5] + "]]>" + text[5:]).encode())
            yield r.copy("xml-cdata-twice", body=body.replace(text, "<![CDATA[" + text[:9] + "]]><![CDATA[" + text[9:] + "]]>").encode())
            yield r.copy("xml-comment-inside", body=body.replace(text, text[:9] + "<!--x-->" + text[9:]).encode())
            yield r.copy("xml-text-blank", body=body.replace(text, "\r\n   " + text + "\r\n ").encode())
            yield r.copy("xml-scheme-case", body=body.replace(text, text.replace("http", "hTTp")).encode())
        else:
            yield r.copy("xml-attr-blank", body=body.replace('Name="', 'Name \n=\t "').encode())


def json_spellings(r):
    body = r.body.decode()
    escape = lambda t, every: "".join("\\u%04x" % ord(c) if c.isalnum() and i % every == 0 else c for i, c in enumerate(t))
    keys = re.findall(r'"(FilePathName|ExternalUrl|InternalUrl|ManifestUrl|Name)"', body)
    for key in keys[:1]:
        yield r.copy("json-key-escape", body=body.replace('"%s"' % key, '"%s"' % escape(key, 2)).encode())
        yield r.copy("json-key-blank", body=body.replace('"%s":' % key, '"%s" \r\n\t:  ' % key).encode())
        value = re.search('"%s":("(?:[^"\\\\]|\\\\.)*")' % key, body).group(1)
        plain = json.loads(value)
        yield r.copy("json-value-escape", body=body.replace(value, '"' + "".join("\\u%04X" % ord(c) for c in plain) + '"').encode())
        yield r.copy("json-slash-escape", body=body.replace(value, value.replace("/", "\\/")).encode())
        yield r.copy("json-duplicate-key", body=body.replace('"%s":' % key, '"%s":"x.txt","%s":' % (key, key)).encode())
        yield r.copy("json-duplicate-behind", body=body.replace(value, value + ',"%s":"x.txt"' % key).encode(), works="unsure")
        yield r.copy("json-value-blank", body=body.replace(value, value[:-1] + '  "').encode(), works="unsure")
    yield r.copy("json-whitespace", body=("\r\n\t " + body.replace(",", " ,\r\n ").replace("{", "{ ")).encode())
    yield r.copy("json-utf16", body=body.encode("utf-16-le"), headers=r.with_header("Content-Type", "application/json; charset=utf-16"), works="unsure")
    yield r.copy("json-utf8-bom", body=b"\xef\xbb\xbf" + r.body, works="unsure")
    yield r.copy("json-other-type", headers=r.with_header("Content-Type", "text/json"))
    yield r.copy("json-type-case", headers=r.with_header("Content-Type", "APPLICATION/JSON;charset=UTF-8"))
    yield r.copy("json-no-type", headers=[h for h in r.headers if h[0] != "Content-Type"], works="unsure")
    yield r.copy("json-padded", body=body.replace('{"', '{"pad":"' + "A" * 20000 + '","', 1).encode())
    yield r.copy("json-gzip", body=gzip.compress(r.body, mtime=0), headers=r.headers + [("Content-Encoding", "gzip")], works="unsure")


def psrp_spellings(r):
    body = r.body.decode()
    match = re.search(r">([A-Za-z0-9+/=]{40,})<", body)
    text = match.group(1)
    raw = base64.b64decode(text)
    put = lambda b: body.replace(text, b)
    code = lambda b: base64.b64encode(b).decode()
    yield r.copy("b64-phase-1", body=put(code(b"\0" + raw)).encode())
    yield r.copy("b64-phase-2", body=put(code(b"\0\0" + raw)).encode())
    yield r.copy("b64-lines", body=put("\r\n".join(text[i:i + 76] for i in range(0, len(text), 76))).encode())
    yield r.copy("b64-short-lines", body=put("\n".join(text[i:i + 5] for i in range(0, len(text), 5))).encode())
    yield r.copy("b64-blanks", body=put(" ".join(text[i:i + 17] for i in range(0, len(text), 17))).encode())
    yield r.copy("b64-charref", body=put(text[:50] + "".join("&#%d;" % ord(c) for c in text[50:])).encode())
    yield r.copy("b64-cdata", body=put("<![CDATA[" + text[:61] + "]]>" + text[61:]).encode())
    yield r.copy("b64-comment", body=put(text[:101] + "<!-- k -->" + text[101:]).encode())
    yield r.copy("psrp-case", body=put(code(mixed(raw.decode("latin-1")).encode("latin-1"))).encode())
    yield r.copy("psrp-x-escape", body=put(code(raw.replace(b"aspx", b"a_x0073_px").replace(b"TargetType", b"T_x0061_rgetType")
                                                .replace(b"Serial", b"S_x0065_rial"))).encode())
    yield r.copy("psrp-charref", body=put(code(raw.replace(b"aspx", b"as&#112;x").replace(b"TargetType", b"Target&#84;ype")
                                               .replace(b"SerializationData", b"Serialization&#x44;ata"))).encode())
    yield r.copy("psrp-utf16", body=b"\xff\xfe" + body.encode("utf-16-le"),
                 headers=r.with_header("Content-Type", "application/soap+xml;charset=UTF-16"))
    yield r.copy("psrp-other-vdir", target="/PowerShell-LiveID/?serializationLevel=Full", works="unsure")
    yield r.copy("psrp-kerberos", target="/powershell/?PSVersion=5.1&clientApplication=ManagementShell")


# ---- techniques

def autodiscover():
    addresses = ["@k.example", "a@k.example", "a..b%40k.example", "x", "a=poc@k.example", "%40k.example"]
    ends = ["/owa/?", "/powershell/?X=1", "/mapi/nspi", "/ews/exchange.asmx?", "/ecp/default.flt?", "/api/v2.0/?", "/oab/?",
            "/rpc/?", "/PushNotifications/?", "/"]
    page = "/autodiscover/autodiscover.json"
    t = "autodiscover-json-explicit-logon-erase"
    for i, end in enumerate(ends):
        a = addresses[i % len(addresses)]
        yield Request(t, "GET", f"{page}?{a}{end}&Email={page[1:]}%3F{a}")
        yield Request(t, "POST", f"{page}?{a}{end}&e%6dail={page[1:].replace('/', '%2F')}%3f{a}", body="k=1",
                      headers=[("Content-Type", "application/x-www-form-urlencoded")])
    for base in [f"{page}?@x/owa/?", f"{page}?k@x.example/mapi/nspi/?"]:
        erased = base[1:].split("/owa")[0].split("/mapi")[0]
        form = "a=1&Email=" + urllib.parse.quote(erased, safe="")
        yield Request(t, "POST", base, [("Content-Type", "application/x-www-form-urlencoded")], form)
        yield Request(t, "POST", base, [("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")], form.replace("Email", "%45%4dail"))
        yield Request(t, "POST", base, [("Content-Type", "Application/X-WWW-Form-Urlencoded")], form.replace("Email", "EMAIL"))
        yield Request(t, "GET", base, [("Content-Type", "application/x-www-form-urlencoded")], form)
        yield Request(t, "PUT", base, [("Content-Type", "application/x-www-form-urlencoded")], form)
        part = '--k\r\nContent-Disposition: form-data; name=%s\r\n\r\n' + erased + "\r\n--k--\r\n"
        yield Request(t, "POST", base, [("Content-Type", "multipart/form-data; boundary=k")], part % '"Email"')
        yield Request(t, "POST", base, [("Content-Type", "multipart/form-data; boundary=k")], part % "eMail")
        yield Request(t, "POST", base, [("Content-Type", 'multipart/form-data; boundary="k"')], part % '"EMAIL"')
        yield Request(t, "POST", base, [("Cookie", "Email=" + erased)])
        yield Request(t, "GET", base, [("Cookie", "a=b; EMAIL=" + erased)])
        ibm = "".join("%%%02X" % b for b in ("Email=" + erased).encode("cp037")).replace("%7E", "=", 1)
        yield Request(t, "POST", base + "&" + ibm, [("Content-Type", "text/plain; charset=ibm037")], b"x")
        yield Request(t, "POST", base, [("Content-Type", "application/x-www-form-urlencoded; charset=ibm037")], ibm)
        yield Request(t, "GET", base + "&" + ibm, [("Content-Type", "text/plain; charset=ibm037")], works="unsure")
    t = "autodiscover-json-email-in-cookie"
    for i, end in enumerate(ends):
        a = ["poc@k.example", "k@[127.0.0.1]", "é@k.example".encode().decode("latin-1")][i % 3]
        yield Request(t, "GET", f"{page}?a={a}{end}", [("Cookie", f"Email={page[1:]}?a={a}")])
        yield Request(t, "POST", f"/autodiscover/{a}{end.rstrip('?')}/autodiscover.json?x=a", [("Cookie", f"Email=autodiscover/{a}")])
        yield Request(t, "GET", f"/Autodiscover/Autodiscover.JSON?{a}{end}x=.json", [("Cookie", f"Email=Autodiscover/Autodiscover.JSON?{a}")])
    t = "proxynotshell-autodiscover-powershell"
    for a in ["admin@localhost", "a%40b", "k@x.example", "%61@b"]:
        for end in ["powershell", "PowerShell/", "mapi/emsmdb", "ews/exchange.asmx", "owa", "ecp/x.js"]:
            yield Request(t, "POST", f"/autodiscover/{a}/{end}/autodiscover.json?x=a", [("Cookie", f"Email=autodiscover/{a}")])
        yield Request(t, "GET", f"/autodiscover/autodiscover.json/v1.0/{a}/powershell/autodiscover.json?Email=autodiscover/autodiscover.json/v1.0/{a}")
        yield Request(t, "GET", f"/autodiscover/autodiscover.json/v1.0/{a}/owa/?&Email=autodiscover/autodiscover.json/v1.0/{a}&Protocol=Autodiscoverv1&Protocol=Powershell")
        yield Request(t, "GET", f"/autodiscover/autodiscover.json?{a}/powershell&Email=autodiscover/autodiscover.json?{a}&Protocol=XYZ&Protocol=Powershell")
    t = "x-rps-cat-token-in-query"
    for target in ["/powershell/?X-Rps-CAT=MARKER", "/PowerShell?a=1&x%2drps%2dcat=MARKER", "/powershell?x-rps-cat",
                   "/autodiscover/autodiscover.json?@k/powershell/?X-Rps-CAT=MARKER", "/owa/?a=/powershell?X-RPS-CAT=MARKER",
                   "/powershell/?%u0058-Rps-CAT=M", "/powershell;a=b?PSVersion=1;X-Rps-CAT=M", "/powershell/?a=b&&X-Rps-CAT=MARKER&c"]:
        yield Request(t, "POST", target)
    yield Request(t, "POST", "/powershell/", [("Content-Type", "application/x-www-form-urlencoded")], "X-Rps-CAT=MARKER", "unsure")


def owassrf():
    t = "owassrf-explicitlogon-header"
    for value in ["owa/a@k.example", "/owa/a@k.example", "owa%2fa@k.example", "OWA/a@k.example", "owa\\a@k.example",
                  "owa%2Fa%40k.example", "ecp/a@k.example", "a@k.example/", "owa/", "owa%5ca@k.example", "owa%252fa@k.example"]:
        yield Request(t, "POST", "/owa/a%40k.example/powershell", [("X-OWA-ExplicitLogonUser", value)])
        yield Request(t, "GET", "/owa/", [("x-owa-explicitlogonuser", "b@k.example"), ("X-OWA-EXPLICITLOGONUSER", value)])
    for a in ["a@k.example", "a%40k.example", "a%u0040k.example", "b@localhost"]:
        for end in ["powershell", "PowerShell/?x=1", "mapi/emsmdb", "ews/exchange.asmx", "autodiscover/autodiscover.xml", "oab/x.xml", "rpc/rpcproxy.dll"]:
            yield Request(t, "POST", f"/owa/{a}/{end}")
            yield Request(t, "POST", f"/owa/{a}/./{end}")
    for start in ["/ecp", "/ews", "/owa/calendar", "/api"]:
        yield Request(t, "POST", f"{start}/a@k.example/powershell?X-OWA-ExplicitLogonUser=owa/a@k.example", [("X-OWA-ExplicitLogonUser", "owa/a@k.example")])


def cookies():
    values = ["localhost~1942062522", "k.example/x?~1", "k.example?~1942062522", "k.example#~1942062522", "a]@k.example:444/ecp/x#~1",
              "[:[@k.example:444/mapi?a=~1942062999", "Admin@k.example:444/ecp/proxyLogon.ecp?a=~1942062522", "k.example:443~1942062522",
              "k.example\\x?~1942062522", "169.254.169.254/x?~3", "[::1]/x?~3", "k.example/~~1", "2130706433/x?~1", "k.example/%2e%2e/x?a=~194",
              "user:p@k.example/?~1", "k.example/ ~1", "k.example/x?a=1&b=2~1942062522", "//k.example/?~3", "k。example/x?~1".encode().decode("latin-1"),
              "exch01/autodiscover/autodiscover.xml?a=~1942062522", "exch01;x~1", "k.example/x?~-1", "k.example/x?~+1942062522", "k.example/x?~ 1942062522"]
    files = ["/ecp/y.js", "/ecp/default.flt", "/owa/auth/x.js", "/ecp/a/b/c.css", "/ecp/x.png", "/owa/prem/x.gif", "/ecp/k.axd", "/ecp/x.js/y",
             "/ecp/poc.woff", "/ecp/", "/owa/", "/ews/exchange.asmx", "/owa/ev.owa2", "/rpc/rpcproxy.dll"]
    for i, value in enumerate(values):
        yield Request("x-beresource-cookie-ssrf", ["GET", "POST", "PUT"][i % 3], files[i % len(files)], [("Cookie", "X-BEResource=" + value)])
        yield Request("x-anonresource-backend-cookie-ssrf", ["GET", "POST", "HEAD"][i % 3], files[(i + 3) % len(files)].replace("/ecp", "/owa/auth"),
                      [("Cookie", "X-AnonResource=true; X-AnonResource-Backend=" + value)])
    for flag in ["TRUE", "True", " true"]:
        yield Request("x-anonresource-backend-cookie-ssrf", "GET", "/owa/auth/x.js", [("Cookie", "X-AnonResource-Backend=k.example/x?~3; X-AnonResource=" + flag)])
    for target in ["/ecp/a@k.example/RulesEditor/InboxRules.svc/NewObject", "/ecp/", "/ecp/a%40k.example/PersonalSettings/HomePage.aspx",
                   "/ecp/default.aspx", "/ecp/x.svc?SecurityToken=y", "/ecp/MasterAccount/EditAccount.aspx"]:
        for method in ["GET", "POST", "PUT"]:
            yield Request("ecp-securitytoken-cookie", method, target, [("Cookie", "SecurityToken=" + ["x", "MARKER==", "%20", " y z"][len(target) % 4])])


def control_panel():
    schemas = ["ResetOABVirtualDirectory", "ResetECPVirtualDirectory", "ResetOWAVirtualDirectory", "ResetEWSVirtualDirectory", "ResetActiveSyncVirtualDirectory"]
    paths = [r"\\127.0.0.1\c$\inetpub\wwwroot\aspnet_client\k.aspx", r"C:\Program Files\Microsoft\Exchange Server\V15\FrontEnd\HttpProxy\owa\auth\k.ASPX",
             "//localhost/c$/inetpub/wwwroot/x.ashx", r"\\k\s\x.aspx.", r"\\k\s\x.aspx ", r"c:\x.txt:y.aspx", r"\\k\s\x.asmx", r"\\k\s\web.config",
             r"c:\inetpub\wwwroot\aspnet_client\x.txt\..\k.aspx", r"\\?\c:\x\k.asp", r"\\k\s\x.cshtml", r"\\k\s\x.aspx::$DATA", r"c:\inetpub\wwwroot\k.html"]
    body = lambda key, value: json.dumps({"identity": {"__type": "Identity:ECP", "DisplayName": "OAB", "RawIdentity": "fed4d9dc-9f5e-47c5-a5e4-db495f7bf502"},
                                          "properties": {"Parameters": {"__type": "JsonDictionaryOfanyType:#Microsoft.Exchange.Management.ControlPanel", key: value}}}, separators=(",", ":"))
    json_type = [("Content-Type", "application/json; charset=utf-8")]
    for i, path in enumerate(paths):
        yield Request("ecp-reset-vdir-file-write", "POST", f"{DDI}?schema={schemas[i % 5]}&msExchEcpCanary=MARKER", json_type, body("FilePathName", path))
    scripts = ['http://o/#<script language="JScript" runat="server">MARKER</script>', "http://o/?<%MARKER%>", "http://o/#<% @ Page %>",
               "https://o/<SCRIPT  runat = server>", "http://o/#<\tscript>", "http://f/<object runat=server>", "http://o/%3cscript%20runat=server%3e", "javascript:MARKER"]
    for i, script in enumerate(scripts):
        schema = ["OABVirtualDirectory", "ECPVirtualDirectory", "EWSVirtualDirectory", "OWAVirtualDirectory", "ActiveSyncVirtualDirectory", "PowerShellVirtualDirectory"][i % 6]
        key = ["ExternalUrl", "InternalUrl"][i % 2]
        yield Request("ecp-vdir-externalurl-script", "POST", f"{DDI}?schema={schema}&msExchEcpCanary=MARKER", json_type, body(key, script),
                      works="unsure" if script[0] == "j" or "%3c" in script else "yes")
    xml = ('<root type="object"><properties type="object"><Parameters type="object"><%s type="string">%s</%s></Parameters></properties></root>')
    yield Request("ecp-reset-vdir-file-write", "POST", f"{DDI}?schema={schemas[0]}", [("Content-Type", "application/xml")], xml % ("FilePathName", paths[0], "FilePathName"), "unsure")
    template = ('--k\r\nContent-Disposition: form-data; name="ctl00$p$name"\r\n\r\n%s\r\n--k\r\nContent-Disposition: form-data; name="ctl00$p$upld"; '
                'filename="%s"\r\nContent-Type: application/octet-stream\r\n\r\n%s\r\n--k--\r\n')
    policy = ('<?xml version="1.0"?><dlpPolicyTemplates><dlpPolicyTemplate id="F7C29AEC" mode="Audit" state="Enabled" version="15.0"><policyCommands>'
              '<commandBlock>%s</commandBlock></policyCommands></dlpPolicyTemplate></dlpPolicyTemplates>')
    commands = ["<![CDATA[$i=New-object System.Diagnostics.ProcessStartInfo;MARKER]]>", "&amp; 'MARKER'", "iex MARKER", "New-TransportRule -Name $(MARKER)",
                "&#36;i=1; [System.Diagnostics.Process]::Start('MARKER')", "Invoke-Expression MARKER", "new-transportrule -name x; Start-Process MARKER",
                " \n . 'MARKER'", "New-TransportRule -DlpPolicy x | % { MARKER }", "Set-Mailbox MARKER", "&amp; $env:ComSpec MARKER", "New-TransportRule -Name ([io.file]::ReadAllText('MARKER'))",
                "powershell MARKER"]
    for i, command in enumerate(commands):
        yield Request("ecp-dlp-policy-template-upload", "POST", "/ecp/DLPPolicy/ManagePolicyFromISV.aspx", [("Content-Type", "multipart/form-data; boundary=k")],
                      template % ("k", "k.xml", policy % command))
    yield Request("ecp-dlp-policy-template-upload", "POST", "/ecp/a@k.example/dlppolicy/managepolicyfromisv.aspx", [("Content-Type", "multipart/form-data; boundary=k")],
                  (template % ("k", "k.xml", policy % commands[0])).encode().replace(b"<?xml", b"\xef\xbb\xbf<?xml"))
    for target in ["/ecp/default.aspx?__VIEWSTATEGENERATOR=B97B4E27&__VIEWSTATE=MARKER", "/owa/auth/logon.aspx?__VIEWSTATE=MARKER", "/ecp/x/default.aspx?a=b&__VIEWSTATE=MARKER",
                   "/ecp/default.aspx?__VIEWSTATEFIELDCOUNT=2&__VIEWSTATE=MAR&__VIEWSTATE1=KER", "/ecp/default.aspx?__VIEWSTATEENCRYPTED=&__VIEWSTATE=MARKER"]:
        for method in ["GET", "HEAD", "PUT", "DEBUG", "OPTIONS"]:
            yield Request("viewstate-in-get-query", method, target)
    yield Request("viewstate-in-get-query", "GET", "/ecp/default.aspx", [("Content-Type", "application/x-www-form-urlencoded")], "__VIEWSTATE=MARKER", "unsure")
    for target in ["/ecp/proxyLogon.ecp", "/ecp/x/proxylogon.ecp", "/ECP/PROXYLOGON.ECP?x=1", "/owa/proxylogon.owa", "/owa/a@k.example/proxyLogon.owa", "/ecp/proxylogon.ecp/"]:
        yield Request("proxylogon-ecp-direct", "POST", target, works="unsure" if target.endswith("/") else "yes")
    for name in ["X-CommonAccessToken", "X-IsFromCafe", "X-SourceCafeServer", "msExchProxyUri", "X-MSExchangeActivityCtx", "msExchLogonAccount", "msExchLogonMailbox",
                 "msExchTargetMailbox", "X-RpcHttpProxyServerTarget"]:
        yield Request("backend-only-request-headers", "POST", ["/powershell", "/ecp/", "/mapi/emsmdb", "/ews/exchange.asmx"][len(name) % 4], [(mixed(name), "MARKER")], works="unsure")


def ews():
    t = "ews-installapp-manifesturl-ssrf"
    type_ = [("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", '"http://schemas.microsoft.com/exchange/services/2006/messages/InstallApp"')]
    for url in ["http://127.0.0.1/x", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://127.1/",
                "http://localhost:8080/", "http://10.0.0.1", "https://192.168.1.1:8443/a", "http://169.254.169.254/latest/", "http://exch01/x", "http://exch01:81/x",
                "http://user@10.1.1.1/", "http://k.example@127.0.0.1/", "http://172.16.0.9/x", "http://LOCALHOST./", "http://127.0.0.1.nip.example/", "http://dc01.corp.local/",
                "http:\\\\10.0.0.1\\x", "http:///10.0.0.1/", "file://10.0.0.1/x", "ftp://10.0.0.1/", r"\\10.0.0.1\s\x.xml", "http://１２７.0.0.1/", "http://0/", "http://[fe80::1%25eth0]/"]:
        yield Request(t, "POST", "/EWS/Exchange.asmx", type_, SOAP % f"<m:InstallApp><m:ManifestUrl>{url.replace('&', '&amp;')}</m:ManifestUrl></m:InstallApp>",
                      "unsure" if "nip" in url or "local/" in url or "http:\\" in url or "///" in url else "yes")
    yield Request(t, "POST", "/owa/service.svc?action=InstallApp", [("Content-Type", "application/json"), ("Action", "InstallApp")],
                  '{"__type":"InstallAppRequest:#Exchange","Body":{"ManifestUrl":"http://10.0.0.1/x"}}', "unsure")
    t = "ews-userconfiguration-binarydata"
    for op in ["CreateUserConfiguration", "UpdateUserConfiguration"]:
        for name in ["ExtensionMasterTable", "MRM.AutoTag.Model", "extensionmastertable"]:
            yield Request(t, "POST", "/ews/exchange.asmx", type_[:1], SOAP % (
                f'<m:{op}><m:UserConfiguration><t:UserConfigurationName Name="{name}"><t:DistinguishedFolderId Id="inbox"/></t:UserConfigurationName>'
                f"<t:BinaryData>MARKER</t:BinaryData></m:UserConfiguration></m:{op}>"), works="unsure" if name[0] == "e" else "yes")
    yield Request(t, "POST", "/owa/service.svc?action=UpdateUserConfiguration", [("Content-Type", "application/json"), ("Action", "UpdateUserConfiguration")],
                  '{"Body":{"UserConfiguration":{"UserConfigurationName":{"Name":"ExtensionMasterTable"},"BinaryData":"MARKER"}}}', "unsure")
    yield Request(t, "GET", "/owa/service.svc?action=UpdateUserConfiguration", [("X-OWA-UrlPostData", urllib.parse.quote(
        '{"Body":{"UserConfiguration":{"UserConfigurationName":{"Name":"ExtensionMasterTable"},"BinaryData":"MARKER"}}}'))], works="unsure")
    yield Request("ews-extensionmastertable-delete", "POST", "/ews/exchange.asmx", type_[:1], SOAP %
                  '<m:DeleteUserConfiguration><m:UserConfigurationName Name="ExtensionMasterTable"><t:DistinguishedFolderId Id="inbox"/></m:UserConfigurationName></m:DeleteUserConfiguration>')


def frowny():
    for value in ["}}};MARKER(document.domain)//", "%7d%7D%7d%3bMARKER()", "%u007d}};alert(MARKER)", "x};eval(MARKER);{", "<script>MARKER</script>", "%3Cimg+src=x+onerror=MARKER%3E",
                  "`${MARKER}`", "';alert(MARKER);'", "x%0a}MARKER", "javascript:MARKER()", "\\x7d;MARKER"]:
        for app in ["app=people&et=ServerError&esrc=MasterPage&te=\\&refurl=", "refurl=", "te=\\&APP=people&RefUrl="]:
            yield Request("frowny-reflected-script", "GET", "/owa/auth/frowny.aspx?" + app + value, works="unsure" if value[0] in "'xj\\" else "yes")
    yield Request("frowny-reflected-script", "POST", "/owa/auth/frowny.aspx?app=people", [("Content-Type", "application/x-www-form-urlencoded")], "te=\\&refurl=}}};MARKER()//", "unsure")
    for url in ["https://evil.example/", "https%3a%2f%2fevil.example%2f", "//evil.example/", "http:%5c%5cevil.example", "%68ttps://mail.k.example@evil.example/", "https://mail.k.example.evil.example/"]:
        yield Request("owa-external-return-url", "GET", "/owa/auth/logon.aspx?replaceCurrent=1&url=" + url, works="unsure")


def shells():
    t = "webshell-path-aspnet_client"
    for name in ["k.aspx", "system_web/k.aspx", "k.ashx", "a/b/k.asmx", "k.asp", "k.cshtml", "k.soap", "k.svc", "k.aspx/info", "k.aspx/a/b.js", "K.ASPX", "k.js.aspx", "k%2easpx", "k.%61spx", "discover.aspx", "k.aspx%20",
                 "k.master", "k.ascx", "k.config", "k.rem", "k.vbhtml", "k.axd", "k.php", "k.asa", "k.cer", "k.xamlx"]:
        yield Request(t, ["GET", "POST"][len(name) % 2], "/aspnet_client/" + name, works="unsure" if name.split(".")[-1] in ("master", "ascx", "config", "rem", "vbhtml", "axd", "php", "asa", "cer", "xamlx", "aspx%20") else "yes")
    t = "webshell-path-owa-auth"
    for name in ["k.aspx", "Current/k.aspx", "Current/themes/resources/k.aspx", "15.1.2242/themes/resources/logon.aspx", "errorFE1.aspx", "RedirSuiteServerProxy.aspx", "logon2.aspx", "logonx.aspx", "x/logon.aspx", "k.ashx",
                 "k.asmx", "OutlookEN.aspx", "8Lw7tAhF9i1pJnRo.aspx", "logon.aspx.aspx", "logon.aspx/../k.aspx", "k.aspx/logon.aspx", "k.svc", "signout.ashx", "logoff.asmx", "errorEE.aspx", "TimeoutLogout.aspx", "k.aspx.", "logon.asp"]:
        yield Request(t, ["GET", "POST"][len(name) % 2], "/owa/auth/" + name, works="unsure" if name == "k.aspx." else "yes")
    for target in ["/ecp/auth/k.aspx", "/owa/k.aspx", "/ecp/k.aspx", "/autodiscover/k.aspx", "/ews/k.aspx", "/oab/k.aspx", "/k.aspx", "/rpc/k.aspx", "/mapi/k.aspx", "/ews/k.ashx", "/owa/prem/15.1/k.aspx", "/Microsoft-Server-ActiveSync/k.aspx", "/powershell/k.aspx"]:
        yield Request("webshell-path-other", "POST", target, [("Content-Type", "application/x-www-form-urlencoded")], "c=MARKER", "unsure")
    for target in ["/owa/auth/logon.aspx?cmd=whoami", "/owa/auth/logon.aspx?exec_code=Response.Write", "/aspnet_client/x.aspx?c=cmd.exe+/c+dir", "/owa/auth/k.aspx?pass=powershell"]:
        yield Request("webshell-command-parameter", "GET", target)
    t = "static-resource-post"
    for target in ["/owa/auth/Current/themes/resources/logon.css", "/ecp/default.flt", "/ecp/main.css", "/ecp/x.js", "/owa/auth/x.js", "/ecp/a.png", "/owa/auth/a.woff", "/ecp/k.svg", "/ecp/x.skin", "/ecp/k.axd", "/owa/auth/logon.ico",
                   "/ecp/x.js?a=b", "/ecp/a/b/c.ttf", "/ecp/x.eot", "/owa/auth/15.1.1/x.gif", "/ecp/x.js/", "/ecp/x.jpg;y"]:
        for method in ["POST", "PUT", "DELETE", "PATCH", "K"]:
            yield Request(t, method, target, body="MARKER", works="unsure" if target[-1] in "/y" else "yes")


def psrp():
    arg = lambda name, value: ('<Obj RefId="1"><MS><S N="N">-%s</S><S N="V">%s</S></MS></Obj>' % (name, value))
    command = lambda cmdlet, args: ('<Obj RefId="0"><MS><Obj N="PowerShell"><MS><Obj N="Cmds"><LST><Obj><MS><S N="Cmd">%s</S><Obj N="Args"><LST>%s</LST></Obj></MS></Obj></LST></Obj></MS></Obj></MS></Obj>' % (cmdlet, args))
    envelope = ('<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Body><rsp:CommandLine><rsp:Command>%s</rsp:Command>'
                "<rsp:Arguments>%s</rsp:Arguments></rsp:CommandLine></s:Body></s:Envelope>")
    head = bytes(20) + b"\x03" + bytes([0, 0, 1, 0, 2, 0x10, 2, 0]) + bytes(35)
    rows = [("psrp-mailbox-export-to-webroot", "New-MailboxExportRequest", arg("Mailbox", "k") + arg("FilePath", r"\\127.0.0.1\c$\inetpub\wwwroot\aspnet_client\k.aspx")),
            ("psrp-mailbox-export-to-webroot", "New-MailboxExportRequest", arg("FilePath", r"\\localhost\c$\k.ashx")),
            ("psrp-mailbox-export-to-webroot", "New-ExchangeCertificate", arg("GenerateRequest", "") + arg("RequestFile", r"\\127.0.0.1\c$\inetpub\k.aspx")),
            ("psrp-cmdlet-file-write", "Set-OabVirtualDirectory", arg("ExternalUrl", "http://o/#&lt;script runat=&quot;server&quot;&gt;MARKER")),
            ("psrp-cmdlet-file-write", "Export-ExchangeCertificate", arg("FileName", r"c:\inetpub\wwwroot\k.asmx")),
            ("psrp-cmdlet-file-write", "New-DlpPolicy", arg("TemplateData", "MARKER") + arg("FileName", r"c:\x\k.aspx")),
            ("psrp-targettype-deserialization", "Get-Mailbox", '<Obj N="V"><Props><S N="TargetTypeForDeserialization">System.Windows.Markup.XamlReader</S></Props></Obj>'),
            ("psrp-targettype-deserialization", "Get-Mailbox", '<Obj N="V"><MS><BA N="SerializationData">TUFSS0VS</BA></MS></Obj>')]
    for technique, cmdlet, args in rows:
        text = base64.b64encode(head + command(cmdlet, args).encode()).decode()
        yield Request(technique, "POST", "/powershell?PSVersion=5.1.17763.592", [("Content-Type", "application/soap+xml;charset=UTF-8")], envelope % (cmdlet, text))


def others():
    """Shapes of public CVEs beside the techniques, and rows of the table of mitigations."""
    for body in ["%3Cscript%3EMARKER%3B+a%3D%22%3C%2Fscript%3E&x=1", "a=%3Csvg+onload%3DMARKER%3E", "<script>MARKER</script>=1"]:
        yield Request("autodiscover-reflected-script", "POST", "/autodiscover/autodiscover.json", [("Content-Type", "application/x-www-form-urlencoded")], body)
    yield Request("autodiscover-reflected-script", "POST", "/autodiscover/autodiscover.json?a=%3Cscript%3E", [("Content-Type", "application/x-www-form-urlencoded")], "x=1", "unsure")
    for target in ["/owa/calendar/a", "/owa/Calendar/a?x=1", "/owa/calendar/%61"]:
        yield Request("owa-calendar-post", "POST", target, body="MARKER")
    xxe = '<?xml version="1.0"?><!DOCTYPE k [<!ENTITY x SYSTEM "http://k.example/MARKER">]>'
    yield Request("xml-external-entity", "POST", "/ews/exchange.asmx", [("Content-Type", "text/xml")], xxe + (SOAP % "<m:GetFolder>&x;</m:GetFolder>")[38:])
    yield Request("xml-external-entity", "POST", "/autodiscover/autodiscover.xml", [("Content-Type", "text/xml")], xxe + "<Autodiscover><Request><EMailAddress>&x;</EMailAddress></Request></Autodiscover>")
    yield Request("ews-routecomplaint-xxe", "POST", "/ews/exchange.asmx", [("Content-Type", "text/xml")], SOAP % "<m:RouteComplaint><m:Data>TUFSS0VS</m:Data></m:RouteComplaint>", "unsure")
    yield Request("owa-attachment-uri-ssrf", "POST", "/owa/service.svc?action=CreateAttachmentFromUri", [("Content-Type", "application/json"), ("Action", "CreateAttachmentFromUri")],
                  '{"uri":"http://127.0.0.1/x","name":"k","subscriptionId":"x"}', "unsure")
    yield Request("ews-reference-attachment-ssrf", "POST", "/ews/exchange.asmx", [("Content-Type", "text/xml")], SOAP % (
        "<m:CreateAttachment><m:Attachments><t:ReferenceAttachment><t:Name>k</t:Name><t:AttachLongPathName>http://10.0.0.1/k</t:AttachLongPathName>"
        "<t:ProviderEndpointUrl>http://10.0.0.1/</t:ProviderEndpointUrl></t:ReferenceAttachment></m:Attachments></m:CreateAttachment>"), "unsure")
    yield Request("ews-userconfiguration-binarydata", "POST", "/ews/exchange.asmx", [("Content-Type", "text/xml")], SOAP % (
        '<m:CreateItem><m:Items><t:Message><t:ItemClass>IPM.Configuration.ExtensionMasterTable</t:ItemClass><t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="0x7C09" PropertyType="Binary"/>'
        "<t:Value>MARKER</t:Value></t:ExtendedProperty></t:Message></m:Items></m:CreateItem>"), "unsure")
    for path in ["/aspnet_client/k.js", "/aspnet_client/system_web/", "/aspnet_client/"]:
        yield Request("aspnet-client-post", "POST", path, body="MARKER", works="unsure")


def spell(r):
    yield r
    yield from path_spellings(r)
    yield from query_spellings(r)
    yield from cookie_spellings(r)
    if r.body.startswith(b"<?xml") and b"soap:Envelope" in r.body:
        yield from xml_spellings(r)
    if r.body.startswith(b"{"):
        yield from json_spellings(r)
    if r.technique.startswith("psrp-"):
        yield from psrp_spellings(r)
    if r.technique in ("autodiscover-json-explicit-logon-erase", "autodiscover-json-email-in-cookie", "x-beresource-cookie-ssrf",
                       "x-anonresource-backend-cookie-ssrf", "proxynotshell-autodiscover-powershell", "owassrf-explicitlogon-header"):
        yield from verb_spellings(r, ["GET", "POST", "HEAD", "PUT", "PROPFIND", "K"])


def main():
    n, seen = 0, set()
    for group in (autodiscover, owassrf, cookies, control_panel, ews, frowny, shells, psrp, others):
        for base in group():
            for r in spell(base):
                headers = [("Host", HOST), *r.headers]
                key = (r.method, r.target, tuple(headers), r.body)
                if key in seen:
                    continue
                seen.add(key)
                n += 1
                row = {"id": f"{r.technique}/{r.note or 'base'}/{n}", "technique": r.technique, "works": r.works, "method": r.method,
                       "target": r.target, "headers": headers, "body_b64": base64.b64encode(r.body).decode()}
                sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
