#!/usr/bin/env python3
"""Requests of clients that hold the words of attacks without being one: all must pass.

  tests/corpus/lookalikes.py > lookalikes.jsonl
  build/dev/tests/corpus-judge --blocked < lookalikes.jsonl

The wide traffic comes from tests/benign/generate.py; here stand near misses, one for each idea. The output
is the same each time.
"""
import base64
import gzip
import json
import sys
import urllib.parse

HOST = "mail.k.example"
SOAP = ('<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"'
        ' xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"'
        ' xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"><soap:Body>%s</soap:Body></soap:Envelope>')
BACKEND = "u56Lnp2ejJqBzJvJmc+eys3SxpzOndLLmsib0seey8/Sys6dmsjIzc+cxpvJgYHNz83J0s7O0s3Pq8/GxczPxc/PgZqHnpKPk5rRnJCSgc8="
ROWS = []

def add(idea, method, target, headers=(), body=b""):
    ROWS.append((idea, method, target, list(headers), body if isinstance(body, bytes) else body.encode()))

def autodiscover():
    page = "/autodiscover/autodiscover.json"
    for address in ["powershell-team@k.example", "autodiscover.json@k.example", "o'brien+x-rps-cat@k.example", "owa@powershell.example", "müller@k.example", "日本@k.example",
                    "mapi.nspi@ews.example", '"a b"@k.example', "a=b@k.example", "x?y@k.example".replace("?", "_"), "ecp@ecp.k.example", "a&b@k.example", "%@k.example"]:
        quoted = urllib.parse.quote(address, safe="")
        add("address", "GET", f"{page}/v1.0/{quoted}?Protocol=EWS&RedirectCount=1")
        add("address", "GET", f"{page}?Email={quoted}&Protocol=Autodiscoverv1&RedirectCount=1")
        add("address", "GET", f"{page}?Protocol=ActiveSync&email={quoted}")
    add("protocol", "GET", f"/Autodiscover/Autodiscover.json/v1.0/a@k.example?Protocol=REST")
    add("no-address", "GET", f"{page}?Protocol=Ews")
    add("slash-behind", "GET", f"{page}/v1.0/a%40k.example/?Protocol=AutodiscoverV1")
    add("foreign-cookie", "GET", f"{page}?Email=a@k.example", [("Cookie", "email=a@k.example; theme=powershell")])
    add("foreign-cookie", "POST", "/autodiscover/autodiscover.xml", [("Cookie", "Email=newsletter%40k.example"), ("Content-Type", "text/xml")],
        "<Autodiscover><Request><EMailAddress>a@k.example</EMailAddress></Request></Autodiscover>")
    add("post-json", "POST", page, [("Content-Type", "application/json")], '{"Email":"a@k.example","Protocol":"Ews"}')

def cookies():
    good = ["mail01.k.example~1942062522", "EXCH01.corp.local~1942062999", "exch-01~1941962753", "a.b-c.d~1942062522"]
    for value in good:
        add("be-resource", "GET", "/owa/auth/15.2.1118/scripts/premium/flogon.js", [("Cookie", "X-BEResource=" + value)])
        add("be-resource", "GET", "/ecp/15.2.1118.7/scripts/x.js", [("Cookie", "a=b; x-beresource=" + value + "; c=d")])
        add("anon-resource", "GET", "/owa/calendar/k/calendar.html", [("Cookie", "X-AnonResource=true; X-AnonResource-Backend=" + value)])
    for name in ["anna@k.example", "S-1-5-21-1-2-3-500", "K\\anna", "a1b2c3d4-0000-4000-8000-000000000000@k.example", "o'neil@k.example", "HealthMailbox1@k.example", "akexample"]:
        add("backend-cookie", "GET", "/owa/", [("Cookie", f"ClientId=1; X-BackEndCookie={name}={BACKEND}")])
        add("backend-cookie-two", "POST", "/ecp/x.aspx", [("Cookie", f"X-BackEndCookie={name}={BACKEND}&b@k.example={BACKEND}")])
    for value in ["SecurityToken", "x-beresource", "a/b~c", "X-AnonResource-Backend=a/b~c".replace("=", "%3D"), "../../etc", "powershell", "<b>"]:
        add("value-with-word", "GET", "/owa/", [("Cookie", "search=" + value)])
    add("security-token-elsewhere", "GET", "/owa/", [("Cookie", "SecurityToken=abc")])
    add("security-token-empty", "GET", "/ecp/", [("Cookie", "SecurityToken=")])
    add("near-name", "GET", "/ecp/", [("Cookie", "MySecurityToken=abc; SecurityTokenX=1; X-BEResourceHint=a/b")])

