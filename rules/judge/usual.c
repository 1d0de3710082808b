/* What clients of Exchange send: nobody's rule may stop one of these. Each stands for a way into
 * Exchange that mail depends on, and some hold what careless patterns take for an attack. */
#include "judge/corpus.h"

#include "stopgap/banned.h"

#define BROWSER                                                                                    \
    "User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like "       \
    "Gecko) Chrome/126.0.0.0 Safari/537.36\n"
#define OWA_SESSION                                                                                \
    BROWSER                                                                                        \
    "Cookie: ClientId=8F1C5D2E9B7A4C3D; UC=6f3c1a; X-OWA-CANARY=Xq7Zp0bT3kKq1vE9sYdGxR8mUoWl.; "   \
    "cadata=7mZk/2Yl0xQd5n==; cadataTTL=Qm3c; cadataKey=pL8x; cadataIV=Zt5r; cadataSig=Vw2e\n"     \
    "X-OWA-CANARY: Xq7Zp0bT3kKq1vE9sYdGxR8mUoWl.\nX-Requested-With: XMLHttpRequest\n"
#define OUTLOOK                                                                                    \
    "User-Agent: Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)\n"     \
    "Authorization: Negotiate YIIGsAYGKwYBBQUCoIIGpDCCBqCgMDAuBgkqhkiC9xIBAgIGCSqGSIb3EgECAgYKK\n"
#define BASIC "Authorization: Basic RVhBTVBMRVxhbm5hOmNvcnJlY3QtaG9yc2U=\n"
#define JSON "Content-Type: application/json; charset=utf-8\n"
#define XML "Content-Type: text/xml; charset=utf-8\n"
#define FORM "Content-Type: application/x-www-form-urlencoded\n"
#define MAPI                                                                                       \
    "Content-Type: application/mapi-http\nX-ClientInfo: {2F94A2BF}:1\nX-RequestId: {7A}:3\n"
#define WBXML "Content-Type: application/vnd.ms-sync.wbxml\nMS-ASProtocolVersion: 16.1\n"
#define SOAP(body)                                                                                 \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/"  \
    "soap/envelope/\" xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" "      \
    "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><s:Header>"          \
    "<t:RequestServerVersion Version=\"Exchange2013_SP1\"/></s:Header><s:Body>" body               \
    "</s:Body></s:Envelope>"
#define ITEM "AAMkADU1ZjQ4YjE2LTk2ZTItNDk3Zi1hY2Q3LTBmNzA2ZWYxZTg5YwBGAAAAAAD%2BQq3c"

#define NOTHING                                                                                    \
    {                                                                                              \
        "", 0                                                                                      \
    }
#define TEXT(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

