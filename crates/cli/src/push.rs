//! `--push pyroscope=URL`: the heap profiles of a running program, with names, to a Pyroscope server.
//!
//! The processes of the run leave profiles in a folder, every few seconds and at their ends; this command
//! looks names and types up and sends what is new. What is sent says what was allocated since the profile
//! before and what is in use now, so that sums over time are right. A request is one message of Pyroscope's
//! push interface: a series with labels, and in it one pprof file.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use prost::Message;
use spandrel_profile::{BinaryFiles, Profile, encode, subtract};

use crate::profiles::Loader;
use crate::{run_profile, terminal};

/// A server that does not answer for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where Pyroscope takes profiles.
const PATH: &str = "push.v1.PusherService/Push";

/// Whom to send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    url: String,
}

impl Target {
    /// Reads `pyroscope=http://HOST:PORT`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write pyroscope=http://HOST:PORT";
        let url = text.strip_prefix("pyroscope=").ok_or(FORM)?;
        let rest = url.strip_prefix("http://").ok_or(FORM)?;
        let is_plain = rest.chars().all(|c| c.is_ascii_graphic()) && !rest.starts_with(['/', ':']);
        if rest.is_empty() || !is_plain || url.parse::<ureq::http::Uri>().is_err() {
            return Err(FORM.to_owned());
        }
        Ok(Self { url: format!("{}/{PATH}", url.trim_end_matches('/')) })
    }
}

/// The push of one run: a thread that sends every so often, and once more at the end.
#[derive(Debug)]
pub(crate) struct Pusher {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Pusher {
    /// Sends the profiles in `folder` every `interval`, under the name `service`.
    pub(crate) fn start(target: Target, folder: PathBuf, service: String, interval: Duration) -> Self {
        let (stop, stopped) = channel::<()>();
        let mut stream = Stream { target, folder, service, before: HashMap::new(), has_told: false };
        let thread = std::thread::spawn(move || {
            let mut loader = Loader::with_files(BinaryFiles::default());
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                stream.send_all(&mut loader);
            }
            stream.send_all(&mut loader);
        });
        Self { stop, thread }
    }

    /// Sends what the processes have left at their ends.
    pub(crate) fn finish(self) {
        drop(self.stop);
        // A thread that has panicked has told so.
        let _told = self.thread.join();
    }
}

struct Stream {
    target: Target,
    folder: PathBuf,
    service: String,
    /// The profile of each process that was sent last.
    before: HashMap<PathBuf, Profile>,
    /// A failure is told once, not every few seconds.
    has_told: bool,
}

impl Stream {
    fn send_all(&mut self, loader: &mut Loader<'_>) {
        for path in run_profile::paths(&self.folder) {
            // One that is being written is read the next time.
            let profile = std::fs::read(&path).map_err(|error| error.to_string());
            let Ok(profile) = profile.and_then(|bytes| loader.of_bytes(&bytes)) else { continue };
            let before = self.before.get(&path);
            if before.is_some_and(|before| before.time_ns == profile.time_ns) {
                continue;
            }
            match self.send(before, &profile) {
                Ok(()) => {
                    self.has_told = false;
                    self.before.insert(path, profile);
                }
                Err(problem) if !self.has_told => {
                    self.has_told = true;
                    terminal::complain(&format!("cannot push to {}: {problem}", self.target.url));
                }
                Err(_) => {}
            }
        }
    }

    fn send(&self, before: Option<&Profile>, profile: &Profile) -> Result<(), String> {
        let change = before.map(|before| change(before, profile)).transpose()?;
        let profile = encode(change.as_ref().unwrap_or(profile));
        post(&self.target.url, &push_request(&self.service, &profile, uuid()))
    }
}

/// What was allocated since the profile before, and what is in use now.
fn change(before: &Profile, profile: &Profile) -> Result<Profile, String> {
    let mut base = before.clone();
    for name in ["inuse_objects", "inuse_space"] {
        let index = base.sample_index(Some(name))?;
        base.samples.iter_mut().for_each(|sample| sample.values[index] = 0);
    }
    let mut change = subtract(profile, &base).map_err(|error| error.to_string())?;
    change.time_ns = profile.time_ns;
    change.duration_ns = profile.time_ns.saturating_sub(before.time_ns);
    Ok(change)
}

