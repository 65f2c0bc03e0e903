//! Queues between threads, all of 1024 items.

use std::collections::VecDeque;
use std::hint::spin_loop;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use crossbeam_queue::ArrayQueue;
use spandrel_cacheline::mpmc::Ring;
use spandrel_cacheline::spsc;

use super::{Row, Scale, Variant, Work};

const CAPACITY: usize = 1024;

pub(crate) const HANDOVER: Row = Row {
    name: "handover",
    what: "one thread pushes numbers, another pops them; a number",
    is_single: false,
    variants: &[
        Variant { name: "`spsc`", prepare: |scale| Box::new(move || handover_spsc(scale.millions(3))) },
        Variant {
            name: "`spsc`, batches of up to 32",
            prepare: |scale| Box::new(move || handover_batches(scale.millions(3))),
        },
        Variant { name: "`mpmc`", prepare: |scale| handover(scale, Arc::new(Ring::<u64>::new(CAPACITY))) },
        Variant {
            name: "crossbeam's `ArrayQueue`",
            prepare: |scale| handover(scale, Arc::new(ArrayQueue::<u64>::new(CAPACITY))),
        },
        Variant {
            name: "`std::sync::mpsc::sync_channel`",
            prepare: |scale| Box::new(move || handover_channel(scale.millions(3))),
        },
        Variant {
            name: "`Mutex<VecDeque>`",
            prepare: |scale| handover(scale, Arc::new(Mutex::new(VecDeque::<u64>::with_capacity(CAPACITY)))),
        },
    ],
};

pub(crate) const PAIRS: Row = Row {
    name: "pairs",
    what: "two threads, each pushes a number and pops one; a push and a pop of each",
    is_single: false,
    variants: &[
        Variant { name: "`mpmc`", prepare: |scale| pairs(scale, Arc::new(Ring::<u64>::new(CAPACITY))) },
        Variant {
            name: "crossbeam's `ArrayQueue`",
            prepare: |scale| pairs(scale, Arc::new(ArrayQueue::<u64>::new(CAPACITY))),
        },
        Variant {
            name: "`Mutex<VecDeque>`",
            prepare: |scale| pairs(scale, Arc::new(Mutex::new(VecDeque::<u64>::with_capacity(CAPACITY)))),
        },
    ],
};

/// A queue that any thread may use; both say at once when they can't.
trait Queue: Send + Sync + 'static {
    fn push(&self, number: u64) -> bool;
    fn pop(&self) -> Option<u64>;
}

impl Queue for Ring<u64> {
    fn push(&self, number: u64) -> bool {
        self.push(number).is_ok()
    }

    fn pop(&self) -> Option<u64> {
        self.pop().ok()
    }
}

impl Queue for ArrayQueue<u64> {
    fn push(&self, number: u64) -> bool {
        self.push(number).is_ok()
    }

    fn pop(&self) -> Option<u64> {
        self.pop()
    }
}

impl Queue for Mutex<VecDeque<u64>> {
    fn push(&self, number: u64) -> bool {
        let mut queue = self.lock().expect("nobody panics");
        let has_room = queue.len() < CAPACITY;
        if has_room {
            queue.push_back(number);
        }
        has_room
    }

    fn pop(&self) -> Option<u64> {
        self.lock().expect("nobody panics").pop_front()
    }
}

fn handover(scale: Scale, queue: Arc<impl Queue>) -> Work {
    let numbers = scale.millions(3);
    Box::new(move || {
        let pushing = Arc::clone(&queue);
        let producer = thread::spawn(move || {
            for number in 0..numbers as u64 {
                while !pushing.push(number) {
                    spin_loop();
                }
            }
        });
        for expected in 0..numbers as u64 {
            let number = loop {
                match queue.pop() {
                    Some(number) => break number,
                    None => spin_loop(),
                }
            };
            assert_eq!(number, expected);
        }
        producer.join().expect("it only pushes");
        numbers
    })
}

fn handover_spsc(numbers: usize) -> usize {
    let (mut producer, mut consumer) = spsc::ring(CAPACITY);
    let producer = thread::spawn(move || {
        for number in 0..numbers as u64 {
            while producer.push(number).is_err() {
                spin_loop();
            }
        }
    });
    for expected in 0..numbers as u64 {
        let number = loop {
            match consumer.pop() {
                Ok(number) => break number,
                Err(_) => spin_loop(),
            }
        };
        assert_eq!(number, expected);
    }
    producer.join().expect("it only pushes");
    numbers
}

fn handover_batches(numbers: usize) -> usize {
    const BATCH: usize = 32;
    let (mut producer, mut consumer) = spsc::ring(CAPACITY);
    let producer = thread::spawn(move || {
        let mut left = 0..numbers as u64;
        while !left.is_empty() {
            if producer.push_many(&mut left.by_ref().take(BATCH)) == 0 {
                spin_loop();
            }
        }
    });
    let mut expected = 0;
    while expected < numbers as u64 {
        let check = |number| {
            assert_eq!(number, expected);
            expected += 1;
        };
        if consumer.pop_many(BATCH, check) == 0 {
            spin_loop();
        }
    }
    producer.join().expect("it only pushes");
    numbers
}

fn handover_channel(numbers: usize) -> usize {
    let (sender, receiver) = mpsc::sync_channel(CAPACITY);
    let sender = thread::spawn(move || {
        for number in 0..numbers as u64 {
            sender.send(number).expect("it is received");
        }
    });
    for expected in 0..numbers as u64 {
        assert_eq!(receiver.recv(), Ok(expected));
    }
    sender.join().expect("it only sends");
    numbers
}

fn pairs(scale: Scale, queue: Arc<impl Queue>) -> Work {
    let pairs = scale.millions(3);
    Box::new(move || {
        let queue = &queue;
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(move || {
                    for number in 0..pairs as u64 {
                        while !queue.push(number) {
                            spin_loop();
                        }
                        while queue.pop().is_none() {
                            spin_loop();
                        }
                    }
                });
            }
        });
        pairs
    })
}
