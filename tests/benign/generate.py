#!/usr/bin/env python3
"""Requests as clients of Exchange send them, in any number, the same ones for the same seed.

  tests/benign/generate.py --count 100000 --seed 1 | build/dev/tests/corpus-judge --blocked

Users, folders, attachments, subjects and search texts of many languages hold the words of attacks,
because people write about them: none of it may be blocked. One JSON object a line, as in tests/corpus.
What the shapes were taken from: the protocol documents (MS-ASHTTP, MS-OXCMAPIHTTP, MS-OXDSCLI, MS-RPCH,
MS-PSRP, the EWS reference) and what the clients' open source shows. Standard library only.
"""
import argparse
import base64
import json
import random
import struct
import sys
import unicodedata
from urllib.parse import quote, quote_plus

from words import ADDRESSES, DOMAINS, FOLDERS, HOSTS, LANGUAGES, NAMES, TEXTS

HEX = "0123456789abcdef"
B64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
URL64 = B64[:62] + "-_"
BUILDS = ["15.0.1497", "15.1.2507", "15.1.2375.37", "15.2.1118.7", "15.2.1544.36", "14.3.513"]
BROWSERS = ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0)"]
OUTLOOKS = ["Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17928; Pro)", "Outlook-iOS/711.2620504.prod.iphone (4.28.0)",
            "MacOutlook/16.78.23100802 (Intelx64 Mac OS X Version 13.6)", "ExchangeServicesClient/15.01.2507.027", "iOS/17.5.1 (21F90) dataaccessd/1.0",
            "Android-Mail/2024.05.26.638", "Thunderbird/115.12 ExQuilla", "Microsoft BITS/7.8"]
SOAP = ('<?xml version="1.0" encoding="utf-8"?><%s:Envelope xmlns:%s="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types" xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages">'
        '<%s:Header><t:RequestServerVersion Version="Exchange2013_SP1"/></%s:Header><%s:Body>%s</%s:Body></%s:Envelope>')


