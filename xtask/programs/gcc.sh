# The C compiler on a long source made here; then what it made.
set -euo pipefail
awk 'BEGIN {
    print "#include <stdio.h>"
    for (i = 0; i < 300; i++) {
        print "struct s" i " { int a[" 1 + i % 9 "]; double b; struct s" i " *next; };"
        print "static long f" i "(struct s" i " *s, long x) {"
        print "    for (int i = 0; i < " 1 + i % 9 "; i++) x += s->a[i] * " i " + (x ^ " i * 31 ");"
        print "    return s->next ? f" i "(s->next, x) : x % " 1000003 + i "; }"
    }
    print "int main(void) { long x = 1;"
    for (i = 0; i < 300; i++) {
        print "    { struct s" i " s = { .b = x }, t = { .next = &s }; s.a[0] = " i "; x += f" i "(&t, x); }"
    }
    print "    printf(\"%ld\\n\", x); return 0; }"
}' > many.c
gcc -O2 -fwrapv -g -S -o many.s many.c
sha256sum many.s
gcc -o many many.s
./many
