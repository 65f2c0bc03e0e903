//! `cargo xtask supply`: where dependencies come from, under what terms, and what builds them.
//!
//! Sources, terms and warnings about dependencies are rules of `deny.toml`, for `cargo deny`; where that is
//! not installed, sources and terms are checked here, from what cargo knows. Build scripts run with the
//! rights of whoever builds: those of this workspace must reach out to nothing, and those of dependencies
//! are listed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};

/// The one registry.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// What a build script could reach out with.
const OUTWARD: [&str; 8] = ["TcpStream", "UdpSocket", "std::net", "curl", "wget", "git2", "reqwest", "ureq"];

/// Checks all and tells whether it is in order.
pub(crate) fn run(root: &Path) -> bool {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).exec();
    let metadata = match metadata {
        Ok(metadata) => metadata,
        Err(error) => {
            println!("cargo metadata: {error}");
            return false;
        }
    };
    let allowed = allowed_terms(&root.join("deny.toml"));
    let mut findings: Vec<String> = Vec::new();
    for package in &metadata.packages {
        findings.extend(wrong_source(&metadata, package));
        findings.extend(wrong_terms(package, &allowed));
        findings.extend(outward_build_script(&metadata, package));
    }
    findings.iter().for_each(|finding| println!("{finding}"));
    let scripted: BTreeSet<_> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some() && build_script(package).is_some())
        .map(|package| package.name.to_string())
        .collect();
    println!(
        "{} packages; build scripts of {}",
        metadata.packages.len(),
        Vec::from_iter(scripted).join(", ")
    );
    findings.is_empty() && denied_nothing(root)
}

fn wrong_source(metadata: &Metadata, package: &Package) -> Option<String> {
    let is_ours = metadata.workspace_members.contains(&package.id);
    let is_registered = package.source.as_ref().is_some_and(|source| source.repr == REGISTRY);
    (!is_ours && !is_registered).then(|| format!("{} comes from somewhere else", package.name))
}

/// At least one of the terms that a package offers must be among those allowed, each joined by `AND` all of
/// them.
fn wrong_terms(package: &Package, allowed: &BTreeSet<String>) -> Option<String> {
    let terms = package.license.as_deref().unwrap_or("");
    (!is_allowed(terms, allowed)).then(|| format!("{} is under `{terms}`", package.name))
}

fn is_allowed(terms: &str, allowed: &BTreeSet<String>) -> bool {
    terms.split(" AND ").all(|part| {
        let part = part.trim_matches(['(', ')', ' ']);
        part.split(" OR ").flat_map(|term| term.split('/')).any(|term| allowed.contains(term.trim()))
    })
}

/// The terms in the list `allow` of `deny.toml`.
fn allowed_terms(path: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let list =
        text.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).map_or("", |list| list.0);
    let entries = list.lines().filter_map(|line| line.trim().strip_prefix('"')?.split('"').next());
    entries.map(str::to_owned).collect()
}

fn build_script(package: &Package) -> Option<&Path> {
    let script = package.targets.iter().find(|target| target.kind.contains(&TargetKind::CustomBuild))?;
    Some(script.src_path.as_std_path())
}

fn outward_build_script(metadata: &Metadata, package: &Package) -> Option<String> {
    if !metadata.workspace_members.contains(&package.id) {
        return None;
    }
    let text = std::fs::read_to_string(build_script(package)?).ok()?;
    let word = OUTWARD.iter().find(|word| text.contains(**word))?;
    Some(format!("the build script of {} says `{word}`", package.name))
}

/// Runs `cargo deny` where it is; warnings about dependencies need its database, which may be out of reach.
fn denied_nothing(root: &Path) -> bool {
    let deny = |checks: &[&str]| {
        let mut command = Command::new("cargo");
        command.arg("deny").arg("check").args(checks).current_dir(root);
        command
    };
    let version = Command::new("cargo").args(["deny", "--version"]).stderr(Stdio::null()).output();
    if !version.is_ok_and(|output| output.status.success()) {
        println!("cargo deny is not installed: warnings about dependencies were not looked at");
        return true;
    }
    if !deny(&["licenses", "bans", "sources"]).status().is_ok_and(|status| status.success()) {
        return false;
    }
    let advisories = deny(&["advisories"]).output();
    let Ok(advisories) = advisories else { return false };
    let text = String::from_utf8_lossy(&advisories.stderr);
    if text.contains("failed to fetch advisory database") {
        println!("the database of warnings about dependencies is out of reach");
        return true;
    }
    print!("{text}");
    advisories.status.success()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_weighed() {
        let allowed = ["MIT", "Zlib"].map(str::to_owned).into();
        for fine in ["MIT", "GPL-3.0 OR MIT", "Apache-2.0/MIT", "(Unlicense OR MIT) AND Zlib"] {
            assert!(is_allowed(fine, &allowed), "{fine}");
        }
        for wrong in ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Zlib) AND GPL-2.0"] {
            assert!(!is_allowed(wrong, &allowed), "{wrong}");
        }
    }
}