def owa():
    for text in ["autodiscover.json powershell", "../../../etc/passwd", "<script>alert(1)</script>", "' OR 1=1 --", "X-Rps-CAT=abc", "cmd=whoami", "SELECT * FROM users", "%2e%2e%2f", "}}};alert(1)//",
                 "__VIEWSTATE=abc", "proxyLogon.ecp", "C:\\inetpub\\wwwroot\\x.aspx", "TargetTypeForDeserialization", "owa/a@k.example/powershell", "<!DOCTYPE html>", "aspnet_client/k.aspx", "localhost~1",
                 "http://127.0.0.1/", "ﬁle ．．／", "日本語 検索", "e\u0301te\u0301 aspx", "{{constructor}}", "$(whoami)", "`id`", "a\u2215b", "%u002e%u002e", "ExtensionMasterTable"]:
        quoted = urllib.parse.quote(text)
        add("search", "GET", "/owa/?q=" + quoted + "&path=/mail/search")
        add("search-json", "POST", "/owa/service.svc?action=ExecuteSearch&EP=1&ID=-7&AC=1", [("Content-Type", "application/json; charset=utf-8"), ("Action", "ExecuteSearch")],
            json.dumps({"__type": "ExecuteSearchJsonRequest:#Exchange", "Body": {"Query": text}}))
        add("search-header", "GET", "/owa/service.svc?action=FindConversation&ID=-4", [("X-OWA-UrlPostData", urllib.parse.quote(json.dumps({"Body": {"QueryString": text}})))])
        add("mail-body", "POST", "/EWS/Exchange.asmx", [("Content-Type", "text/xml; charset=utf-8")], SOAP % (
            '<m:CreateItem MessageDisposition="SendAndSaveCopy"><m:Items><t:Message><t:Subject>%s</t:Subject><t:Body BodyType="Text">%s</t:Body></t:Message></m:Items></m:CreateItem>'
            % ((text.replace("&", "&amp;").replace("<", "&lt;"),) * 2)))
        add("attachment-name", "GET", "/owa/attachment.ashx?attach=1&id=AAMk&name=" + quoted)
        add("folder", "GET", "/owa/a@k.example/?viewmodel=" + quoted)
    for target in ["/owa/auth/logon.aspx?replaceCurrent=1&url=https%3a%2f%2fmail.k.example%2fowa%2f%3fpath%3d%2fpowershell", "/owa/auth/logon.aspx?url=https://mail.k.example/owa/&reason=0",
                   "/owa/auth/errorFE.aspx?httpCode=500&msg=861904327&owaError=powershell", "/owa/auth/frowny.aspx?app=people&et=ServerError&esrc=MasterPage&te=\\&refurl=https%3a%2f%2fmail.k.example%2fowa%2f%3Fa%3Db",
                   "/owa/auth/RedirSuiteServiceProxy.aspx", "/owa/auth/getidtoken.htm", "/owa/auth/OutlookCN.aspx", "/owa/auth/15.2.1118/themes/resources/logon.css", "/owa/auth/signout.aspx?a=b",
                   "/owa/auth/expiredpassword.aspx?url=/owa/auth.owa", "/owa/14.3.1/x.aspx.js", "/owa/powershell@k.example/", "/owa/a@k.example/?path=/powershell/", "/owa/a@k.example/ecp.html.js",
                   "/owa/redir.aspx?C=abc&URL=http%3a%2f%2f10.0.0.1%2fpowershell", "/owa/service.svc/s/GetFileAttachment?id=AA&X-OWA-CANARY=x", "/owa/calendar/a@k.example/Calendar/calendar.ics", "/owa/ev.owa2?ns=PendingRequest&ev=PendingNotificationRequest&UA=0"]:
        add("owa-page", "GET", target)
    add("explicit-logon", "POST", "/owa/powershell@k.example/service.svc?action=GetItem", [("X-OWA-ExplicitLogonUser", "powershell@k.example"), ("Content-Type", "application/json")], "{}")
    add("explicit-logon-empty", "GET", "/owa/", [("X-OWA-ExplicitLogonUser", "")])
    add("logon-form", "POST", "/owa/auth.owa", [("Content-Type", "application/x-www-form-urlencoded")], "destination=https%3A%2F%2Fmail.k.example%2Fowa%2F&flags=4&username=k%5Ca&password=cmd%3Dwhoami%3Cscript%3E&passwordText=&isUtf8=1")
    add("referer", "GET", "/owa/", [("Referer", "https://x.example/autodiscover/autodiscover.json?@k/powershell")])

