//! The best order of members: the one that makes the record smallest.
//!
//! Members are laid out as C and Go do it: each at the next multiple of its alignment, the whole rounded up
//! to the largest alignment. Nothing can be smaller than the sum of all sizes so rounded: an order that
//! reaches that bound is best, and needs no further proof. Members in falling order of alignment do reach
//! it, as long as the size of each is a multiple of its alignment and nothing lies before them, so for
//! nearly every type the search ends here.
//!
//! Where it does not (a member with an alignment that was asked for, a base class in front), the search is
//! exact: the end of a set of members that were placed is worth knowing only at its smallest, because a
//! smaller end never makes what follows end later. So the smallest end of each set follows from those of its
//! subsets. Members of equal size and alignment are interchangeable, which leaves few sets; with more than
//! 65,536 of them, the best of several good orders is taken and called unproven.

use std::collections::HashMap;

/// So many sets of members are searched before the search is given up.
const SETS_MAX: usize = 1 << 16;

/// A member as far as its place matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    /// Its size.
    pub bytes: u64,
    /// Its alignment, a power of two.
    pub align: u64,
    /// Bytes from its start to the end of its last pointer: Go's collector scans no further.
    pub pointer_bytes: u64,
}

/// What surrounds the members that may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes before them: bases, the pointer to the virtual functions.
    pub start_bytes: u64,
    /// The alignment of the record, at least that of each member.
    pub align: u64,
    /// Go pads a record that ends in a member of no size, so that its address lies inside of the record.
    pub pads_empty_end: bool,
    /// The alignment of a flexible array behind them; 1 for none.
    pub end_align: u64,
}

/// An order, and what it gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The items by their indices.
    pub order: Vec<usize>,
    /// The size of the record.
    pub bytes: u64,
    /// Whether no order gives a smaller one.
    pub is_best: bool,
}

/// The size of a record with its items in this order; none if it has no 64-bit size.
#[must_use]
pub fn size_of(items: &[Item], order: &[usize], frame: Frame) -> Option<u64> {
    let mut end = frame.start_bytes;
    for &index in order {
        let item = items[index];
        end = end.checked_next_multiple_of(item.align)?.checked_add(item.bytes)?;
    }
    let ends_empty = order.last().is_some_and(|&last| items[last].bytes == 0);
    if frame.pads_empty_end && ends_empty && end > 0 {
        end = end.checked_add(1)?;
    }
    end.checked_next_multiple_of(frame.end_align)?.checked_next_multiple_of(frame.align)
}

/// The bytes that Go's collector scans, with the items in this order.
#[must_use]
pub fn pointer_prefix(items: &[Item], order: &[usize]) -> u64 {
    let mut end: u64 = 0;
    let mut prefix = 0;
    for &index in order {
        let item = items[index];
        let start = end.next_multiple_of(item.align);
        if item.pointer_bytes > 0 {
            prefix = start + item.pointer_bytes;
        }
        end = start + item.bytes;
    }
    prefix
}

/// The best order of items that are now in the order of their indices.
///
/// Among orders of the same size it takes the one with the shortest run of pointers, and among these the one
/// that changes least.
///
/// ```
/// use spandrel_layout::order::{Frame, Item, best};
///
/// let item = |bytes| Item { bytes, align: bytes, pointer_bytes: 0 };
/// let frame = Frame { start_bytes: 0, align: 8, pads_empty_end: false, end_align: 1 };
/// let order = best(&[item(1), item(8), item(1)], frame).expect("small sizes");
/// assert_eq!((order.order, order.bytes, order.is_best), (vec![1, 0, 2], 16, true));
/// ```
#[must_use]
pub fn best(items: &[Item], frame: Frame) -> Option<Order> {
    let sum = items.iter().try_fold(frame.start_bytes, |sum, item| sum.checked_add(item.bytes))?;
    let bound = sum.checked_next_multiple_of(frame.end_align)?.checked_next_multiple_of(frame.align)?;
    let mut found: Option<Order> = None;
    for order in candidates(items, frame) {
        let bytes = size_of(items, &order, frame)?;
        let key = |order: &Order| (order.bytes, pointer_prefix(items, &order.order));
        let order = Order { order, bytes, is_best: bytes == bound };
        if found.as_ref().is_none_or(|found| key(&order) < key(found)) {
            found = Some(order);
        }
    }
    let found = found?;
    if found.is_best {
        return Some(found);
    }
    match search(items, frame) {
        Some(order) => {
            let bytes = size_of(items, &order, frame)?;
            let order = if bytes < found.bytes { order } else { found.order };
            Some(Order { order, bytes: bytes.min(found.bytes), is_best: true })
        }
        None => Some(found),
    }
}

