//! One client: a request read, an answer written, a farewell. One request a connection.
//!
//! ```text
//!   Reading --whole request--> Writing --all gone--> Leaving --client has ended--> gone
//!      |                          ^                      |
//!      '--wrong, or too late------'                      '--too late--> gone
//! ```
//!
//! Leaving: the writing side is closed first and what still comes is thrown away, since the kernel, when a
//! socket is closed with bytes unread, takes back the answer that the client has not read yet.

use spandrel_platform::bytes::Bytes;
use spandrel_platform::socket::{Socket, Transfer, Wait};

use super::profile_route::{self, Later};
use super::request::{Method, Parsed, Request, Status, is_local_name, parse};
use super::routes::{self, Answer};
use super::text::Text;
use crate::config::{
    SERVE_ANSWER_BYTES, SERVE_ANSWER_MS, SERVE_BODY_BYTES, SERVE_FAREWELL_MS, SERVE_HEAD_BYTES,
    SERVE_REQUEST_MS, SERVE_TURN_BYTES,
};

/// What a connection does.
enum Stage {
    Reading,
    /// The answer is worked out when the time has come.
    Waiting(Later),
    Writing,
    Leaving,
}

/// A client.
pub(super) struct Connection {
    socket: Socket,
    /// The unix socket is the user's alone, whatever name its client uses.
    is_tcp: bool,
    stage: Stage,
    /// When the stage is over, in milliseconds of the monotonic clock.
    deadline_ms: u64,
    input: Bytes,
    /// The head of the answer.
    head: Bytes,
    body: Bytes,
    /// Of head and body together.
    sent_bytes: usize,
    is_over: bool,
}

impl Connection {
    pub(super) fn new(socket: Socket, is_tcp: bool, now_ms: u64) -> Self {
        Self {
            socket,
            is_tcp,
            stage: Stage::Reading,
            deadline_ms: now_ms + SERVE_REQUEST_MS,
            input: Bytes::new(SERVE_HEAD_BYTES + SERVE_BODY_BYTES + 1),
            head: Bytes::new(SERVE_HEAD_BYTES),
            body: Bytes::new(SERVE_ANSWER_BYTES),
            sent_bytes: 0,
            is_over: false,
        }
    }

    pub(super) fn wait(&self) -> Wait {
        match self.stage {
            Stage::Reading | Stage::Leaving => Wait::to_read(&self.socket),
            Stage::Waiting(_) => Wait::to_end(&self.socket),
            Stage::Writing => Wait::to_write(&self.socket),
        }
    }