def xml(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


class Client:
    """Draws the parts of requests."""

    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, items):
        return items[int(self.r.random() * len(items))]

    def chance(self, share):
        return self.r.random() < share

    def letters(self, alphabet, n):
        return "".join(self.r.choices(alphabet, k=n))

    def guid(self):
        h = self.letters(HEX, 32)
        return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"

    def b64(self, n):
        return self.letters(B64, n - n % 4)

    def item(self):
        return "AAMkA" + self.letters(self.pick([B64, URL64]), 96) + self.pick(["=", "AAA=", "AAAA"])

    def text(self):
        """What people write: one to four pieces, in one of the normal forms."""
        text = self.pick([" ", ", ", ": ", "/", " – "]).join(self.pick(TEXTS) for _ in range(1 + int(self.r.random() * 4)))
        return unicodedata.normalize(self.pick(["NFC", "NFC", "NFD", "NFKC"]), text)

    def name(self):
        return self.pick(NAMES)

    def address(self):
        return self.pick(ADDRESSES) + "@" + self.pick(DOMAINS) if self.chance(0.5) else \
            self.name().lower().replace(" ", self.pick([".", "_", "-"])) + "@" + self.pick(DOMAINS)

    def folder(self):
        return self.pick(FOLDERS) if self.chance(0.6) else self.text().replace("/", "-")

    def path_word(self):
        """A folder in a path: ASP.NET refuses a path with one of these characters, so links have none."""
        return "".join(x for x in self.folder() if x not in '<>*%&:\\?+|"/').strip(". ") or "Kalender"

    def file(self):
        stem = self.text()[:40].replace("/", "-").replace("\\", "-")
        return stem + self.pick([".docx", ".pdf", ".aspx.txt", ".xlsx", ".ps1.zip", ".json", ".jpg", ".msg", ".eml", ".xml", " (1).png", ".aspx"])

    def server(self):
        return self.pick(HOSTS)

    def backend(self):
        """The payload of X-BackEndCookie: text with all bits flipped, in base64."""
        date = "20%02d-%02d-%02dT%02d:%02d:%02d" % (self.r.randint(19, 27), self.r.randint(1, 12), self.r.randint(1, 28), self.r.randint(0, 23), self.r.randint(0, 59), self.r.randint(0, 59))
        kind = self.pick([f"Database~{self.guid()}~{self.pick(DOMAINS[:6])}~{date}", f"Server~{self.server()}~{self.r.randint(1941900000, 1942064000)}~{date}",
                          f"Database~{self.guid()}~~{date}", f"Server~{self.server().upper()}~1942062522~{date}"])
        return base64.b64encode(bytes(255 - c for c in kind.encode())).decode()

    def anchor(self):
        return self.pick([self.address(), f"S-1-5-21-{self.r.randint(1, 9**9)}-{self.r.randint(1, 9**9)}-1{self.r.randint(100, 999)}", self.guid() + "@" + self.pick(DOMAINS[:6]),
                          "akc" + self.letters(HEX, 8)]).encode("ascii", "ignore").decode().replace(" ", "").replace("=", "")

    def cookies(self, panel=False):
        parts = ["ClientId=" + self.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 24), "PrivateComputer=true", "PBack=0",
                 "cadata=" + self.b64(self.r.randint(80, 300)) + "==", "cadataTTL=" + self.b64(24) + "==", "cadataKey=" + self.b64(344) + "==",
                 "cadataIV=" + self.b64(172) + "=", "cadataSig=" + self.b64(344) + "=="]
        if self.chance(0.8):
            pairs = [f"{self.anchor()}={self.backend()}" for _ in range(self.pick([1, 1, 1, 2, 3]))]
            parts.append("X-BackEndCookie=" + "&".join(pairs))
        if self.chance(0.1):
            parts.append(f"X-BackEndCookie2={self.anchor()}={self.backend()}")
        if self.chance(0.05):
            parts.append("X-BackEndOverrideCookie=" + self.server() + "~1942062522")
        if self.chance(0.3):
            parts.append("X-OWA-CANARY=" + self.letters(URL64, 76) + ".")
        if panel:
            parts += ["msExchEcpCanary=" + self.letters(URL64, 76) + ".", "ASP.NET_SessionId=" + self.guid()]
        if self.chance(0.2):  # of other applications of the same domain
            parts.append(self.pick(["theme", "lastsearch", "_ga", "email", "SecurityTokenHint", "returnTo", "OptInPrg"]) + "=" + quote(self.text()))
        if self.chance(0.05):
            parts += [f"chunk{i}=" + self.letters(URL64, 800) for i in range(self.r.randint(2, 8))]
        self.r.shuffle(parts)
        return [("Cookie", self.pick(["; ", "; ", ";"]).join(parts))]


# ---- protocols: each gives method, target, headers, body

def owa_page(c):
    text, address = c.text(), c.address()
    target = c.pick([
        f"/owa/?path=/mail/{quote(c.folder())}", f"/owa/{quote(address, safe='@')}/", f"/owa/{quote(address)}/?offline=disabled", f"/owa/?realm={quote(c.pick(DOMAINS))}&exsvurl=1&ll-cc=1031&modurl=0",
        f"/owa/?ae=Item&a=New&t=IPM.Note&to={quote_plus(address)}&subject={quote_plus(text)}&body={quote_plus(c.text())}", f"/owa/#path=/mail".split("#")[0],
        f"/owa/projection.aspx?t={c.r.randint(1, 9**6)}", f"/owa/?viewmodel=ReadMessageItem&ItemID={quote(c.item())}&wid=1&ispopout=1&path={quote_plus('/mail/' + c.folder())}",
        f"/owa/redir.aspx?C={c.letters(URL64, 40)}.&URL={quote('https://' + c.pick(DOMAINS[:6]) + '/a?q=' + text)}", f"/owa/attachment.ashx?id={quote(c.item())}&attach=1&name={quote(c.file())}",
        f"/owa/service.svc/s/GetFileAttachment?id={quote(c.item())}&X-OWA-CANARY={c.letters(URL64, 76)}.", f"/owa/service.svc/s/GetPersonaPhoto?email={quote(address)}&UA=0&size=HR64x64",
        f"/owa/prem/{c.pick(BUILDS)}/scripts/boot.worldwide.{c.r.randint(0, 3)}.mouse.js", f"/owa/auth/{c.pick(BUILDS)}/themes/resources/segoeui-regular.{c.pick(['ttf', 'eot', 'svg', 'woff'])}",
        f"/owa/calendar/{c.guid().replace('-', '')}@{c.pick(DOMAINS[:6])}/{quote(c.path_word())}/calendar.{c.pick(['html', 'ics'])}", f"/owa/ev.owa2?ns=PendingRequest&ev=PendingNotificationRequest&UA=0&cid={c.guid()}",
        f"/owa/auth/logon.aspx?replaceCurrent=1&url={quote('https://mail.k.example/owa/?path=/mail/' + c.folder(), safe='')}", f"/owa/auth/errorFE.aspx?httpCode=500&msg=861904327&owaError={c.pick(['Microsoft.Exchange.Data.Storage.NoFqdnOrBackEndServerException', 'ClientError;exMsg=x', 'Microsoft.Exchange.Clients.Owa2.Server.Core.OwaADUserNotFoundException'])}&cver={c.pick(BUILDS)}",
        f"/owa/auth/frowny.aspx?app=people&et=ServerError&esrc=MasterPage&te=\\&refurl={quote('https://mail.k.example/owa/?path=/people', safe='')}"])
    return "GET", target, c.cookies() + [("Referer", "https://mail.k.example/owa/?q=" + quote(c.text()))], b""


