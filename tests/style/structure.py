#!/usr/bin/env python3
"""Sizes and the direction of includes, as CONTRIBUTING.md states them.

Functions: at most 80 lines. Files: at most 500 lines. rules/ includes nothing of proxy/, libuv,
llhttp or sockets; proxy/ (but its verbs in proxy/cli) includes nothing of rules/, Hyperscan, PCRE2
or libxml2; include/ includes neither. Every header has "#pragma once".
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MAX_FUNCTION, MAX_FILE = 80, 500
FORBIDDEN = {
    "include": r'include "(?!stopgap/)|<(uv|llhttp|hs|pcre2|openssl)',
    "rules": r"<(uv|llhttp|sys/socket|netdb|openssl/ssl)[./h>]|proxy/",
    "proxy": r'<(hs|pcre2|libxml)|"(view|language|engine|trust|import|sets)/',
}
EXEMPT_DIRECTION = ("proxy/cli/",)  # the verbs are the rule tool, too


def functions(lines):
    """(first line, number of lines) of each function: column-0 brace to column-0 brace."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start is not None:
            yield start, number - start + 1
            start = None


def main():
    problems = []
    for folder in ("include", "rules", "proxy", "tests", "bench"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            name = str(path.relative_to(ROOT))
            lines = path.read_text(errors="replace").splitlines()
            if len(lines) > MAX_FILE:
                problems.append(f"{name}: {len(lines)} lines, at most {MAX_FILE}")
            for start, size in functions(lines):
                if size > MAX_FUNCTION:
                    problems.append(f"{name}:{start}: function of {size} lines, at most {MAX_FUNCTION}")
            if path.suffix == ".h" and "#pragma once" not in lines:
                problems.append(f"{name}: no #pragma once")
            if folder not in FORBIDDEN or name.startswith(EXEMPT_DIRECTION):
                continue
            for number, line in enumerate(lines, 1):
                if line.startswith("#include") and re.search(FORBIDDEN[folder], line):
                    problems.append(f"{name}:{number}: wrong direction: {line.strip()}")
    print("\n".join(problems) or "sizes and include direction: fine")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
