//! `make-subset`: a smaller data set out of a part of each split.

use mir_datasets::{
    Split,
    loaders::Maps,
    subset::{self, Place},
};

use crate::{
    args::{DataName, PresetName, SubsetArgs},
    common::{
        CommonArgs,
        failure::{Failure, Outcome},
    },
    experiment::Experiment,
    model::ModelArgs,
};

/// The verb `make-subset`.
///
/// # Errors
/// A usage failure for more recordings than there are, a data failure for files that cannot be read or placed.
pub fn make(common: &CommonArgs, args: &SubsetArgs) -> Outcome<()> {
    let (DataName::Maps, Some(root)) = (args.data, &args.root) else {
        let text = "make-subset needs a data set of files: --data maps --root DIR";
        return Err(Failure::usage(text));
    };
    let experiment = Experiment::resolve(PresetName::Maps, &ModelArgs::default(), common, None)?;
    let place = match (args.list, args.copy) {
        (true, _) => Place::Nothing,
        (false, true) => Place::Copies,
        (false, false) => Place::Links,
    };
    let dataset = Maps::open(root, experiment.maps)?;
    let sizes = |split| match split {
        Split::Train => args.train,
        Split::Validation => args.validation,
        Split::Test => args.test,
    };
    let partition = subset::draw(&dataset, sizes, common.seed.unwrap_or(0))?;
    let made = subset::place(&dataset, &partition, root, &args.out, place)?;
    if !common.quiet {
        for split in Split::ALL {
            println!("{split}: {} recordings", partition.ids(split).len());
        }
        let megabytes = made.bytes as f64 / 1e6;
        println!("{}: {} files, {megabytes:.0} MB", args.out.display(), made.files);
    }
    if let Some(path) = &common.json {
        partition.write(path)?;
    }
    Ok(())
}