def owa_service(c):
    action = c.pick(["FindItem", "GetItem", "CreateItem", "UpdateItem", "FindConversation", "ExecuteSearch", "GetConversationItems", "SubscribeToNotification", "UpdateUserConfiguration", "FindPeople",
                     "GetPersona", "CreateAttachment", "CreateAttachmentFromUri", "NewInboxRule", "SetMailboxMessageConfiguration", "GetUserConfiguration", "InstallApp", "ApplyConversationAction"])
    body = {"__type": f"{action}JsonRequest:#Exchange", "Header": {"__type": "JsonRequestHeaders:#Exchange", "RequestServerVersion": "Exchange2013",
            "TimeZoneContext": {"TimeZoneDefinition": {"Id": "W. Europe Standard Time"}}}, "Body": {
                "Items": [{"__type": "Message:#Exchange", "Subject": c.text(), "Body": {"BodyType": "HTML", "Value": f"<div>{c.text()}<script>{c.text()}</script></div>"}, "ToRecipients": [{"EmailAddress": c.address(), "Name": c.name()}]}],
                "Query": c.text(), "FolderNames": [c.folder()], "Name": c.file(), "ItemId": {"Id": c.item()}}}
    if action == "UpdateUserConfiguration":
        body["Body"] = {"UserConfiguration": {"UserConfigurationName": {"Name": c.pick(["OWA.UserOptions", "OWA.ViewStateConfiguration", "CategoryList"])}, "BinaryData": c.b64(64), "Dictionary": [{"DictionaryKey": c.text()}]}}
    if action == "CreateAttachmentFromUri":
        body["Body"] = {"uri": "https://" + c.pick(DOMAINS[:6]) + "/" + quote(c.file()), "name": c.file()}
    data = json.dumps(body, ensure_ascii=c.chance(0.5))
    headers = c.cookies() + [("Action", action), ("Content-Type", "application/json; charset=" + c.pick(["utf-8", "UTF-8"])), ("X-OWA-CANARY", c.letters(URL64, 76) + "."), ("X-OWA-ActionName", action + "Action")]
    prefix = "/owa" + (f"/{quote(c.address(), safe='@')}" if c.chance(0.2) else "")
    if prefix != "/owa":
        headers.append(("X-OWA-ExplicitLogonUser", c.address().encode("ascii", "ignore").decode()))
    target = f"{prefix}/service.svc?action={action}&EP=1&ID=-{c.r.randint(1, 999)}&AC=1"
    if c.chance(0.15) and len(data) < 1500:
        return "POST", target, headers + [("X-OWA-UrlPostData", quote(data))], b""
    return "POST", target, headers, data.encode("utf-8")


