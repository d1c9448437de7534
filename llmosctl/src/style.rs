//! Colours: only on terminals, and not when `NO_COLOR` says so (<https://no-color.org>).

use std::io::IsTerminal;

/// Paints text or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    on: bool,
}

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Heading.
    Bold,
    /// Less important.
    Dim,
    /// All is well.
    Good,
    /// Works with less.
    Warn,
    /// Does not work.
    Bad,
}

impl Style {
    /// As the standard output and the environment allow.
    pub fn of_stdout() -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self {
            on: std::io::stdout().is_terminal() && !refused,
        }
    }

    /// The text in its colour.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            _ if !self.on => return text.to_owned(),
            Paint::Bold => 1,
            Paint::Dim => 2,
            Paint::Good => 32,
            Paint::Warn => 33,
            Paint::Bad => 31,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}