/// What items are sorted by: smaller ones come first.
type SortKey = (bool, u64, bool, u64, u64);

/// Orders that are likely to be best.
fn candidates(items: &[Item], frame: Frame) -> Vec<Vec<usize>> {
    let present: Vec<usize> = (0..items.len()).collect();
    let sorted = |key: &dyn Fn(&Item) -> SortKey| {
        let mut order = present.clone();
        order.sort_by_key(|&index| key(&items[index]));
        order
    };
    let falling = |item: &Item| (item.bytes > 0, u64::MAX - item.align, false, 0, 0);
    // As Go's analyzer has it: pointers first, those with the least behind their last pointer in front.
    let pointers_first = |item: &Item| {
        let behind = item.bytes.saturating_sub(item.pointer_bytes);
        let behind = if item.pointer_bytes > 0 { behind } else { 0 };
        (item.bytes > 0, u64::MAX - item.align, item.pointer_bytes == 0, behind, u64::MAX - item.bytes)
    };
    let mut all = vec![present.clone(), sorted(&falling), sorted(&pointers_first)];
    all.push(fitting(items, frame));
    all
}

/// Always takes the item that fits without a gap, the most aligned one first; else the one with the
/// smallest gap.
fn fitting(items: &[Item], frame: Frame) -> Vec<usize> {
    let mut left: Vec<usize> = (0..items.len()).collect();
    let mut order = Vec::with_capacity(items.len());
    let mut end = frame.start_bytes;
    while !left.is_empty() {
        let gap = |&index: &usize| {
            let item = items[index];
            end.next_multiple_of(item.align) - end
        };
        let key = |index: &usize| (gap(index), u64::MAX - items[*index].align, items[*index].bytes);
        let at = (0..left.len()).min_by_key(|&at| key(&left[at])).expect("it is not empty");
        let index = left.remove(at);
        end = end.next_multiple_of(items[index].align).saturating_add(items[index].bytes);
        order.push(index);
    }
    order
}

/// Items that are interchangeable: their size and alignment, and which they are.
struct Kind {
    bytes: u64,
    align: u64,
    members: Vec<usize>,
}

/// The smallest end of each set, from the empty one upwards; none if there are too many sets.
fn search(items: &[Item], frame: Frame) -> Option<Vec<usize>> {
    let kinds = kinds(items);
    let sets = kinds.iter().try_fold(1_usize, |sets, kind| sets.checked_mul(kind.members.len() + 1))?;
    if sets > SETS_MAX {
        return None;
    }
    // A set is a number whose digits are the counts of each kind.
    let mut weights = vec![1_usize; kinds.len()];
    for index in 1..kinds.len() {
        weights[index] = weights[index - 1] * (kinds[index - 1].members.len() + 1);
    }
    let count = |set: usize, kind: usize| set / weights[kind] % (kinds[kind].members.len() + 1);
    let mut ends: Vec<(u64, usize)> = vec![(u64::MAX, 0); sets];
    ends[0].0 = frame.start_bytes;
    for set in 1..sets {
        for (index, kind) in kinds.iter().enumerate().filter(|(index, _)| count(set, *index) > 0) {
            let before = ends[set - weights[index]].0;
            let end = before.checked_next_multiple_of(kind.align)?.checked_add(kind.bytes)?;
            if end < ends[set].0 {
                ends[set] = (end, index);
            }
        }
    }
    // The way back names the kinds from the last member to the first.
    let mut order = Vec::with_capacity(items.len());
    let mut set = sets - 1;
    while set > 0 {
        let kind = ends[set].1;
        order.push(kinds[kind].members[count(set, kind) - 1]);
        set -= weights[kind];
    }
    order.reverse();
    if frame.start_bytes == 0 {
        // Members of no size cost nothing in front, where Go does not pad them.
        order.sort_by_key(|&index| items[index].bytes > 0);
    }
    Some(order)
}

