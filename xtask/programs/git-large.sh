# A repository of many commits and files: packed with threads, cloned, merged, searched, checked.
set -euo pipefail
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
git init --quiet --initial-branch=main origin
awk 'BEGIN {
    for (commit = 1; commit <= 6000; commit++) {
        print "commit refs/heads/main"
        print "committer A <a@example.org> " 1000000000 + commit * 60 " +0000"
        print "data <<END\ncommit " commit "\nEND"
        for (file = 0; file < 6; file++) {
            path = "folder" (commit + file * 7) % 200 "/file" (commit * 31 + file) % 3000
            print "M 100644 inline " path "\ndata <<END"
            for (line = 0; line < 60; line++) print path, line, line % 13 == commit % 13 ? commit : 0
            print "END"
        }
    }
}' | git -C origin fast-import --quiet
git -C origin -c pack.threads=4 repack -adfq --depth=50 --window=20
git clone --quiet --no-hardlinks origin clone
git -C clone fsck --full --no-progress
git -C clone log --stat --find-renames -n 3000 | sha256sum
git -C clone rev-list --objects --all | wc -l
git -C clone grep --threads=4 -c ' 59 ' | sha256sum
git -C clone diff --stat HEAD~2000 HEAD | tail -1
git -C clone archive HEAD | sha256sum
git -C clone -c core.commitGraph=true commit-graph write --reachable
git -C clone log --oneline --graph | sha256sum
