//! From windows to batches.

use std::collections::BTreeMap;

use mir_core::batch::Window;
use rand_chacha::ChaCha8Rng;

use super::{GroupPlan, GroupSampling, LastGroup, Member};
use crate::random::{self, Purpose};

/// The random numbers of an epoch. The number of draws does not matter: nothing else reads this stream.
fn stream(plan: &GroupPlan, epoch: u64, item: u64, purpose: Purpose) -> ChaCha8Rng {
    random::stream(plan.config.seed, epoch, item, purpose)
}

pub(super) fn epoch(plan: &GroupPlan, epoch: u64) -> Vec<Vec<Member>> {
    if plan.config.sampling == GroupSampling::Sequential {
        return sequential(plan, epoch);
    }
    let mut rng = stream(plan, epoch, 0, Purpose::Shuffle);
    let mut batches = Vec::new();
    for pack in random::permutation(&mut rng, plan.packs.len()) {
        let mut of_pack = pack_batches(plan, epoch, pack, &mut rng);
        shuffle(&mut rng, &mut of_pack);
        batches.extend(of_pack);
    }
    let fresh = |window| Member { window, reset: true };
    batches.into_iter().map(|batch| batch.into_iter().map(fresh).collect()).collect()
}

/// The windows of one recording, in order.
fn windows(plan: &GroupPlan, epoch: u64, track: usize) -> Vec<Window> {
    let (length, frames) = (plan.lengths[track], plan.config.frames);
    let count = length / frames as u64;
    let offset = if plan.config.offset {
        let mut rng = stream(plan, epoch, track as u64, Purpose::Crop);
        random::below(&mut rng, (length - count * frames as u64 + 1) as usize)
    } else {
        0
    };
    (0..count as usize).map(|n| Window { track, start: offset + n * frames, frames }).collect()
}

fn pack_batches(
    plan: &GroupPlan,
    epoch: u64,
    pack: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<Window>> {
    let by_track: Vec<Vec<Window>> = plan.packs[pack]
        .iter()
        .map(|&track| {
            let mut windows = windows(plan, epoch, track);
            shuffle(rng, &mut windows);
            windows
        })
        .collect();
    match plan.config.sampling {
        GroupSampling::Uniform | GroupSampling::Sequential => {
            cut(plan, by_track.into_iter().flatten().collect(), rng)
        }
        GroupSampling::SameRecording => {
            by_track.into_iter().flat_map(|windows| cut(plan, windows, rng)).collect()
        }
        GroupSampling::SameCategory => {
            let mut by_category: BTreeMap<u32, Vec<Window>> = BTreeMap::new();
            for (&track, windows) in plan.packs[pack].iter().zip(by_track) {
                by_category.entry(plan.categories[track]).or_default().extend(windows);
            }
            by_category.into_values().flat_map(|windows| cut(plan, windows, rng)).collect()
        }
        GroupSampling::Mixed { same_recording } => {
            let size = plan.config.batch_size;
            let (mut batches, mut rest) = (Vec::new(), Vec::new());
            for windows in by_track {
                // Whole batches only, so that every window comes once.
                let own = (windows.len() as f64 * same_recording / size as f64) as usize;
                batches.extend(windows[..own * size].chunks(size).map(<[Window]>::to_vec));
                rest.extend_from_slice(&windows[own * size..]);
            }
            batches.extend(cut(plan, rest, rng));
            batches
        }
        GroupSampling::PerRecording { windows: each } => per_recording(plan, by_track, each, rng),
    }
}

/// Cuts the windows of a group into batches, in an order that is drawn.
fn cut(plan: &GroupPlan, mut windows: Vec<Window>, rng: &mut ChaCha8Rng) -> Vec<Vec<Window>> {
    let size = plan.config.batch_size;
    shuffle(rng, &mut windows);
    let mut batches: Vec<Vec<Window>> = windows.chunks(size).map(<[Window]>::to_vec).collect();
    let Some(last) = batches.last_mut().filter(|batch| batch.len() < size) else { return batches };
    match plan.config.last {
        LastGroup::Short => {}
        LastGroup::Drop => {
            batches.pop();
        }
        LastGroup::Fill => {
            while last.len() < size {
                last.push(windows[random::below(rng, windows.len())]);
            }
        }
    }
    batches
}

/// Batches of `each` windows of one recording, `each` of another … Windows that make no handful, and handfuls
/// that make no batch, go into mixed batches at the end.
fn per_recording(
    plan: &GroupPlan,
    mut by_track: Vec<Vec<Window>>,
    each: usize,
    rng: &mut ChaCha8Rng,
) -> Vec<Vec<Window>> {
    // Round by round every recording that still can gives a handful, so that those which share a batch
    // are of different recordings as long as there are enough.
    let mut handfuls: Vec<Vec<Window>> = Vec::new();
    while by_track.iter().any(|windows| windows.len() >= each) {
        for track in random::permutation(rng, by_track.len()) {
            let windows = &mut by_track[track];
            if let Some(from) = windows.len().checked_sub(each) {
                handfuls.push(windows.split_off(from));
            }
        }
    }
    let per_batch = plan.config.batch_size / each;
    let mut rest: Vec<Window> = by_track.into_iter().flatten().collect();
    let whole = handfuls.len() - handfuls.len() % per_batch;
    rest.extend(handfuls.split_off(whole).into_iter().flatten());
    let mut batches: Vec<Vec<Window>> = handfuls.chunks(per_batch).map(<[_]>::concat).collect();
    batches.extend(cut(plan, rest, rng));
    batches
}

/// Every row gets an equal part of all windows in their order.
fn sequential(plan: &GroupPlan, epoch: u64) -> Vec<Vec<Member>> {
    let mut rng = stream(plan, epoch, 0, Purpose::Shuffle);
    let mut all: Vec<Window> = Vec::new();
    for pack in random::permutation(&mut rng, plan.packs.len()) {
        let tracks = &plan.packs[pack];
        for place in random::permutation(&mut rng, tracks.len()) {
            all.extend(windows(plan, epoch, tracks[place]));
        }
    }
    let rows = plan.config.batch_size;
    let steps = all.len() / rows;
    (0..steps)
        .map(|step| {
            (0..rows)
                .map(|row| {
                    let window = all[row * steps + step];
                    let before = step.checked_sub(1).map(|step| all[row * steps + step]);
                    let goes_on = before.is_some_and(|before| {
                        before.track == window.track && before.start + before.frames == window.start
                    });
                    Member { window, reset: !goes_on }
                })
                .collect()
        })
        .collect()
}

fn shuffle<T>(rng: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, random::below(rng, last + 1));
    }
}
