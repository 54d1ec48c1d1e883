//! What a person sees while a job runs, all of it on stderr: a live picture on a terminal, lines elsewhere.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use temper_advisor::TrialIndex;

use super::{
    Watcher,
    picture::{self, Picture},
};
use crate::plan::{JobState, Millis};

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// `live` on a terminal, otherwise `plain`.
    #[default]
    Auto,
    /// A picture that is drawn again and again.
    Live,
    /// Lines, not too many of them.
    Plain,
    /// One JSON object for each trial that ended.
    Json,
    /// Nothing but warnings.
    None,
}

/// How often the live picture's content is made anew; its clock ticks by itself.
const PICTURE_EVERY: Duration = Duration::from_millis(100);

/// How often a plain line is written at most, when trials end faster than that.
const LINE_EVERY: Duration = Duration::from_millis(500);

/// After so long without a line, one that says that it still goes on.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(30);

/// Most trials that have a line each in the picture.
const TRIALS_SHOWN: usize = 12;

/// Whoever follows the run in this way.
pub fn watcher(progress: Progress, state: &JobState, now: Millis) -> Box<dyn Watcher> {
    match progress {
        Progress::Live => Box::new(Live::new(state, now)),
        Progress::Auto if io::stderr().is_terminal() => Box::new(Live::new(state, now)),
        Progress::Auto | Progress::Plain => Box::new(Plain::new()),
        Progress::Json => Box::new(Json),
        Progress::None => Box::new(Silent),
    }
}

/// A stderr that nobody reads any more is no reason to stop training.
fn to_stderr(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

fn warn(text: &str) {
    to_stderr(&format!("warning: {text}"));
}

/// The picture: a bar, the best so far, the trials that run.
struct Live {
    bar: ProgressBar,
    drawn: Option<Instant>,
}

impl Live {
    fn new(state: &JobState, now: Millis) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
            .with_elapsed(Duration::from_millis(state.active_millis(now)));
        let has_length = state.rules().budget.max_trials.is_some();
        let template = if has_length {
            "{bar:28.green/dim} {pos}/{len}  {elapsed}{msg}"
        } else {
            "{spinner:.green} {pos} trials  {elapsed}{msg}"
        };
        // A template that did not parse would leave the default style, which shows less.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        // The clock goes on, also while the search thinks.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, drawn: None }
    }
}

impl Watcher for Live {
    fn see(&mut self, state: &JobState, now: Millis) {
        let changed = Instant::now();
        if self.drawn.is_some_and(|drawn| changed - drawn < PICTURE_EVERY) && state.outcome().is_none() {
            return;
        }
        self.drawn = Some(changed);
        let Picture { finished, max, headline, lines } = Picture::of(state, now, TRIALS_SHOWN);
        if let Some(max) = max {
            self.bar.set_length(u64::from(max));
        }
        self.bar.set_position(u64::from(finished));
        self.bar.set_message(format!("{headline}\n{}", lines.join("\n")));
    }

    fn ended(&mut self, state: &JobState, trial: TrialIndex) {
        if let Some(failure) = picture::failure(state, trial) {
            self.bar.suspend(|| warn(&failure));
        }
    }

    fn say(&mut self, text: &str) {
        self.bar.suspend(|| warn(text));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A line for each trial that ended, as long as they are few.
struct Plain {
    written: Instant,
    silent: u32,
}

impl Plain {
    fn new() -> Self {
        let now = Instant::now();
        Self { written: now.checked_sub(LINE_EVERY).unwrap_or(now), silent: 0 }
    }
}

impl Watcher for Plain {
    fn see(&mut self, state: &JobState, now: Millis) {
        let silent_for = self.written.elapsed();
        let over = state.outcome().is_some() && state.counts().running == 0;
        if (self.silent > 0 && (silent_for > LINE_EVERY || over))
            || (silent_for > SIGN_OF_LIFE_EVERY && !over)
        {
            let ended = match self.silent {
                0 => String::new(),
                1 => "1 more trial ended; ".to_owned(),
                ended => format!("{ended} more trials ended; "),
            };
            to_stderr(&format!("{ended}{}", picture::standing(state, now)));
            *self = Self { written: Instant::now(), silent: 0 };
        }
    }

    fn ended(&mut self, state: &JobState, trial: TrialIndex) {
        if !picture::says_something(state, trial) {
            return;
        }
        if self.written.elapsed() < LINE_EVERY {
            self.silent += 1;
            return;
        }
        to_stderr(&picture::ended(state, trial));
        self.written = Instant::now();
    }

    fn say(&mut self, text: &str) {
        warn(text);
    }
}

/// For programs.
struct Json;

impl Watcher for Json {
    fn see(&mut self, _: &JobState, _: Millis) {}

    fn ended(&mut self, state: &JobState, index: TrialIndex) {
        let Some(trial) = state.trial(index) else { return };
        let counts = state.counts();
        to_stderr(
            &json!({
                "event": "trial",
                "index": index,
                "state": picture::state_name(trial),
                "resource": trial.reached,
                "metrics": trial.metrics,
                "message": trial.message,
                "finished": counts.finished(),
                "maxTrials": state.rules().budget.max_trials,
                "best": state.best(),
            })
            .to_string(),
        );
    }

    fn say(&mut self, text: &str) {
        to_stderr(&json!({"event": "warning", "message": text}).to_string());
    }
}

/// For nobody.
struct Silent;

impl Watcher for Silent {
    fn see(&mut self, _: &JobState, _: Millis) {}
    fn ended(&mut self, _: &JobState, _: TrialIndex) {}
    fn say(&mut self, text: &str) {
        warn(text);
    }
}
