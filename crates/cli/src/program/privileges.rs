//! Whether starting a program would raise its privileges, in which case the loader ignores `LD_PRELOAD`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, StatVfsMountFlags, getxattr, statvfs};
use rustix::process::{getgid, getuid};

use crate::self_status;

/// Checks the setuid and setgid bits, as far as they would change an id, and file capabilities.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let shown = path.display();
    let Ok(metadata) = path.metadata() else {
        return Ok(());
    };
    let mode = Mode::from_raw_mode(metadata.mode());
    let changes_user = mode.contains(Mode::SUID) && metadata.uid() != getuid().as_raw();
    // Without the group's right to execute, the bit means mandatory locking.
    let changes_group = mode.contains(Mode::SGID | Mode::XGRP) && metadata.gid() != getgid().as_raw();
    let what = if changes_user {
        "setuid"
    } else if changes_group {
        "setgid"
    } else if has_capabilities(path) && !getuid().is_root() {
        "marked with file capabilities"
    } else {
        return Ok(());
    };
    if privileges_stay(path) {
        return Ok(());
    }
    Err(format!("`{shown}` is {what}, and for such programs the loader ignores LD_PRELOAD: run a copy of it"))
}

fn has_capabilities(path: &Path) -> bool {
    let mut value = [0_u8; 64];
    getxattr(path, "security.capability", &mut value).is_ok_and(|bytes| bytes > 0)
}

/// Whether the kernel ignores the marks: a `nosuid` mount, or a process that gave up privileges.
fn privileges_stay(path: &Path) -> bool {
    let is_nosuid = statvfs(path).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::NOSUID));
    is_nosuid || self_status::field("NoNewPrivs").as_deref() == Some("1")
}
