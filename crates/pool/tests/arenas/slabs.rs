//! `Slab` against a vector of options.

use proptest::prelude::{Just, Strategy, any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq, prop_oneof};
use spandrel_pool::Slab;

#[derive(Clone, Debug)]
enum Op {
    Insert(u32),
    Remove(usize),
    Change(usize, u32),
    Swap(usize, usize),
    Retain(u32),
    Shrink,
    Drain,
    Clone,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        20 => any::<u32>().prop_map(Op::Insert),
        12 => any::<usize>().prop_map(Op::Remove),
        4 => any::<(usize, u32)>().prop_map(|(at, value)| Op::Change(at, value)),
        4 => any::<(usize, usize)>().prop_map(|(a, b)| Op::Swap(a, b)),
        1 => (2u32..5).prop_map(Op::Retain),
        1 => Just(Op::Shrink),
        1 => Just(Op::Drain),
        1 => Just(Op::Clone),
    ];
    collection::vec(op, 0..500)
}

fn insert(slab: &mut Slab<u32>, plain: &mut Vec<Option<u32>>, value: u32) {
    let next = slab.vacant_key();
    let key = if value.is_multiple_of(2) {
        slab.insert(value)
    } else {
        let entry = slab.vacant_entry();
        let key = entry.key();
        *entry.insert(0) = value;
        key
    };
    assert_eq!(key, next);
    let index = key as usize;
    plain.resize(plain.len().max(index + 1), None);
    assert_eq!(plain[index].replace(value), None, "a place for two");
}

proptest! {
    #[test]
    fn it_holds_what_a_vector_of_options_does(ops in ops()) {
        let (mut slab, mut plain) = (Slab::new(), Vec::<Option<u32>>::new());
        for op in ops {
            let within = |at: usize| at % (plain.len() + 1);
            match op {
                Op::Insert(value) => insert(&mut slab, &mut plain, value),
                Op::Remove(at) => {
                    let at = within(at);
                    let expected = plain.get_mut(at).and_then(Option::take);
                    prop_assert_eq!(slab.try_remove(at as u32), expected);
                }
                Op::Change(at, value) => {
                    let at = within(at);
                    let theirs = plain.get_mut(at).and_then(Option::as_mut);
                    let ours = slab.get_mut(at as u32);
                    prop_assert_eq!(ours.is_some(), theirs.is_some());
                    ours.into_iter().chain(theirs).for_each(|place| *place = value);
                }
                Op::Swap(a, b) => {
                    let (a, b) = (within(a), within(b));
                    let both = a != b && [a, b].iter().all(|&at| plain.get(at).is_some_and(Option::is_some));
                    let pair = slab.get2_mut(a as u32, b as u32);
                    prop_assert_eq!(pair.is_some(), both);
                    if let Some((x, y)) = pair {
                        std::mem::swap(x, y);
                        plain.swap(a, b);
                    }
                }
                Op::Retain(divisor) => {
                    slab.retain(|key, value| !(key + *value).is_multiple_of(divisor));
                    for (key, place) in plain.iter_mut().enumerate() {
                        place.take_if(|value| (key as u32 + *value).is_multiple_of(divisor));
                    }
                }
                Op::Shrink => slab.shrink_to_fit(),
                Op::Drain => {
                    prop_assert!(slab.drain().eq(plain.drain(..).flatten()));
                }
                Op::Clone => slab = slab.clone(),
            }
            prop_assert_eq!(slab.len(), plain.iter().flatten().count());
        }
        let expected = plain.iter().enumerate().filter_map(|(key, value)| Some((key as u32, (*value)?)));
        prop_assert!(slab.iter().map(|(key, &value)| (key, value)).eq(expected.clone()));
        prop_assert!(slab.iter_mut().map(|(key, value)| (key, *value)).eq(expected));
        prop_assert!((0..plain.len()).all(|at| slab.contains(at as u32) == plain[at].is_some()));
    }
}

#[test]
#[should_panic(expected = "an object of this key")]
fn a_key_without_object_panics() {
    let slab: Slab<u8> = (0..3).collect();
    let _ = slab[3];
}

#[test]
fn a_slab_is_shown_as_a_map() {
    let slab: Slab<u8> = (7..9).collect();
    assert_eq!(format!("{slab:?}"), "{0: 7, 1: 8}");
}
