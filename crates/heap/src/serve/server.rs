//! The loop: who has something to say, whose time is over, who has to make room.
//!
//! Everybody moves at most [`SERVE_TURN_BYTES`] a turn, so that nobody holds up anybody. When all places are
//! taken a new client gets that of the one that is least of use: first of those that only have to leave, then
//! of those that have asked for nothing yet, and among equals of the one whose time is over first.

use spandrel_platform::socket::{Socket, Wait, poll};
use spandrel_platform::thread::now_ns;

use super::connection::Connection;
use crate::config::{SERVE_CONNECTIONS, SERVE_WAITING};

/// The listener, and who is connected.
pub(super) struct Server {
    listener: Socket,
    is_tcp: bool,
    connections: [Option<Connection>; SERVE_CONNECTIONS],
}

impl Server {
    pub(super) fn new(listener: Socket) -> Self {
        let is_tcp = listener.port() != 0;
        Self { listener, is_tcp, connections: [const { None }; SERVE_CONNECTIONS] }
    }

    /// Waits for something to happen, and lets it happen.
    pub(super) fn turn(&mut self) {
        let mut waits = [Wait::NONE; SERVE_CONNECTIONS + 1];
        waits[SERVE_CONNECTIONS] = Wait::to_read(&self.listener);
        for (wait, connection) in waits.iter_mut().zip(&self.connections) {
            *wait = connection.as_ref().map_or(Wait::NONE, Connection::wait);
        }
        poll(&mut waits, self.patience_ms(now_ms()));
        let now_ms = now_ms();
        for (place, wait) in waits[..SERVE_CONNECTIONS].iter().enumerate() {
            self.attend(place, wait.has_come(), now_ms);
        }
        if waits[SERVE_CONNECTIONS].has_come() {
            self.accept(now_ms);
        }
    }

    /// How long nothing happens by itself; `None` without a client.
    fn patience_ms(&self, now_ms: u64) -> Option<u64> {
        let deadlines = self.connections.iter().flatten().map(Connection::deadline_ms);
        deadlines.min().map(|deadline_ms| deadline_ms.saturating_sub(now_ms))
    }

    fn attend(&mut self, place: usize, has_come: bool, now_ms: u64) {
        let may_wait =
            self.connections.iter().flatten().filter(|other| other.is_waiting()).count() < SERVE_WAITING;
        let Some(connection) = &mut self.connections[place] else {
            return;
        };
        if has_come {
            connection.proceed(now_ms, may_wait);
        }
        if !connection.is_over() && connection.deadline_ms() <= now_ms {
            connection.expire(now_ms);
        }
        if connection.is_over() {
            self.connections[place] = None;
        }
    }

    /// Lets in who waits, at most as many as there are places.
    fn accept(&mut self, now_ms: u64) {
        for _ in 0..SERVE_CONNECTIONS {
            let Some(socket) = self.listener.accept() else {
                return;
            };
            let place = self.least_of_use();
            self.connections[place] = Some(Connection::new(socket, self.is_tcp, now_ms));
            // Most have asked already.
            self.attend(place, true, now_ms);
        }
    }

    /// A free place, or that of the client that can best be spared.
    fn least_of_use(&self) -> usize {
        let use_of = |connection: &Option<Connection>| {
            connection.as_ref().map(|connection| (connection.worth(), connection.deadline_ms()))
        };
        let places = self.connections.iter().enumerate();
        places.min_by_key(|(_, connection)| use_of(connection)).map_or(0, |(place, _)| place)
    }
}

fn now_ms() -> u64 {
    now_ns() / 1_000_000
}
