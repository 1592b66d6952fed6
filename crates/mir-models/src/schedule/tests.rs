use super::*;

fn check(schedule: &Schedule, total: u64, expected: &[(u64, f64)]) {
    schedule.validate().unwrap();
    for &(step, rate) in expected {
        let got = schedule.rate(step, total);
        assert!(
            (got - rate).abs() <= 1e-9 * rate.abs().max(1e-6),
            "{schedule:?}, step {step}: {got} instead of {rate}"
        );
    }
}

#[test]
fn stairs_and_slopes() {
    let stairs = Schedule::Exponential { initial: 6e-4, factor: 0.98, every: 1000, smooth: false };
    check(
        &stairs,
        10_000,
        &[(0, 6e-4), (999, 6e-4), (1000, 5.88e-4), (10_000, 6e-4 * 0.98f64.powi(10))],
    );
    let smooth = Schedule::Exponential { initial: 1.0, factor: 0.25, every: 10, smooth: true };
    check(&smooth, 100, &[(0, 1.0), (5, 0.5), (10, 0.25), (15, 0.125)]);
    let milestones = Schedule::MultiStep { initial: 1.0, factor: 0.5, milestones: vec![3, 3, 8] };
    check(&milestones, 100, &[(0, 1.0), (2, 1.0), (3, 0.25), (7, 0.25), (8, 0.125), (99, 0.125)]);
    let square = Schedule::Polynomial { initial: 1.0, end: 0.2, power: 2.0, steps: Some(10) };
    check(&square, 100, &[(0, 1.0), (5, 0.4), (10, 0.2), (11, 0.2)]);
    let rising = Schedule::Polynomial { initial: 0.0, end: 1.0, power: 1.0, steps: None };
    check(&rising, 8, &[(0, 0.0), (2, 0.25), (8, 1.0)]);
    check(&Schedule::Constant { rate: 0.5 }, 1, &[(0, 0.5), (u64::MAX, 0.5)]);
}

#[test]
fn cosines() {
    let cosine = Schedule::Cosine { initial: 1.0, floor: 0.2, steps: Some(100) };
    check(&cosine, 7, &[(0, 1.0), (50, 0.6), (100, 0.2), (1000, 0.2)]);
    let restarts =
        Schedule::CosineRestarts { peak: 1.0, floor: 0.0, period: 10, growth: 2, decay: 0.5 };
    check(
        &restarts,
        100,
        &[(0, 1.0), (5, 0.5), (10, 0.5), (20, 0.25), (30, 0.25), (50, 0.125), (70, 0.125)],
    );
}

/// The values that the publication's program gives, rounding aside.
#[test]
fn quarter_cosines_of_both_published_versions() {
    let second = Schedule::QuarterCosineRestarts {
        peak: 0.008,
        floor: 0.0,
        ramp: 500,
        period: 1000,
        decay: 0.975,
        slowdown: 1.0,
        early: 0,
    };
    check(
        &second,
        1,
        &[
            (0, 0.0),
            (1, 1.6e-5),
            (250, 0.004),
            (500, 0.008),
            (1499, 0.0),
            (1500, 0.0078),
            (2500, 0.007605),
            (3500, 0.007414875),
            (500 + 1_000_000_000, 0.0),
        ],
    );
    assert!((second.rate(1000, 1) - 0.0056524).abs() < 5e-8);
    // The published value comes from a cosine in 32-bit floats near its zero.
    assert!((second.rate(1498, 1) - 1.25786e-5).abs() < 1e-9);
    let first = Schedule::QuarterCosineRestarts {
        peak: 6.0,
        floor: 1e-5,
        ramp: 0,
        period: 1500,
        decay: 0.95,
        slowdown: 1.0,
        early: 1,
    };
    for (call, rate) in [(0, 5.999997), (1, 6.0), (2, 5.999997), (750, 4.244866), (1501, 5.7)] {
        assert!((first.rate(call, 1) - rate).abs() < 6e-7, "call {call}");
    }
    check(&first, 1, &[(1500, 1e-5)]);
    // Cycles that grow: 4, 6, 9, 14 (13.5 rounded) steps.
    let slower = Schedule::QuarterCosineRestarts {
        peak: 1.0,
        floor: 0.0,
        ramp: 0,
        period: 4,
        decay: 1.0,
        slowdown: 1.5,
        early: 0,
    };
    check(
        &slower,
        1,
        &[
            (0, 1.0),
            (3, 0.0),
            (4, 1.0),
            (9, 0.0),
            (10, 1.0),
            (18, 0.0),
            (19, 1.0),
            (32, 0.0),
            (33, 1.0),
        ],
    );
}

