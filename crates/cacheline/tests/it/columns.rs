//! Columns beside a `Vec` of rows.

use proptest::prelude::{Strategy, any, proptest};
use proptest::{collection, prop_assert, prop_assert_eq};
use spandrel_cacheline::{Soa, SoaVec};

#[derive(Soa, Clone, Debug, PartialEq)]
#[soa(derive(Debug, Clone, PartialEq))]
struct Row {
    key: u16,
    #[soa(cold)]
    name: String,
    /// Names of the derive's own variables are fine.
    index: u8,
    #[soa(hot)]
    columns: u32,
    #[soa(cold)]
    slices: Option<Box<u32>>,
    #[soa(hot)]
    len: u64,
}

/// With everything that generics can have.
#[derive(Soa)]
#[soa(derive(Clone, Debug))]
struct General<'a, T: Clone, const N: usize>
where
    T: std::fmt::Debug,
{
    name: &'a str,
    items: [T; N],
}

#[derive(Clone, Debug)]
enum Step {
    Push(Row),
    Pop,
    Insert(usize, Row),
    Remove(usize),
    SwapRemove(usize),
    Replace(usize, Row),
    Swap(usize, usize),
    Change(usize, u32),
    Truncate(usize),
    Sort,
    Retain,
}

fn rows() -> impl Strategy<Value = Row> {
    any::<(u16, String, u8, u32, Option<u32>, u64)>().prop_map(|(key, name, index, columns, slices, len)| {
        Row { key: key % 16, name, index, columns, slices: slices.map(Box::new), len }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), any::<usize>(), any::<usize>(), rows());
    let step = step.prop_map(|(kind, at, other, row)| match kind % 20 {
        0..=8 => Step::Push(row),
        9 => Step::Pop,
        10 => Step::Insert(at, row),
        11 => Step::Remove(at),
        12 => Step::SwapRemove(at),
        13 => Step::Replace(at, row),
        14 => Step::Swap(at, other),
        15 | 16 => Step::Change(at, row.columns),
        17 => Step::Truncate(at % 64),
        18 => Step::Sort,
        _ => Step::Retain,
    });
    collection::vec(step, 0..100)
}

fn step(columns: &mut SoaVec<Row>, model: &mut Vec<Row>, step: Step) {
    let len = model.len();
    match step {
        Step::Push(row) => {
            columns.push(row.clone());
            model.push(row);
        }
        Step::Pop => assert_eq!(columns.pop(), model.pop()),
        Step::Insert(at, row) => {
            columns.insert(at % (len + 1), row.clone());
            model.insert(at % (len + 1), row);
        }
        Step::Truncate(to) => {
            columns.truncate(to);
            model.truncate(to);
        }
        Step::Sort => {
            columns.sort_by_key(|row| *row.key);
            model.sort_by_key(|row| row.key);
        }
        Step::Retain => {
            columns.retain(|row| row.index % 4 != 0);
            model.retain(|row| row.index % 4 != 0);
        }
        _ if len == 0 => {}
        Step::Remove(at) => assert_eq!(columns.remove(at % len), model.remove(at % len)),
        Step::SwapRemove(at) => assert_eq!(columns.swap_remove(at % len), model.swap_remove(at % len)),
        Step::Replace(at, row) => {
            let replaced = std::mem::replace(&mut model[at % len], row.clone());
            assert_eq!(columns.replace(at % len, row), replaced);
        }
        Step::Swap(one, other) => {
            columns.swap(one % len, other % len);
            model.swap(one % len, other % len);
        }
        Step::Change(at, number) => {
            let row = columns.get_mut(at % len).expect("it is there");
            (*row.columns, *row.name) = (number, String::from("changed"));
            (model[at % len].columns, model[at % len].name) = (number, String::from("changed"));
        }
    }
}

proptest! {
    #[test]
    fn columns_are_a_vector(steps in steps()) {
        let (mut columns, mut model) = (SoaVec::new(), Vec::new());
        for next in steps {
            step(&mut columns, &mut model, next);
            prop_assert_eq!(columns.len(), model.len());
            prop_assert!(columns.iter().map(|row| row.to_row()).eq(model.iter().cloned()));
        }
        prop_assert!(columns.iter().rev().map(|row| row.to_row()).eq(model.iter().rev().cloned()));
        let slices = columns.slices();
        prop_assert!(slices.key.iter().eq(model.iter().map(|row| &row.key)));
        prop_assert!(slices.cold.iter().map(|cold| &cold.name).eq(model.iter().map(|row| &row.name)));
        prop_assert!(slices.hot.iter().map(|hot| hot.len).eq(model.iter().map(|row| row.len)));
        for row in &mut columns {
            *row.index ^= 1;
        }
        model.iter_mut().for_each(|row| row.index ^= 1);
        let same: SoaVec<Row> = model.iter().cloned().collect();
        prop_assert!(same == columns && same.clone() == columns);
        prop_assert!(columns.get(model.len()).is_none() && columns.get_mut(model.len()).is_none());
    }
}

#[test]
fn generics_are_kept() {
    let name = String::from("a");
    let mut vec = SoaVec::with_capacity(3);
    vec.push(General { name: &name, items: [1, 2] });
    vec.push(General { name: "b", items: [3, 4] });
    assert!(vec.capacity() >= 3);
    assert_eq!(vec.slices().items, [[1, 2], [3, 4]]);
    assert_eq!(vec.get(1).expect("two rows").to_row().name, "b");
    let columns = format!("{vec:?}");
    assert_eq!(columns, "GeneralColumns { name: [\"a\", \"b\"], items: [[1, 2], [3, 4]] }");
}

#[test]
#[should_panic(expected = "row 1 of 1")]
fn a_row_that_is_not_there_is_told() {
    let mut vec: SoaVec<General<'_, u8, 1>> = SoaVec::new();
    vec.push(General { name: "a", items: [1] });
    let _ = vec.swap_remove(1);
}
