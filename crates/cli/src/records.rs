//! Reads the records that processes left in a folder, whatever else lies there.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use spandrel::record::{RECORD_MAGIC, RECORD_VERSION, Record};
use spandrel_report::schema::SkippedRecord;

/// How often a record is read again when its process is writing it.
const ATTEMPTS_MAX: usize = 5;
/// The time that a process gets to finish writing.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(1);

/// All records in `folder`, and the files that are none.
pub(crate) fn read_all(folder: &Path) -> (Vec<Record>, Vec<SkippedRecord>) {
    let mut records = Vec::new();
    let mut skipped = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match read(&entry.path()) {
            Ok(record) => records.push(record),
            Err(reason) => {
                let file = entry.file_name().to_string_lossy().into_owned();
                skipped.push(SkippedRecord { file, reason });
            }
        }
    }
    skipped.sort_by(|one, other| one.file.cmp(&other.file));
    (records, skipped)
}

/// One record, from a moment at which its process was not writing, if there is one.
fn read(path: &Path) -> Result<Record, String> {
    let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    if !is_file || path.extension().is_none_or(|extension| extension != "spandrel") {
        return Err("it is not a file PID.spandrel".to_string());
    }
    let mut record = read_once(path)?;
    for _ in 1..ATTEMPTS_MAX {
        let again = read_once(path)?;
        // An even number that did not move: no write lay between the two, nor in the second.
        if again.sequence == record.sequence && again.sequence.is_multiple_of(2) {
            return Ok(again);
        }
        record = again;
        std::thread::sleep(ATTEMPT_PAUSE);
    }
    Ok(record)
}

fn read_once(path: &Path) -> Result<Record, String> {
    let mut bytes = Vec::with_capacity(size_of::<Record>());
    File::open(path)
        .and_then(|file| file.take(size_of::<Record>() as u64).read_to_end(&mut bytes))
        .map_err(|error| format!("it cannot be read: {error}"))?;
    Record::from_bytes(&bytes).ok_or_else(|| refusal(&bytes))
}

/// Why these bytes are no record.
fn refusal(bytes: &[u8]) -> String {
    if bytes.iter().all(|&byte| byte == 0) {
        return "its process ended before it wrote anything".to_string();
    }
    if !bytes.starts_with(&RECORD_MAGIC) {
        return "it does not start like a record".to_string();
    }
    if bytes.len() < size_of::<Record>() {
        return format!("it has {} of the {} bytes of a record", bytes.len(), size_of::<Record>());
    }
    format!("its version is not {RECORD_VERSION}, the one that this command reads")
}

#[cfg(test)]
mod tests {
    use super::{RECORD_VERSION, Record, read_all};

    #[test]
    fn foreign_files_are_skipped_with_a_reason() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut good = vec![0_u8; size_of::<Record>()];
        good[..8].copy_from_slice(b"spandrel");
        good[8] = RECORD_VERSION as u8;
        let mut newer = good.clone();
        newer[8] += 1;
        let files: [(&str, &[u8]); 6] = [
            ("1.spandrel", &good),
            ("2.spandrel", &good[..100]),
            ("3.spandrel", b""),
            ("4.spandrel", &newer),
            ("5.spandrel", b"#!/bin/sh\n"),
            ("notes.txt", &good),
        ];
        for (name, bytes) in files {
            std::fs::write(folder.path().join(name), bytes).expect("can be written");
        }
        std::fs::create_dir(folder.path().join("6.spandrel")).expect("can be made");
        let (records, skipped) = read_all(folder.path());
        assert_eq!(records.len(), 1);
        let told: Vec<_> = skipped.iter().map(|it| format!("{}: {}", it.file, it.reason)).collect();
        assert_eq!(
            told,
            [
                format!("2.spandrel: it has 100 of the {} bytes of a record", size_of::<Record>()),
                "3.spandrel: its process ended before it wrote anything".to_string(),
                format!("4.spandrel: its version is not {RECORD_VERSION}, the one that this command reads"),
                "5.spandrel: it does not start like a record".to_string(),
                "6.spandrel: it is not a file PID.spandrel".to_string(),
                "notes.txt: it is not a file PID.spandrel".to_string(),
            ]
        );
    }

    #[test]
    fn a_record_that_stays_half_written_is_read_all_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut torn = vec![0_u8; size_of::<Record>()];
        torn[..8].copy_from_slice(b"spandrel");
        torn[8] = RECORD_VERSION as u8;
        torn[16] = 7;
        std::fs::write(folder.path().join("9.spandrel"), torn).expect("can be written");
        let (records, skipped) = read_all(folder.path());
        assert_eq!((records[0].sequence, skipped.len()), (7, 0));
    }
}
