"""What users, domains, folders and mails are called, and what people write about: many languages, and
the words of attacks."""

LANGUAGES = ["en-US,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "ja-JP", "fr-CA,fr;q=0.7", "ar-SA", "pt-BR", "zh-CN", "ru-RU,ru"]

NAMES = ["Anna Meier", "Øyvind Ødegård", "José Muñoz", "Zoë O'Brien", "山田 太郎", "Иван Петров", "محمد علي", "김민수", "Ünal Şahin", "Łukasz Żak", "François Lefèvre", "Nguyễn Văn A", "דוד כהן", "Power Shell",
         "Ada Aspx", "Eva Root", "Sam X-BEResource", "René d'Arc", "Jean-Luc", "Ecp Owa", "Θάνος Παπάς", "สมชาย ใจดี"]

DOMAINS = ["k.example", "mail.k.example", "powershell.example", "ews.k.example", "autodiscover.k.example", "xn--mller-kva.example", "müller.example", "例え.example", "owa.example", "mapi-nspi.example"]

ADDRESSES = ["powershell-team", "autodiscover.json", "ecp+owa", "o'brien", "x-rps-cat", "script", "aspx", "ews.admin", "mapi_nspi", "a=b", "proxylogon.ecp", "root", "müller", "山田", "иван", "sql.injection", "cmd.exe",
             "web.config", "admin", "localhost", "127.0.0.1", "rpc", "oab", "vip!team", "first.last+tag", "a.b-c_d", "cafe\u0301"]

HOSTS = ["exch01.k.example", "EXCH-02.corp.k.example", "mbx3", "exch01.k.local", "powershell01.k.example", "server10.sub.domain.k.example"]

FOLDERS = ["Inbox", "Gelöschte Elemente", "Éléments envoyés", "受信トレイ", "Входящие", "صندوق الوارد", "받은 편지함", "Autodiscover.json", "PowerShell", "ews/ecp/owa", "..", "../archive", "aspnet_client", "C:\\inetpub\\wwwroot",
           "X-BEResource", "<drafts>", "100% done", "50%2f50", "a & b", "R&D #1", "Rechnungen; bezahlt", "{temp}", "Πρόχειρα", "โฟลเดอร์", "CVE-2021-26855", "mapi", "rpc", "owa"]

TEXTS = ["autodiscover.json", "powershell", "../../", "..\\..\\windows", "X-BEResource", "X-AnonResource-Backend=a/b~1", "<script>alert(1)</script>", "' OR 1=1 --", "SELECT * FROM users WHERE a='b'", "X-Rps-CAT=VgEAVAdXaW5kb3dz",
         "cmd=whoami", "cmd.exe /c dir", "Invoke-Expression", "New-MailboxExportRequest -FilePath \\\\127.0.0.1\\c$\\x.aspx", "TargetTypeForDeserialization", "SerializationData", "ExtensionMasterTable", "MRM.AutoTag.Model",
         "BinaryData", "InstallApp", "ManifestUrl http://10.0.0.1/", "__VIEWSTATE", "__VIEWSTATEGENERATOR=B97B4E27", "proxyLogon.ecp", "/autodiscover/autodiscover.json?@k.example/powershell", "/owa/a@k.example/powershell/", "aspnet_client/k.aspx",
         "web.config", "shell.aspx", "runat=\"server\"", "<%@ Page Language=\"JScript\" %>", "}}};alert(document.domain)//", "javascript:void(0)", "onerror=", "${jndi:ldap://k.example/a}", "{{7*7}}", "`id`", "$(whoami)", "%2e%2e%2f", "%u0041",
         "&#x41;&#66;", "<!DOCTYPE html>", "<!ENTITY x SYSTEM \"file:///etc/passwd\">", "]]", "localhost~1942062522", "169.254.169.254", "http://127.0.0.1:444/ecp/", "S-1-5-18", "SecurityToken=x", "Email=a/b?c", "commandBlock", "New-TransportRule",
         "FilePathName", "ExternalUrl", "RouteComplaint", "TabExpansion ../../x.dll", "Grüße aus Köln", "Prüfbericht Q3", "Réunion à 14 h", "déjà vu", "会議の議事録", "プロジェクト計画", "Счёт на оплату", "перезвоните", "فاتورة", "חשבונית", "회의록",
         "Çalışma planı", "Żółć", "naïve café", "e\u0301le\u0300ve", "ﬁnanzbericht", "ｆｕｌｌｗｉｄｔｈ ａｓｐｘ", "．．／", "a\u2215b", "\u202ereversed", "😀 party 🎉", "100 % sicher", "C++ & C#", "50/50", "AT&T", "Müller; Söhne", "re: fw: aw: wg:", "Rechnung #4711",
         "GUID {2F94A2BF-A2E6-4CCC-BF98-B5F22C542226}", "TVqQAAMAAAAEAAAA//8AALgAAAAA", "AAEAAAD/////AQAAAAAAAAAMAgAAAF5NaWNyb3NvZnQ", "https://k.example/a?b=c&d=e#f", "\\\\fs01\\share\\datei.txt", "a=b&c=d", "key: value", "1.2.3.4", "~tilde~", "[brackets]", "(abc)"]
