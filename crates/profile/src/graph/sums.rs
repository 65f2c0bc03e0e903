//! One pass over the samples.

use std::collections::HashMap;

use super::frames::Frames;
use crate::model::Profile;

/// What a pass over the samples adds up; vectors are by node.
pub(super) struct Sums {
    pub(super) flat: Vec<i64>,
    pub(super) cum: Vec<i64>,
    /// By caller and callee.
    pub(super) edges: HashMap<(u32, u32), EdgeSum>,
}

/// What goes through an edge.
pub(super) struct EdgeSum {
    pub(super) weight: i64,
    pub(super) is_inlined: bool,
    /// The last sample that went through it.
    sample: usize,
}

impl Sums {
    /// Adds up one sample type over the nodes in `kept`.
    pub(super) fn new(
        profile: &Profile,
        frames: &Frames,
        sample_index: usize,
        kept: Option<&[bool]>,
    ) -> Self {
        let nodes = frames.nodes.len();
        let mut sums = Self { flat: vec![0; nodes], cum: vec![0; nodes], edges: HashMap::new() };
        let mut last_sample = vec![usize::MAX; nodes];
        for (index, sample) in profile.samples.iter().enumerate() {
            let weight = sample.values[sample_index];
            if weight == 0 {
                continue;
            }
            let mut caller: Option<u32> = None;
            let mut is_over_gap = false;
            // From the root to the leaf, and in a location from the caller to what is inlined in it.
            for id in sample.stack.iter().rev() {
                let lines = &frames.by_location[id.index()];
                for (depth, &node) in lines.iter().enumerate().rev() {
                    if kept.is_some_and(|kept| !kept[node as usize]) {
                        is_over_gap = true;
                        continue;
                    }
                    let seen = &mut last_sample[node as usize];
                    if *seen != index {
                        *seen = index;
                        add(&mut sums.cum[node as usize], weight);
                    }
                    if let Some(caller) = caller.filter(|&caller| caller != node) {
                        sums.edge(caller, node, weight, depth + 1 != lines.len(), index);
                    }
                    caller = Some(node);
                    is_over_gap = false;
                }
            }
            if let Some(leaf) = caller.filter(|_| !is_over_gap) {
                add(&mut sums.flat[leaf as usize], weight);
            }
        }
        sums
    }

    fn edge(&mut self, caller: u32, callee: u32, weight: i64, is_inlined: bool, sample: usize) {
        let fresh = EdgeSum { weight: 0, is_inlined: true, sample: usize::MAX };
        let edge = self.edges.entry((caller, callee)).or_insert(fresh);
        if edge.sample != sample {
            edge.sample = sample;
            add(&mut edge.weight, weight);
            edge.is_inlined &= is_inlined;
        }
    }

    /// Whether anything is left in a node.
    pub(super) fn is_seen(&self, node: usize) -> bool {
        self.flat[node] != 0 || self.cum[node] != 0
    }

    /// The nodes in which anything is.
    pub(super) fn seen_nodes(&self) -> impl Iterator<Item = usize> {
        (0..self.flat.len()).filter(|&node| self.is_seen(node))
    }
}

/// Adds, and stays at the end of the range rather than leave it.
fn add(sum: &mut i64, value: i64) {
    *sum = sum.saturating_add(value);
}