#[test]
fn epochs_rise_then_halve() {
    let schedule = Schedule::EpochRamp { rate: 1.0, epoch: 10, ramp: 4, factor: 0.5, every: 3 };
    check(
        &schedule,
        1,
        &[(0, 0.25), (9, 0.25), (10, 0.5), (39, 1.0), (40, 1.0), (69, 1.0), (70, 0.5), (100, 0.25)],
    );
    let plain = Schedule::EpochRamp { rate: 1.0, epoch: 10, ramp: 0, factor: 0.5, every: 1 };
    check(&plain, 1, &[(0, 1.0), (10, 0.5)]);
}

#[test]
fn one_cycle_rises_and_falls() {
    let schedule = Schedule::OneCycle { peak: 1e-3, warmup: 0.25 };
    check(&schedule, 100, &[(0, 4e-5), (25, 1e-3), (100, 1e-7)]);
    assert!(schedule.rate(10, 100) < schedule.rate(20, 100));
    assert!(schedule.rate(50, 100) > schedule.rate(60, 100));
    check(&Schedule::OneCycle { peak: 1e-3, warmup: 0.0 }, 100, &[(0, 1e-3)]);
    let torch = |linear| Schedule::TorchOneCycle {
        peak: 1.0,
        warmup: 0.3,
        start_divisor: 25.0,
        end_divisor: 1e4,
        linear,
    };
    check(&torch(false), 100, &[(0, 0.04), (29, 1.0), (99, 4e-6), (100, 4e-6)]);
    check(&torch(true), 100, &[(0, 0.04), (29, 1.0), (64, 0.500002), (99, 4e-6)]);
}

#[test]
fn schedules_are_combined() {
    let constant = |rate| Box::new(Schedule::Constant { rate });
    let warm = Schedule::Warmup { steps: 4, start: 0.5, then: constant(2.0) };
    check(&warm, 10, &[(0, 1.0), (2, 1.5), (4, 2.0), (9, 2.0)]);
    let line = Box::new(Schedule::Polynomial { initial: 1.0, end: 0.0, power: 1.0, steps: None });
    let then = Schedule::Then { first: constant(3.0), steps: 2, then: line };
    // The second one has the eight steps that are left.
    check(&then, 10, &[(0, 3.0), (1, 3.0), (2, 1.0), (6, 0.5), (10, 0.0)]);
    let times = Schedule::Times { left: constant(3.0), right: Box::new(then) };
    check(&times, 10, &[(0, 9.0), (6, 1.5)]);
}

#[test]
fn a_schedule_prints_its_values() {
    let schedule = Schedule::Polynomial { initial: 1.0, end: 0.0, power: 1.0, steps: None };
    assert_eq!(schedule.to_csv(8, 3), "step,rate\n0,1\n3,0.625\n6,0.25\n7,0.125\n");
    assert_eq!(schedule.to_csv(0, 3), "step,rate\n");
}

#[test]
fn senseless_schedules_are_refused() {
    let constant = || Box::new(Schedule::Constant { rate: 1.0 });
    let mut deep = Schedule::Constant { rate: 1.0 };
    for _ in 0..17 {
        deep = Schedule::Warmup { steps: 1, start: 0.0, then: Box::new(deep) };
    }
    for bad in [
        Schedule::Constant { rate: 0.0 },
        Schedule::OneCycle { peak: 1.0, warmup: 1.0 },
        Schedule::Exponential { initial: 1.0, factor: 2.0, every: 1, smooth: false },
        Schedule::Exponential { initial: 1.0, factor: 0.5, every: 0, smooth: false },
        Schedule::MultiStep { initial: 1.0, factor: 0.5, milestones: vec![2, 1] },
        Schedule::Cosine { initial: 1.0, floor: 2.0, steps: None },
        Schedule::Polynomial { initial: f64::NAN, end: 0.0, power: 1.0, steps: None },
        Schedule::CosineRestarts { peak: 1.0, floor: 0.0, period: 0, growth: 1, decay: 1.0 },
        Schedule::Warmup { steps: 1, start: 2.0, then: constant() },
        Schedule::Times { left: constant(), right: Box::new(Schedule::Constant { rate: -1.0 }) },
        deep,
    ] {
        assert!(matches!(bad.validate(), Err(Error::Config { .. })), "{bad:?}");
    }
}

#[test]
fn a_plateau_waits_cools_down_and_stops_at_its_floor() {
    let config = PlateauConfig {
        factor: 0.5,
        patience: 1,
        cooldown: 1,
        floor: 0.2,
        ..PlateauConfig::default()
    };
    config.validate().unwrap();
    let mut plateau = Plateau::default();
    let mut factors = Vec::new();
    for score in [0.1, 0.2, 0.2, f64::NAN, 0.1, 0.1, 0.1, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3] {
        plateau.observe(&config, score);
        factors.push(plateau.factor());
    }
    assert_eq!(factors, [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2, 0.2, 0.2, 0.2]);
    let text = serde_json::to_string(&plateau).unwrap();
    assert_eq!(serde_json::from_str::<Plateau>(&text).unwrap(), plateau);
    assert!(PlateauConfig { factor: 0.0, ..config }.validate().is_err());
}
