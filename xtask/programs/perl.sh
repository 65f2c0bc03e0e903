# Hashes, strings and regular expressions of perl.
set -euo pipefail
perl "$PROGRAMS/words.pl"
