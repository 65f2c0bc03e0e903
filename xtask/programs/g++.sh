# The C++ compiler on a source heavy with templates; then what it made.
set -euo pipefail
g++ -std=c++17 -O2 -frandom-seed=1 -S -o templates.s "$PROGRAMS/templates.cpp"
sha256sum templates.s
g++ -o templates templates.s
./templates
g++ -std=c++17 -O2 -o throws "$PROGRAMS/throws.cpp"
./throws
