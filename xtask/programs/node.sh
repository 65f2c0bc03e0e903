# Objects, buffers, compression and worker threads of node.
set -euo pipefail
node "$PROGRAMS/objects.js"
