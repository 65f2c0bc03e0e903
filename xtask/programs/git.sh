# A repository made here: cloned, packed hard, checked.
set -euo pipefail
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
git init --quiet --initial-branch=main origin
awk 'BEGIN {
    for (commit = 1; commit <= 400; commit++) {
        print "commit refs/heads/main"
        print "committer A <a@example.org> " 1000000000 + commit * 60 " +0000"
        print "data <<END\ncommit " commit "\nEND"
        for (file = 0; file < 5; file++) {
            path = "folder" (commit + file * 7) % 20 "/file" (commit * 31 + file) % 60
            print "M 100644 inline " path "\ndata <<END"
            for (line = 0; line < 150; line++) print path, line, line % 13 == commit % 13 ? commit : 0
            print "END"
        }
    }
}' | git -C origin fast-import --quiet
git clone --quiet --no-hardlinks origin clone
git -C clone gc --quiet --aggressive
git -C clone fsck --full --no-progress
git -C clone rev-parse HEAD
git -C clone log --stat --patch | sha256sum
git -C clone blame HEAD -- folder0/file0 | sha256sum
git -C clone archive HEAD | sha256sum
git -C clone rev-list --objects --all | wc -l
