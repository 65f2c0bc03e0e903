//! Rings beside a `VecDeque`, and under threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use proptest::prelude::{Strategy, any, proptest};
use proptest::{collection, prop_assert_eq};
use spandrel_cacheline::mpmc::Ring;
use spandrel_cacheline::spsc::{self, PopError, PushError};

#[derive(Clone, Debug)]
enum Step {
    Push,
    Pop,
    PushMany(usize),
    PopMany(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), 0..12usize).prop_map(|(kind, count)| match kind % 6 {
        0 | 1 => Step::Push,
        2 | 3 => Step::Pop,
        4 => Step::PushMany(count),
        _ => Step::PopMany(count),
    });
    collection::vec(step, 0..200)
}

/// Items whose number alive is known.
#[derive(Debug)]
struct Counted(u32, Arc<AtomicUsize>);

impl Counted {
    fn new(number: u32, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(number, Arc::clone(alive))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

proptest! {
    #[test]
    fn spsc_is_a_queue(capacity in 1..20usize, steps in steps()) {
        let alive = Arc::new(AtomicUsize::new(0));
        let (mut producer, mut consumer) = spsc::ring(capacity);
        let capacity = producer.capacity();
        let mut model = VecDeque::new();
        let mut numbers = 0..u32::MAX;
        for step in steps {
            match step {
                Step::Push => {
                    let number = numbers.next().expect("there are many");
                    let pushed = producer.push(Counted::new(number, &alive)).is_ok();
                    prop_assert_eq!(pushed, model.len() < capacity);
                    if pushed {
                        model.push_back(number);
                    }
                }
                Step::Pop => {
                    let popped = consumer.pop().map(|item| item.0);
                    prop_assert_eq!(popped, model.pop_front().ok_or(PopError::Empty));
                }
                Step::PushMany(count) => {
                    let new = numbers.by_ref().take(count);
                    let mut items = new.map(|number| Counted::new(number, &alive));
                    let mut remembered = Vec::new();
                    let mut items = items.by_ref().inspect(|item| remembered.push(item.0));
                    let pushed = producer.push_many(&mut items);
                    prop_assert_eq!(remembered.len(), pushed);
                    prop_assert_eq!(pushed == 0, count == 0 || model.len() == capacity);
                    model.extend(remembered);
                }
                Step::PopMany(count) => {
                    let mut popped = Vec::new();
                    let number = consumer.pop_many(count, |item| popped.push(item.0));
                    prop_assert_eq!(number, popped.len());
                    prop_assert_eq!(number == 0, count == 0 || model.is_empty());
                    prop_assert_eq!(popped, model.drain(..number).collect::<Vec<_>>());
                }
            }
            prop_assert_eq!(alive.load(Ordering::Relaxed), model.len());
        }
        drop(producer);
        prop_assert_eq!(consumer.pop().is_ok(), !model.is_empty());
        drop(consumer);
        prop_assert_eq!(alive.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn mpmc_is_a_queue(capacity in 1..20usize, steps in steps()) {
        let alive = Arc::new(AtomicUsize::new(0));
        let ring = Ring::new(capacity);
        let mut model = VecDeque::new();
        for (number, step) in (0..).zip(steps) {
            if let Step::Push | Step::PushMany(_) = step {
                let pushed = ring.push(Counted::new(number, &alive)).is_ok();
                prop_assert_eq!(pushed, model.len() < ring.capacity());
                if pushed {
                    model.push_back(number);
                }
            } else {
                let popped = ring.pop().map(|item| item.0);
                prop_assert_eq!(popped, model.pop_front().ok_or(PopError::Empty));
            }
            prop_assert_eq!(ring.len(), model.len());
            prop_assert_eq!(alive.load(Ordering::Relaxed), model.len());
        }
        prop_assert_eq!((ring.close(), ring.close()), (true, false));
        prop_assert_eq!(ring.push(Counted::new(0, &alive)).map_err(|error| error.into_inner().0), Err(0));
        while let Some(number) = model.pop_front() {
            prop_assert_eq!(ring.pop().map(|item| item.0), Ok(number));
        }
        prop_assert_eq!(ring.pop().map(|item| item.0), Err(PopError::Closed));
        drop(ring);
        prop_assert_eq!(alive.load(Ordering::Relaxed), 0);
    }
}

#[test]
fn spsc_keeps_the_order_under_threads() {
    const ITEMS: u64 = 50_000;
    let (mut producer, mut consumer) = spsc::ring(64);
    let pushing = thread::spawn(move || {
        for number in 0..ITEMS {
            let mut item = Box::new(number);
            while let Err(PushError::Full(back)) = producer.push(item) {
                item = back;
                thread::yield_now();
            }
        }
    });
    let mut expected = 0;
    loop {
        match consumer.pop() {
            Ok(item) => {
                assert_eq!(*item, expected);
                expected += 1;
            }
            Err(PopError::Empty) => thread::yield_now(),
            Err(PopError::Closed) => break,
        }
    }
    assert_eq!(expected, ITEMS);
    pushing.join().expect("it only pushes");
}

#[test]
fn mpmc_loses_and_doubles_nothing_under_threads() {
    const THREADS: u64 = 4;
    const ITEMS: u64 = 10_000;
    let ring = Ring::new(32);
    let sums: Vec<(u64, u64)> = thread::scope(|scope| {
        let pop = || {
            let (mut count, mut sum) = (0, 0);
            loop {
                match ring.pop() {
                    Ok(item) => {
                        let item: Box<u64> = item;
                        (count, sum) = (count + 1, sum + *item);
                    }
                    Err(PopError::Empty) => thread::yield_now(),
                    Err(PopError::Closed) => return (count, sum),
                }
            }
        };
        let push = |first: u64| {
            for number in first..first + ITEMS {
                let mut item = Box::new(number);
                while let Err(error) = ring.push(item) {
                    item = error.into_inner();
                    thread::yield_now();
                }
            }
        };
        let consumers: Vec<_> = (0..3).map(|_| scope.spawn(pop)).collect();
        let producers: Vec<_> =
            (0..THREADS).map(|thread| scope.spawn(move || push(thread * ITEMS))).collect();
        producers.into_iter().for_each(|producer| producer.join().expect("it only pushes"));
        ring.close();
        consumers.into_iter().map(|consumer| consumer.join().expect("it only pops")).collect()
    });
    let items = THREADS * ITEMS;
    assert_eq!(sums.iter().map(|(count, _)| count).sum::<u64>(), items);
    assert_eq!(sums.iter().map(|(_, sum)| sum).sum::<u64>(), items * (items - 1) / 2);
}

/// A batch whose iterator panics is pushed as far as it came; one whose taker panics is popped as far.
#[test]
fn batches_survive_panics() {
    let (mut producer, mut consumer) = spsc::ring(8);
    let pushed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        producer.push_many(&mut (0..5).inspect(|number| assert!(*number < 3)))
    }));
    assert!(pushed.is_err());
    let popped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        consumer.pop_many(8, |number| assert!(number < 1))
    }));
    assert!(popped.is_err());
    assert_eq!((consumer.pop(), consumer.pop()), (Ok(2), Err(PopError::Empty)));
}
