//! The memory limit of the control group that the process is in (cgroup v2), for `memlimit=cgroup`.

use core::ffi::CStr;

use spandrel_platform::process::read_file;

use crate::config::{CGROUP_PATH_BYTES, CGROUP_SHARE};

/// Committed bytes at most: what the group and those above it allow, less a share for what else the process
/// has. All there are if there is no limit, or no cgroup v2.
pub(crate) fn limit_bytes() -> usize {
    let mut membership = [0; CGROUP_PATH_BYTES];
    let limit = limit_of(b"/sys/fs/cgroup", read_file(c"/proc/self/cgroup", &mut membership));
    if limit == usize::MAX { limit } else { limit - limit / CGROUP_SHARE }
}

/// The lowest limit on the way from a group to the root. `membership` is the text of `/proc/self/cgroup`, in
/// which the line of version 2 is `0::/path`.
fn limit_of(root: &[u8], membership: &[u8]) -> usize {
    let mut lines = membership.split(|&byte| byte == b'\n');
    let Some(mut group) = lines.find_map(|line| line.strip_prefix(b"0::")) else { return usize::MAX };
    let mut lowest = usize::MAX;
    loop {
        group = group.strip_suffix(b"/").unwrap_or(group);
        lowest = lowest.min(limit_in(&[root, group, b"/memory.max\0"]));
        match group.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => group = &group[..slash],
            None => return lowest,
        }
    }
}

/// The limit that a file holds whose path has these parts; all there are if it says `max`, or can't be read.
fn limit_in(parts: &[&[u8]]) -> usize {
    let mut path = [0; CGROUP_PATH_BYTES];
    let mut length = 0;
    for part in parts {
        let Some(place) = path.get_mut(length..length + part.len()) else { return usize::MAX };
        place.copy_from_slice(part);
        length += part.len();
    }
    let Ok(path) = CStr::from_bytes_until_nul(&path) else { return usize::MAX };
    let mut text = [0; CGROUP_PATH_BYTES];
    let digits = read_file(path, &mut text).trim_ascii_end();
    core::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::limit_of;
    use std::{format, fs};

    #[test]
    fn the_lowest_limit_on_the_way_counts() {
        let root = std::env::temp_dir().join(format!("spandrel-cgroup-{}", std::process::id()));
        let group = root.join("a.slice/b.scope");
        fs::create_dir_all(&group).unwrap();
        let limit = |membership: &str| limit_of(root.to_str().unwrap().as_bytes(), membership.as_bytes());
        let b = "1:name=x:/old\n0::/a.slice/b.scope\n";
        assert_eq!(limit(b), usize::MAX);
        fs::write(group.join("memory.max"), "max\n").unwrap();
        assert_eq!(limit(b), usize::MAX);
        fs::write(group.join("memory.max"), "5000000\n").unwrap();
        assert_eq!(limit(b), 5_000_000);
        fs::write(root.join("a.slice/memory.max"), "4000000\n").unwrap();
        assert_eq!((limit(b), limit("0::/a.slice\n")), (4_000_000, 4_000_000));
        fs::write(root.join("memory.max"), "3000000\n").unwrap();
        assert_eq!((limit(b), limit("0::/\n"), limit("0::/gone\n")), (3_000_000, 3_000_000, 3_000_000));
        assert_eq!((limit(""), limit("4:memory:/a.slice\n")), (usize::MAX, usize::MAX));
        fs::remove_dir_all(root).unwrap();
    }
}
