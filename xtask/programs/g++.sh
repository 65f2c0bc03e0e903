# The C++ compiler on a source heavy with templates; then what it made.
set -euo pipefail
for i in 0 1 2; do
    g++ -std=c++17 -O2 -DSEED="$i" -frandom-seed="$i" -S -o "templates$i.s" "$PROGRAMS/templates.cpp"
done
sha256sum templates*.s
g++ -o templates templates1.s
./templates
