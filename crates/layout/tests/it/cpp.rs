//! C++: bases, empty bases, padding that is used again, virtual functions and bases, templates.

use std::sync::OnceLock;

use spandrel_layout::{
    Align, Gaps, Member, Obstacle, Record, Reorder, Role, Type, Types, lines::shared_lines,
};

use crate::programs::{Compiled, compile};

const SOURCE: &str = r#"
#include <atomic>
#include <cstdint>
#include <mutex>
struct Empty {};
struct EmptyBase : Empty { uint64_t a; uint8_t b; };
struct Pod { uint64_t x; uint8_t y; };
struct DerivedPod : Pod { uint8_t z; };
struct Base { uint64_t x; uint8_t y; Base() : x(0), y(0) {} };
struct DerivedReuse : Base { uint8_t z; };
struct Virtual { virtual ~Virtual(); uint8_t a; uint64_t b; uint8_t c; };
Virtual::~Virtual() {}
struct VBase { uint64_t v; };
struct VLeft : virtual VBase { uint8_t l; };
struct VRight : virtual VBase { uint8_t r; };
struct Diamond : VLeft, VRight { uint8_t d; };
struct Statics { static int shared; uint8_t a; uint32_t b; };
int Statics::shared;
template <typename T, int N> struct Buffer { T head; uint64_t len; T tail[N]; };
struct alignas(64) Line { uint64_t n; };
struct TwoLines { uint8_t a; Line one; uint8_t b; };
struct NoUnique { [[no_unique_address]] Empty e; uint64_t a; uint8_t b; };
namespace one { struct Same { uint8_t a; uint32_t b; }; }
namespace two { struct Same { uint8_t a; uint64_t b; }; }
namespace { struct Hidden { uint8_t a; uint16_t b; }; }
struct Shared { std::atomic<int> reads; uint8_t x; std::atomic<long> writes; std::mutex lock; char far[64];
    std::atomic<int> alone; };
class Private { uint8_t a; public: uint64_t b; private: uint8_t c; };
struct Bits { uint8_t a; uint32_t b : 3; uint32_t c : 9; uint64_t d; uint8_t e; };
EmptyBase k1; DerivedPod k2; DerivedReuse k3; Virtual k4; Diamond k5; Statics k6; Buffer<char, 5> k7;
TwoLines k8; NoUnique k9; one::Same k10; two::Same k11; Hidden k12; Shared k13; Private k14; Bits k15;
int main(int n, char **) { k12.b = n; return k12.b + k12.a; }
"#;

/// Runs the test on what each compiler writes in each version.
fn on_each(test: impl Fn(&Types)) {
    static COMPILED: OnceLock<Vec<Compiled>> = OnceLock::new();
    let all = COMPILED.get_or_init(|| {
        let compilers = ["g++", "clang++"].into_iter();
        let versions =
            compilers.flat_map(|compiler| ["-gdwarf-4", "-gdwarf-5"].map(|version| (compiler, version)));
        versions
            .map(|(compiler, version)| {
                compile("traps.cpp", SOURCE, &[compiler, "-std=c++20", "-g", version, "-w"])
            })
            .collect()
    });
    all.iter().for_each(|compiled| test(&compiled.types));
}

fn get<'types>(types: &'types Types, name: &str) -> (&'types Type, &'types Record) {
    let found = types.get(types.find(name).unwrap_or_else(|error| panic!("{error}")));
    (found, found.record().expect("a record"))
}