def owa_form(c):
    password = c.pick(TEXTS)
    if c.chance(0.5):
        body = f"destination={quote('https://mail.k.example/owa/?path=/mail/' + c.folder(), safe='')}&flags=4&forcedownlevel=0&username={quote_plus(c.address())}&password={quote_plus(password)}&passwordText=&isUtf8=1"
        return "POST", "/owa/auth.owa", [("Content-Type", "application/x-www-form-urlencoded"), ("Cookie", "PBack=0")], body.encode()
    body = f"username={quote_plus('K' + chr(92) + c.name())}&oldPwd={quote_plus(password)}&newPwd1={quote_plus(c.pick(TEXTS))}"
    return "POST", "/owa/auth/expiredpassword.aspx?url=/owa/auth.owa", [("Content-Type", "application/x-www-form-urlencoded")], body.encode()


def ecp(c):
    canary = "&msExchEcpCanary=" + c.letters(URL64, 76) + "."
    if c.chance(0.35):
        target = c.pick([f"/ecp/?rfr=owa&owaparam=modurl%3D0&p={quote('PersonalSettings/HomePage.aspx')}", f"/ecp/{quote(c.address(), safe='@')}/RulesEditor/InboxRules.slab?showhelp=false", f"/ecp/{c.pick(BUILDS)}/scripts/common.js",
                         "/ecp/PersonalSettings/HomePage.aspx?showhelp=false", f"/ecp/UsersGroups/EditMailbox.aspx?ActivityCorrelationID={c.guid()}&reqId=1&pwmcid=5&ReturnObjectType=1&id={c.guid()}", f"/ecp/error.aspx?cause=unexpected&msg={quote_plus(c.text())}",
                         "/ecp/WebResource.axd?d=" + c.letters(URL64, 40), f"/ecp/{c.pick(BUILDS)}/themes/default/images/clear1x1.gif", "/ecp/Extension/InstallFromURL.slab?exsvurl=1"])
        return "GET", target, c.cookies(True), b""
    if c.chance(0.15):
        body = f"__VIEWSTATE={quote('/wEP' + c.b64(400), safe='')}&__VIEWSTATEGENERATOR=B97B4E27&ctl00%24Name={quote_plus(c.text())}"
        return "POST", "/ecp/PersonalSettings/Password.aspx?showhelp=false", c.cookies(True) + [("Content-Type", "application/x-www-form-urlencoded")], body.encode()
    if c.chance(0.1):
        boundary = "----WebKitFormBoundary" + c.letters(B64[:62], 16)
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="ctl00$upload"; filename="{c.file().replace(chr(34), "")}"\r\nContent-Type: application/octet-stream\r\n\r\n{c.text()},{c.address()}\r\n--{boundary}--\r\n'
        return "POST", "/ecp/Migration/Upload.aspx?x=1" + canary, c.cookies(True) + [("Content-Type", "multipart/form-data; boundary=" + boundary)], part.encode()
    values = {"__type": "JsonDictionaryOfanyType:#Microsoft.Exchange.Management.ControlPanel", "Name": c.text(), "DisplayName": c.name(), "Notes": c.text(), "SubjectContainsWords": [c.text()]}
    schema = c.pick(["MailboxService", "DistributionGroup", "TransportRules", "UserMailbox", "OWAVirtualDirectory", "OABVirtualDirectory", "ResetOWAVirtualDirectory", "ResetECPVirtualDirectory", "NewMailbox"])
    operation = c.pick(["GetList", "GetObject", "SetObject", "NewObject", "MultiObjectExecute"])
    if schema.endswith("VirtualDirectory"):
        operation = "SetObject"
        values = {"__type": values["__type"], "ExternalUrl": c.pick(["https://", "http://"]) + c.pick(DOMAINS[:6]) + c.pick(["/owa", "/OAB", ":8443/ecp/", ""]), "InternalUrl": ""}
    if schema.startswith("Reset"):
        values = {"__type": values["__type"], "FilePathName": c.pick([r"\\fs01\reports" + "\\", "C:\\Temp\\", "//fs02/inetpub backup/"]) + "".join(x for x in c.pick(FOLDERS) if x not in '<>:/\\|?*"') + c.pick([" k.txt", ".TXT"])}
    body = {"identity": {"__type": "Identity:ECP", "DisplayName": c.name(), "RawIdentity": c.guid()}, "properties": {"Parameters": values}}
    target = c.pick([f"/ecp/DDI/DDIService.svc/{operation}?schema={schema}{canary}"] * 3 + ["/ecp/RulesEditor/InboxRules.svc/NewObject?x=1" + canary]) if not schema.endswith("VirtualDirectory") else f"/ecp/DDI/DDIService.svc/{operation}?schema={schema}{canary}"
    return "POST", target, c.cookies(True) + [("Content-Type", "application/json; charset=utf-8"), ("X-Requested-With", "XMLHttpRequest")], json.dumps(body, ensure_ascii=c.chance(0.5)).encode()


