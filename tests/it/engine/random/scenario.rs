//! A story: what is wanted, what somebody does by hand, and runs in which something goes wrong.
//!
//! It prints itself as the source of a test, so a story that proptest found and shrank is pasted into `regressions.rs`. Every
//! act makes sense after any other, or does nothing: that is what lets a story shrink.

use crate::support::faults::Fault;
use crate::support::toys::ARMED;
use std::fmt;

/// A story.
#[derive(Clone, Default)]
pub struct Scenario {
    pub acts: Vec<Act>,
}

/// One act. A node is named by a letter, and refers to nodes with earlier letters only.
#[derive(Clone, Copy, PartialEq)]
pub enum Act {
    /// The config names this node.
    Want(char, &'static str),
    /// The config does not name it any more.
    Drop(char),
    /// In the whole story, losing it loses data.
    Data(char),
    /// In the whole story, it is kept when it is not wanted any more.
    Keep(char),
    /// The first comes after the second.
    Link(char, char, Link),
    /// It does not any more.
    Unlink(char, char),
    /// The config gives a field another value.
    Set(char, Knob, u8),
    /// The config's own tag has another value.
    Tag(u8),
    /// Somebody changes a field by hand.
    Tamper(char, Knob, u8),
    /// Somebody deletes it by hand.
    Vanish(char),
    /// It breaks for good.
    Break(char),
    /// A stranger takes its name.
    Plant(char),
    /// From here on, describes show a new object only after so many readings.
    Lag(u8),
    /// Plan and apply.
    Run(Run),
}

/// How one node comes after another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Link {
    /// Uses its id, which can change in place.
    Uses,
    /// Uses its id as soon as it is known.
    UsesEarly,
    /// Uses an output that changes with a field.
    Version,
    /// Lives in it: another id means another object.
    Parent,
    /// Needs it to be made, and never again.
    Seed,
    /// Order only.
    After,
    /// Order only, and deleted after it. Only `g` comes after `f` in this way.
    Same,
}

/// A field that stories change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Knob {
    Size,
    Shape,
    Secret,
    Origin,
    Late,
    Content,
    Armed,
}

impl Knob {
    /// The field's name.
    pub fn field(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Shape => "shape",
            Self::Secret => "secret",
            Self::Origin => "origin",
            Self::Late => "late",
            Self::Content => "content",
            Self::Armed => ARMED,
        }
    }
}

/// How many things go wrong in one run at most.
const FAULTS: usize = 4;

/// One run, and what goes wrong in it.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Run {
    pub consenting: bool,
    pub one_by_one: bool,
    pub only: Option<char>,
    pub nothing: bool,
    faults: [Option<(u64, Fault)>; FAULTS],
    misreadings: [Option<(u64, Fault)>; FAULTS],
}

impl Run {
    /// Nothing goes wrong.
    pub fn plain() -> Self {
        Self::default()
    }

    /// The user agrees to the loss of data and of protection.
    pub fn consenting(self) -> Self {
        Self { consenting: true, ..self }
    }

    /// One operation at a time.
    pub fn one_by_one(self) -> Self {
        Self { one_by_one: true, ..self }
    }

    /// `--target`.
    pub fn only(self, letter: char) -> Self {
        Self { only: Some(letter), ..self }
    }

    /// `destroy`: nothing is wanted in this run.
    pub fn nothing(self) -> Self {
        Self { nothing: true, ..self }
    }

    /// This goes wrong at the n-th effect.
    pub fn fault(mut self, at: u64, fault: Fault) -> Self {
        self.faults.iter_mut().find(|free| free.is_none()).expect("because so many are enough").replace((at, fault));
        self
    }

    /// This goes wrong at the n-th reading.
    pub fn misreading(mut self, at: u64, fault: Fault) -> Self {
        self.misreadings
            .iter_mut()
            .find(|free| free.is_none())
            .expect("because so many are enough")
            .replace((at, fault));
        self
    }

    pub fn faults(&self) -> Vec<(u64, Fault)> {
        self.faults.iter().flatten().copied().collect()
    }

    pub fn misreadings(&self) -> Vec<(u64, Fault)> {
        self.misreadings.iter().flatten().copied().collect()
    }

