//! Findings in SARIF 2.1.0, which code hosts and editors show beside the source.

use serde_json::{Value, json};
use spandrel_layout::FINDING_KINDS;

use super::schema::{LayoutReport, PlaceReport, TypeReport};

/// The findings of a report that have a place in the source, as a SARIF log.
///
/// Files below `folder` are named relative to it.
#[must_use]
pub fn sarif(report: &LayoutReport, folder: &str) -> Value {
    let rules: Vec<Value> = FINDING_KINDS
        .iter()
        .map(|kind| {
            json!({
                "id": kind.name(),
                "shortDescription": { "text": kind.explanation() },
                "defaultConfiguration": { "level": "warning" },
            })
        })
        .collect();
    let results: Vec<Value> = report.types.iter().flat_map(|found| results(found, folder)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "spandrel layout",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            }},
            "originalUriBaseIds": { "ROOT": { "uri": uri(folder, true) } },
            "results": results,
        }],
    })
}

fn results<'report>(
    found: &'report TypeReport,
    folder: &'report str,
) -> impl Iterator<Item = Value> + 'report {
    found.findings.iter().map(move |finding| {
        let line = finding.member.as_ref().and_then(|name| {
            found.members.iter().find(|member| member.name == *name).and_then(|member| member.line)
        });
        let index = FINDING_KINDS.iter().position(|kind| kind.name() == finding.kind);
        let mut result = json!({
            "ruleId": finding.kind,
            "ruleIndex": index,
            "level": finding.level,
            "message": { "text": format!("{}: {}", found.name, finding.message) },
            "partialFingerprints": { "typeAndKind/v1": format!("{}/{}", found.name, finding.kind) },
        });
        if let Some(source) = &found.source {
            result["locations"] = json!([location(source, line, folder)]);
        }
        result
    })
}

fn location(source: &PlaceReport, line: Option<u32>, folder: &str) -> Value {
    let below = source.file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    let artifact = match below {
        Some(below) => json!({ "uri": uri(below, false), "uriBaseId": "ROOT" }),
        None => json!({ "uri": uri(&source.file, false) }),
    };
    json!({ "physicalLocation": {
        "artifactLocation": artifact,
        "region": { "startLine": line.unwrap_or(source.line) },
    }})
}

/// A path as part of an address: an absolute one as `file://`, what has a meaning there escaped.
fn uri(path: &str, is_folder: bool) -> String {
    let mut uri = if path.starts_with('/') { "file://".to_string() } else { String::new() };
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(byte.into())
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    if is_folder && !uri.ends_with('/') {
        uri.push('/');
    }
    uri
}
