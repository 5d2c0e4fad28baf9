//! How far the work is: a bar on a terminal, one line per finished piece elsewhere. Both on standard error.
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal;

/// Characters spoken of all there are.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

const TEMPLATE: &str = "{msg} [{bar:40}] {pos}/{len} characters {eta}";

impl Progress {
    pub(crate) fn of(characters: u64, what: &'static str) -> Self {
        // Hidden unless standard error is a terminal.
        let bar = ProgressBar::with_draw_target(Some(characters), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(bar.with_style(style.progress_chars("=> ")).with_message(what))
    }

    /// So many characters more.
    pub(crate) fn advance(&self, characters: u64) {
        self.0.inc(characters);
    }

    /// A line that stays.
    pub(crate) fn tell(&self, line: &str) {
        if self.0.is_hidden() {
            terminal::err(line);
        } else {
            self.0.println(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
