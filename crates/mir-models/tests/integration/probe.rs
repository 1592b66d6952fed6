//! Trainings that are tried before they are begun.

use std::sync::{PoisonError, atomic::AtomicBool};

use mir_core::batch::BatchSource;
use mir_features::FrontEndConfig;
use mir_models::{
    Error,
    config::{HeadKind, OnsetsFramesConfig, TrainConfig},
    train::{RateTestConfig, Rehearsal, Trainer, dry_run, find_batch_size, find_rate},
};
use tch::Device;

use super::training::{ONE_AT_A_TIME, architecture, toy, train_config, trainer};

#[test]
fn a_range_test_finds_where_learning_begins_and_where_it_ends() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let config = RateTestConfig { highest: 1e3, steps: 80, smoothing: 0.8, ..Default::default() };
    let go = AtomicBool::new(false);
    let curve = find_rate(trainer(train_config(80)), &mut toy(), &config, &go).unwrap();
    assert!(curve.diverged, "{curve:?}");
    assert!(curve.points.windows(2).all(|two| two[0].rate < two[1].rate));
    let rate = curve.suggestion().unwrap();
    assert!((1e-5..1.0).contains(&rate), "{rate}");
    // The lowest loss lies between: beyond it the training falls apart.
    let lowest = curve.points.iter().min_by(|a, b| a.smoothed.total_cmp(&b.smoothed)).unwrap();
    assert!(lowest.rate > rate && lowest.smoothed < 0.9 * curve.points[0].smoothed, "{lowest:?}");

    go.store(true, std::sync::atomic::Ordering::SeqCst);
    let none = find_rate(trainer(train_config(80)), &mut toy(), &config, &go).unwrap();
    assert_eq!(none.points, []);
    let bad = RateTestConfig { steps: 1, ..config };
    let refused = find_rate(trainer(train_config(80)), &mut toy(), &bad, &go);
    assert!(matches!(refused, Err(Error::Config { field: "steps", .. })));
}

#[test]
fn the_largest_batch_that_fits_is_found() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let example = toy().next_batch().unwrap();
    let sizes = |most: usize, limit: usize| {
        let mut trainer = trainer(train_config(1));
        trainer.rehearse(Rehearsal::new(move |_, examples| {
            (examples > limit).then(|| "CUDA out of memory".to_owned())
        }));
        let probes = find_batch_size(trainer, &example, most).unwrap();
        let sizes: Vec<usize> = probes.fitting.iter().map(|probe| probe.examples).collect();
        (sizes, probes.too_large)
    };
    assert_eq!(sizes(64, 5), (vec![1, 2, 4], Some(8)));
    assert_eq!(sizes(7, 100), (vec![1, 2, 4], None));
    assert_eq!(sizes(8, 0), (vec![], Some(1)));
}

#[test]
fn a_dry_run_shows_the_first_step_and_what_it_does_not_reach() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let first = trainer(train_config(1)).step(&toy().next_batch().unwrap(), toy().position());
    let (first, dry) = (first.unwrap(), dry_run(trainer(train_config(1)), &mut toy()).unwrap());
    assert_eq!(dry.loss.to_bits(), first.loss.to_bits());
    assert_eq!(dry.gradient_norm.to_bits(), first.gradient_norm.to_bits());
    assert_eq!((dry.parts, dry.shape), (first.parts, [2, 24, 40]));
    assert_eq!(dry.idle, [""; 0]);
    assert_eq!(dry.parameters, trainer(train_config(1)).parameters());

    // Another number of bins than the data have.
    let other = OnsetsFramesConfig { bins: 44, offset_head: HeadKind::Shared, ..architecture() };
    let config = TrainConfig::default();
    let trainer = Trainer::new(other, FrontEndConfig::default(), config, Device::Cpu).unwrap();
    assert!(matches!(dry_run(trainer, &mut toy()), Err(Error::Shape { .. })));
}
