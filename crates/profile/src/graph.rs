//! Sums up a profile: what each function allocated itself (*flat*) and with all that it called (*cum*).
//!
//! The graph has a node for each function (or each line of one) and an edge for each call that a sample
//! went through. The rules are those of the `pprof` command, which people compare with:
//!
//! * A sample adds to `cum` of every node on its stack once, however often it occurs there, to `flat` of the
//!   innermost one, and once to every edge between different nodes.
//! * Nodes whose `cum` is below a share of everything are left out, and so is what is too much. The sums
//!   are then made again without them: an edge may lead over the gap, and what was allocated in a node
//!   that is left out is in nobody's `flat`.
//! * Edges below a share of everything are left out last. An edge is *inlined* if the compiler put the callee
//!   into the caller in every stack.
//!
//! Two passes over the samples and a table of edges: O(frames), whatever the number of nodes.

mod frames;
mod sums;

use std::cmp::Reverse;

use frames::Frames;
pub(crate) use frames::leaf_name;
use sums::Sums;

use crate::merge::BASE_LABEL;
use crate::model::{Profile, Text};

/// What a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Granularity {
    /// A function.
    #[default]
    Function,
    /// A line in a function: where inlined calls are known, the line of each of them.
    Line,
}

/// How nodes are sorted, largest first; equals by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By what they allocated themselves.
    #[default]
    Flat,
    /// By what they and all that they called allocated.
    Cum,
}

/// What to sum up, and how much of it to keep.
#[derive(Clone, Copy, Debug)]
pub struct GraphOptions {
    /// The index of the sample type.
    pub sample_index: usize,
    /// What a node is.
    pub granularity: Granularity,
    /// How nodes are sorted.
    pub order: Order,
    /// Nodes with a smaller share of everything in their `cum` are left out.
    pub node_fraction: f64,
    /// Edges with a smaller share are.
    pub edge_fraction: f64,
    /// No more nodes than this; `None` for all.
    pub nodes_max: Option<usize>,
}

impl GraphOptions {
    /// Every node and every edge of a sample type.
    #[must_use]
    pub fn all(sample_index: usize) -> Self {
        Self {
            sample_index,
            granularity: Granularity::Function,
            order: Order::Flat,
            node_fraction: 0.0,
            edge_fraction: 0.0,
            nodes_max: None,
        }
    }
}

/// Whether calls of a function were inlined into their callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inlined {
    /// Nowhere.
    Never,
    /// At some of its callers.
    Partly,
    /// At all of them.
    Always,
}

/// A function or a line, and what was allocated there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name for people.
    pub name: Text,
    /// What it allocated itself.
    pub flat: i64,
    /// What it and all that it called allocated.
    pub cum: i64,
    /// Who called it, the heaviest edge first.
    pub callers: Vec<Edge>,
    /// Whom it called, the heaviest edge first.
    pub callees: Vec<Edge>,
}

/// A call between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The index of the other node.
    pub node: usize,
    /// What was allocated through it.
    pub weight: i64,
    /// Whether the callee was inlined into the caller.
    pub is_inlined: bool,
}

impl Node {
    /// Whether it was inlined into its callers.
    #[must_use]
    pub fn inlined(&self) -> Inlined {
        let inlined = self.callers.iter().filter(|edge| edge.is_inlined).count();
        match inlined {
            0 => Inlined::Never,
            all if all == self.callers.len() => Inlined::Always,
            _ => Inlined::Partly,
        }
    }
}

/// A profile, summed up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// The nodes that were kept, sorted.
    pub nodes: Vec<Node>,
    /// What shares are of; see [`total`].
    pub total: i64,
    /// How many nodes were left out because they are too small.
    pub small_nodes: usize,
    /// How many nodes were left out because there are too many.
    pub excess_nodes: usize,
}

/// What shares of a sample type are of: the sum of the magnitudes of all its values; if there are samples
/// with [`BASE_LABEL`], of their values alone.
///
/// ```
/// use spandrel_profile::{Builder, ValueType, total};
/// let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
/// builder.sample(vec![], vec![], &[-5]);
/// assert_eq!(total(&builder.finish(), 0), 5);
/// ```
#[must_use]
pub fn total(profile: &Profile, sample_index: usize) -> i64 {
    let (mut all, mut base) = (0_i64, 0_i64);
    for sample in &profile.samples {
        let value = sample.values[sample_index].saturating_abs();
        all = all.saturating_add(value);
        if sample.text(BASE_LABEL).is_some_and(|word| &**word == "true") {
            base = base.saturating_add(value);
        }
    }
    if base > 0 { base } else { all }
}

