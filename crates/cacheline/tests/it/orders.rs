//! The list beside a `Vec` in the same order.

use proptest::prelude::{Strategy, any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use spandrel_cacheline::{IndexList, NodeId};

#[derive(Clone, Debug)]
enum Step {
    PushFront,
    PushBack,
    InsertAfter(usize),
    InsertBefore(usize),
    Remove(usize),
    PopFront,
    PopBack,
    MoveToFront(usize),
    MoveToBack(usize),
    Compact,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), any::<usize>()).prop_map(|(kind, at)| match kind % 16 {
        0 | 1 => Step::PushFront,
        2 | 3 => Step::PushBack,
        4 | 5 => Step::InsertAfter(at),
        6 | 7 => Step::InsertBefore(at),
        8 | 9 => Step::Remove(at),
        10 => Step::PopFront,
        11 => Step::PopBack,
        12 | 13 => Step::MoveToFront(at),
        14 => Step::MoveToBack(at),
        _ => Step::Compact,
    });
    collection::vec(step, 0..200)
}

/// The list, and its ids and items in the same order.
#[derive(Default)]
struct Pair {
    list: IndexList<u32>,
    model: Vec<(NodeId, u32)>,
}

impl Pair {
    fn step(&mut self, step: &Step, item: u32) {
        let len = self.model.len();
        match step {
            Step::PushFront => self.model.insert(0, (self.list.push_front(item), item)),
            Step::PushBack => self.model.push((self.list.push_back(item), item)),
            Step::PopFront => {
                assert_eq!(self.list.pop_front(), (len > 0).then(|| self.model.remove(0).1));
            }
            Step::PopBack => assert_eq!(self.list.pop_back(), self.model.pop().map(|(_, item)| item)),
            Step::Compact => {
                let model = &mut self.model;
                let mut at = 0..len;
                self.list.compact(|old, new| {
                    let entry = &mut model[at.next().expect("each node is told of once")];
                    assert_eq!(std::mem::replace(&mut entry.0, new), old);
                });
            }
            _ if len == 0 => {}
            Step::InsertAfter(at) => {
                let id = self.list.insert_after(self.model[at % len].0, item).expect("it is there");
                self.model.insert(at % len + 1, (id, item));
            }
            Step::InsertBefore(at) => {
                let id = self.list.insert_before(self.model[at % len].0, item).expect("it is there");
                self.model.insert(at % len, (id, item));
            }
            Step::Remove(at) => {
                let (id, item) = self.model.remove(at % len);
                assert_eq!((self.list.remove(id), self.list.remove(id)), (Some(item), None));
            }
            Step::MoveToFront(at) => {
                let entry = self.model.remove(at % len);
                assert!(self.list.move_to_front(entry.0));
                self.model.insert(0, entry);
            }
            Step::MoveToBack(at) => {
                let entry = self.model.remove(at % len);
                assert!(self.list.move_to_back(entry.0));
                self.model.push(entry);
            }
        }
    }
}

proptest! {
    #[test]
    fn a_list_is_a_sequence(steps in steps()) {
        let mut pair = Pair::default();
        for (item, step) in (0..).zip(&steps) {
            pair.step(step, item);
            let Pair { list, model } = &pair;
            prop_assert!(list.iter().eq(model.iter().map(|(_, item)| item)));
            prop_assert!(list.iter().rev().eq(model.iter().rev().map(|(_, item)| item)));
            prop_assert_eq!(list.front(), model.first().map(|(id, _)| *id));
            prop_assert_eq!(list.back(), model.last().map(|(id, _)| *id));
            for (at, (id, item)) in model.iter().enumerate() {
                prop_assert_eq!(list.get(*id), Some(item));
                prop_assert_eq!(list.next(*id), model.get(at + 1).map(|(id, _)| *id));
                prop_assert_eq!(list.prev(*id), at.checked_sub(1).map(|before| model[before].0));
            }
        }
        let Pair { mut list, model } = pair;
        list.for_each_mut(|item| *item += 1);
        prop_assert!(list.iter().copied().eq(model.iter().map(|(_, item)| item + 1)));
        let copy: IndexList<u32> = list.iter().copied().collect();
        prop_assert_eq!(&copy, &list);
        list.clear();
        prop_assert!(list.is_empty() && list.front().is_none());
        prop_assert_eq!(Some(list.push_back(1)), list.front());
    }
}

#[test]
fn a_removed_node_is_no_place_to_insert() {
    let mut list = IndexList::new();
    let id = list.push_back('a');
    list.remove(id);
    assert_eq!((list.insert_after(id, 'b'), list.insert_before(id, 'c')), (Err('b'), Err('c')));
    assert!(!list.move_to_front(id) && !list.move_to_back(id) && list.get(id).is_none());
}
