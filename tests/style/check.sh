#!/bin/sh
# The checks that need no program: format, clang-tidy, cppcheck, sizes, include direction.
# usage: tests/style/check.sh      (after 'cmake --preset dev'; prints what to mend, exits 1)
set -u
cd "$(dirname "$0")/../.."
failed=0
step() { printf -- '-- %s\n' "$1"; }
bad() { failed=$((failed + 1)); }

step "clang-format"
git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror || bad

step "sizes and include direction"
/usr/bin/python3 tests/style/structure.py || bad

step "cppcheck"
cppcheck --quiet --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
    --std=c11 --suppressions-list=tests/style/cppcheck.txt -j "$(nproc)" \
    -I include --library=posix -D__linux__ -DLLHTTP_STRICT_MODE=1 -DLLHTTP_VERSION_MAJOR=8 proxy rules || bad

step "clang-tidy"
git ls-files 'proxy/*.c' 'rules/*.c' |
    xargs -P "$(nproc)" -n 8 clang-tidy --quiet -p build/dev 2>/dev/null >/tmp/stopgap-tidy.$$ || bad
cat /tmp/stopgap-tidy.$$
rm -f /tmp/stopgap-tidy.$$

if [ "$failed" = 0 ]; then
    echo "style: all checks passed"
else
    echo "style: $failed of 4 checks failed"
    exit 1
fi
