//! The live picture: alternate screen, keys, one picture a tick. What the terminal was before comes
//! back however it ends.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::style::Print;
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen,
};
use crossterm::{execute, queue};

use super::{View, cut};
use crate::cli::Sort;
use crate::client::Client;
use crate::error::CtlError;
use crate::style::{Paint, Style};

const SHORTEST: Duration = Duration::from_millis(200);
const HELP: &str = "c CPU  m memory  n network  q quit";

/// The terminal while it is ours.
struct Screen;

impl Screen {
    fn enter() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        // From here on a drop must undo it.
        let screen = Self;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    fn draw(&self, lines: &[String]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        queue!(out, BeginSynchronizedUpdate)?;
        for (row, line) in (0_u16..).zip(lines) {
            queue!(
                out,
                MoveTo(0, row),
                Print(line),
                Clear(ClearType::UntilNewLine)
            )?;
        }
        queue!(out, Clear(ClearType::FromCursorDown), EndSynchronizedUpdate)?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

enum Key {
    Quit,
    Sort(Sort),
    Redraw,
}

/// Shows `view` and what follows until `q`.
pub fn run(client: &Client, mut view: View, mut sort: Sort) -> Result<(), CtlError> {
    let screen = Screen::enter()?;
    let style = Style::of_stdout();
    let mut trouble = None;
    loop {
        let next = Instant::now() + Duration::from_millis(view.status.tick_ms).max(SHORTEST);
        loop {
            screen.draw(&picture(&view, sort, trouble.as_deref(), style)?)?;
            match key_before(next)? {
                None => break,
                Some(Key::Quit) => return Ok(()),
                Some(Key::Sort(by)) => sort = by,
                Some(Key::Redraw) => {}
            }
        }
        // An agent that restarts is no reason to end: the last picture stays, with the cause.
        match View::fetch(client) {
            Ok(fresh) => {
                view = fresh;
                trouble = None;
            }
            Err(error) => trouble = Some(error.to_string()),
        }
    }
}

fn picture(
    view: &View,
    sort: Sort,
    trouble: Option<&str>,
    style: Style,
) -> io::Result<Vec<String>> {
    let (width, height) = terminal::size()?;
    let (width, height) = (usize::from(width), usize::from(height));
    let mut lines = view.lines(sort, Some(width), style);
    if let Some(first) = lines.first_mut() {
        *first = match trouble {
            Some(cause) => style.paint(Paint::Bad, &cut(&crate::units::plain(cause), Some(width))),
            None => cut(first, Some(width)),
        };
    }
    if let Some(second) = lines.get_mut(1) {
        *second = style.paint(Paint::Dim, &cut(HELP, Some(width)));
    }
    let hidden = lines.len().saturating_sub(height);
    if hidden > 0 {
        // The last line tells how many more there are, itself included.
        lines.truncate(height.saturating_sub(1));
        let more = format!("{} more workloads", hidden + 1);
        lines.push(style.paint(Paint::Dim, &cut(&more, Some(width))));
    }
    Ok(lines)
}

/// The next key that means something, or nothing when `end` comes first.
fn key_before(end: Instant) -> io::Result<Option<Key>> {
    loop {
        if !event::poll(end.saturating_duration_since(Instant::now()))? {
            return Ok(None);
        }
        let key = match event::read()? {
            Event::Key(key) if key.kind != KeyEventKind::Release => meaning(key),
            Event::Resize(..) => Some(Key::Redraw),
            _ => None,
        };
        if key.is_some() {
            return Ok(key);
        }
    }
}

fn meaning(key: KeyEvent) -> Option<Key> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => Some(Key::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::Quit),
        KeyCode::Char('c') => Some(Key::Sort(Sort::Cpu)),
        KeyCode::Char('m') => Some(Key::Sort(Sort::Memory)),
        KeyCode::Char('n') => Some(Key::Sort(Sort::Network)),
        _ => None,
    }
}
