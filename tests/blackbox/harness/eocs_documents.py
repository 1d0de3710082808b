"""Documents of Microsoft's feed, signed by eocs-forge with certificates made for the run."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
STOPGAP = os.environ.get("STOPGAP_BIN", str(ROOT / "build/dev/stopgap"))
FORGE = str(pathlib.Path(os.environ.get(
    "STANDIN_BIN", str(ROOT / "build/dev/tests/exchange-standin"))).parent / "eocs-forge")

HEARTBEAT = """<Config id="PING1" desc="Heartbeat"><ActionList>
<Action type="DoNothing" scope="Server" desc="x"><Value>DoNothing</Value></Action>
</ActionList></Config>"""


def config(name, value, type_="UrlRewrite", scope="Server", attributes=""):
    return (f'<Config id="{name}" desc="About {name}" {attributes}><ActionList>'
            f'<Action type="{type_}" scope="{scope}" desc="x"><Value>{value}</Value></Action>'
            f"</ActionList></Config>")


def inbound(pattern, input_="{UrlDecode:{REQUEST_URI}}", action='type="AbortRequest"', url=".*",
            rule="", condition=""):
    return (f'<rule name="r" stopProcessing="true" {rule}><match url="{url}"/><conditions>'
            f'<add input="{input_}" pattern="{pattern}" {condition}/></conditions>'
            f"<action {action}/></rule>")


BOTH_WORDS = config("M1.1", inbound("(?=.*autodiscover)(?=.*powershell)"))
SHELL_POLICY = config("M2.1.0", """<rewrite><outboundRules><preConditions>
<preCondition name="p"><add input="{RESPONSE_CONTENT_TYPE}" pattern="^text/html"/>
<add input="{REQUEST_URI}" pattern="^/owa/?($|\\?|default\\.aspx|popout\\.aspx)"/></preCondition>
</preConditions><rule name="o" preCondition="p">
<match serverVariable="RESPONSE_Content_Security_Policy" pattern="(.*)"/>
<action type="Rewrite" value="{R:1}; script-src-attr 'none'"/></rule></outboundRules></rewrite>""",
                      attributes='maxVersion="15.2.1.2"')


class Feed:
    """Documents with the given names and contents, and the anchors they verify with."""

    def __init__(self, folder, **documents):
        self.folder = folder
        for name, text in documents.items():
            (folder / name).write_text(text)
        subprocess.run([FORGE, str(folder), *(str(folder / name) for name in documents)], check=True)

    def run(self, verb, name, *options):
        return subprocess.run(
            [STOPGAP, "eocs", verb, str(self.folder / f"{name}.xml"), "--sign-anchors",
             str(self.folder / "sign.pem"), "--ts-anchors", str(self.folder / "stamp.pem"),
             *map(str, options)], capture_output=True, text=True, timeout=60)
