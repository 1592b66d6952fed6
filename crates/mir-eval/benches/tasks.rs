//! Every task on one large input. `compare.rs` beside this file sets the times against mir_eval's.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};

mod large;

fn tasks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tasks");
    for task in large::tasks() {
        let id = format!("{} {}", task.name, task.size);
        group.bench_function(id, |bencher| bencher.iter(|| black_box((task.evaluate)())));
    }
    group.finish();
}

criterion_group!(benches, tasks);
criterion_main!(benches);