def ews(c):
    text, quoted = c.text(), xml(c.text())
    item = f'<t:ItemId Id="{c.item()}" ChangeKey="{c.b64(40)}"/>'
    body = c.pick([
        lambda: f'<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:SavedItemFolderId><t:DistinguishedFolderId Id="sentitems"/></m:SavedItemFolderId><m:Items><t:Message><t:Subject>{quoted}</t:Subject><t:Body BodyType="HTML">{xml("<!DOCTYPE html><p>" + text + "</p>")}</t:Body>'
                f'<t:ToRecipients><t:Mailbox><t:EmailAddress>{xml(c.address())}</t:EmailAddress></t:Mailbox></t:ToRecipients></t:Message></m:Items></m:CreateItem>',
        lambda: f'<m:CreateItem><m:Items><t:Message><t:Body BodyType="Text"><![CDATA[{text.replace("]]>", "")} <m:InstallApp><m:ManifestUrl>http://10.0.0.1]]></t:Body></t:Message></m:Items></m:CreateItem>',
        lambda: f'<m:FindItem Traversal="Shallow"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:ParentFolderIds><t:FolderId Id="{c.item()}"/></m:ParentFolderIds><m:QueryString>{quoted}</m:QueryString></m:FindItem>',
        lambda: f"<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape><m:ItemIds>{item * c.r.randint(1, 6)}</m:ItemIds></m:GetItem>",
        lambda: f"<m:CreateFolder><m:Folders><t:Folder><t:DisplayName>{xml(c.folder())}</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>",
        lambda: f"<m:CreateAttachment><m:ParentItemId Id=\"{c.item()}\"/><m:Attachments><t:FileAttachment><t:Name>{xml(c.file())}</t:Name><t:Content>{c.b64(c.pick([40, 400, 8000]))}</t:Content></t:FileAttachment></m:Attachments></m:CreateAttachment>",
        lambda: f"<m:CreateAttachment><m:Attachments><t:ReferenceAttachment><t:Name>{xml(c.file())}</t:Name><t:AttachLongPathName>https://k-my.sharepoint.example/personal/{quote(c.file())}</t:AttachLongPathName><t:ProviderEndpointUrl>https://k-my.sharepoint.example/personal/k</t:ProviderEndpointUrl></t:ReferenceAttachment></m:Attachments></m:CreateAttachment>",
        lambda: f"<m:ResolveNames ReturnFullContactData=\"true\"><m:UnresolvedEntry>{quoted}</m:UnresolvedEntry></m:ResolveNames>",
        lambda: f'<m:UpdateUserConfiguration><m:UserConfiguration><t:UserConfigurationName Name="{c.pick(["OWA.UserOptions", "CategoryList", "K.Sync", "ExtensionMasterTableBackup"])}"><t:DistinguishedFolderId Id="calendar"/></t:UserConfigurationName><t:BinaryData>{c.b64(200)}</t:BinaryData></m:UserConfiguration></m:UpdateUserConfiguration>',
        lambda: '<m:GetUserConfiguration><m:UserConfigurationName Name="ExtensionMasterTable"><t:DistinguishedFolderId Id="inbox"/></m:UserConfigurationName><m:UserConfigurationProperties>All</m:UserConfigurationProperties></m:GetUserConfiguration>',
        lambda: f"<m:InstallApp><m:Manifest>{c.b64(1200)}</m:Manifest></m:InstallApp>",
        lambda: f'<m:Subscribe><m:StreamingSubscriptionRequest SubscribeToAllFolders="true"><t:EventTypes><t:EventType>NewMailEvent</t:EventType></t:EventTypes></m:StreamingSubscriptionRequest></m:Subscribe>',
        lambda: f"<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds><t:DistinguishedFolderId Id=\"inbox\"/></t:FolderIds><t:StatusFrequency>1</t:StatusFrequency><t:URL>https://crm.{c.pick(DOMAINS[:6])}/notify?a=b</t:URL></m:PushSubscriptionRequest></m:Subscribe>",
        lambda: f'<m:GetClientAccessToken><m:TokenRequests><t:TokenRequest><t:Id>{c.guid()}</t:Id><t:TokenType>CallerIdentity</t:TokenType></t:TokenRequest></m:TokenRequests></m:GetClientAccessToken>',
        lambda: f'<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:ExtendedFieldURI PropertyTag="0x7C09" PropertyType="Binary"/></t:AdditionalProperties></m:ItemShape><m:ItemIds>{item}</m:ItemIds></m:GetItem>',
        lambda: f"<m:UpdateInboxRules><m:RemoveOutlookRuleBlob>true</m:RemoveOutlookRuleBlob><m:Operations><t:CreateRuleOperation><t:Rule><t:DisplayName>{quoted}</t:DisplayName><t:Conditions><t:ContainsSubjectStrings><t:String>{xml(c.text())}</t:String></t:ContainsSubjectStrings></t:Conditions></t:Rule></t:CreateRuleOperation></m:Operations></m:UpdateInboxRules>"])()
    s = c.pick(["soap", "s", "SOAP-ENV", "soapenv"])
    document = SOAP % (s, s, s, s, s, body, s, s)
    target = c.pick(["/EWS/Exchange.asmx", "/ews/exchange.asmx", "/EWS/exchange.asmx/WSSecurity", f"/ews/{quote(c.address(), safe='@')}/exchange.asmx"])
    return "POST", target, [("Content-Type", c.pick(["text/xml; charset=utf-8", "text/xml;charset=\"UTF-8\"", "text/xml"])), ("X-AnchorMailbox", c.address().encode("ascii", "ignore").decode()), ("Authorization", "Bearer " + c.letters(URL64, 300)),
                            ("Cookie", "exchangecookie=" + c.letters(HEX, 32) + f"; X-BackEndCookie={c.anchor()}={c.backend()}")], document.encode()


