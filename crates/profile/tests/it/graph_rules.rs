//! Each rule of summing up, on a profile of a few frames.

use spandrel_profile::{
    BASE_LABEL, Builder, Function, Graph, GraphOptions, Inlined, Label, Line, Location, Node, Order, Profile,
    ValueType, total,
};

/// Stacks from the root to the leaf and their values. `a/b` is a location in which `b` was inlined into `a`.
fn profile(stacks: &[(&str, i64)]) -> Profile {
    let mut builder = Builder::new(&[ValueType::new("inuse_space", "bytes")]);
    for (stack, value) in stacks {
        let mut ids = Vec::new();
        for frame in stack.split_whitespace() {
            let lines = frame.split('/').rev().map(|name| {
                let function = builder.function(Function { name: name.into(), ..Function::default() });
                Line { function, line: 0, column: 0 }
            });
            let lines = lines.collect();
            ids.insert(0, builder.location(Location { lines, ..Location::default() }));
        }
        builder.sample(ids, vec![], &[*value]);
    }
    builder.finish()
}

fn rows(graph: &Graph) -> Vec<(&str, i64, i64)> {
    graph.nodes.iter().map(|it| (&*it.name, it.flat, it.cum)).collect()
}

fn all(stacks: &[(&str, i64)]) -> Graph {
    Graph::new(&profile(stacks), &GraphOptions::all(0))
}

fn node<'a>(graph: &'a Graph, name: &str) -> &'a Node {
    graph.nodes.iter().find(|node| &*node.name == name).expect("the node is there")
}

/// The callees of a node: name, weight, whether inlined.
fn callees<'a>(graph: &'a Graph, name: &str) -> Vec<(&'a str, i64, bool)> {
    let edges = &node(graph, name).callees;
    edges.iter().map(|it| (&*graph.nodes[it.node].name, it.weight, it.is_inlined)).collect()
}

#[test]
fn recursion_counts_once() {
    let graph = all(&[("main f g f g f", 8), ("main f", 1)]);
    assert_eq!(rows(&graph), [("f", 9, 9), ("g", 0, 8), ("main", 0, 9)]);
    assert_eq!(callees(&graph, "f"), [("g", 8, false)]);
    assert_eq!(callees(&graph, "g"), [("f", 8, false)]);
    assert_eq!(callees(&graph, "main"), [("f", 9, false)]);
}

#[test]
fn a_function_that_calls_itself_is_no_edge() {
    let graph = all(&[("main f f f", 8)]);
    assert_eq!(callees(&graph, "f"), []);
    assert_eq!(node(&graph, "f").callers.len(), 1);
}

#[test]
fn equals_are_sorted_by_name() {
    let graph = all(&[("main b", 4), ("main a", 4), ("main c", -9)]);
    assert_eq!(rows(&graph), [("c", -9, -9), ("a", 4, 4), ("b", 4, 4), ("main", 0, -1)]);
    let by_cum = GraphOptions { order: Order::Cum, ..GraphOptions::all(0) };
    let graph = Graph::new(&profile(&[("main b", 4), ("main a", 4)]), &by_cum);
    assert_eq!(rows(&graph), [("main", 0, 8), ("a", 4, 4), ("b", 4, 4)]);
}

#[test]
fn what_comes_to_nothing_is_no_node() {
    let graph = all(&[("main a", 4), ("main b c", -4), ("main d", 1)]);
    assert_eq!(rows(&graph), [("a", 4, 4), ("c", -4, -4), ("d", 1, 1), ("b", 0, -4), ("main", 0, 1)]);
    let graph = all(&[("main a", 4), ("main a b", -4)]);
    assert_eq!(rows(&graph), [("a", 4, 0), ("b", -4, -4)]);
}