/// Sends a message, compressed.
fn post(url: &str, message: &[u8]) -> Result<(), String> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let packed =
        packed.write_all(message).and_then(|()| packed.finish()).map_err(|error| error.to_string())?;
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
    let request =
        agent.post(url).header("Content-Type", "application/proto").header("Content-Encoding", "gzip");
    request.send(&packed[..]).map(drop).map_err(|error| error.to_string())
}

/// The messages of Pyroscope's `push.v1`.
mod message {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct PushRequest {
        #[prost(message, repeated, tag = "1")]
        pub(super) series: Vec<Series>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Series {
        #[prost(message, repeated, tag = "1")]
        pub(super) labels: Vec<Label>,
        #[prost(message, repeated, tag = "2")]
        pub(super) samples: Vec<Sample>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Label {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Sample {
        /// A pprof file.
        #[prost(bytes = "vec", tag = "1")]
        pub(super) raw_profile: Vec<u8>,
        /// A UUID.
        #[prost(string, tag = "2")]
        pub(super) id: String,
    }
}

fn push_request(service: &str, profile: &[u8], id: String) -> Vec<u8> {
    let label = |name: &str, value: &str| message::Label { name: name.to_owned(), value: value.to_owned() };
    let labels =
        vec![label("__name__", "memory"), label("service_name", service), label("spy_name", "spandrel")];
    let samples = vec![message::Sample { raw_profile: profile.to_vec(), id }];
    message::PushRequest { series: vec![message::Series { labels, samples }] }.encode_to_vec()
}

/// A random UUID, of version 4.
fn uuid() -> String {
    // The standard library's hashers start from random keys.
    let random = || RandomState::new().build_hasher().finish();
    let (high, low) = (random(), random());
    let (version, variant) = (high >> 4 & 0x0fff | 0x4000, low >> 48 & 0x3fff | 0x8000);
    format!(
        "{:08x}-{:04x}-{version:04x}-{variant:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        low & 0xffff_ffff_ffff
    )
}

/// What the program is called where it is sent to.
pub(crate) fn service_name(program: &Path) -> String {
    program.file_name().map_or_else(|| "program".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::{Target, push_request, uuid};

    #[test]
    fn targets() {
        let url = |text: &str| Target::parse(text).map(|target| target.url);
        let expected = "http://localhost:4040/push.v1.PusherService/Push".to_owned();
        assert_eq!(url("pyroscope=http://localhost:4040"), Ok(expected.clone()));
        assert_eq!(url("pyroscope=http://localhost:4040/"), Ok(expected));
        for wrong in [
            "",
            "pyroscope",
            "pyroscope=",
            "pyroscope=https://x",
            "parca=http://x",
            "pyroscope=http://",
            "pyroscope=http://a b",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_bytes_of_a_push() {
        let bytes = push_request("a", b"xyz", "i".to_owned());
        let label = |name: &str, value: &str| {
            let mut inner = vec![0x0a, name.len() as u8];
            inner.extend(name.as_bytes());
            inner.extend([0x12, value.len() as u8]);
            inner.extend(value.as_bytes());
            [vec![0x0a, inner.len() as u8], inner].concat()
        };
        let sample = b"\x12\x08\x0a\x03xyz\x12\x01i".to_vec();
        let series =
            [label("__name__", "memory"), label("service_name", "a"), label("spy_name", "spandrel"), sample]
                .concat();
        assert_eq!(bytes, [vec![0x0a, series.len() as u8], series].concat());
    }

    #[test]
    fn uuids_differ_and_say_what_they_are() {
        let (one, other) = (uuid(), uuid());
        assert_ne!(one, other);
        assert_eq!(one.len(), 36);
        assert_eq!(&one[14..15], "4");
        assert!("89ab".contains(&one[19..20]), "{one}");
    }
}
