//! `/debug/pprof/heap` and `/debug/pprof/allocs`: the heap profile as a file for pprof, as text with
//! `debug=1`, and with `seconds=N` what has changed N seconds later.

use spandrel_platform::bytes::Bytes;

use super::profile_text;
use super::request::{Request, Status, number};
use super::routes::{Answer, TEXT};
use super::text::Text;
use crate::config::SERVE_SECONDS_MAX;
use crate::profile::{Kind, ProfileError, Snapshot, assemble, gzip};

/// An answer that is worked out when its time has come.
pub(super) struct Later {
    kind: Kind,
    is_text: bool,
    before: Snapshot,
    wait_ms: u64,
}

impl Later {
    pub(super) const fn wait_ms(&self) -> u64 {
        self.wait_ms
    }
}

/// Writes a profile, or takes one for later.
pub(super) fn answer(request: &Request<'_>, kind: Kind, out: &mut Bytes, may_wait: bool) -> Answer {
    let Some(debug) = request.parameter(b"debug").map_or(Some(0), number) else {
        return refuse(b"debug is a number", out);
    };
    let seconds = match request.parameter(b"seconds").map(number) {
        None | Some(Some(0)) => None,
        Some(Some(seconds @ 1..=SERVE_SECONDS_MAX)) => Some(seconds),
        Some(_) => return refuse(b"seconds is a number from 1 to 3600", out),
    };
    if seconds.is_some() && !may_wait {
        return Answer::error(Status::UNAVAILABLE, out);
    }
    let is_text = debug > 0;
    let answered = match seconds {
        None => assemble(kind).map(|profile| finish(profile.as_slice(), kind, is_text, out)),
        Some(seconds) => Snapshot::of(kind)
            .map(|before| Answer::Later(Later { kind, is_text, before, wait_ms: seconds * 1000 })),
    };
    answered.unwrap_or_else(|error| fail(error, out))
}

/// Writes what has changed since the profile was taken.
pub(super) fn conclude(later: &Later, out: &mut Bytes) -> Answer {
    match later.before.change() {
        Ok(change) => finish(change.as_slice(), later.kind, later.is_text, out),
        Err(error) => fail(error, out),
    }
}

fn finish(profile: &[u8], kind: Kind, is_text: bool, out: &mut Bytes) -> Answer {
    if is_text {
        profile_text::write(profile, out);
        return Answer::of_kind(TEXT);
    }
    gzip::write(profile, |piece| {
        out.extend(piece);
        true
    });
    let extra = match kind {
        Kind::Allocs => "Content-Disposition: attachment; filename=\"allocs.pb.gz\"\r\n",
        _ => "Content-Disposition: attachment; filename=\"heap.pb.gz\"\r\n",
    };
    Answer::Now { status: Status::OK, kind: "application/octet-stream", extra }
}

fn refuse(reason: &[u8], out: &mut Bytes) -> Answer {
    out.extend(reason);
    out.text("\n");
    Answer::Now { status: Status::BAD_REQUEST, kind: TEXT, extra: "" }
}

fn fail(error: ProfileError, out: &mut Bytes) -> Answer {
    let reason = match error {
        ProfileError::Off => "sampling is off (memprofilerate=0)\n",
        _ => "there is no memory to put the profile together\n",
    };
    out.text(reason);
    Answer::Now { status: Status::UNAVAILABLE, kind: TEXT, extra: "" }
}