#[test]
fn inlining_is_told_by_the_edges() {
    let graph = all(&[("main f/i", 1), ("main f i", 2), ("main g/j", 4)]);
    assert_eq!(callees(&graph, "f"), [("i", 3, false)], "inlined here and called there");
    assert_eq!(node(&graph, "i").inlined(), Inlined::Never);
    assert_eq!(node(&graph, "j").inlined(), Inlined::Always);
    let graph = all(&[("main f/i", 1), ("main g i", 2)]);
    assert_eq!(node(&graph, "i").inlined(), Inlined::Partly);
}

#[test]
fn small_nodes_are_stepped_over() {
    let stacks = [("main f g", 90), ("main f s", 1), ("main t h", 9)];
    let options = GraphOptions { node_fraction: 0.05, ..GraphOptions::all(0) };
    let graph = Graph::new(&profile(&stacks), &options);
    // `s` goes, and what it allocated is in nobody's flat.
    assert_eq!(rows(&graph), [("g", 90, 90), ("h", 9, 9), ("f", 0, 91), ("main", 0, 100), ("t", 0, 9)]);
    assert_eq!((graph.small_nodes, graph.excess_nodes, graph.total), (1, 0, 100));
    let graph = Graph::new(&profile(&stacks), &GraphOptions { nodes_max: Some(3), ..GraphOptions::all(0) });
    assert_eq!(rows(&graph), [("g", 90, 90), ("h", 9, 9), ("s", 1, 1)]);
    assert_eq!((graph.small_nodes, graph.excess_nodes), (0, 3));
    let graph = Graph::new(
        &profile(&[("a x b", 9), ("a x", 1)]),
        &GraphOptions { nodes_max: Some(2), order: Order::Cum, ..GraphOptions::all(0) },
    );
    assert_eq!(rows(&graph), [("a", 0, 10), ("x", 1, 10)]);
    let graph = Graph::new(
        &profile(&[("a b c", 90), ("a d", 8), ("b e", 8)]),
        &GraphOptions { nodes_max: Some(1), order: Order::Cum, ..GraphOptions::all(0) },
    );
    assert_eq!(rows(&graph), [("a", 0, 98)]);
}

#[test]
fn small_edges_go_last_and_take_their_inlining_along() {
    let stacks = [("main f/i", 100), ("main g i", 1)];
    let options = GraphOptions { edge_fraction: 0.05, ..GraphOptions::all(0) };
    let graph = Graph::new(&profile(&stacks), &options);
    assert_eq!(node(&graph, "i").inlined(), Inlined::Always);
    assert_eq!(callees(&graph, "g"), []);
    assert_eq!(node(&graph, "g").cum, 1);
}

#[test]
fn frames_without_names_are_called_by_their_file() {
    let mut builder = Builder::new(&[ValueType::new("a", "b")]);
    let at = builder.location(Location { address: 7, ..Location::default() });
    builder.sample(vec![at], vec![], &[1]);
    let mapping = spandrel_profile::Mapping { file: "/lib/libx.so".into(), ..Default::default() };
    let mapping = Some(builder.mapping(mapping));
    for address in [8, 9] {
        let at = builder.location(Location { address, mapping, ..Location::default() });
        builder.sample(vec![at], vec![], &[2]);
    }
    let graph = Graph::new(&builder.finish(), &GraphOptions::all(0));
    assert_eq!(rows(&graph), [("[libx.so]", 4, 4), ("<unknown>", 1, 1)]);
}

#[test]
fn shares_are_of_magnitudes_or_of_the_base() {
    let changed = profile(&[("a", 5), ("b", -3)]);
    assert_eq!(total(&changed, 0), 8);
    let mut builder = Builder::new(&[ValueType::new("a", "b")]);
    builder.sample(vec![], vec![], &[5]);
    builder.sample(vec![], vec![Label::text(BASE_LABEL, "true")], &[-3]);
    assert_eq!(total(&builder.finish(), 0), 3);
    let huge = profile(&[("a", i64::MIN), ("b", i64::MIN)]);
    assert_eq!(total(&huge, 0), i64::MAX);
    assert_eq!(rows(&Graph::new(&huge, &GraphOptions::all(0)))[0], ("a", i64::MIN, i64::MIN));
}
