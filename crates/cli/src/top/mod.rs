//! The live view of a running program: who asks, what is pressed, what is shown.
//!
//! Two threads ask the program: one for statistics, which take no time; one for the heap profile, whose names
//! may take seconds to look up the first time. The thread that draws waits for neither.

mod screen;
mod sites;
mod snapshot;
mod stats;
mod table;
mod view;

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use spandrel_profile::BinaryFiles;

use crate::endpoint::Endpoint;
use crate::failure::Failure;
use crate::profiles::Loader;
use crate::terminal;
use sites::Sites;
use stats::Stats;
use table::Tab;
use view::View;

/// The time from one look at the keys to the next.
const KEY_WAIT: Duration = Duration::from_millis(100);
/// The time between the two looks of a view on paper.
const ONCE_WAIT: Duration = Duration::from_millis(500);
/// A profile is asked for so much less often than statistics.
const PROFILE_SHARE: u32 = 2;
/// Rows of each table on paper.
const PAPER_ROWS: usize = 15;

/// What a thread has heard from the program.
enum News {
    Stats(Box<Result<(Stats, Vec<u8>), String>>),
    Sites(Box<Result<Sites, String>>),
}

/// Prints what is to be seen now.
pub(crate) fn once(endpoint: &Endpoint) -> Result<(), Failure> {
    let mut view = first_view(endpoint)?;
    // Rates need two looks.
    std::thread::sleep(ONCE_WAIT);
    view.take_stats(Stats::fetch(endpoint));
    view.take_sites(Sites::fetch(endpoint, &mut Loader::with_files(BinaryFiles::default())));
    terminal::print(&screen::paper(&view, PAPER_ROWS, terminal::stdout_columns()))
}

/// Shows the program until somebody has seen enough.
pub(crate) fn live(endpoint: &Endpoint, interval: Duration) -> Result<(), Failure> {
    let mut view = first_view(endpoint)?;
    if !std::io::stdin().is_terminal() {
        return Err(Failure::new("standard input is no terminal, so no key can be pressed: say --once"));
    }
    let (sender, news) = channel();
    ask_for_stats(endpoint.clone(), interval, sender.clone());
    ask_for_sites(endpoint.clone(), PROFILE_SHARE * interval, sender);
    let shown = ratatui::try_init().and_then(|mut screen| {
        let shown = show(&mut screen, &mut view, &news);
        ratatui::restore();
        shown
    });
    shown.map_err(|error| Failure::new(format_args!("the terminal: {error}")))
}

fn first_view(endpoint: &Endpoint) -> Result<View, Failure> {
    let (stats, raw) = Stats::fetch(endpoint).map_err(Failure::new)?;
    let name = std::fs::read_to_string(format!("/proc/{}/comm", stats.pid)).unwrap_or_default();
    let title = format!("{} (process {}) at {endpoint}", name.trim(), stats.pid);
    Ok(View::new(title.trim_start().to_owned(), stats, raw))
}

/// The thread ends when nobody listens any more.
fn ask_for_stats(endpoint: Endpoint, interval: Duration, news: Sender<News>) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(interval);
            if news.send(News::Stats(Box::new(Stats::fetch(&endpoint)))).is_err() {
                return;
            }
        }
    });
}

fn ask_for_sites(endpoint: Endpoint, interval: Duration, news: Sender<News>) {
    std::thread::spawn(move || {
        let mut loader = Loader::with_files(BinaryFiles::default());
        loop {
            let sites = Sites::fetch(&endpoint, &mut loader);
            if news.send(News::Sites(Box::new(sites))).is_err() {
                return;
            }
            std::thread::sleep(interval);
        }
    });
}

fn show(
    screen: &mut ratatui::DefaultTerminal,
    view: &mut View,
    news: &Receiver<News>,
) -> std::io::Result<()> {
    loop {
        screen.draw(|frame| screen::draw(frame, view))?;
        if event::poll(KEY_WAIT)? {
            // A new size is drawn with the next turn.
            if let Event::Key(key) = event::read()?
                && key.kind != KeyEventKind::Release
                && press(view, key)
            {
                return Ok(());
            }
        }
        for news in news.try_iter() {
            match news {
                News::Stats(stats) => view.take_stats(*stats),
                News::Sites(sites) => view.take_sites(*sites),
            }
        }
    }
}

/// A key; tells whether it is the end.
fn press(view: &mut View, key: KeyEvent) -> bool {
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        return true;
    }
    view.message.clear();
    if view.is_filtering {
        edit_filter(view, key.code);
        return false;
    }
    match key.code {
        KeyCode::Char('q') => return true,
        KeyCode::Esc if view.is_helping => view.is_helping = false,
        KeyCode::Esc => view.filter.clear(),
        KeyCode::Char('?' | 'h') => view.is_helping = !view.is_helping,
        KeyCode::Char(' ' | 'p') => view.is_paused = !view.is_paused,
        KeyCode::Char('s') => view.sort_by_next(),
        KeyCode::Char('r') => view.reverse(),
        KeyCode::Char('w') => view.message = snapshot::write(view),
        KeyCode::Char('/') => {
            view.filter.clear();
            view.is_filtering = true;
        }
        KeyCode::Char(digit @ '1'..='5') => view.show(Tab::ALL[digit as usize - '1' as usize]),
        KeyCode::Tab | KeyCode::Right => view.turn_to(1),
        KeyCode::BackTab | KeyCode::Left => view.turn_to(-1),
        KeyCode::Down | KeyCode::Char('j') => view.scroll += 1,
        KeyCode::Up | KeyCode::Char('k') => view.scroll = view.scroll.saturating_sub(1),
        KeyCode::PageDown => view.scroll += 20,
        KeyCode::PageUp => view.scroll = view.scroll.saturating_sub(20),
        KeyCode::Home | KeyCode::Char('g') => view.scroll = 0,
        _ => {}
    }
    false
}

fn edit_filter(view: &mut View, key: KeyCode) {
    match key {
        KeyCode::Enter => view.is_filtering = false,
        KeyCode::Esc => {
            view.filter.clear();
            view.is_filtering = false;
        }
        KeyCode::Backspace => {
            view.filter.pop();
        }
        KeyCode::Char(character) => view.filter.push(character),
        _ => {}
    }
    view.scroll = 0;
}