def control_panel():
    add("viewstate-post", "POST", "/ecp/default.aspx", [("Content-Type", "application/x-www-form-urlencoded")], "__VIEWSTATE=MARKER&__VIEWSTATEGENERATOR=B97B4E27")
    add("viewstate-generator", "GET", "/ecp/default.aspx?__VIEWSTATEGENERATOR=B97B4E27")
    head = [("Content-Type", "application/json; charset=utf-8")]
    body = lambda key, value: json.dumps({"identity": {"__type": "Identity:ECP", "DisplayName": "OAB"}, "properties": {"Parameters": {key: value}}})
    for url in ["https://mail.k.example/OAB", "https://mail.k.example:8443/owa?x=1#a", "", "https://äö.example/ews/exchange.asmx", "https://script.example/runat"]:
        add("external-url", "POST", "/ecp/DDI/DDIService.svc/SetObject?schema=OABVirtualDirectory", head, body("ExternalUrl", url))
    for path in [r"\\fs01\reports\reset.txt", "//fs01/reports/RESET.TXT", r"C:\temp\aspx reset.txt", r"\\fs01\inetpub backup\a.b.txt"]:
        add("reset-report", "POST", "/ecp/DDI/DDIService.svc/SetObject?schema=ResetOABVirtualDirectory", head, body("FilePathName", path))
    add("list", "POST", "/ecp/DDI/DDIService.svc/GetList?schema=VirtualDirectory&msExchEcpCanary=x", head, '{"filter":{},"sort":{}}')
    add("inbox-rule", "POST", "/ecp/RulesEditor/InboxRules.svc/NewObject?msExchEcpCanary=x", head, json.dumps({"properties": {"RedirectTo": "a@k.example", "Name": "<script> powershell ../"}}))
    add("transport-rule", "POST", "/ecp/DDI/DDIService.svc/NewObject?schema=TransportRules", head, body("SubjectContainsWords", "<%= runat=server %> aspx"))
    part = '--k\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\nContent-Type: text/xml\r\n\r\n%s\r\n--k--\r\n'
    rule = '<?xml version="1.0"?><dlpPolicyTemplates><dlpPolicyTemplate><policyCommands><commandBlock><![CDATA[%s]]></commandBlock></policyCommands></dlpPolicyTemplate></dlpPolicyTemplates>'
    for command in ['New-TransportRule -Name "%%DlpPolicyName%% low" -DlpPolicy "%%DlpPolicyName%%" -SentToScope NotInOrganization -SetAuditSeverity High', "\r\n  New-TransportRule -Name 'x' -Mode Audit\r\n"]:
        add("dlp-template", "POST", "/ecp/DLPPolicy/ManagePolicyFromISV.aspx", [("Content-Type", "multipart/form-data; boundary=k")], part % ("t.xml", rule % command))
    add("upload", "POST", "/ecp/UploadHandler.ashx?a=b", [("Content-Type", "multipart/form-data; boundary=k")], part % ("k.aspx.csv", "a,b"))
    for target in ["/ecp/15.2.1118.7/scripts/common.js", "/ecp/default.aspx?exsvurl=1&p=/powershell", "/ecp/a@k.example/?ftr=x", "/ecp/ScriptResource.axd?d=abc", "/ecp/PersonalSettings/HomePage.aspx", "/ecp/error.aspx?cause=browsernotsupported"]:
        add("ecp-page", "GET", target)