    pub(super) const fn deadline_ms(&self) -> u64 {
        self.deadline_ms
    }

    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }

    /// How readily this connection is given up for a new one; less is sooner.
    pub(super) const fn worth(&self) -> u8 {
        match self.stage {
            Stage::Leaving => 0,
            Stage::Reading => 1,
            Stage::Writing => 2,
            Stage::Waiting(_) => 3,
        }
    }

    pub(super) const fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting(_))
    }

    /// Something can be read or written, or the connection is broken. `may_wait` allows answers that take
    /// their time.
    pub(super) fn proceed(&mut self, now_ms: u64, may_wait: bool) {
        match self.stage {
            Stage::Reading => self.read(now_ms, may_wait),
            Stage::Waiting(_) => self.is_over = true,
            Stage::Writing => self.write(now_ms),
            Stage::Leaving => self.leave(),
        }
    }

    /// The deadline has passed.
    pub(super) fn expire(&mut self, now_ms: u64) {
        match core::mem::replace(&mut self.stage, Stage::Reading) {
            Stage::Reading if self.input.as_slice().is_empty() => self.is_over = true,
            Stage::Reading => self.refuse(Status::TIMEOUT, now_ms),
            Stage::Waiting(later) => {
                let answer = profile_route::conclude(&later, &mut self.body);
                self.answer(answer, true, now_ms);
            }
            Stage::Writing | Stage::Leaving => self.is_over = true,
        }
    }

    fn read(&mut self, now_ms: u64, may_wait: bool) {
        let socket = &self.socket;
        let step =
            SERVE_HEAD_BYTES.min(SERVE_HEAD_BYTES + SERVE_BODY_BYTES + 1 - self.input.as_slice().len());
        let transfer = self.input.extend_with(step, |room| {
            let transfer = socket.read(room);
            (if let Transfer::Bytes(bytes) = transfer { bytes } else { 0 }, transfer)
        });
        match transfer {
            Some(Transfer::Bytes(_)) => self.look(now_ms, may_wait),
            Some(Transfer::Later) => {}
            // The client has said all that it will: half a request is none.
            Some(Transfer::Over) | None => self.is_over = true,
        }
    }

    /// Answers if the request is whole.
    fn look(&mut self, now_ms: u64, may_wait: bool) {
        let bytes = self.input.as_slice();
        let request = match parse(bytes) {
            Parsed::Partial => return,
            Parsed::Wrong(status) => return self.refuse(status, now_ms),
            Parsed::Complete(request) => request,
        };
        let Some(body) = bytes.get(request.head_bytes..request.head_bytes + request.body_bytes) else {
            return;
        };
        if !self.is_for_us(&request) {
            return self.refuse(Status::FORBIDDEN, now_ms);
        }
        let answer = routes::answer(&request, body, &mut self.body, may_wait);
        let with_body = request.method != Method::Head;
        self.answer(answer, with_body, now_ms);
    }

    fn is_for_us(&self, request: &Request<'_>) -> bool {
        !self.is_tcp || request.host.is_none_or(is_local_name)
    }

    fn refuse(&mut self, status: Status, now_ms: u64) {
        let answer = Answer::error(status, &mut self.body);
        self.answer(answer, true, now_ms);
    }

    fn answer(&mut self, answer: Answer, with_body: bool, now_ms: u64) {
        let answer = match answer {
            Answer::Later(later) => {
                self.deadline_ms = now_ms.saturating_add(later.wait_ms());
                self.stage = Stage::Waiting(later);
                return;
            }
            _ if self.body.is_cut() => {
                self.body.clear();
                Answer::error(Status::UNAVAILABLE, &mut self.body)
            }
            now => now,
        };
        let Answer::Now { status, kind, extra } = answer else {
            return;
        };
        self.head
            .text("HTTP/1.1 ")
            .decimal(status.code.into())
            .text(" ")
            .text(status.reason)
            .text("\r\nContent-Type: ")
            .text(kind)
            .text("\r\nContent-Length: ")
            .decimal(self.body.as_slice().len() as u64)
            .text("\r\nX-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n")
            .text(extra)
            .text("Connection: close\r\n\r\n");
        if !with_body {
            self.body.clear();
        }
        self.stage = Stage::Writing;
        self.deadline_ms = now_ms + SERVE_ANSWER_MS;
        self.write(now_ms);
    }

    fn write(&mut self, now_ms: u64) {
        let head = self.head.as_slice();
        // The head goes first; both are one stream.
        let (part, at) = match self.sent_bytes.checked_sub(head.len()) {
            None => (head, self.sent_bytes),
            Some(at) => (self.body.as_slice(), at),
        };
        let rest = &part[at.min(part.len())..];
        let turn = &rest[..rest.len().min(SERVE_TURN_BYTES)];
        if turn.is_empty() {
            return self.begin_to_leave(now_ms);
        }
        match self.socket.write(turn) {
            Transfer::Bytes(bytes) => self.sent_bytes += bytes,
            Transfer::Later => {}
            Transfer::Over => self.is_over = true,
        }
        if self.sent_bytes == self.head.as_slice().len() + self.body.as_slice().len() {
            self.begin_to_leave(now_ms);
        }
    }

    fn begin_to_leave(&mut self, now_ms: u64) {
        self.socket.finish();
        self.stage = Stage::Leaving;
        self.deadline_ms = now_ms + SERVE_FAREWELL_MS;
        // The memory is not needed any more.
        self.input = Bytes::new(0);
        self.body = Bytes::new(0);
    }

    fn leave(&mut self) {
        let mut ignored = [0; 4096];
        if self.socket.read(&mut ignored) == Transfer::Over {
            self.is_over = true;
        }
    }
}
