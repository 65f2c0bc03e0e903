//! Counts the entries of a message before anything is allocated for them.
//!
//! Two bytes of an empty sample become a hundred bytes in memory, so the decoder, which takes memory as it
//! goes, must know beforehand that there are not too many. Counting looks at keys and lengths alone.

use crate::read::ReadError;

/// The fields of a profile whose own fields are many: samples and locations.
const DEEP_FIELDS: [u64; 2] = [2, 4];

/// The fields of the message, and of the samples and locations in it.
pub(super) fn count_entries(message: &[u8]) -> Result<u64, ReadError> {
    let mut entries = 0;
    let mut rest = message;
    while let Some(field) = next_field(&mut rest)? {
        entries += 1;
        if DEEP_FIELDS.contains(&field.number) {
            let mut inner = field.content;
            while next_field(&mut inner)?.is_some() {
                entries += 1;
            }
        }
    }
    Ok(entries)
}

struct Field<'a> {
    number: u64,
    /// What a field of bytes holds; empty for numbers.
    content: &'a [u8],
}

/// Takes one field off `rest`.
fn next_field<'a>(rest: &mut &'a [u8]) -> Result<Option<Field<'a>>, ReadError> {
    if rest.is_empty() {
        return Ok(None);
    }
    let key = varint(rest)?;
    let number = key >> 3;
    let content = match key & 7 {
        0 => {
            varint(rest)?;
            &[][..]
        }
        1 => take(rest, 8)?,
        2 => {
            let bytes = varint(rest)?;
            take(rest, bytes)?
        }
        5 => take(rest, 4)?,
        kind => return Err(ReadError::NotAProfile(format!("a field of kind {kind} is in no profile"))),
    };
    if number == 0 {
        return Err(ReadError::NotAProfile("no field has the number 0".to_string()));
    }
    Ok(Some(Field { number, content }))
}

fn take<'a>(rest: &mut &'a [u8], bytes: u64) -> Result<&'a [u8], ReadError> {
    let taken = usize::try_from(bytes).ok().and_then(|bytes| rest.split_at_checked(bytes));
    let (taken, left) = taken.ok_or_else(|| {
        ReadError::malformed(format_args!(
            "a field says that it has {bytes} bytes, of which {} are there",
            rest.len()
        ))
    })?;
    *rest = left;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64, ReadError> {
    /// A number of 64 bits in groups of seven.
    const BYTES_MAX: usize = 10;
    let mut number = 0;
    for (index, &byte) in rest.iter().take(BYTES_MAX).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            *rest = &rest[index + 1..];
            return Ok(number);
        }
    }
    Err(ReadError::malformed("a number is cut off or too long"))
}

#[cfg(test)]
mod tests {
    use super::count_entries;

    #[test]
    fn samples_are_counted_with_their_fields() {
        // A sample type, an empty sample, a sample with one value, a text.
        let message = [0x0a, 2, 8, 1, 0x12, 0, 0x12, 3, 0x12, 1, 5, 0x32, 0];
        assert_eq!(count_entries(&message), Ok(5));
    }

    #[test]
    fn lengths_beyond_the_end_are_errors() {
        let too_long = count_entries(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        assert!(too_long.is_err());
        assert!(count_entries(&[0x12, 5, 1]).is_err());
        assert!(count_entries(&[0x80]).is_err());
        assert!(count_entries(&[0x0b]).is_err());
        assert!(count_entries(&[0x80; 11]).is_err());
    }
}
