//! Faults on demand, for tests: any call into the kernel can be told to fail.
//!
//! Built only with the feature `faults`; without it `fails` is a constant and the compiler sees no
//! hook at all. A plan says, for one kind of call, from which call on and up to which the kernel is taken
//! to refuse; the call is then not made. Each place in the allocator that makes calls is a *site*, known by
//! the file and line of the caller, and is counted: so a test can show that every site was refused at
//! least once.

/// A kind of call that can be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Call {
    /// `mmap` of anonymous memory.
    Mmap,
    /// `munmap`.
    Munmap,
    /// `mprotect`, by which memory is committed.
    Mprotect,
    /// `madvise`, to give pages back or to wish for huge ones.
    Madvise,
    /// `mremap`, to resize a mapping where it is.
    Resize,
    /// `mremap` that moves a mapping. It is refused in the worst way that kernels know: after what was mapped
    /// at the target is gone.
    Remap,
    /// Making and mapping a file.
    MapFile,
    /// Starting the background thread.
    Thread,
    /// Making the key of the hook at a thread's end.
    Key,
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) const fn fails(_: Call) -> bool {
    false
}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) const fn lose_target(_: *mut u8, _: usize) {}

#[cfg(feature = "faults")]
pub use planned::{Visited, clear, made, plan, sites, squatter};
#[cfg(feature = "faults")]
pub(crate) use planned::{fails, lose_target};

#[cfg(feature = "faults")]
mod planned {
    use core::panic::Location;
    use core::ptr::{from_ref, null_mut};

    use super::Call;
    use crate::memory::OS_PAGE_BYTES;
    use crate::sync::{AtomicPtr, AtomicU64, Ordering};

    /// How many kinds of calls there are.
    const CALLS: usize = Call::Key as usize + 1;
    /// Sites at most.
    const SITES_MAX: usize = 64;

    /// Calls of each kind since the start.
    static MADE: [AtomicU64; CALLS] = [const { AtomicU64::new(0) }; CALLS];
    /// The first and the last call of each kind that fails, counted from 1; 0 for none.
    static PLAN: [[AtomicU64; 2]; CALLS] = [const { [const { AtomicU64::new(0) }; 2] }; CALLS];
    static SITES: [Site; SITES_MAX] = [const { Site::new() }; SITES_MAX];

    /// A place that makes calls.
    struct Site {
        location: AtomicPtr<Location<'static>>,
        made: AtomicU64,
        refused: AtomicU64,
    }

    impl Site {
        const fn new() -> Self {
            Self { location: AtomicPtr::new(null_mut()), made: AtomicU64::new(0), refused: AtomicU64::new(0) }
        }

        /// Whether the site is that of `location`, or is nobody's and becomes it.
        fn is_of(&self, location: *mut Location<'static>) -> bool {
            let found =
                self.location.compare_exchange(null_mut(), location, Ordering::Relaxed, Ordering::Relaxed);
            found.is_ok() || found == Err(location)
        }
    }

    /// A place that has made calls, and how many.
    #[derive(Clone, Copy, Debug)]
    pub struct Visited {
        /// Where it is.
        pub location: &'static Location<'static>,
        /// Calls made, those refused included.
        pub made: u64,
        /// Calls refused.
        pub refused: u64,
    }

    /// From now on the calls `first..=last` of a kind fail, counted from the start of the process.
    pub fn plan(call: Call, first: u64, last: u64) {
        let [planned_first, planned_last] = &PLAN[call as usize];
        planned_last.store(last, Ordering::Relaxed);
        planned_first.store(first, Ordering::Relaxed);
    }

    /// From now on no call fails.
    pub fn clear() {
        PLAN.iter().flatten().for_each(|bound| bound.store(0, Ordering::Relaxed));
    }

    /// Calls of a kind so far.
    #[must_use]
    pub fn made(call: Call) -> u64 {
        MADE[call as usize].load(Ordering::Relaxed)
    }

    /// All sites that have made a call.
    pub fn sites() -> impl Iterator<Item = Visited> {
        SITES.iter().filter_map(|site| {
            // SAFETY: locations are statics of the program.
            let location: &'static Location<'static> =
                unsafe { site.location.load(Ordering::Relaxed).as_ref() }?;
            let [made, refused] = [&site.made, &site.refused].map(|count| count.load(Ordering::Relaxed));
            Some(Visited { location, made, refused })
        })
    }

    /// A page of another's, at an address that was the target of a refused move.
    static SQUATTER: AtomicPtr<u8> = AtomicPtr::new(null_mut());
    /// What it holds.
    const SQUATTER_BYTE: u8 = 0xa5;

    /// Does to the target of a move what kernels do that fail late, and what another thread may do next: the
    /// range is unmapped, and its first page becomes somebody else's.
    pub(crate) fn lose_target(target: *mut u8, bytes: usize) {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: the target is the caller's, who has lost it now.
        unsafe {
            libc::munmap(target.cast(), bytes);
            let page = libc::mmap(target.cast(), OS_PAGE_BYTES, protection, flags, -1, 0);
            if page != libc::MAP_FAILED {
                page.cast::<u8>().write(SQUATTER_BYTE);
                SQUATTER.store(page.cast(), Ordering::Relaxed);
            }
        }
    }

    /// Whether somebody else's page at the target of a refused move was left in peace; `None` if no move was
    /// refused. The process dies if the page is gone.
    #[must_use]
    pub fn squatter() -> Option<bool> {
        let page = SQUATTER.load(Ordering::Relaxed);
        // SAFETY: the page is mapped, unless the caller's fear is true.
        (!page.is_null()).then(|| unsafe { page.read_volatile() } == SQUATTER_BYTE)
    }

    /// Counts a call of whoever called the function that asks, and says whether it has to fail.
    #[track_caller]
    pub(crate) fn fails(call: Call) -> bool {
        let number = MADE[call as usize].fetch_add(1, Ordering::Relaxed) + 1;
        let [first, last] = &PLAN[call as usize];
        let is_refused = (first.load(Ordering::Relaxed)..=last.load(Ordering::Relaxed)).contains(&number);
        let location = from_ref(Location::caller()).cast_mut();
        if let Some(site) = SITES.iter().find(|site| site.is_of(location)) {
            site.made.fetch_add(1, Ordering::Relaxed);
            site.refused.fetch_add(is_refused.into(), Ordering::Relaxed);
        }
        is_refused
    }
}