fn kinds(items: &[Item]) -> Vec<Kind> {
    let mut by_kind: HashMap<(u64, u64), usize> = HashMap::new();
    let mut kinds: Vec<Kind> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let at = *by_kind.entry((item.bytes, item.align)).or_insert(kinds.len());
        if at == kinds.len() {
            kinds.push(Kind { bytes: item.bytes, align: item.align, members: Vec::new() });
        }
        kinds[at].members.push(index);
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::{Frame, Item, best, size_of};

    /// The size of the smallest record, by trying every order.
    fn by_force(items: &[Item], frame: Frame) -> u64 {
        fn each(order: &mut Vec<usize>, len: usize, visit: &mut dyn FnMut(&[usize])) {
            if order.len() == len {
                return visit(order);
            }
            for next in 0..len {
                if !order.contains(&next) {
                    order.push(next);
                    each(order, len, visit);
                    order.pop();
                }
            }
        }
        let mut smallest = u64::MAX;
        each(&mut Vec::new(), items.len(), &mut |order| {
            smallest = smallest.min(size_of(items, order, frame).expect("small sizes"));
        });
        smallest
    }

    /// Numbers that look random and are the same each time.
    fn numbers() -> impl FnMut(u64) -> u64 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        move |below| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % below
        }
    }

    #[test]
    fn every_small_record_equals_brute_force() {
        let mut next = numbers();
        for round in 0..4000 {
            let len = 1 + next(if round % 20 == 0 { 7 } else { 6 }) as usize;
            let items: Vec<Item> = (0..len)
                .map(|_| {
                    let align = 1 << next(5);
                    // Most sizes are multiples of the alignment, as those of the languages are.
                    let bytes = if next(4) == 0 { next(40) } else { align * next(4) };
                    let pointer_bytes = if next(3) == 0 { bytes.min(8) } else { 0 };
                    Item { bytes, align, pointer_bytes }
                })
                .collect();
            let frame = Frame {
                start_bytes: if next(2) == 0 { 0 } else { next(20) },
                align: 16 << next(2),
                pads_empty_end: next(2) == 0,
                end_align: 1 << next(4),
            };
            let frame =
                if frame.pads_empty_end { Frame { start_bytes: 0, end_align: 1, ..frame } } else { frame };
            let found = best(&items, frame).expect("small sizes");
            assert_eq!(size_of(&items, &found.order, frame), Some(found.bytes));
            assert_eq!(found.bytes, by_force(&items, frame), "{items:?} {frame:?}");
            assert!(found.is_best);
            let mut all = found.order.clone();
            all.sort_unstable();
            assert!(all.into_iter().eq(0..len));
        }
    }

    #[test]
    fn large_records_are_proven_or_not_worse() {
        let mut next = numbers();
        let frame = Frame { start_bytes: 0, align: 64, pads_empty_end: false, end_align: 1 };
        for _ in 0..20 {
            let items: Vec<Item> = (0..300)
                .map(|_| Item { bytes: 1 + next(100), align: 1 << next(7), pointer_bytes: 0 })
                .collect();
            let present: Vec<usize> = (0..items.len()).collect();
            let found = best(&items, frame).expect("small sizes");
            assert!(found.bytes <= size_of(&items, &present, frame).expect("small sizes"));
            let sum: u64 = items.iter().map(|item| item.bytes).sum();
            assert!(found.bytes >= sum && (!found.is_best || found.bytes == sum.next_multiple_of(64)));
        }
    }

    #[test]
    fn what_is_empty_stands_in_front_where_an_empty_end_is_padded() {
        let items = [8, 0].map(|bytes| Item { bytes, align: bytes.max(1), pointer_bytes: 0 });
        let frame = Frame { start_bytes: 0, align: 8, pads_empty_end: true, end_align: 1 };
        assert_eq!(size_of(&items, &[0, 1], frame), Some(16));
        let found = best(&items, frame).expect("small sizes");
        assert_eq!((found.order, found.bytes), (vec![1, 0], 8));
    }

    #[test]
    fn hostile_sizes_have_no_order() {
        let item = Item { bytes: u64::MAX - 3, align: 8, pointer_bytes: 0 };
        let frame = Frame { start_bytes: 0, align: 8, pads_empty_end: false, end_align: 1 };
        assert_eq!(best(&[item, item], frame), None);
        assert_eq!(best(&[item], frame), None);
    }
}
