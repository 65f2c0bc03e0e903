//! Rows and columns of a struct of 64 bytes.

use std::hint::black_box;

use spandrel_cacheline::{Soa, SoaVec};

use super::{Row, Scale, Variant, Work};
use crate::random::Random;

pub(crate) const ONE_FIELD: Row = Row {
    name: "scan",
    what: "the sum of one `f32` over a million structs of 64 bytes; a struct",
    is_single: true,
    variants: &[
        Variant {
            name: "`Vec` of structs",
            prepare: |scale| scan(rows(scale), |rows| rows.iter().map(|row| row.mass).sum()),
        },
        Variant {
            name: "`SoaVec`",
            prepare: |scale| scan(columns(scale), |columns| columns.slices().mass.iter().sum()),
        },
        Variant {
            name: "`SoaVec`, row by row",
            prepare: |scale| scan(columns(scale), |columns| columns.iter().map(|row| *row.mass).sum()),
        },
    ],
};

pub(crate) const RANDOM_ROWS: Row = Row {
    name: "rows",
    what: "four fields of a random struct of a million; a struct",
    is_single: true,
    variants: &[
        Variant {
            name: "`Vec` of structs",
            prepare: |scale| {
                at_random(rows(scale), |rows, at| {
                    let row = &rows[at];
                    row.mass + row.place[0] + row.speed[0] + row.charge
                })
            },
        },
        Variant {
            name: "`SoaVec`, a column a field",
            prepare: |scale| {
                at_random(columns(scale), |columns, at| {
                    let row = columns.get(at).expect("it is below the length");
                    row.mass + row.place[0] + row.speed[0] + row.charge
                })
            },
        },
        Variant {
            name: "`SoaVec`, the four in hot rows",
            prepare: |scale| {
                at_random(split(scale), |columns, at| {
                    let row = columns.get(at).expect("it is below the length");
                    row.mass + row.place[0] + row.speed[0] + row.charge
                })
            },
        },
    ],
};

#[derive(Soa, Clone)]
struct Particle {
    mass: f32,
    charge: f32,
    place: [f32; 3],
    speed: [f32; 3],
    name: [u8; 32],
}

#[derive(Soa)]
struct Split {
    #[soa(hot)]
    mass: f32,
    #[soa(hot)]
    charge: f32,
    #[soa(hot)]
    place: [f32; 3],
    #[soa(hot)]
    speed: [f32; 3],
    #[soa(cold)]
    name: [u8; 32],
}

fn particles(scale: Scale) -> impl Iterator<Item = Particle> {
    let mut random = Random::new();
    (0..scale.millions(1)).map(move |_| {
        let number = random.below(1000) as f32;
        Particle { mass: number, charge: 1.0, place: [number; 3], speed: [1.0; 3], name: [7; 32] }
    })
}

fn rows(scale: Scale) -> Vec<Particle> {
    particles(scale).collect()
}

fn columns(scale: Scale) -> SoaVec<Particle> {
    particles(scale).collect()
}

fn split(scale: Scale) -> SoaVec<Split> {
    let split = |Particle { mass, charge, place, speed, name }| Split { mass, charge, place, speed, name };
    particles(scale).map(split).collect()
}

trait Length {
    fn length(&self) -> usize;
}

impl Length for Vec<Particle> {
    fn length(&self) -> usize {
        self.len()
    }
}

impl<T: Soa> Length for SoaVec<T> {
    fn length(&self) -> usize {
        self.len()
    }
}

fn scan<T: Length + 'static>(table: T, sum: fn(&T) -> f32) -> Work {
    const PASSES: usize = 10;
    Box::new(move || {
        for _ in 0..PASSES {
            black_box(sum(black_box(&table)));
        }
        PASSES * table.length()
    })
}

fn at_random<T: Length + 'static>(table: T, read: fn(&T, usize) -> f32) -> Work {
    let mut random = Random::new();
    let indices: Vec<u32> = (0..table.length()).map(|_| random.below(table.length()) as u32).collect();
    Box::new(move || {
        let table = black_box(&table);
        black_box(indices.iter().map(|&index| read(table, index as usize)).sum::<f32>());
        indices.len()
    })
}
