//! The programs: what each needs, and for how long it may run.

/// A program to run; its script is `xtask/programs/NAME.sh`.
pub(super) struct Case {
    pub(super) name: &'static str,
    /// Commands that must be there.
    pub(super) needs: &'static [&'static str],
    /// After so many seconds it hangs.
    pub(super) limit_s: u64,
}

const fn case(name: &'static str, needs: &'static [&'static str], limit_s: u64) -> Case {
    Case { name, needs, limit_s }
}

/// Ordered from the quick to the slow.
pub(super) const CASES: [Case; 15] = [
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