def ews():
    head = [("Content-Type", "text/xml; charset=utf-8")]
    quoted = "&lt;m:InstallApp&gt;&lt;m:ManifestUrl&gt;http://10.0.0.1/&lt;/m:ManifestUrl&gt;&lt;/m:InstallApp&gt;"
    bodies = {
        "quoted-installapp": f'<m:CreateItem><m:Items><t:Message><t:Body BodyType="HTML">{quoted}</t:Body></t:Message></m:Items></m:CreateItem>',
        "cdata-installapp": "<m:CreateItem><m:Items><t:Message><t:Body><![CDATA[<m:InstallApp><m:ManifestUrl>http://10.0.0.1</m:ManifestUrl>]]></t:Body></t:Message></m:Items></m:CreateItem>",
        "installapp-inline": "<m:InstallApp><m:Manifest>PD94bWwgdmVyc2lvbj0iMS4wIj8+</m:Manifest></m:InstallApp>",

        "token": '<m:GetClientAccessToken><m:TokenRequests><t:TokenRequest><t:Id>1C50226D-04B5-4AB2-9FCD-42E236B59E4B</t:Id><t:TokenType>CallerIdentity</t:TokenType></t:TokenRequest></m:TokenRequests></m:GetClientAccessToken>',
        "table-read": '<m:GetUserConfiguration><m:UserConfigurationName Name="ExtensionMasterTable"><t:DistinguishedFolderId Id="inbox"/></m:UserConfigurationName><m:UserConfigurationProperties>All</m:UserConfigurationProperties></m:GetUserConfiguration>',
        "other-config": '<m:UpdateUserConfiguration><m:UserConfiguration><t:UserConfigurationName Name="OWA.UserOptions"><t:DistinguishedFolderId Id="root"/></t:UserConfigurationName><t:BinaryData>AAAA</t:BinaryData></m:UserConfiguration></m:UpdateUserConfiguration>',
        "config-dictionary": '<m:UpdateUserConfiguration><m:UserConfiguration><t:UserConfigurationName Name="ExtensionMasterTableX"/><t:Dictionary/></m:UserConfiguration></m:UpdateUserConfiguration>',
        "push": "<m:Subscribe><m:PushSubscriptionRequest><t:URL>https://crm.k.example/notify</t:URL></m:PushSubscriptionRequest></m:Subscribe>",
        "rule": "<m:UpdateInboxRules><m:Operations><t:CreateRuleOperation><t:Rule><t:DisplayName>powershell ../ &lt;script&gt;</t:DisplayName></t:Rule></t:CreateRuleOperation></m:Operations></m:UpdateInboxRules>",
        "attachment": "<m:CreateAttachment><m:Attachments><t:FileAttachment><t:Name>k.aspx</t:Name><t:Content>PCVAIFBhZ2UgJT4=</t:Content></t:FileAttachment></m:Attachments></m:CreateAttachment>",
        "resolve": "<m:ResolveNames><m:UnresolvedEntry>InstallApp ManifestUrl</m:UnresolvedEntry></m:ResolveNames>",
        "extended-property": '<m:GetItem><m:ItemShape><t:AdditionalProperties><t:ExtendedFieldURI PropertyTag="0x7C09" PropertyType="Binary"/></t:AdditionalProperties></m:ItemShape></m:GetItem>',
        "conversation": "<m:FindConversation><m:QueryString>subject:&quot;DeleteUserConfiguration ExtensionMasterTable&quot;</m:QueryString></m:FindConversation>",
    }
    for idea, body in bodies.items():
        add(idea, "POST", "/EWS/Exchange.asmx", head, SOAP % body)
        add(idea + "-soap12", "POST", "/ews/exchange.asmx", [("Content-Type", "application/soap+xml; charset=utf-8")], SOAP % body)
    add("gzip", "POST", "/EWS/Exchange.asmx", head + [("Content-Encoding", "gzip")], gzip.compress((SOAP % bodies["resolve"]).encode(), mtime=0))
    for target in ["/EWS/Services.wsdl", "/ews/a@k.example/Exchange.asmx", "/EWS/Exchange.asmx/wssecurity", "/ews/messages.xsd"]:
        add("ews-target", "GET", target)