fn member<'record>(record: &'record Record, name: &str) -> &'record Member {
    record.members.iter().find(|member| &*member.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn best(types: &Types, name: &str) -> Result<u64, Obstacle> {
    Reorder::of(types, types.find(name).expect("exactly one")).map(|best| best.bytes_best)
}

#[test]
fn bases_and_their_padding() {
    on_each(|types| {
        let (found, record) = get(types, "EmptyBase");
        assert_eq!(found.bytes, Some(16));
        assert_eq!(record.members[0].role, Role::Base);
        assert_eq!(member(record, "a").offset_bits, Some(0), "the empty base takes nothing");
        assert_eq!(Gaps::of(found, record).padding_bytes(), 7);

        assert_eq!(member(get(types, "DerivedPod").1, "z").offset_bits, Some(16 * 8));
        let (found, record) = get(types, "DerivedReuse");
        assert_eq!((found.bytes, member(record, "z").offset_bits), (Some(16), Some(9 * 8)));
        assert_eq!(best(types, "Empty"), Ok(1), "an empty class has a byte all the same");
        assert_eq!(best(types, "DerivedPod"), Ok(24), "the base stays in front");
        assert_eq!(best(types, "DerivedReuse"), Ok(16));
    });
}

#[test]
fn virtual_functions_and_bases() {
    on_each(|types| {
        let (found, record) = get(types, "Virtual");
        assert_eq!((found.bytes, record.members[0].role), (Some(32), Role::Vptr));
        let id = types.find("Virtual").expect("exactly one");
        let reorder = Reorder::of(types, id).expect("it has an order");
        assert_eq!((reorder.bytes_best, reorder.order[0]), (24, 0), "the pointer stays in front");

        for name in ["VLeft", "VRight", "Diamond"] {
            assert_eq!(best(types, name), Err(Obstacle::VirtualBase), "{name}");
        }
        let (_, left) = get(types, "VLeft");
        let base = left.members.iter().find(|member| member.role == Role::VirtualBase).expect("it is there");
        assert_eq!(base.offset_bits, None, "never a number");
    });
}

#[test]
fn what_is_no_member_is_left_out() {
    on_each(|types| {
        let (found, record) = get(types, "Statics");
        assert_eq!((found.bytes, record.members.len()), (Some(8), 2));
        assert_eq!(best(types, "Statics"), Ok(8));
    });
}

#[test]
fn templates_scopes_and_names() {
    on_each(|types| {
        let (found, _) = get(types, "Buffer<char, 5>");
        assert_eq!(found.bytes, Some(24));
        assert_eq!(best(types, "Buffer<char, 5>"), Ok(16));
        assert_eq!(get(types, "one::Same").0.bytes, Some(8));
        assert_eq!(get(types, "two::Same").0.bytes, Some(16));
        let error = types.find("Same").expect_err("two are called so").to_string();
        assert!(error.contains("`one::Same` (8 B at ") && error.contains("`two::Same` (16 B at "), "{error}");
        assert_eq!(&*get(types, "Hidden").0.name, "(anonymous namespace)::Hidden");
        let error = types.find("Samen").expect_err("none is called so").to_string();
        assert_eq!(error, "there is no type `Samen`");
        let error = types.find("same").expect_err("none is called so").to_string();
        assert!(error.starts_with("there is no type `same`; there is "), "{error}");
    });
}

#[test]
fn alignments_that_were_asked_for_are_kept() {
    on_each(|types| {
        assert_eq!(get(types, "Line").0.align, Align::Known(64));
        let (found, _) = get(types, "TwoLines");
        assert_eq!((found.bytes, found.align), (Some(192), Align::Known(64)));
        assert_eq!(best(types, "TwoLines"), Ok(128));
        assert_eq!(best(types, "Line"), Ok(64));
        assert_eq!(best(types, "NoUnique").unwrap_or(16), 16, "an empty member may share bytes");
    });
}

#[test]
fn bit_fields_that_share_a_word_with_a_member_stay() {
    on_each(|types| {
        let (found, record) = get(types, "Bits");
        assert_eq!(found.bytes, Some(24));
        let (b, c) = (member(record, "b"), member(record, "c"));
        assert_eq!((b.offset_bits, b.bits), (Some(8), Some(3)));
        assert_eq!((c.offset_bits, c.bits), (Some(11), Some(9)));
        assert_eq!(best(types, "Bits"), Err(Obstacle::BitFields));
    });
}

#[test]
fn atomics_and_locks_on_a_line() {
    on_each(|types| {
        let (_, record) = get(types, "Shared");
        let lines = shared_lines(types, record);
        assert_eq!(lines.len(), 1, "{lines:?}");
        let names: Vec<&str> = lines[0].members.iter().map(|&index| &*record.members[index].name).collect();
        assert_eq!((lines[0].line, names), (0, vec!["reads", "writes", "lock"]));
    });
}
