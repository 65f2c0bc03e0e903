//! The programs: what each needs, and for how long it may run.

/// A program to run; its script is `xtask/programs/NAME.sh`.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Commands that must be there.
    pub(super) needs: &'static [&'static str],
    /// After so many seconds it hangs.
    pub(super) limit_s: u64,
}

const fn case(name: &'static str, needs: &'static [&'static str], limit_s: u64) -> Case {
    Case { name, needs, limit_s }
}

/// Those of every check, ordered from the quick to the slow.
pub(crate) const SHORT: [Case; 15] = [
    case("bash", &["bash"], 120),
    case("perl", &["perl"], 120),
    case("tar", &["tar", "gzip", "awk", "diff"], 120),
    case("sort", &["sort", "awk"], 120),
    case("sqlite", &["sqlite3"], 120),
    case("node", &["node"], 120),
    case("python", &["python3"], 120),
    case("gcc", &["gcc", "awk"], 120),
    case("g++", &["g++"], 240),
    case("git", &["git", "awk"], 240),
    case("xz", &["xz", "awk"], 240),
    case("redis", &["redis-server", "redis-benchmark", "redis-cli"], 240),
    case("sampled", &["python3", "redis-server", "redis-benchmark", "redis-cli"], 240),
    case("cargo", &["cargo"], 600),
    case("python-tests", &["python3"], 1200),
];

/// Those that only a long run has.
pub(crate) const LONG: [Case; 10] = [
    case("redis-aof", &["redis-server", "redis-benchmark", "redis-cli"], 600),
    case("postgres", &["postgres", "initdb", "pgbench", "psql", "setpriv"], 900),
    case("nginx", &["nginx", "python3", "awk"], 600),
    case("memcached", &["memcached", "python3"], 600),
    case("java", &["java", "javac"], 600),
    case("sqlite-file", &["sqlite3", "awk"], 600),
    case("ghostscript", &["gs"], 600),
    case("ffmpeg", &["ffmpeg"], 600),
    case("git-large", &["git", "awk"], 1200),
    case("chromium", &["chromium"], 600),
];
