# A tree of many small files into an archive, through gzip, and back.
set -euo pipefail
mkdir tree
awk 'BEGIN {
    for (i = 0; i < 3000; i++) {
        folder = "tree/" i % 50
        if (i < 50) system("mkdir -p " folder)
        file = folder "/" i ".txt"
        for (line = 0; line < 20 + i % 200; line++) print i, line, i * line % 9973 > file
        close(file)
    }
}'
tar --create --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --file tree.tar tree
gzip --no-name --keep tree.tar
sha256sum tree.tar tree.tar.gz
mkdir back
gzip --decompress --stdout tree.tar.gz | tar --extract --directory back
diff --recursive tree back/tree && echo the same
