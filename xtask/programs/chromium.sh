# A browser without a window: script, layout, fonts, canvas and pictures of a page.
set -euo pipefail
cat > page.html <<'HTML'
<!DOCTYPE html><meta charset=utf-8><title>page</title><style>div { border: 1px solid; margin: 2px; float: left }</style>
<canvas id=c width=300 height=200></canvas><p id=sum></p><script>
let sum = 0, table = new Map();
for (let i = 0; i < 300000; i++) { table.set("key " + i % 5003, { i, text: "v".repeat(i % 50) }); sum = (sum * 31 + i) % 1000003; }
for (let i = 0; i < 2000; i++) {
    const box = document.createElement("div");
    box.textContent = [...table.keys()].slice(i, i + 3).join(", ");
    document.body.append(box);
}
const draw = document.getElementById("c").getContext("2d");
for (let i = 0; i < 500; i++) { draw.fillStyle = `hsl(${i % 360} 50% 50%)`; draw.fillRect(i % 300, i % 200, 20, 20); }
const pixels = draw.getImageData(0, 0, 300, 200).data.reduce((a, b) => (a * 31 + b) % 1000003, 0);
document.getElementById("sum").textContent = `${sum} ${table.size} ${pixels} ${document.body.children.length}`;
</script>
HTML
browse() {
    chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
        --user-data-dir="$PWD/profile" --virtual-time-budget=10000 "$@" "file://$PWD/page.html" 2> errors.txt
}
browse --dump-dom | sha256sum
browse --window-size=800,600 --screenshot="$PWD/page.png" > /dev/null
test "$(head -c 4 page.png | tail -c 3)" = PNG
browse --print-to-pdf="$PWD/page.pdf" > /dev/null
head -c 5 page.pdf
if grep -iE 'segmentation|received signal|crashed|spandrel' errors.txt; then
    exit 1
fi
