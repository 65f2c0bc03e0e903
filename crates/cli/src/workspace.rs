//! The cargo workspace around the current folder, for messages that editors understand.

use cargo_metadata::MetadataCommand;
use spandrel_report::layout::{Workspace, WorkspaceTarget};

use crate::failure::Failure;

/// Asks cargo for the workspace that the current folder lies in; none outside of any.
pub(crate) fn find() -> Result<Option<Workspace>, Failure> {
    let here = std::env::current_dir().map_err(Failure::new)?;
    if !here.ancestors().any(|folder| folder.join("Cargo.toml").is_file()) {
        return Ok(None);
    }
    let metadata = MetadataCommand::new().no_deps().exec().map_err(|error| {
        let text = error.to_string();
        let line =
            text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no answer").to_string();
        Failure::new(format_args!("cargo metadata does not know this folder: {line}"))
    })?;
    let mut workspace = Workspace { root: metadata.workspace_root.to_string(), targets: Vec::new() };
    for package in &metadata.packages {
        for target in &package.targets {
            workspace.targets.push(WorkspaceTarget {
                package_id: package.id.repr.clone(),
                manifest_path: package.manifest_path.to_string(),
                name: target.name.clone(),
                kind: target.kind.iter().map(ToString::to_string).collect(),
                crate_types: target.crate_types.iter().map(ToString::to_string).collect(),
                src_path: target.src_path.to_string(),
                edition: target.edition.to_string(),
            });
        }
    }
    Ok(Some(workspace))
}

/// What is wrong where one is needed.
pub(crate) fn absent() -> Failure {
    Failure::new("messages of cargo's form need a workspace: this folder lies in none")
}
