//! A socket whose other side must take something now and then: whoever asks for a page and does
//! not read it loses the connection, and holds neither memory nor a place for long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// How much is written before others have a turn, in bytes: a page may be large, and the thread that
/// writes it has messages to write too.
const TURN: usize = 64 * 1024;
/// How long the turn of the others is: a page gets some 30 MB a second, and messages the rest.
const PAUSE: Duration = Duration::from_millis(1);
/// How long the other side may take nothing while something waits for it.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Patient<S = TcpStream> {
    stream: S,
    /// Runs while the socket is full.
    limit: Option<Pin<Box<Sleep>>>,
    /// How much of its turn is left, in bytes.
    turn: usize,
    /// Runs while others have theirs.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            limit: None,
            turn: TURN,
            pause: None,
        }
    }

    /// How much may be written now, in bytes; where a turn has been used up, after a pause.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if self.turn == 0 {
            let pause = self
                .pause
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(PAUSE)));
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
            self.turn = TURN;
        }
        Poll::Ready(self.turn)
    }

    /// Passes on what a write came to, unless it has been waiting for too long.
    fn judge(
        &mut self,
        polled: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = &polled {
            self.limit = None;
            self.turn -= written.as_ref().copied().unwrap_or(0);
            return polled;
        }
        let limit = self
            .limit
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE)));
        match limit.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let turn = ready!(self.poll_turn(cx));
        let polled = Pin::new(&mut self.stream).poll_write(cx, &buf[..buf.len().min(turn)]);
        self.judge(polled, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut left = ready!(self.poll_turn(cx));
        let fits = |buf: &&io::IoSlice<'_>| {
            let is_within = buf.len() <= left;
            left = left.saturating_sub(buf.len());
            is_within
        };
        let polled = match bufs.iter().take_while(fits).count() {
            0 => {
                let first = bufs.first().map_or(&[][..], |first| first);
                let turn = self.turn.min(first.len());
                Pin::new(&mut self.stream).poll_write(cx, &first[..turn])
            }
            count => Pin::new(&mut self.stream).poll_write_vectored(cx, &bufs[..count]),
        };
        self.judge(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_large_page_leaves_a_pause_after_every_turn() {
        let page = vec![7; 10 * TURN];
        let (near, mut far) = tokio::io::duplex(2 * page.len());
        let mut near = Patient::new(near);
        let begun = Instant::now();
        near.write_all(&page).await.unwrap();
        assert!(begun.elapsed() >= 9 * PAUSE, "{:?}", begun.elapsed());
        let pieces = [io::IoSlice::new(&page[..100]), io::IoSlice::new(&page)];
        let begun = Instant::now();
        assert_eq!(near.write_vectored(&pieces).await.unwrap(), 100);
        assert_eq!(near.write_vectored(&pieces[1..]).await.unwrap(), TURN - 100);
        assert!(begun.elapsed() >= PAUSE);
        drop(near);
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.unwrap();
        assert_eq!(read.len(), 11 * TURN);
    }
}