    /// True if nothing keeps it from its end.
    pub fn is_clean(&self) -> bool {
        self.faults().is_empty() && self.misreadings().is_empty() && self.only.is_none()
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run::plain()")?;
        if self.consenting {
            write!(f, ".consenting()")?;
        }
        if self.one_by_one {
            write!(f, ".one_by_one()")?;
        }
        if self.nothing {
            write!(f, ".nothing()")?;
        }
        if let Some(letter) = self.only {
            write!(f, ".only({letter:?})")?;
        }
        for (at, fault) in self.faults() {
            write!(f, ".fault({at}, Fault::{fault:?})")?;
        }
        for (at, fault) in self.misreadings() {
            write!(f, ".misreading({at}, Fault::{fault:?})")?;
        }
        Ok(())
    }
}

/// As a call of the builder below.
impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Want(node, kind) => write!(f, "want({node:?}, {kind:?})"),
            Self::Drop(node) => write!(f, "drop({node:?})"),
            Self::Data(node) => write!(f, "data({node:?})"),
            Self::Keep(node) => write!(f, "keep({node:?})"),
            Self::Link(node, used, link) => write!(f, "link({node:?}, {used:?}, Link::{link:?})"),
            Self::Unlink(node, used) => write!(f, "unlink({node:?}, {used:?})"),
            Self::Set(node, knob, value) => write!(f, "set({node:?}, Knob::{knob:?}, {value})"),
            Self::Tag(value) => write!(f, "tag({value})"),
            Self::Tamper(node, knob, value) => write!(f, "tamper({node:?}, Knob::{knob:?}, {value})"),
            Self::Vanish(node) => write!(f, "vanish({node:?})"),
            Self::Break(node) => write!(f, "break_for_good({node:?})"),
            Self::Plant(node) => write!(f, "plant({node:?})"),
            Self::Lag(readings) => write!(f, "lag({readings})"),
            Self::Run(run) => write!(f, "run({run:?})"),
        }
    }
}

/// As the source of a test that plays it.
impl fmt::Debug for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n#[test]\nfn a_story_that_failed() {{\n    Scenario::default()")?;
        for act in &self.acts {
            writeln!(f, "        .{act:?}")?;
        }
        writeln!(f, "        .holds();\n}}")
    }
}

/// The builder that a pasted story is written in.
impl Scenario {
    fn act(mut self, act: Act) -> Self {
        self.acts.push(act);
        self
    }

    pub fn want(self, node: char, kind: &'static str) -> Self {
        self.act(Act::Want(node, kind))
    }

    pub fn drop(self, node: char) -> Self {
        self.act(Act::Drop(node))
    }

    pub fn data(self, node: char) -> Self {
        self.act(Act::Data(node))
    }

    pub fn keep(self, node: char) -> Self {
        self.act(Act::Keep(node))
    }

    pub fn link(self, node: char, used: char, link: Link) -> Self {
        self.act(Act::Link(node, used, link))
    }

    pub fn unlink(self, node: char, used: char) -> Self {
        self.act(Act::Unlink(node, used))
    }

    pub fn set(self, node: char, knob: Knob, value: u8) -> Self {
        self.act(Act::Set(node, knob, value))
    }

    pub fn tag(self, value: u8) -> Self {
        self.act(Act::Tag(value))
    }

    pub fn tamper(self, node: char, knob: Knob, value: u8) -> Self {
        self.act(Act::Tamper(node, knob, value))
    }

    pub fn vanish(self, node: char) -> Self {
        self.act(Act::Vanish(node))
    }

    pub fn break_for_good(self, node: char) -> Self {
        self.act(Act::Break(node))
    }

    pub fn plant(self, node: char) -> Self {
        self.act(Act::Plant(node))
    }

    pub fn lag(self, readings: u8) -> Self {
        self.act(Act::Lag(readings))
    }

    pub fn run(self, run: Run) -> Self {
        self.act(Act::Run(run))
    }

    /// Plays the story.
    ///
    /// # Panics
    /// If one of the properties does not hold.
    #[track_caller]
    pub fn holds(self) {
        if let Err(broken) = super::play::play(&self) {
            panic!("{broken}");
        }
    }
}