def psrp():
    argument = lambda text: base64.b64encode(bytes(21) + text.encode()).decode()
    envelope = "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' xmlns:rsp='http://schemas.microsoft.com/wbem/wsman/1/windows/shell'><s:Body><rsp:CommandLine><rsp:Command>%s</rsp:Command><rsp:Arguments>%s</rsp:Arguments></rsp:CommandLine></s:Body></s:Envelope>"
    for cmdlet, text in [("New-MailboxExportRequest", r'<S N="V">\\fs01\pst\anna.pst</S>'), ("New-ExchangeCertificate", r'<S N="V">\\fs01\certs\mail.req</S>'), ("Get-Mailbox", '<S N="V">aspx team</S>'),
                         ("Set-OwaVirtualDirectory", '<S N="V">https://mail.k.example/owa</S>'), ("New-TransportRule", '<S N="V">contains .aspx or &lt;script&gt;</S>'), ("New-InboxRule", '<S N="V">Größe_x000D__x000A_zwei</S>'),
                         ("Import-ExchangeCertificate", '<BA N="V">TUFSS0VS</BA>'), ("Search-MessageTrackingReport", '<S N="V">serialization data</S>'), ("Set-MailboxAutoReplyConfiguration", '<S N="V">&lt;html&gt;a_x005F_x0041_b&lt;/html&gt;</S>')]:
        add("cmdlet", "POST", "/powershell?PSVersion=5.1.19041.610", [("Content-Type", "application/soap+xml;charset=UTF-8")], envelope % (cmdlet, argument(f"<Obj><MS>{text}</MS></Obj>")))
    add("receive", "POST", "/PowerShell/?serializationLevel=Full;ExchClientVer=15.2.1118.7;clientApplication=ManagementShell;TargetServer=;PSVersion=5.1.1", [("Content-Type", "application/soap+xml;charset=UTF-16")], ("\ufeff" + envelope % ("x", "")).encode("utf-16-le"))

def devices():
    for query in ["Cmd=Sync&User=K%5Canna&DeviceId=ABCDEF&DeviceType=SamsungDevice", "Cmd=GetAttachment&AttachmentName=k.aspx&User=a@k.example&DeviceId=1&DeviceType=x", "jAkJBBCjZmZmZmZmZmZmZmZmZmZmAAdTUDAwMDAwMQ==",
                  "Cmd=Ping&DeviceId=powershell&DeviceType=autodiscover.json&User=owa@k.example", "hQ8JBCAAAAAAECBAQA//+/=="]:
        add("activesync", "POST", "/Microsoft-Server-ActiveSync?" + query, [("Content-Type", "application/vnd.ms-sync.wbxml"), ("MS-ASProtocolVersion", "14.1")], b"\x03\x01\x6a\x00\x45\x5c")
    for mailbox in ["dfdfa242-6d10-471a-abc2-fb8252f789d8@k.example", "dfdfa242-6d10-471a-abc2-fb8252f789d8@powershell.example"]:
        for page in ["emsmdb", "nspi"]:
            add("mapi", "POST", f"/mapi/{page}/?MailboxId={mailbox}", [("Content-Type", "application/mapi-http"), ("X-RequestType", "Execute")], bytes(range(256)))
    for target in ["/rpc/rpcproxy.dll?dfdfa242-6d10-471a-abc2-fb8252f789d8@k.example:6001", "/rpcwithcert/rpcproxy.dll?exch01.corp.local:6004"]:
        add("rpc", "RPC_IN_DATA", target, [("Content-Type", "application/rpc")])
        add("rpc", "RPC_OUT_DATA", target, [("Content-Type", "application/rpc")])
    for target in ["/OAB/dfdfa242-6d10-471a-abc2-fb8252f789d8/oab.xml", "/oab/dfdfa242-6d10-471a-abc2-fb8252f789d8/1cf0-data-1.lzx", "/aspnet_client/system_web/4_0_30319/WebUIValidation.js", "/robots.txt", "/favicon.ico", "/", "/owa/healthcheck.htm", "/.well-known/acme-challenge/abc"]:
        add("static", "GET", target)
    add("options", "OPTIONS", "/Microsoft-Server-ActiveSync")
    add("options-owa", "OPTIONS", "/owa/auth/15.2/x.css")

def main():
    for group in (autodiscover, cookies, owa, control_panel, ews, psrp, devices):
        group()
    for number, (idea, method, target, headers, body) in enumerate(ROWS, 1):
        headers = [("Host", HOST)] + [(n, v.encode().decode("latin-1")) for n, v in headers]
        row = {"id": f"{idea}/{number}", "method": method, "target": urllib.parse.quote(target, safe="%/?&=@:;,+!$'()*~[]{}|\\^`<>\"._-#"), "headers": headers,
               "body_b64": base64.b64encode(body).decode()}
        sys.stdout.write(json.dumps(row) + "\n")

if __name__ == "__main__":
    main()
