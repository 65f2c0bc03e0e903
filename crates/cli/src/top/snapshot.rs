//! What the key `w` writes: the statistics and the heap profile of one moment, into the current folder.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use super::view::View;

/// Writes what is shown, and tells where.
pub(super) fn write(view: &View) -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let stem = format!("spandrel-{}-{seconds}", view.stats.pid);
    match write_files(view, &stem) {
        Ok(files) => format!("wrote {files}"),
        Err(error) => format!("cannot write {stem}: {error}"),
    }
}

fn write_files(view: &View, stem: &str) -> io::Result<String> {
    let json = format!("{stem}.json");
    create(&json, |file| file.write_all(&view.raw_stats))?;
    let Some(sites) = &view.sites else {
        return Ok(json);
    };
    let profile = format!("{stem}.pb.gz");
    create(&profile, |file| spandrel_profile::write(&sites.profile, file))?;
    Ok(format!("{json} and {profile}"))
}

/// A new file: one that is there is somebody's.
fn create(name: &str, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(name)?);
    fill(&mut file)?;
    file.flush()
}
