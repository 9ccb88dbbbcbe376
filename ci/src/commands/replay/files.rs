//! The files that a replay leaves: the devices before and after recovery, the trace, the page.

use crate::args::ReplayFiles;
use crate::clash::STDOUT;
use crate::commands::{prepare_file, write_file};
use crate::failure::Failure;
use crate::screen::Screen;
use crashcheck::outcome::{Report, counted};
use crashcheck::trace::{Device, Event, Image};
use crashcheck::{Crash, Options};
use crashcheck_report::{html, text::escape};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The files that are to be written. What a device held is never written over anything: a path may be mistaken for that of
/// a device that is in use.
pub(super) struct Files<'a>(&'a ReplayFiles);

impl<'a> Files<'a> {
    pub(super) fn of(args: &'a ReplayFiles) -> Files<'a> {
        Files(args)
    }

    /// Whether the page goes to the standard output.
    pub(super) fn takes_stdout(&self) -> bool {
        self.0.html.as_deref() == Some(Path::new(STDOUT))
    }

    /// Makes sure of what can be known before anything is looked at.
    ///
    /// # Errors
    /// If a file is there already that must be new, or a directory cannot be made.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        let ReplayFiles { image, save_trace, html, .. } = self.0;
        for path in [image, save_trace, html].into_iter().flatten() {
            prepare_file(path)?;
        }
        image.iter().try_for_each(|path| be_new(path))
    }

    /// Writes the files, and says where they are.
    ///
    /// # Errors
    /// If there are several devices and one file for them, or one cannot be written.
    pub(super) fn write(&self, crash: &Crash, screen: &Screen) -> Result<(), Failure> {
        let ReplayFiles { image, dir, recovered, save_trace, html } = self.0;
        let devices = &crash.trace.devices;
        let several = devices.len() != 1;
        if let Some(file) = image {
            if several {
                let why =
                    format!("the crash state has {} devices: name a directory with --dir", devices.len());
                return Err(Failure::file(file, why));
            }
            write_images(&[(file.clone(), &crash.devices[0])], "before recovery", screen)?;
        }
        if let Some(folder) = dir {
            write_images(&in_folder(folder, devices, &crash.devices), "before recovery", screen)?;
        }
        if let Some(path) = recovered {
            let Some(images) = &crash.recovered else {
                let why = "recovery failed, and what it left is not known: run it on the file of --image";
                return Err(Failure::file(path, why));
            };
            let files = match several || path.is_dir() {
                true => in_folder(path, devices, images),
                false => vec![(path.clone(), &images[0])],
            };
            write_images(&files, "after recovery", screen)?;
        }
        if let Some(path) = save_trace {
            crash.trace.write_to(path).map_err(|error| Failure::file(path, error))?;
            let marks = crash.trace.events.iter().filter(|event| matches!(event, Event::Mark { .. })).count();
            say(
                path,
                &format!(
                    "{} up to the crash, {marks} of them marks",
                    counted(crash.trace.events.len() as u64, "event")
                ),
                screen,
            );
        }
        if let Some(path) = html {
            let report = Report::new(
                env!("CARGO_PKG_VERSION"),
                Options::default().seed,
                vec![crash.exploration.clone()],
            );
            write_file(path, &html::write(&report), screen)?;
            if !self.takes_stdout() {
                say(path, "the page", screen);
            }
        }
        Ok(())
    }
}

/// Writes what devices held to files, all of which must be new.
fn write_images(files: &[(PathBuf, &Image)], when: &str, screen: &Screen) -> Result<(), Failure> {
    for (path, _) in files {
        be_new(path)?;
        prepare_file(path)?;
    }
    for (path, image) in files {
        image.write_new(path).map_err(|error| Failure::file(path, format!("cannot be written: {error}")))?;
        say(path, &format!("{}, {when}", image.len()), screen);
    }
    Ok(())
}

/// A file for each device, by its name.
fn in_folder<'i>(folder: &Path, devices: &[Device], images: &'i [Image]) -> Vec<(PathBuf, &'i Image)> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    let mut taken = BTreeSet::new();
    let named = devices.iter().zip(images).enumerate().map(|(nth, (device, image))| {
        let mut name: String = device.name.chars().map(plain).collect();
        if !taken.insert(name.clone()) {
            name = format!("{name}-{nth}");
        }
        (folder.join(format!("{name}.img")), image)
    });
    named.collect()
}

fn be_new(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(_) => {
            Err(Failure::file(path, "is there already, and is not written over: remove it, or name another"))
        }
        Err(_) => Ok(()),
    }
}

fn say(path: &Path, what: &str, screen: &Screen) {
    screen.print(&format!("{}: {what}\n", escape(&path.to_string_lossy())));
}
