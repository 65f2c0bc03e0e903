//! Which alignment a scalar has by itself, on each machine.
//!
//! Debug information says an alignment only where the source asks for one. Otherwise a scalar is aligned to
//! its size, up to 16 bytes, with exceptions that the table below knows.

use spandrel_debuginfo::{Architecture, Machine};

use crate::model::Language;

/// What kind of scalar it is, as far as its alignment depends on that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Integers, booleans, characters, enumerations.
    Integer,
    /// Floating point.
    Float,
    /// Two floating-point numbers.
    Complex,
    /// Addresses.
    Pointer,
}

/// The alignment in bytes of a scalar of `bytes` inside of a record.
pub(crate) fn natural_align(machine: Machine, language: Language, class: Class, bytes: u64) -> u64 {
    if class == Class::Complex {
        return natural_align(machine, language, Class::Float, bytes / 2);
    }
    // `long double` of x86: ten bytes in twelve, or in sixteen.
    let by_size = if bytes.is_power_of_two() { bytes } else { 1 << bytes.trailing_zeros().min(4) };
    let word = u64::from(machine.pointer_bytes);
    match machine.architecture {
        _ if bytes == 0 => 1,
        _ if language == Language::Go => by_size.min(word),
        // The System V ABI of i386 aligns nothing to more than four bytes, but vectors and Rust's u128.
        Architecture::I386 if bytes == 16 && language == Language::Rust => 16,
        Architecture::I386 => by_size.min(4),
        Architecture::M68k => by_size.min(2),
        Architecture::S390x => by_size.min(8),
        _ => by_size.min(16),
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, natural_align};
    use crate::model::Language;
    use spandrel_debuginfo::{Architecture, Machine, gimli::RunTimeEndian};

    fn machine(architecture: Architecture, pointer_bytes: u8) -> Machine {
        Machine { architecture, pointer_bytes, endian: RunTimeEndian::Little }
    }

    #[test]
    fn the_exceptions() {
        let (x86, i386) = (machine(Architecture::X86_64, 8), machine(Architecture::I386, 4));
        let cases = [
            (x86, Language::C, Class::Integer, 8, 8),
            (x86, Language::C, Class::Float, 16, 16),
            (x86, Language::C, Class::Complex, 16, 8),
            (x86, Language::C, Class::Integer, 16, 16),
            (x86, Language::Go, Class::Complex, 8, 4),
            (x86, Language::Go, Class::Complex, 16, 8),
            (i386, Language::C, Class::Float, 8, 4),
            (i386, Language::C, Class::Float, 12, 4),
            (i386, Language::Go, Class::Integer, 8, 4),
            (i386, Language::Rust, Class::Integer, 16, 16),
            (x86, Language::C, Class::Integer, 0, 1),
        ];
        for (machine, language, class, bytes, align) in cases {
            assert_eq!(natural_align(machine, language, class, bytes), align, "{language} {class:?} {bytes}");
        }
    }
}
