//! The verb `download`.

use std::{cell::RefCell, fmt::Write as _, path::Path};

use mir_datasets::{
    download::{DownloadConfig, download},
    loaders::Info,
};
use serde_json::json;

use crate::{
    args::Args,
    common::{config, failure::Outcome, progress::Progress},
    show::Shown,
};

/// Shows the terms, fetches and unpacks.
pub fn run(info: &'static Info, root: &Path, args: &Args) -> Outcome<Shown> {
    let common = &args.common;
    let settings =
        config::resolve(&DownloadConfig::default(), common.config.as_deref(), &common.set)?;
    eprintln!("{}: {}\ncite: {}", info.title, info.license, info.citation);
    let only: Vec<&str> = args.only.iter().map(String::as_str).collect();
    let progress = RefCell::new(Progress::new("download", "bytes", 0, common.quiet));
    let got = download(info, &only, root, &settings, &|step| {
        let mut progress = progress.borrow_mut();
        progress.set_total(step.total.unwrap_or(step.done));
        progress.set(step.done, step.remote);
    })?;
    let mut table = String::new();
    for file in &got {
        let how = if file.was_there { "was there" } else { "fetched" };
        let _ = writeln!(table, "{}: {how}, {} files unpacked", file.path.display(), file.files);
    }
    Ok((table, json!({ "downloaded": got })))
}
