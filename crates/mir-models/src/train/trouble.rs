//! What a training remembers of its troubles.

use mir_core::batch::BatchPosition;
use serde::{Deserialize, Serialize};

use crate::config::{NonFiniteConfig, NonFinitePolicy};

/// Attempts over which the share of skips is counted.
const WINDOW: u64 = 1000;
/// Batches that are remembered as bad, the latest ones.
const REMEMBERED: usize = 64;

/// How a training answers to a loss or a gradient that is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The batches were passed over.
    Skipped,
    /// The training went back to its newest checkpoint.
    RolledBack,
    /// The training ends.
    Aborted,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Skipped => "its batches were skipped",
            Self::RolledBack => "back to the newest checkpoint",
            Self::Aborted => "the training ends",
        })
    }
}

/// Skips, rollbacks and cuts so far: plain data, part of a checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Trouble {
    /// Attempts that gave no step.
    skipped: u64,
    in_a_row: u64,
    /// Numbers of the attempts that were skipped lately.
    recent: Vec<u64>,
    rollbacks: u64,
    /// First batches of the steps that gave no number.
    bad: Vec<BatchPosition>,
    rate_factor: f64,
    /// The step from which the factor is 1 again.
    rate_until: u64,
    /// Every batch is computed in `2^cuts` parts.
    cuts: u32,
}

impl Default for Trouble {
    fn default() -> Self {
        Self {
            skipped: 0,
            in_a_row: 0,
            recent: Vec::new(),
            rollbacks: 0,
            bad: Vec::new(),
            rate_factor: 1.0,
            rate_until: 0,
            cuts: 0,
        }
    }
}

impl Trouble {
    /// Attempts that gave no step, and rollbacks.
    pub fn counts(&self) -> (u64, u64) {
        (self.skipped, self.rollbacks)
    }

    /// Parts in which every batch is computed: 1, 2 or 4.
    pub fn parts(&self) -> usize {
        1 << self.cuts
    }

    /// Batches are computed in twice as many parts from now on.
    pub(super) fn cut(&mut self) {
        self.cuts += 1;
    }

    /// The factor on the learning rate of a step, in (0, 1].
    pub(super) fn rate_factor(&self, step: u64) -> f64 {
        if step < self.rate_until { self.rate_factor } else { 1.0 }
    }

    /// Whether the batches of a step that starts there have given no number before a rollback.
    pub(super) fn is_bad(&self, position: BatchPosition) -> bool {
        self.rollbacks > 0 && self.bad.contains(&position)
    }

    /// Notes a step that was done.
    pub(super) fn succeeded(&mut self) {
        self.in_a_row = 0;
    }

    /// Notes an attempt at `step` with the batches from `position`; what is to be done.
    pub(super) fn answer(
        &mut self,
        config: &NonFiniteConfig,
        step: u64,
        position: BatchPosition,
    ) -> Answer {
        let attempt = step + self.skipped;
        self.skipped += 1;
        self.in_a_row += 1;
        self.recent.push(attempt);
        self.recent.retain(|&earlier| earlier + WINDOW > attempt);
        self.bad.push(position);
        if self.bad.len() > REMEMBERED {
            self.bad.remove(0);
        }
        let tolerable = self.in_a_row <= config.in_a_row
            && self.recent.len() as f64 <= config.share * WINDOW as f64;
        match config.policy {
            NonFinitePolicy::Skip if tolerable => Answer::Skipped,
            NonFinitePolicy::Skip | NonFinitePolicy::Rollback
                if self.rollbacks < config.rollbacks =>
            {
                Answer::RolledBack
            }
            _ => Answer::Aborted,
        }
    }

    /// Notes that the training goes on from `step` after a rollback.
    pub(super) fn rolled_back(&mut self, config: &NonFiniteConfig, step: u64) {
        // A second rollback within the time of the first lowers the rate once more.
        self.rate_factor = self.rate_factor(step) * config.rate_factor;
        self.rate_until = step + config.rate_steps;
        self.rollbacks += 1;
        self.in_a_row = 0;
        self.recent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(batch: u64) -> BatchPosition {
        BatchPosition { epoch: 0, batch }
    }

    #[test]
    fn each_answer_has_its_limit_and_the_next_one_follows() {
        let config = NonFiniteConfig::default();
        let mut trouble = Trouble::default();
        let answers = |trouble: &mut Trouble, first: u64, count: u64| -> Vec<Answer> {
            (first..first + count).map(|n| trouble.answer(&config, 50, at(n))).collect()
        };
        use Answer::{Aborted, RolledBack, Skipped};
        assert_eq!(answers(&mut trouble, 0, 4), [Skipped, Skipped, Skipped, RolledBack]);
        assert!(!trouble.is_bad(at(1)));
        trouble.rolled_back(&config, 40);
        assert!(trouble.is_bad(at(1)) && !trouble.is_bad(at(7)));
        let factors = [39, 1039, 1040].map(|step| trouble.rate_factor(step).to_bits());
        assert_eq!(factors, [0.5f64, 0.5, 1.0].map(f64::to_bits));
        assert_eq!(answers(&mut trouble, 10, 4), [Skipped, Skipped, Skipped, RolledBack]);
        trouble.rolled_back(&config, 40);
        assert_eq!(trouble.rate_factor(40).to_bits(), 0.25f64.to_bits());
        assert_eq!(answers(&mut trouble, 20, 4), [Skipped, Skipped, Skipped, Aborted]);
        assert_eq!(trouble.counts(), (12, 2));
    }

    #[test]
    fn single_skips_are_tolerated_up_to_one_in_a_hundred() {
        let config = NonFiniteConfig::default();
        let skips = |every: u64| {
            let mut trouble = Trouble::default();
            (0..3000u64)
                .step_by(every as usize)
                .take_while(|&step| {
                    trouble.succeeded();
                    trouble.answer(&config, step, at(step)) == Answer::Skipped
                })
                .count()
        };
        assert_eq!(skips(110), 28, "one in 110 is tolerated for ever");
        assert_eq!(skips(50), 10, "the eleventh within 1000 attempts is one too many");
    }

    #[test]
    fn other_policies_start_further_down() {
        let start = |policy, rollbacks| {
            let config = NonFiniteConfig { policy, rollbacks, ..NonFiniteConfig::default() };
            Trouble::default().answer(&config, 3, at(3))
        };
        assert_eq!(start(NonFinitePolicy::Skip, 2), Answer::Skipped);
        assert_eq!(start(NonFinitePolicy::Rollback, 2), Answer::RolledBack);
        assert_eq!(start(NonFinitePolicy::Rollback, 0), Answer::Aborted);
        assert_eq!(start(NonFinitePolicy::Abort, 2), Answer::Aborted);
    }
}
