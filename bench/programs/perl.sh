#!/usr/bin/env bash
# Perl: hashes, strings, regular expressions, sorting.
source "$(dirname "$0")/frame.bash"

needs=('perl perl')

inputs() {
    cp "$here/perl.pl" .
}

workload() {
    measured env PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 perl perl.pl
}

main "$@"