def activesync(c):
    command = c.pick(["Sync", "Ping", "FolderSync", "SendMail", "SmartReply", "GetAttachment", "Search", "ItemOperations", "Settings", "Provision", "MeetingResponse"])
    device = c.letters("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 26)
    if c.chance(0.3):
        raw = struct.pack("<BBHB", 141, c.r.randint(0, 22), 0x0407, len(device)) + device.encode() + struct.pack("<B", 4) + struct.pack("<I", c.r.randint(1, 2**32 - 1)) + b"\x07Android"
        if command in ("SmartReply", "GetAttachment"):
            name = c.item().encode()[:80]
            raw += bytes([0, len(name)]) + name
        query = base64.b64encode(raw).decode()
    else:
        query = f"Cmd={command}&User={quote(c.pick([c.address(), 'K' + chr(92) + c.name()]), safe=c.pick(['', '@']))}&DeviceId={device}&DeviceType={c.pick(['iPhone', 'SamsungDevice', 'WindowsOutlook15', 'PowerShellPhone'])}"
        query += f"&AttachmentName={quote(c.item())}" if command == "GetAttachment" else ""
    body = b"\x03\x01j\x00E\\OK\x03" + c.letters(HEX, 24).encode() + b"\x00\x01R\x03" + c.text().encode() + b"\x00\x01\x01\x01"
    if command == "SendMail" and c.chance(0.5):
        body = f"From: {c.address()}\r\nSubject: {c.text()}\r\nContent-Type: text/html\r\n\r\n<!DOCTYPE html><html>{c.text()}</html>\r\n".encode()
    return "POST", "/Microsoft-Server-ActiveSync?" + query, [("Content-Type", c.pick(["application/vnd.ms-sync.wbxml", "application/vnd.ms-sync"])), ("MS-ASProtocolVersion", "14.1"), ("X-MS-PolicyKey", str(c.r.randint(1, 2**31)))], body


def mapi(c):
    kind = c.pick(["emsmdb", "nspi"])
    mailbox = c.pick([f"?MailboxId={c.guid()}@{c.pick(DOMAINS[:6])}", "?useMailboxOfAuthenticatedUser=true"])
    body = c.r.randbytes(c.r.randint(20, 600)) + c.text().encode("utf-16-le")
    return "POST", f"/mapi/{kind}/{mailbox}", [("Content-Type", "application/mapi-http"), ("X-RequestType", c.pick(["Connect", "Execute", "Bind", "ResolveNames", "NotificationWait"])), ("X-RequestId", "{%s}:7" % c.guid().upper()),
                                               ("X-ClientInfo", "{%s}:1" % c.guid()), ("Cookie", f"MapiContext=MAPIAAAA{c.b64(40)}; MapiSequence={c.r.randint(1, 99)}-{c.b64(8)}; X-BackEndCookie={c.anchor()}={c.backend()}")], body


def rpc(c):
    end = c.pick([c.guid() + "@" + c.pick(DOMAINS[:6]), c.server(), c.pick(HOSTS).upper()])
    return c.pick(["RPC_IN_DATA", "RPC_OUT_DATA"]), f"/rpc/rpcproxy.dll?{end}:{c.pick([6001, 6002, 6004])}", [("Pragma", f"ResourceTypeUuid={c.guid()},SessionId={c.guid()}"), ("User-Agent", "MSRPC"), ("Content-Type", "application/rpc")], b""


def autodiscover(c):
    address = c.address()
    if c.chance(0.4):
        page = c.pick(["/autodiscover/autodiscover.json", "/Autodiscover/Autodiscover.json"])
        safe = c.pick(["", "@", "@+'"])
        target = c.pick([f"{page}/v1.0/{quote(address, safe=safe)}?Protocol={c.pick(['Ews', 'ActiveSync', 'AutodiscoverV1', 'REST', 'Substrate'])}&RedirectCount=1", f"{page}?Email={quote(address, safe=safe)}&Protocol=Autodiscoverv1&RedirectCount={c.r.randint(0, 5)}"])
        return "GET", target, [("Accept", "application/json"), ("Cookie", f"email={quote(address, safe='@')}")] if c.chance(0.1) else [], b""
    if c.chance(0.3):
        body = (f'<soap:Envelope xmlns:a="http://schemas.microsoft.com/exchange/2010/Autodiscover" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header><wsa:To>https://autodiscover.k.example/autodiscover/autodiscover.svc</wsa:To></soap:Header>'
                f"<soap:Body><a:GetUserSettingsRequestMessage><a:Request><a:Users><a:User><a:Mailbox>{xml(address)}</a:Mailbox></a:User></a:Users></a:Request></a:GetUserSettingsRequestMessage></soap:Body></soap:Envelope>")
        return "POST", c.pick(["/autodiscover/autodiscover.svc", "/autodiscover/autodiscover.svc/WSSecurity"]), [("Content-Type", "text/xml; charset=utf-8")], body.encode()
    kind = c.pick(["outlook", "mobilesync"])
    body = f'<?xml version="1.0" encoding="utf-8"?><Autodiscover xmlns="http://schemas.microsoft.com/exchange/autodiscover/{kind}/requestschema/2006"><Request><EMailAddress>{xml(address)}</EMailAddress><AcceptableResponseSchema>http://schemas.microsoft.com/exchange/autodiscover/{kind}/responseschema/2006a</AcceptableResponseSchema></Request></Autodiscover>'
    return "POST", c.pick(["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml"]), [("Content-Type", c.pick(["text/xml", "text/xml; charset=utf-8"])), ("X-MapiHttpCapability", "1")], body.encode()


def powershell(c):
    cmdlet, args = c.pick([("Get-Mailbox", {"Identity": c.name()}), ("New-MailboxExportRequest", {"Mailbox": c.address(), "FilePath": r"\\fs01\pst" + "\\" + c.name() + ".pst"}),
                           ("Set-OwaVirtualDirectory", {"Identity": "owa (Default Web Site)", "ExternalUrl": "https://mail.k.example/owa"}), ("New-TransportRule", {"Name": c.text(), "SubjectContainsWords": c.text(), "AttachmentExtensionMatchesWords": "aspx"}),
                           ("New-ExchangeCertificate", {"RequestFile": r"\\fs01\certs" + "\\" + c.pick(HOSTS) + ".req", "SubjectName": "CN=" + c.pick(HOSTS)}), ("Set-MailboxAutoReplyConfiguration", {"InternalMessage": c.text()}),
                           ("TabExpansion2", {"inputScript": "Get-Mai", "cursorColumn": "7"}), ("Search-MailboxAuditLog", {"Identity": c.name(), "ShowDetails": c.text()}), ("Export-ExchangeCertificate", {"FileName": r"\\fs01\k.pfx"})])
    fields = "".join(f'<Obj RefId="{i}"><MS><S N="N">-{n}</S><S N="V">{xml(v)}</S></MS></Obj>' for i, (n, v) in enumerate(args.items()))
    message = struct.pack("<II", 2, 0x21006) + c.r.randbytes(32) + "\ufeff".encode() + f'<Obj RefId="0"><MS><Obj N="PowerShell" RefId="1"><MS><Obj N="Cmds"><LST><Obj><MS><S N="Cmd">{cmdlet}</S><Obj N="Args"><LST>{fields}</LST></Obj></MS></Obj></LST></Obj></MS></Obj></MS></Obj>'.encode()
    raw, step = b"", c.pick([len(message), 400, 97])
    pieces = [message[i:i + step] for i in range(0, len(message), step)]
    for i, piece in enumerate(pieces):
        raw += struct.pack(">QQBI", 3, i, (i == 0) | 2 * (i == len(pieces) - 1), len(piece)) + piece
    body = (f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Body><rsp:CommandLine CommandId="{c.guid().upper()}"><rsp:Command>{cmdlet}</rsp:Command>'
            f"<rsp:Arguments>{base64.b64encode(raw).decode()}</rsp:Arguments></rsp:CommandLine></s:Body></s:Envelope>")
    return "POST", "/powershell?PSVersion=5.1.19041.610", [("Content-Type", "application/soap+xml;charset=UTF-8"), ("Authorization", "Kerberos " + c.b64(400))], body.encode()


def static(c):
    target = c.pick([f"/OAB/{c.guid()}/oab.xml", f"/oab/{c.guid()}/{c.guid()}-data-{c.r.randint(1, 99)}.lzx", f"/oab/{c.guid()}/{c.guid()}-lng0407-1.lzx", "/owa/healthcheck.htm", "/", "/favicon.ico", "/robots.txt",
                     "/aspnet_client/system_web/4_0_30319/WebForms.js", f"/api/v2.0/me/messages?$search={quote(chr(34) + c.text() + chr(34))}", f"/api/v2.0/me/mailfolders('{c.letters(URL64, 60)}')/messages?$top=10", "/.well-known/autoconfig/mail/config-v1.1.xml"])
    return c.pick(["GET", "GET", "HEAD"]), target, [("Range", "bytes=0-65535")] if c.chance(0.3) else [], b""


SHARES = [(owa_page, 20), (owa_service, 25), (owa_form, 3), (ecp, 9), (ews, 16), (activesync, 11), (mapi, 6), (rpc, 2), (autodiscover, 6), (powershell, 3), (static, 3)]


def requests(seed, count):
    c = Client(seed)
    groups, weights = zip(*SHARES)
    for number in range(count):
        group = c.r.choices(groups, weights)[0]
        method, target, headers, body = group(c)
        agent = c.pick(BROWSERS) if target[:4].lower() in ("/owa", "/ecp") else c.pick(OUTLOOKS)
        host = c.pick(["mail.k.example", "autodiscover.k.example", "mail.k.example:443"])
        absolute = "https://" + host if c.chance(0.01) else ""
        fields = [("Host", host), ("User-Agent", agent), ("Accept-Language", c.pick(LANGUAGES)), *headers]
        yield {"id": f"{group.__name__}/{seed}/{number}", "method": method, "target": absolute + target, "headers": fields, "body_b64": base64.b64encode(body).decode()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    for row in requests(args.seed, args.count):
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
