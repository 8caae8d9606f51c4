//! Where lines go: stderr, or a file that is put aside when it has grown.
//!
//! A full file `a.log` becomes `a.log.2026.11.21.05.41.41.123456789`, as with nats-server, and the
//! oldest of those go when there are too many.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::LogOptions;

/// Where lines go.
pub(super) enum Place {
    Stderr,
    File(LogFile),
}

pub(super) struct LogFile {
    path: PathBuf,
    open: File,
    /// How long the file is, in bytes.
    size: u64,
    /// The size at which it is put aside; grows where that fails, so that it is not tried at each
    /// line.
    limit: Option<u64>,
    /// What was asked for.
    size_limit: Option<u64>,
    files_max: Option<usize>,
}

impl Place {
    pub(super) fn open(options: &LogOptions) -> io::Result<Self> {
        let Some(path) = &options.file else {
            return Ok(Self::Stderr);
        };
        let open = open(path)?;
        Ok(Self::File(LogFile {
            path: path.clone(),
            size: open.metadata()?.len(),
            open,
            limit: options.size_limit,
            size_limit: options.size_limit,
            files_max: options.files_max,
        }))
    }

    pub(super) fn is_stderr(&self) -> bool {
        matches!(self, Self::Stderr)
    }

    /// Whether this is what is asked for.
    pub(super) fn is(&self, options: &LogOptions) -> bool {
        match (self, &options.file) {
            (Self::Stderr, None) => true,
            (Self::File(file), Some(path)) => {
                file.path == *path
                    && file.size_limit == options.size_limit
                    && file.files_max == options.files_max
            }
            _ => false,
        }
    }

    pub(super) fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Stderr => io::stderr().write_all(line),
            Self::File(file) => {
                file.open.write_all(line)?;
                file.size += line.len() as u64;
                Ok(())
            }
        }
    }

    /// Opens the file anew; nothing where there is none, the path where it fails.
    pub(super) fn reopen(&mut self) -> Option<Result<(), (PathBuf, io::Error)>> {
        let Self::File(file) = self else {
            return None;
        };
        Some(file.reopen().map_err(|error| (file.path.clone(), error)))
    }

    /// Puts a full file aside, and says what was done.
    pub(super) fn rotate(&mut self, zone: &TimeZone) -> Option<Vec<String>> {
        let Self::File(file) = self else {
            return None;
        };
        file.limit.filter(|limit| file.size >= *limit)?;
        Some(file.rotate(&stamp(Timestamp::now(), zone)))
    }
}

impl LogFile {
    fn reopen(&mut self) -> io::Result<()> {
        self.open = open(&self.path)?;
        self.size = self.open.metadata()?.len();
        self.limit = self.size_limit;
        Ok(())
    }

    fn rotate(&mut self, stamp: &str) -> Vec<String> {
        let mut aside = self.path.clone().into_os_string();
        aside.push(format!(".{stamp}"));
        let moved = fs::rename(&self.path, &aside).and_then(|()| self.reopen());
        if let Err(error) = moved {
            self.limit = self.size_limit.map(|limit| self.size.saturating_add(limit));
            return vec![format!(
                "the log file cannot be put aside, it goes on growing: {error}"
            )];
        }
        let mut said = vec![format!("Rotated log, backup saved as {aside:?}")];
        said.extend(self.purge());
        said
    }

    /// Removes the oldest of the files that were put aside, if there are too many.
    fn purge(&self) -> Vec<String> {
        let Some(keep) = self.files_max.map(|files| files - 1) else {
            return Vec::new();
        };
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let mut aside = put_aside(folder, &name);
        aside.sort_unstable();
        let more = aside.len().saturating_sub(keep);
        let old = aside.into_iter().take(more);
        old.map(|old| match fs::remove_file(folder.join(&old)) {
            Ok(()) => format!("Purged log file {old:?}"),
            Err(error) => format!("cannot remove the old log file {old:?}: {error}"),
        })
        .collect()
    }
}

/// The names of the files that were put aside from `name`.
fn put_aside(folder: &Path, name: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|other| {
            let stamp = other
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('.'));
            stamp.is_some_and(is_stamp)
        })
        .collect()
}

/// `2026.11.21.05.41.41.123456789`.
fn stamp(now: Timestamp, zone: &TimeZone) -> String {
    let now = zone.to_datetime(now);
    format!(
        "{:04}.{:02}.{:02}.{:02}.{:02}.{:02}.{:09}",
        now.year(),
        now.month(),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.subsec_nanosecond()
    )
}

fn is_stamp(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('.').map(str::len).collect();
    let is_digits = text
        .bytes()
        .all(|byte| byte == b'.' || byte.is_ascii_digit());
    is_digits && lengths.len() == 7 && lengths[..6] == [4, 2, 2, 2, 2, 2]
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(path: &Path, size_limit: u64, files_max: Option<usize>) -> Place {
        let options = LogOptions {
            file: Some(path.to_owned()),
            size_limit: Some(size_limit),
            files_max,
            format: crate::conf::LogFormat::Text,
            payload_max: None,
            is_debug: false,
            is_trace: false,
            has_time: true,
            is_utc: true,
        };
        Place::open(&options).unwrap()
    }

    #[test]
    fn a_full_file_is_put_aside_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(folder.path().join("a.log.keep"), "").unwrap();
        let mut place = place(&path, 10, Some(3));
        for round in 0..5 {
            assert!(place.rotate(&TimeZone::UTC).is_none());
            place
                .write(format!("line number {round}\n").as_bytes())
                .unwrap();
            let said = place.rotate(&TimeZone::UTC).unwrap();
            assert!(
                said[0].starts_with("Rotated log, backup saved as "),
                "{said:?}"
            );
            assert_eq!(said.len(), if round < 2 { 1 } else { 2 }, "{said:?}");
        }
        let aside = put_aside(folder.path(), "a.log");
        assert_eq!(aside.len(), 2, "{aside:?}");
        let last = aside.iter().max().unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join(last)).unwrap(),
            "line number 4\n"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        assert!(folder.path().join("a.log.keep").exists());
    }

    #[test]
    fn a_file_that_cannot_be_put_aside_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        let mut place = place(&path, 10, None);
        fs::remove_file(&path).unwrap();
        place.write(b"line number 1\n").unwrap();
        let said = place.rotate(&TimeZone::UTC).unwrap();
        assert!(said[0].contains("cannot be put aside"), "{said:?}");
        place.write(b"2\n").unwrap();
        assert!(place.rotate(&TimeZone::UTC).is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_an_error_and_nothing_worse() {
        let mut place = place(Path::new("/dev/full"), 10, None);
        assert!(place.write(b"line\n").is_err());
    }
}