impl Graph {
    /// Sums up one sample type.
    ///
    /// ```
    /// use spandrel_profile::{Builder, Function, Graph, GraphOptions, Line, Location, ValueType};
    ///
    /// let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
    /// let mut frame = |name: &str| {
    ///     let function = builder.function(Function { name: name.into(), ..Function::default() });
    ///     let lines = vec![Line { function, line: 0, column: 0 }];
    ///     builder.location(Location { lines, ..Location::default() })
    /// };
    /// let (leaf, recursive) = (frame("leaf"), frame("recursive"));
    /// builder.sample(vec![leaf, recursive, recursive], vec![], &[8]);
    ///
    /// let graph = Graph::new(&builder.finish(), &GraphOptions::all(0));
    /// let rows: Vec<_> = graph.nodes.iter().map(|it| (&*it.name, it.flat, it.cum)).collect();
    /// assert_eq!(rows, [("leaf", 8, 8), ("recursive", 0, 8)]);
    /// ```
    ///
    /// # Panics
    /// The profile has no sample type of that index.
    #[must_use]
    pub fn new(profile: &Profile, options: &GraphOptions) -> Self {
        let frames = Frames::new(profile, options.granularity);
        let sums = |kept: Option<&[bool]>| Sums::new(profile, &frames, options.sample_index, kept);
        let cut = Cut { frames: &frames, order: options.order };

        let all = sums(None);
        let flat_sum = all.flat.iter().fold(0_i64, |sum, &flat| sum.saturating_add(flat));
        let mut kept = cut.above(&all, cutoff(flat_sum, options.node_fraction));
        let small_nodes = all.seen_nodes().count() - kept.len();
        let mut sum = if small_nodes == 0 { all } else { sums(Some(&cut.mask(&kept))) };
        cut.sort(&mut kept, &sum);

        let large_nodes = kept.len();
        if let Some(nodes_max) = options.nodes_max.filter(|&nodes_max| nodes_max < large_nodes) {
            kept.truncate(nodes_max);
            sum = sums(Some(&cut.mask(&kept)));
            cut.sort(&mut kept, &sum);
        }
        let excess_nodes = large_nodes - kept.len();
        let nodes = cut.nodes(&kept, &sum, cutoff(flat_sum, options.edge_fraction));
        Self { nodes, total: total(profile, options.sample_index), small_nodes, excess_nodes }
    }
}

/// The share of a sum below which nodes and edges are left out.
fn cutoff(sum: i64, fraction: f64) -> u64 {
    // Rounded down; shares are below one, so nothing is lost at the ends of the range.
    ((sum as f64 * fraction) as i64).unsigned_abs()
}

/// Which nodes stay, in which order.
struct Cut<'a> {
    frames: &'a Frames,
    order: Order,
}

impl Cut<'_> {
    fn above(&self, sums: &Sums, cutoff: u64) -> Vec<usize> {
        sums.seen_nodes().filter(|&node| sums.cum[node].unsigned_abs() >= cutoff).collect()
    }

    fn mask(&self, kept: &[usize]) -> Vec<bool> {
        let mut mask = vec![false; self.frames.nodes.len()];
        for &node in kept {
            mask[node] = true;
        }
        mask
    }

    fn sort(&self, nodes: &mut [usize], sums: &Sums) {
        nodes.sort_by(|&a, &b| {
            let key = |node: usize| {
                let (flat, cum) = (sums.flat[node].unsigned_abs(), sums.cum[node].unsigned_abs());
                match self.order {
                    Order::Flat => (Reverse(flat), Reverse(cum)),
                    Order::Cum => (Reverse(cum), Reverse(flat)),
                }
            };
            let ((a_first, a_second), (b_first, b_second)) = (key(a), key(b));
            let name = |node: usize| &self.frames.nodes[node].name;
            a_first
                .cmp(&b_first)
                .then_with(|| name(a).cmp(name(b)))
                .then_with(|| a_second.cmp(&b_second))
                .then_with(|| self.frames.nodes[a].key.cmp(&self.frames.nodes[b].key))
        });
    }

    fn nodes(&self, kept: &[usize], sums: &Sums, edge_cutoff: u64) -> Vec<Node> {
        let mut nodes: Vec<Node> = kept
            .iter()
            .map(|&node| Node {
                name: self.frames.nodes[node].name.clone(),
                flat: sums.flat[node],
                cum: sums.cum[node],
                callers: Vec::new(),
                callees: Vec::new(),
            })
            .collect();
        let mut positions = vec![None; self.frames.nodes.len()];
        for (position, &node) in kept.iter().enumerate() {
            positions[node] = Some(position);
        }
        for (&(caller, callee), edge) in &sums.edges {
            let ends = (positions[caller as usize], positions[callee as usize]);
            let (Some(caller), Some(callee)) = ends else { continue };
            if edge.weight.unsigned_abs() >= edge_cutoff {
                let to = |node| Edge { node, weight: edge.weight, is_inlined: edge.is_inlined };
                nodes[caller].callees.push(to(callee));
                nodes[callee].callers.push(to(caller));
            }
        }
        let names: Vec<Text> = nodes.iter().map(|node| node.name.clone()).collect();
        let key = |edge: &Edge| (Reverse(edge.weight.unsigned_abs()), names[edge.node].clone(), edge.node);
        for node in &mut nodes {
            node.callers.sort_by_cached_key(key);
            node.callees.sort_by_cached_key(key);
        }
        nodes
    }
}
