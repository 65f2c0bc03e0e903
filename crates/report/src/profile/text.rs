//! `top` and `tree`, as the `pprof` command writes them.

use spandrel_profile::{Edge, Graph, Inlined, Node, Profile};
use time::OffsetDateTime;
use time::macros::format_description;

use super::values::{ANY_UNIT, common_unit, label, percentage, scale};
use crate::page::Page;

/// What is looked at, and how.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The profile.
    pub profile: &'a Profile,
    /// The index of the sample type that the graph sums up.
    pub sample_index: usize,
    /// The share below which the graph has no nodes.
    pub node_fraction: f64,
    /// The unit of all numbers; `None` for one that suits them.
    pub unit: Option<&'a str>,
}

/// A row a function.
///
/// ```
/// use spandrel_profile::{Builder, Graph, GraphOptions, ValueType};
/// use spandrel_report::profile::{View, top};
///
/// let profile = Builder::new(&[ValueType::new("inuse_space", "bytes")]).finish();
/// let graph = Graph::new(&profile, &GraphOptions::all(0));
/// let view = View { profile: &profile, sample_index: 0, node_fraction: 0.0, unit: None };
/// assert!(top(&view, &graph, None).starts_with("Type: inuse_space\nShowing nodes accounting for 0, "));
/// ```
#[must_use]
pub fn top(view: &View<'_>, graph: &Graph, width: Option<usize>) -> String {
    let sheet = Sheet::new(view, graph);
    let mut page = Page::new(width);
    sheet.head(&mut page);
    page.line("      flat  flat%   sum%        cum   cum%");
    let mut sum = 0_i64;
    for node in &graph.nodes {
        sum = sum.saturating_add(node.flat);
        let inlined = match node.inlined() {
            Inlined::Never => "",
            Inlined::Partly => " (partial-inline)",
            Inlined::Always => " (inline)",
        };
        page.line(&format!("{}  {}{inlined}", sheet.numbers(node, sum), node.name));
    }
    page.into_text()
}

/// A paragraph a function: who called it, itself, whom it called.
#[must_use]
pub fn tree(view: &View<'_>, graph: &Graph, width: Option<usize>) -> String {
    const RULE: &str = "----------------------------------------------------------+-------------";
    let sheet = Sheet::new(view, graph);
    let mut page = Page::new(width);
    sheet.head(&mut page);
    page.line(RULE);
    page.line("      flat  flat%   sum%        cum   cum%   calls calls% + context");
    let mut sum = 0_i64;
    for node in &graph.nodes {
        sum = sum.saturating_add(node.flat);
        page.line(RULE);
        for edge in &node.callers {
            page.line(&sheet.edge(edge, node));
        }
        page.line(&format!("{}                | {}", sheet.numbers(node, sum), node.name));
        for edge in &node.callees {
            page.line(&sheet.edge(edge, node));
        }
    }
    if !graph.nodes.is_empty() {
        page.line(RULE);
    }
    page.into_text()
}

/// A graph and the unit that suits it.
struct Sheet<'a> {
    view: &'a View<'a>,
    graph: &'a Graph,
    from: &'a str,
    to: String,
}

impl<'a> Sheet<'a> {
    fn new(view: &'a View<'a>, graph: &'a Graph) -> Self {
        let from = &*view.profile.sample_types[view.sample_index].unit;
        let values = graph.nodes.iter().map(|node| if node.flat == 0 { node.cum } else { node.flat });
        let to = match view.unit {
            Some(unit) => unit.to_string(),
            None if graph.nodes.is_empty() => ANY_UNIT.to_string(),
            None => common_unit(values, graph.total, from),
        };
        Self { view, graph, from, to }
    }

    fn value(&self, value: i64) -> String {
        label(value, self.from, &self.to)
    }

    fn numbers(&self, node: &Node, sum: i64) -> String {
        let total = self.graph.total;
        format!(
            "{:>10} {} {} {:>10} {}",
            self.value(node.flat),
            percentage(node.flat, total),
            percentage(sum, total),
            self.value(node.cum),
            percentage(node.cum, total),
        )
    }

    fn edge(&self, edge: &Edge, node: &Node) -> String {
        let name = &self.graph.nodes[edge.node].name;
        let inlined = if edge.is_inlined { " (inline)" } else { "" };
        format!("{:>50} {} |   {name}{inlined}", self.value(edge.weight), percentage(edge.weight, node.cum))
    }

    /// What the profile is, and how much of it is shown.
    fn head(&self, page: &mut Page) {
        let Graph { total, small_nodes, excess_nodes, ref nodes } = *self.graph;
        self.origin(page);
        let sum = nodes.iter().fold(0_i64, |sum, node| sum.saturating_add(node.flat));
        page.line(&format!(
            "Showing nodes accounting for {}, {} of {} total",
            self.value(sum),
            percentage(sum, total).trim(),
            self.value(total),
        ));
        if total != 0 && small_nodes > 0 {
            let cutoff = (total as f64 * self.view.node_fraction) as i64;
            let plural = if small_nodes > 1 { "s" } else { "" };
            page.line(&format!("Dropped {small_nodes} node{plural} (cum <= {})", self.value(cutoff)));
        }
        if total != 0 && !nodes.is_empty() && excess_nodes > 0 {
            let all = nodes.len() + excess_nodes;
            page.line(&format!("Showing top {} nodes out of {all}", nodes.len()));
        }
    }

    fn origin(&self, page: &mut Page) {
        let profile = self.view.profile;
        if let Some(program) = profile.mappings.first() {
            if !program.file.is_empty() {
                page.line(&format!("File: {}", program.file.rsplit('/').next().unwrap_or_default()));
            }
            if !program.build_id.is_empty() {
                page.line(&format!("Build ID: {}", program.build_id));
            }
        }
        for comment in profile.comments.iter().filter(|comment| !comment.starts_with('#')) {
            page.line(comment);
        }
        page.line(&format!("Type: {}", profile.sample_types[self.view.sample_index].kind));
        if let Some(time) = utc(profile.time_ns) {
            page.line(&format!("Time: {time}"));
        }
        if profile.duration_ns != 0 {
            let (total_ns, unit) = scale(self.graph.total, self.from, "nanoseconds");
            let share = match &*unit {
                "ns" if total_ns != 0.0 => format!("({})", percentage(total_ns as i64, profile.duration_ns)),
                _ => String::new(),
            };
            page.line(&format!(
                "Duration: {}, Total samples = {} {share}",
                label(profile.duration_ns, "nanoseconds", "auto"),
                self.value(self.graph.total),
            ));
        }
    }
}

/// `2026-11-22 18:59:06 UTC`; `None` when the time is unknown or none that a calendar has.
fn utc(time_ns: i64) -> Option<String> {
    let known = (time_ns != 0).then_some(time_ns)?;
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(known)).ok()?;
    time.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC")).ok()
}
