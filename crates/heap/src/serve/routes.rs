//! Which path is answered with what.

use spandrel_platform::bytes::Bytes;
use spandrel_platform::process::read_file;

use super::profile_route::{self, Later};
use super::request::{Method, Request, Status};
use super::text::Text;
use super::{metrics, stats_json, symbol};
use crate::config::SERVE_HEAD_BYTES;
use crate::profile::Kind;

pub(super) const TEXT: &str = "text/plain; charset=utf-8";
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const JSON: &str = "application/json";

/// What a request is answered with; the body stands apart.
pub(super) enum Answer {
    Now {
        status: Status,
        kind: &'static str,
        /// More lines of the head.
        extra: &'static str,
    },
    /// What is worked out after a while.
    Later(Later),
}

impl Answer {
    pub(super) const fn of_kind(kind: &'static str) -> Self {
        Self::Now { status: Status::OK, kind, extra: "" }
    }

    pub(super) fn error(status: Status, body: &mut Bytes) -> Self {
        body.text(status.reason).text("\n");
        let extra =
            if status.code == Status::METHOD_NOT_ALLOWED.code { "Allow: GET, HEAD, POST\r\n" } else { "" };
        Self::Now { status, kind: TEXT, extra }
    }
}

/// Writes the body of the answer to a request.
pub(super) fn answer(request: &Request<'_>, body: &[u8], out: &mut Bytes, may_wait: bool) -> Answer {
    let is_symbol = request.path == b"/debug/pprof/symbol";
    if request.method == Method::Post && !is_symbol {
        return Answer::error(Status::METHOD_NOT_ALLOWED, out);
    }
    let with_ledger = request.parameter(b"ledger").is_some_and(|value| value == b"1");
    match request.path {
        b"/" => {
            out.text(HELP);
            Answer::of_kind(TEXT)
        }
        b"/metrics" => {
            metrics::write(out, with_ledger);
            Answer::of_kind(METRICS)
        }
        b"/stats.json" => {
            stats_json::write(out, with_ledger);
            Answer::of_kind(JSON)
        }
        b"/debug/pprof" | b"/debug/pprof/" => {
            out.text(PPROF_HELP);
            Answer::of_kind(TEXT)
        }
        b"/debug/pprof/heap" => profile_route::answer(request, Kind::Heap, out, may_wait),
        b"/debug/pprof/allocs" => profile_route::answer(request, Kind::Allocs, out, may_wait),
        b"/debug/pprof/cmdline" => {
            out.extend_with(SERVE_HEAD_BYTES, |room| (read_file(c"/proc/self/cmdline", room).len(), ()));
            Answer::of_kind(TEXT)
        }
        b"/debug/pprof/symbol" => {
            let addresses = if request.method == Method::Post { body } else { request.query };
            symbol::write(addresses, out);
            Answer::of_kind(TEXT)
        }
        _ => Answer::error(Status::NOT_FOUND, out),
    }
}

const HELP: &str = "\
The memory of this process, as its allocator Spandrel sees it.

/metrics               for Prometheus; ?ledger=1 adds where resident memory is
/stats.json            all statistics; ?ledger=1 as above
/debug/pprof/          heap profiles for go tool pprof, Parca and others
";

const PPROF_HELP: &str = "\
/debug/pprof/heap      what is in use: ?seconds=N what N seconds change, ?debug=1 as text
/debug/pprof/allocs    what was allocated: the same, with another default
/debug/pprof/symbol    names of addresses: ?0x1234+0x5678, or POSTed
/debug/pprof/cmdline   the command line, arguments separated by NUL
";
