//! Lengths of buffers, in steps: the allocator's size classes, then powers of two up to 1 MiB. Step 0 is for
//! all that is longer.

use spandrel_classes::{CLASS_COUNT, SMALL_BYTES_MAX, class_of_size, object_bytes};

/// The longest buffer with a step of its own.
pub(crate) const LONGEST_BYTES: usize = 1 << 20;

/// How many steps there are.
pub(crate) const STEPS: usize = CLASS_COUNT + (LONGEST_BYTES / SMALL_BYTES_MAX).ilog2() as usize;

/// The step of buffers with room for so many bytes.
#[inline]
pub(crate) const fn step_of(bytes: usize) -> usize {
    if bytes <= SMALL_BYTES_MAX {
        return class_of_size(bytes) as usize;
    }
    if bytes > LONGEST_BYTES {
        return 0;
    }
    CLASS_COUNT + ((bytes - 1) / SMALL_BYTES_MAX).ilog2() as usize
}

/// The room of a step's buffers; 0 for step 0.
#[inline]
pub(crate) const fn step_bytes(step: usize) -> usize {
    match step {
        0 => 0,
        1..CLASS_COUNT => object_bytes(step as u8),
        _ => SMALL_BYTES_MAX << (step - CLASS_COUNT + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_fits_into_its_step_and_into_no_lower_one() {
        for bytes in (0..70_000).chain([LONGEST_BYTES - 1, LONGEST_BYTES]) {
            let step = step_of(bytes);
            assert!(step > 0 && step < STEPS && step_bytes(step) >= bytes, "{bytes} bytes in step {step}");
            assert!(step == 1 || step_bytes(step - 1) < bytes, "{bytes} bytes in step {step}");
        }
        assert_eq!((step_of(LONGEST_BYTES + 1), step_bytes(STEPS - 1)), (0, LONGEST_BYTES));
    }
}
