"""What is asked: raw requests in which each '#' becomes a random hex digit, as load-generator reads them."""

GET = """GET {path}?action=GetItem&EP=1&ID=-########&AC=1&token=################################ HTTP/1.1
Host: mail.example.com
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.#### Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Accept-Encoding: gzip, deflate, br
Accept-Language: en-US,en;q=0.9,de;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
X-Requested-With: XMLHttpRequest
Referer: https://mail.example.com/owa/?id=########
X-OWA-CANARY: ################################################.
X-OWA-CorrelationId: ########-7a11-4b6e-9c1f-########4e2a
client-request-id: ########-12ab-4cd3-8ef0-########90bc
Cookie: {cookies}

"""

# The last one is what Exchange itself sets: base64 over the complement of "Database~guid~~date~domain~0".
COOKIES = (
    "ClientId=" + "#" * 32 + "; OIDC=1; X-OWA-JS-PSD=1; PrivateComputer=true; PBack=0; cadata=" + "#" * 128
    + "==; cadataTTL=########%2b########==; cadataKey=" + "#" * 96 + "%2f==; UC=" + "#" * 16
    + "; X-BackEndCookie=user@example.com=u56Lnp2ejJqBzJvJmc+eys3SxpzOndLLmsib0seey8/Sys6dmsjIzc+cxpvJ"
    + "gYHNz83J0s7O0s3Pq8/GxczPxc/PgZqHnpKPk5rRnJCSgc8="
)  # fmt: skip

POST = """POST {path}?id=######## HTTP/1.1
Host: mail.example.com
User-Agent: {agent}
Authorization: Bearer ################################
Accept: */*
Content-Type: {content_type}
client-request-id: ########-12ab-4cd3-8ef0-########90bc
Cookie: ClientId=################################; UC=################
Content-Length: {length}

"""

OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17628; Pro)"

XML_ITEM = (
    "<t:Message><t:ItemId Id=\"################################\" ChangeKey=\"########\"/><t:Subject>Minutes of "
    "the meeting ########</t:Subject><t:Body BodyType=\"Text\">We met on Tuesday; what was said stands below. "
    "Please add what is missing until Friday.</t:Body></t:Message>\n"
)  # fmt: skip


def crlf(text):
    return text.replace("\n", "\r\n").encode()


def get(path):
    return crlf(GET.format(path=path, cookies=COOKIES))


def post(path, content_type, body):
    return crlf(POST.format(path=path, content_type=content_type, agent=OUTLOOK, length=len(body))) + body


def upload(size):
    """An upload that no shipped rule looks into."""
    marked = b"#" * 64
    return post("/owa/bench", "application/octet-stream", marked + bytes(size - len(marked)))


def ews(size):
    """XML of some size to EWS: the shipped rules read it."""
    head = (
        '<?xml version="1.0" encoding="utf-8"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages" '
        'xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><s:Body><m:CreateItem><m:Items>\n'
    )
    tail = "</m:Items></m:CreateItem></s:Body></s:Envelope>\n"
    items = XML_ITEM * ((size - len(head) - len(tail)) // len(XML_ITEM))
    return post("/EWS/Exchange.asmx", "text/xml; charset=utf-8", (head + items + tail).encode())


FORMS = {
    "get": lambda: get("/owa/bench"),
    "get-64k": lambda: get("/owa/bench/64k"),
    "get-10m": lambda: get("/owa/bench/10m"),
    "post-1m": lambda: upload(1024 * 1024),
    "ews-16k": lambda: ews(16 * 1024),
}
