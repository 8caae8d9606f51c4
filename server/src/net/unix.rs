//! Unix-domain sockets: connections of this machine, by way of the file system.
//!
//! The socket is made aside, gets its mode, and is moved into its place, so that nobody reaches it
//! before. A file left behind by a server that was killed is replaced if nobody answers there; the
//! server's own goes with it. Invariant: what is no socket, or answers, is never touched.

use std::fs::{self, File, Permissions};
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use socket2::SockRef;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Instant;

use super::listen::{Listener, accept_from};
use super::socket::Socket;
use crate::link::{Reason, Wire};

/// How long to wait for others that bind in the same folder, and between two looks at it. Guesses.
const LOCK_MAX: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// A socket that is bound.
pub(crate) struct UnixBound {
    socket: UnixListener,
    file: SocketFile,
}

/// The file of a socket; goes with it.
struct SocketFile {
    path: PathBuf,
    id: (u64, u64),
}

/// Binds `path`, for whom `mode` lets connect, or else the mask of the process.
///
/// # Errors
///
/// Somebody listens there, or what is there is no socket, or what the system said.
pub(crate) async fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<UnixBound> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Of two servers that start at once only one may find the place free.
    let _lock = lock(folder).await?;
    check_free(path)?;
    let aside = folder.join(format!(".{:08x}", fastrand::u32(..)));
    let socket = UnixListener::bind(&aside)?;
    let made = match mode {
        Some(mode) => fs::set_permissions(&aside, Permissions::from_mode(mode)),
        None => Ok(()),
    };
    let placed = made.and_then(|()| fs::rename(&aside, path));
    if let Err(error) = placed.and_then(|()| fs::symlink_metadata(path).map(drop)) {
        let _ = fs::remove_file(&aside); // It may have been moved; then it is gone from here.
        return Err(error);
    }
    let file = SocketFile {
        id: id(path)?,
        path: path.to_owned(),
    };
    Ok(UnixBound { socket, file })
}

/// Keeps other servers from binding in `folder`; they take a millisecond each.
async fn lock(folder: &Path) -> io::Result<File> {
    let file = File::open(folder)?;
    let give_up = Instant::now() + LOCK_MAX;
    while file.try_lock().is_err() {
        if Instant::now() >= give_up {
            let text = format!("somebody keeps a lock on {}", folder.display());
            return Err(io::Error::new(io::ErrorKind::WouldBlock, text));
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    Ok(file)
}

/// Whether a socket may be put at `path`.
fn check_free(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        let text = "there is something that is no socket";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        // One that answers, or whose queue is full.
        _ => Err(io::ErrorKind::AddrInUse.into()),
    }
}

/// What tells a file from another at the same path.
fn id(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if id(&self.path).is_ok_and(|id| id == self.id) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Listener {
    /// Accepts on `bound` until the server stops; its file goes then.
    pub(crate) fn listen_unix(self, bound: UnixBound) {
        let hub = Arc::clone(&self.hub);
        let UnixBound { socket, file } = bound;
        let poll = move |cx: &mut Context<'_>| {
            let _held = &file;
            socket.poll_accept(cx).map_ok(|(stream, _)| stream)
        };
        accept_from(&hub, poll, move |stream| self.serve(Unix(stream), None));
    }
}

/// A connection by way of the file system.
struct Unix(UnixStream);

impl Wire for Unix {
    fn try_write(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match bufs {
            [only] => self.0.try_write(only),
            many => self.0.try_write_vectored(many),
        }
    }
}

impl Socket for Unix {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_read_ready(cx)
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }

    fn try_read_more(&self, buffer: &mut BytesMut) -> io::Result<usize> {
        self.0.try_read_buf(buffer)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_write_ready(cx)
    }

    fn finish(&self, _reason: Reason) {
        // A socket that is gone already has been finished by the other side.
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Write);
    }

    fn peer_address(&self) -> Option<SocketAddr> {
        None
    }
}
