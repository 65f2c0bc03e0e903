//! `BufPool` beside plain vectors: get, write a little, give back.

use std::hint::black_box;

use spandrel_pool::{BufPool, CallSite};

use super::Row;

/// Operations of a run.
const OPERATIONS: usize = 1000;

static POOL: BufPool = BufPool::new();
static SITE: CallSite = CallSite::new();

/// What is written into each buffer.
const LINE: &[u8] = &[7; 120];

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "buffer-1k",
            operations: OPERATIONS,
            variants: vec![
                ("`BufPool::get`", || {
                    for _ in 0..OPERATIONS {
                        let mut buffer = POOL.get(black_box(1024));
                        buffer.extend_from_slice(black_box(LINE));
                        black_box(&buffer);
                    }
                }),
                ("`BufPool::get_at`", || {
                    for _ in 0..OPERATIONS {
                        let mut buffer = POOL.get_at(black_box(&SITE));
                        buffer.extend_from_slice(black_box(LINE));
                        black_box(&buffer);
                    }
                }),
                ("`Vec::with_capacity`", || {
                    for _ in 0..OPERATIONS {
                        let mut buffer = Vec::with_capacity(black_box(1024));
                        buffer.extend_from_slice(black_box(LINE));
                        black_box(&buffer);
                    }
                }),
                ("`Vec::new` that grows", || {
                    for _ in 0..OPERATIONS {
                        let mut buffer = Vec::new();
                        LINE.chunks(16).for_each(|part| buffer.extend_from_slice(black_box(part)));
                        black_box(&buffer);
                    }
                }),
            ],
        },
        Row {
            name: "buffer-zeroed-4k",
            operations: OPERATIONS,
            variants: vec![
                ("`BufPool::get_zeroed`", || {
                    for _ in 0..OPERATIONS {
                        let mut buffer = POOL.get_zeroed(black_box(4096));
                        buffer.read_from(black_box(LINE)).expect("slices are read without errors");
                        black_box(&buffer);
                    }
                }),
                ("`vec![0; 4096]`", || {
                    for _ in 0..OPERATIONS {
                        let mut buffer = vec![0; black_box(4096)];
                        buffer[..LINE.len()].copy_from_slice(black_box(LINE));
                        black_box(&buffer);
                    }
                }),
            ],
        },
    ]
}