const struct usual_request usual_requests[] = {
    /* Outlook on the web */
    {"the start page", "GET /", BROWSER, NOTHING},
    {"OWA's start", "GET /owa/", BROWSER, NOTHING},
    {"OWA's logon page",
     "GET /owa/auth/"
     "logon.aspx?replaceCurrent=1&reason=0&url=https%3a%2f%2fmail.example.com%2fowa%2f%3frealm%3d",
     BROWSER, NOTHING},
    {"a logon to OWA", "POST /owa/auth.owa", BROWSER FORM,
     TEXT("destination=https%3A%2F%2Fmail.example.com%2Fowa%2F&flags=4&forcedownlevel=0&username="
          "EXAMPLE%5Canna&password=%3C%24script%3E%27--%2F..&passwordText=&isUtf8=1")},
    {"OWA's choice of a language", "POST /owa/lang.owa", OWA_SESSION FORM,
     TEXT("lcid=1031&tzid=W.+Europe+Standard+Time&destination=")},
    {"a script of OWA", "GET /owa/prem/15.2.1544.4/scripts/boot.worldwide.0.mouse.js", OWA_SESSION,
     NOTHING},
    {"a font of OWA", "GET /owa/auth/15.2.1544/themes/resources/segoeui-regular.ttf", BROWSER,
     NOTHING},
    {"a new session of OWA", "POST /owa/sessiondata.ashx?appcacheclient=0", OWA_SESSION, NOTHING},
    {"a list of mails in OWA", "POST /owa/service.svc?action=FindConversation&EP=1&ID=-34&AC=1",
     OWA_SESSION JSON "Action: FindConversation\n",
     TEXT("{\"__type\":\"FindConversationJsonRequest:#Exchange\",\"Header\":{\"__type\":"
          "\"JsonRequestHeaders:#Exchange\",\"RequestServerVersion\":\"Exchange2013\"},\"Body\":"
          "{\"ParentFolderId\":{\"BaseFolderId\":{\"Id\":\"inbox\"}},\"Paging\":{\"Offset\":0,"
          "\"MaxEntriesReturned\":25},\"ViewFilter\":\"All\"}}")},
    {"a search in OWA", "POST /owa/service.svc?action=ExecuteSearch&EP=1&ID=-77&AC=1",
     OWA_SESSION JSON "Action: ExecuteSearch\n",
     TEXT("{\"__type\":\"ExecuteSearchJsonRequest:#Exchange\",\"Body\":{\"Query\":\"(subject:\\\"C:"
          "\\\\\\\\temp\\\\\\\\..\\\" OR from:o'neill@example.com) AND body:<script> "
          "../../etc\"}}")},
    {"a mail from OWA", "POST /owa/service.svc?action=CreateItem&EP=1&ID=-91&AC=1",
     OWA_SESSION JSON "Action: CreateItem\n",
     TEXT(
         "{\"__type\":\"CreateItemJsonRequest:#Exchange\",\"Body\":{\"Items\":[{\"__type\":"
         "\"Message:#Exchange\",\"Subject\":\"Re: powershell -enc fails, ${HOME} is empty\","
         "\"Body\":{\"BodyType\":\"HTML\",\"Value\":\"<div onclick=\\\"x\\\">Please run cmd.exe /c "
         "whoami, then <b>iex</b>; see https://example.com/autodiscover.json?a=@b and "
         "{{7*7}} in the template. SELECT * FROM users WHERE name='' OR 1=1 --</div>\"},"
         "\"ToRecipients\":[{\"EmailAddress\":\"otto@example.com\"}]}]}}")},
    {"a request of OWA in a field", "POST /owa/service.svc?action=GetItem&EP=1&ID=-12&AC=1",
     OWA_SESSION JSON "Action: GetItem\nX-OWA-UrlPostData: %7B%22__type%22%3A%22GetItemJsonRequest"
                      "%3A%23Exchange%22%2C%22Body%22%3A%7B%22ItemIds%22%3A%5B%7B%22Id%22%3A%22"
                      "AAMkADU1%2B%2F%3D%22%7D%5D%7D%7D\n",
     NOTHING},
    {"an attachment in OWA",
     "GET /owa/service.svc/s/GetFileAttachment?id=" ITEM
     "&X-OWA-CANARY=Xq7Zp0bT3kKq1vE9sYdGxR8mUoWl.&isc=1",
     OWA_SESSION, NOTHING},
    {"a photograph in OWA",
     "GET /owa/service.svc/s/GetPersonaPhoto?email=otto%40example.com&UA=0&size=HR64x64",
     OWA_SESSION, NOTHING},
    {"OWA's wait for mail",
     "GET /owa/"
     "ev.owa2?ns=PendingRequest&ev=PendingNotificationRequest&UA=0&cid=5a0c31f2-6a5e-4d6b-9d0c",
     OWA_SESSION, NOTHING},
    {"OWA's telemetry", "POST /owa/plt1.ashx?cId=8F1C5D2E&msg=ok&pal=1&UA=0", OWA_SESSION,
     TEXT("brn=Chrome&ver=15.2.1544.4&t=7012&err=..%2f..%2fx%3ajs")},
    {"an upload to OWA",
     "POST /owa/service.svc?action=CreateAttachmentFromForm&UA=0&EP=1&ID=-120&AC=1&cn=1",
     OWA_SESSION "Content-Type: multipart/form-data; boundary=----WebKitFormBoundary7MA4\n",
     TEXT("------WebKitFormBoundary7MA4\r\nContent-Disposition: form-data; name=\"fileInfo\"; "
          "filename=\"notes on web.config and shell.aspx.txt\"\r\nContent-Type: text/plain\r\n\r\n"
          "<%@ Page Language=\"C#\" %> is how such a page begins.\r\n"
          "------WebKitFormBoundary7MA4--\r\n")},
    {"a published calendar", "GET /owa/calendar/9f2b7c@example.com/5d1e8a/calendar.ics", BROWSER,
     NOTHING},
    {"OWA light", "GET /owa/?ae=Folder&t=IPF.Note&id=LgAAAADx%2fQ%3d%3d&slUsng=0&pg=2", OWA_SESSION,
     NOTHING},
    {"the end of a session", "GET /owa/logoff.owa", OWA_SESSION, NOTHING},
    /* the control panel */
    {"the control panel", "GET /ecp/?ExchClientVer=15&p=Dashboard", OWA_SESSION, NOTHING},
    {"a list in the control panel",
     "POST /ecp/DDI/DDIService.svc/"
     "GetList?schema=MailboxService&msExchEcpCanary=0hJb2v%2bQ.&workflow=GetForSDO",
     OWA_SESSION JSON,
     TEXT("{\"filter\":{\"SearchText\":\"o'neill\"},\"sort\":{\"Direction\":0,\"PropertyName\":"
          "\"DisplayName\"}}")},
    {"a change in the control panel",
     "POST /ecp/DDI/DDIService.svc/SetObject?schema=EditMailbox&msExchEcpCanary=0hJb2v%2bQ.",
     OWA_SESSION JSON,
     TEXT(
         "{\"identity\":{\"__type\":\"Identity:ECP\",\"DisplayName\":\"Anna <Sales>\",\"RawIdentity"
         "\":\"3f0a\"},\"properties\":{\"Parameters\":{\"__type\":\"JsonDictionaryOfanyType:#ECP\","
         "\"CustomAttribute1\":\"C:\\\\shares\\\\anna\"}}}")},
    {"an option of a user",
     "GET /ecp/PersonalSettings/EmailSettings.aspx?rfr=owa&owaparam=modurl"
     "%3D0%26p%3Dsettings",
     OWA_SESSION, NOTHING},
    {"a script of the control panel", "GET /ecp/15.2.1544.4/scripts/js.axd?resources=Common&v=15.2",
     OWA_SESSION, NOTHING},
    /* web services */
    {"a search by web services", "POST /EWS/Exchange.asmx",
     "User-Agent: MacOutlook/16.78.23100802 (Intelx64 Mac OS X Version 13.6)\n" BASIC XML
     "SOAPAction: \"http://schemas.microsoft.com/exchange/services/2006/messages/FindItem\"\n",
     TEXT(SOAP("<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
               "</m:ItemShape><m:IndexedPageItemView MaxEntriesReturned=\"512\" Offset=\"0\" "
               "BasePoint=\"Beginning\"/><m:ParentFolderIds><t:DistinguishedFolderId Id=\"inbox\"/>"
               "</m:ParentFolderIds></m:FindItem>"))},
    {"a mail by web services", "POST /ews/exchange.asmx",
     "User-Agent: ExchangeServicesClient/15.01.2507.027\n" BASIC XML,
     TEXT(SOAP("<m:CreateItem MessageDisposition=\"SendAndSaveCopy\"><m:Items><t:Message>"
               "<t:Subject>Quarterly report &amp; ../budget</t:Subject><t:Body BodyType=\"HTML\">"
               "&lt;p&gt;The file is in \\\\server\\share$\\..\\x.ps1; do not run "
               "System.Diagnostics.Process yourself.&lt;/p&gt;</t:Body><t:ToRecipients><t:Mailbox>"
               "<t:EmailAddress>otto@example.com</t:EmailAddress></t:Mailbox></t:ToRecipients>"
               "</t:Message></m:Items></m:CreateItem>"))},
    {"a sync by web services", "POST /EWS/Exchange.asmx",
     "User-Agent: Mac OS X/13.6 (22G120); ExchangeWebServices/814.80.3\n" BASIC XML,
     TEXT(SOAP("<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"
               "<m:SyncFolderId><t:FolderId Id=\"AAMkADU1+/Q=\" ChangeKey=\"AQAAAA==\"/>"
               "</m:SyncFolderId><m:SyncState>H4sIAAAAAAAEAGNgYGcAAotqE0tTA0MjU/=</m:SyncState>"
               "<m:MaxChangesReturned>512</m:MaxChangesReturned></m:SyncFolderItems>"))},
    {"free and busy times", "POST /EWS/Exchange.asmx", OUTLOOK XML,
     TEXT(
         SOAP("<m:GetUserAvailabilityRequest><m:MailboxDataArray><t:MailboxData><t:Email>"
              "<t:Address>otto@example.com</t:Address></t:Email><t:AttendeeType>Required"
              "</t:AttendeeType></t:MailboxData></m:MailboxDataArray></m:GetUserAvailabilityRequest"
              ">"))},
    {"a stream of events", "POST /EWS/Exchange.asmx", BASIC XML,
     TEXT(SOAP("<m:GetStreamingEvents><m:SubscriptionIds><t:SubscriptionId>JQBtYWls</t:"
               "SubscriptionId></m:SubscriptionIds><m:ConnectionTimeout>30</m:ConnectionTimeout>"
               "</m:GetStreamingEvents>"))},
    {"a description of web services", "GET /EWS/Services.wsdl", BASIC, NOTHING},
    {"a photograph by web services",
     "GET /EWS/Exchange.asmx/s/GetUserPhoto?email=otto@example.com&size=HR96x96", OUTLOOK, NOTHING},
    /* phones */
    {"a phone's question", "OPTIONS /Microsoft-Server-ActiveSync", BASIC, NOTHING},
    {"a phone's sync",
     "POST /Microsoft-Server-ActiveSync?Cmd=Sync&User=EXAMPLE%5Canna&DeviceId=ApplDMPW2L7XQ1&"
     "DeviceType=iPhone",
     "User-Agent: Apple-iPhone14C2/2105.90\n" BASIC WBXML,
     TEXT("\x03\x01\x6a\x00\x45\x5c\x4f\x4b\x03"
          "1839\x00\x01\x52\x03"
          "2\x00\x01\x57\x00\x11\x45\x46\x03"
          "1\x00\x01\x01\x01\x01")},
    {"a phone's sync in short form", "POST /Microsoft-Server-ActiveSync?jQcJBBCQfBoRiwq8JcNZ5wAA",
     BASIC WBXML, TEXT("\x03\x01\x6a\x00\x45\x5c\x4f\x01\x01\x01")},
    {"a phone that waits",
     "POST /Microsoft-Server-ActiveSync?Cmd=Ping&User=anna%40example.com&DeviceId=android17&"
     "DeviceType=Android",
     BASIC WBXML,
     TEXT("\x03\x01\x6a\x00\x0d\x45\x48\x03"
          "3540\x00\x01\x01")},
    {"a phone's mail",
     "POST /Microsoft-Server-ActiveSync?Cmd=SendMail&User=anna&DeviceId=SAMSUNG1&DeviceType="
     "SamsungDevice",
     BASIC WBXML,
     TEXT("\x03\x01\x6a\x00\x00\x15\x45\x51\x03"
          "Content-Type: text/plain; name=../x.aspx\r\n\r\nHi")},
    {"a phone's first contact",
     "POST /Microsoft-Server-ActiveSync?Cmd=Provision&User=anna&DeviceId=A1&DeviceType=iPad",
     BASIC WBXML, TEXT("\x03\x01\x6a\x00\x00\x0e\x45\x46\x47\x01\x01\x01")},
    /* Outlook */
    {"a session of Outlook",
     "POST /mapi/emsmdb/?MailboxId=7bb476d4-8e1f-4b57-bbd8-33ac878f459e@example.com",
     OUTLOOK MAPI "X-RequestType: Connect\n", TEXT("\x2f\x6f\x3d\x45\x78\x00\x00\x00\xe4\x04")},
    {"a request of Outlook",
     "POST /mapi/emsmdb/?MailboxId=7bb476d4-8e1f-4b57-bbd8-33ac878f459e@example.com",
     OUTLOOK MAPI "X-RequestType: Execute\nCookie: MapiContext=MAPIAAAAAO/+1+kE; "
                  "MapiSequence=23-tT==; X-BackEndCookie=7bb476d4=u56Lnp2ejJqBy8iZnJnIyJzSyM/M\n",
     TEXT("\x00\x00\x00\x00\x9a\x00\x00\x00\x02\x00\x04\x00..\\..\\<script>\x00\x01\x02")},
    {"Outlook's wait for mail",
     "POST /mapi/emsmdb/?MailboxId=7bb476d4-8e1f-4b57-bbd8-33ac878f459e@example.com",
     OUTLOOK MAPI "X-RequestType: NotificationWait\n", TEXT("\x00\x00\x00\x00\x00\x00\x00\x00")},
    {"the address book of Outlook",
     "POST /mapi/nspi/?MailboxId=7bb476d4-8e1f-4b57-bbd8-33ac878f459e@example.com",
     OUTLOOK MAPI "X-RequestType: GetMatches\n", TEXT("\x00\x00\x00\x00\xff\x01\x00\x00")},
    {"Outlook over RPC", "RPC_IN_DATA /rpc/rpcproxy.dll?mail.example.com:6001",
     "User-Agent: MSRPC\nAuthorization: NTLM TlRMTVNTUAADAAAAGAAYAHYAAAAYABgAjgAAABIAEgA=\n"
     "Accept: application/rpc\n",
     TEXT("\x05\x00\x14\x03\x10\x00\x00\x00\x68\x00\x00\x00")},
    {"the offline address book", "GET /OAB/2f1ec94a-52e5-4e58-a5c6-4c0a5d8e1c1b/oab.xml",
     "User-Agent: Microsoft BITS/7.8\n" BASIC, NOTHING},
    {"a part of the offline address book",
     "GET /oab/2f1ec94a-52e5-4e58-a5c6-4c0a5d8e1c1b/"
     "7bb476d4-8e1f-4b57-bbd8-33ac878f459e-data-1.lzx",
     "User-Agent: Microsoft BITS/7.8\nRange: bytes=0-131071\n" BASIC, NOTHING},
    /* finding the server */
    {"Outlook's search for its server", "POST /autodiscover/autodiscover.xml", OUTLOOK XML,
     TEXT(
         "<?xml version=\"1.0\" encoding=\"utf-8\"?><Autodiscover xmlns=\"http://schemas.microsoft."
         "com/exchange/autodiscover/outlook/requestschema/2006\"><Request><EMailAddress>anna@"
         "example.com</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange"
         "/autodiscover/outlook/responseschema/2006a</AcceptableResponseSchema></Request>"
         "</Autodiscover>")},
    {"a phone's search for its server", "POST /Autodiscover/Autodiscover.xml", BASIC XML,
     TEXT("<?xml version=\"1.0\"?><Autodiscover xmlns=\"http://schemas.microsoft.com/exchange/"
          "autodiscover/mobilesync/requestschema/2006\"><Request><EMailAddress>anna@example.com"
          "</EMailAddress></Request></Autodiscover>")},
    {"a search for the server in JSON",
     "GET /autodiscover/autodiscover.json/v1.0/"
     "anna%40example.com?Protocol=AutodiscoverV1&RedirectCount=1",
     OUTLOOK, NOTHING},
    {"a search for the server in SOAP", "POST /autodiscover/autodiscover.svc", BASIC XML,
     TEXT(
         SOAP("<a:GetUserSettingsRequestMessage xmlns:a=\"http://schemas.microsoft.com/exchange/"
              "2010/Autodiscover\"><a:Request><a:Users><a:User><a:Mailbox>anna@example.com"
              "</a:Mailbox></a:User></a:Users><a:RequestedSettings><a:Setting>ExternalEwsUrl"
              "</a:Setting></a:RequestedSettings></a:Request></a:GetUserSettingsRequestMessage>"))},
    {"a search for the server without a logon", "GET /autodiscover/autodiscover.xml", BROWSER,
     NOTHING},
    /* administration and health */
    {"remote PowerShell", "POST /PowerShell?PSVersion=5.1.17763.1",
     "User-Agent: Microsoft WinRM Client\nContent-Type: application/soap+xml;charset=UTF-8\n" BASIC,
     TEXT(
         "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:w=\"http://schemas."
         "dmtf.org/wbem/wsman/1/wsman.xsd\"><s:Header><w:ResourceURI s:mustUnderstand=\"true\">"
         "http://schemas.microsoft.com/powershell/Microsoft.Exchange</w:ResourceURI></s:Header>"
         "<s:Body><r:Shell xmlns:r=\"http://schemas.microsoft.com/wbem/wsman/1/windows/shell\">"
         "<r:InputStreams>stdin pr</r:InputStreams><r:OutputStreams>stdout</r:OutputStreams>"
         "</r:Shell></s:Body></s:Envelope>")},
    {"a check of OWA's health", "GET /owa/healthcheck.htm", "User-Agent: probe/1.0\n", NOTHING},
    {"a check of Outlook's health", "GET /mapi/healthcheck.htm", "", NOTHING},
    {"a check of the phones' health", "HEAD /Microsoft-Server-ActiveSync/healthcheck.htm", "",
     NOTHING},
    {"an icon", "GET /favicon.ico", BROWSER, NOTHING},
    {"a certificate's renewal", "GET /.well-known/acme-challenge/Zk3v9Qx0bT7LrYc2WmEoHs5dGu8Np1Ja",
     "", NOTHING},
};

const size_t n_usual_requests = sizeof(usual_requests) / sizeof(usual_requests[0]);
