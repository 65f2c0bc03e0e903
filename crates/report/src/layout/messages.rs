//! Findings as messages of cargo's own form: one JSON object a line, as `cargo check --message-format=json`
//! prints them, so that rust-analyzer shows them in the editor.

use serde_json::{Value, json};

use super::schema::{FindingReport, LayoutReport, PlaceReport, TypeReport};

/// The workspace that the program was built from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workspace {
    /// Its folder.
    pub root: String,
    /// What is built in it.
    pub targets: Vec<WorkspaceTarget>,
}

/// One target of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceTarget {
    /// The package, as cargo identifies it.
    pub package_id: String,
    /// Its manifest.
    pub manifest_path: String,
    /// The name of the target.
    pub name: String,
    /// `lib`, `bin` and so on.
    pub kind: Vec<String>,
    /// The types of crates that are built.
    pub crate_types: Vec<String>,
    /// The first file of the source.
    pub src_path: String,
    /// The edition of the language.
    pub edition: String,
}

/// The warnings of a report whose place is in the workspace, a line each, and the line that ends a build.
#[must_use]
pub fn messages(report: &LayoutReport, workspace: &Workspace) -> String {
    let mut lines = String::new();
    for found in &report.types {
        let Some(source) = &found.source else { continue };
        let below = source.file.strip_prefix(&workspace.root).and_then(|rest| rest.strip_prefix('/'));
        let (Some(below), Some(target)) = (below, target_of(workspace, found, source)) else { continue };
        for finding in found.findings.iter().filter(|finding| finding.level == "warning") {
            lines.push_str(&message(found, finding, source, below, target).to_string());
            lines.push('\n');
        }
    }
    lines.push_str(&json!({ "reason": "build-finished", "success": true }).to_string());
    lines.push('\n');
    lines
}

/// The target whose source a type is part of: that of its crate's name, else the one that lies nearest.
fn target_of<'workspace>(
    workspace: &'workspace Workspace,
    found: &TypeReport,
    source: &PlaceReport,
) -> Option<&'workspace WorkspaceTarget> {
    let crate_name = found.name.split("::").next().unwrap_or_default();
    let folder = |target: &WorkspaceTarget| {
        target.src_path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"))
    };
    let all = || workspace.targets.iter().filter(|target| source.file.starts_with(&folder(target)));
    let by_name = all().find(|target| target.name.replace('-', "_") == crate_name);
    by_name.or_else(|| all().max_by_key(|target| folder(target).len()))
}

fn message(
    found: &TypeReport,
    finding: &FindingReport,
    source: &PlaceReport,
    below: &str,
    target: &WorkspaceTarget,
) -> Value {
    let text = source.text.clone().unwrap_or_default();
    let short = short_name(&found.name);
    let start = text.find(short).map_or(0, |byte| text[..byte].chars().count());
    let end = start + if text.contains(short) { short.chars().count() } else { text.chars().count() };
    let said = format!("`{}`: {}", found.name, finding.message);
    let (line, column) = (source.line, start + 1);
    let level = "warning";
    json!({
        "reason": "compiler-message",
        "package_id": target.package_id,
        "manifest_path": target.manifest_path,
        "target": {
            "kind": target.kind,
            "crate_types": target.crate_types,
            "name": target.name,
            "src_path": target.src_path,
            "edition": target.edition,
            "doc": true,
            "doctest": false,
            "test": true,
        },
        "message": {
            "$message_type": "diagnostic",
            "message": said,
            "code": { "code": format!("spandrel::{}", finding.kind), "explanation": null },
            "level": level,
            "spans": [{
                "file_name": below,
                "byte_start": 0,
                "byte_end": 0,
                "line_start": line,
                "line_end": line,
                "column_start": column,
                "column_end": end + 1,
                "is_primary": true,
                "text": [{ "text": text, "highlight_start": column, "highlight_end": end + 1 }],
                "label": null,
                "suggested_replacement": null,
                "suggestion_applicability": null,
                "expansion": null,
            }],
            "children": [],
            "rendered": format!("{level}: {said}\n --> {below}:{line}:{column}\n\n"),
        },
    })
}

/// The last part of a name, without arguments.
fn short_name(name: &str) -> &str {
    let plain = name.split('<').next().unwrap_or(name);
    let last = plain.rsplit("::").next().unwrap_or(plain);
    // A future is shown at its function.
    let is_made = last.starts_with('{');
    if is_made { plain.rsplit("::").nth(1).unwrap_or(last) } else { last }
}
