//! What the kernel says about this process and what has no safe call of its own.

/// The value of one line of `/proc/self/status`, without the blanks around it.
pub(crate) fn field(name: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().to_string())
}
