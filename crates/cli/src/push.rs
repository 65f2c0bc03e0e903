//! `--push KIND=URL`: the heap profiles of a running program, with names, to a server that keeps profiles.
//!
//! The processes of the run leave profiles in a folder, every few seconds and at their ends; this command
//! looks names and types up and sends what is new. What is sent says what was allocated since the profile
//! before and what is in use now, so that sums over time are right. A request is one message of the server's
//! protocol: Pyroscope's (`pyroscope.rs`), or OpenTelemetry's (`otlp.rs`, by the feature `otlp`, since that
//! protocol still changes).

#[cfg(feature = "otlp")]
mod otlp;
mod pyroscope;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use spandrel_profile::{BinaryFiles, Profile, subtract};

use crate::profiles::Loader;
use crate::{run_profile, terminal};

/// A server that does not answer for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How a target is written.
#[cfg(feature = "otlp")]
const FORM: &str = "write pyroscope=http://HOST:PORT or otlp=http://HOST:PORT";
/// How a target is written.
#[cfg(not(feature = "otlp"))]
const FORM: &str = "write pyroscope=http://HOST:PORT (otlp=.. takes a build with `--features otlp`)";

/// Whom to send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    protocol: Protocol,
    url: String,
}

/// What a server understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Pyroscope,
    #[cfg(feature = "otlp")]
    Otlp,
}

impl Protocol {
    fn of(kind: &str) -> Option<Self> {
        match kind {
            "pyroscope" => Some(Self::Pyroscope),
            #[cfg(feature = "otlp")]
            "otlp" => Some(Self::Otlp),
            _ => None,
        }
    }

    /// The path on the server, and what a message is called in HTTP.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Pyroscope => (pyroscope::PATH, pyroscope::CONTENT_TYPE),
            #[cfg(feature = "otlp")]
            Self::Otlp => (otlp::PATH, otlp::CONTENT_TYPE),
        }
    }

    fn request(self, service: &str, profile: &Profile) -> Vec<u8> {
        match self {
            Self::Pyroscope => pyroscope::request(service, profile),
            #[cfg(feature = "otlp")]
            Self::Otlp => otlp::request(service, profile),
        }
    }
}

impl Target {
    /// Reads `KIND=http://HOST:PORT`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (kind, url) = text.split_once('=').ok_or(FORM)?;
        let protocol = Protocol::of(kind).ok_or(FORM)?;
        let rest = url.strip_prefix("http://").ok_or(FORM)?;
        let is_plain = rest.chars().all(|c| c.is_ascii_graphic()) && !rest.starts_with(['/', ':']);
        if rest.is_empty() || !is_plain || url.parse::<ureq::http::Uri>().is_err() {
            return Err(FORM.to_owned());
        }
        let (path, _) = protocol.names();
        Ok(Self { protocol, url: format!("{}/{path}", url.trim_end_matches('/')) })
    }

    /// Sends a message, compressed.
    fn post(&self, message: &[u8]) -> Result<(), String> {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let packed =
            packed.write_all(message).and_then(|()| packed.finish()).map_err(|error| error.to_string())?;
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        let (_, content_type) = self.protocol.names();
        let request =
            agent.post(&self.url).header("Content-Type", content_type).header("Content-Encoding", "gzip");
        request.send(&packed[..]).map(drop).map_err(|error| error.to_string())
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
        let request = self.target.protocol.request(&self.service, change.as_ref().unwrap_or(profile));
        self.target.post(&request)
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

/// What the program is called where it is sent to.
pub(crate) fn service_name(program: &Path) -> String {
    program.file_name().map_or_else(|| "program".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::Target;

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
            "http://x",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
