//! A program that runs all the time and answers requests line by line.
//!
//! In: each request as a JSON line on its stdin. Out: each line of its stdout answers the oldest
//! request that waits.

use std::collections::VecDeque;
use std::process::Stdio;

use bytes::Bytes;
use dunlin::Message;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;

use crate::failure::Failure;
use crate::view::json;

/// A running script.
pub(crate) struct Script {
    line: String,
    _child: Child,
    /// To the task that writes its stdin: a script that does not read because nobody reads what it
    /// writes must not stop both.
    requests: Option<mpsc::Sender<Vec<u8>>>,
    stdout: BufReader<ChildStdout>,
    /// What it has read of the answer so far: a future that is dropped leaves it here.
    answer: Vec<u8>,
    /// Requests without their payloads, the oldest first; [`WAITING_MAX`] at most.
    waiting: VecDeque<Message>,
}

impl Script {
    /// Runs `line` with `sh`.
    pub(crate) fn start(line: &str) -> Result<Self, Failure> {
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .kill_on_drop(true)
            .process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let failed = |error| Failure::because(line, error);
        let mut child = command.spawn().map_err(failed)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let stdout = stdout.ok_or_else(|| Failure::because(line, "has no stdout"))?;
        let (requests, lines) = mpsc::channel(1);
        tokio::spawn(write(stdin, lines));
        Ok(Self {
            line: line.to_owned(),
            _child: child,
            requests: Some(requests),
            stdout: BufReader::new(stdout),
            answer: Vec::new(),
            waiting: VecDeque::new(),
        })
    }

    /// Puts `request` to the script. Where too many wait already it returns an answer instead, to
    /// be passed on before asking again.
    pub(crate) async fn ask(
        &mut self,
        request: &Message,
    ) -> Result<Option<(Message, Bytes)>, Failure> {
        if self.waiting.len() >= WAITING_MAX {
            return self.answer().await.map(Some);
        }
        let Some(requests) = self.requests.clone() else {
            return Err(self.ended());
        };
        let room = tokio::select! {
            room = requests.reserve() => room.map_err(|_| self.ended())?,
            answer = self.answer() => return answer.map(Some),
        };
        let mut line = json(request, true).into_bytes();
        line.push(b'\n');
        room.send(line);
        self.waiting.push_back(Message {
            payload: Bytes::new(),
            ..request.clone()
        });
        Ok(None)
    }

    /// The next answer, and the request that it answers. Lines that nobody asked for are told and
    /// passed over.
    ///
    /// # Cancel safety
    ///
    /// A dropped future loses nothing.
    pub(crate) async fn answer(&mut self) -> Result<(Message, Bytes), Failure> {
        loop {
            let mut bounded = (&mut self.stdout).take(ANSWER_MAX - self.answer.len() as u64);
            let read = bounded.read_until(b'\n', &mut self.answer).await;
            read.map_err(|error| Failure::because(&self.line, error))?;
            if !self.answer.ends_with(b"\n") {
                if self.answer.len() as u64 >= ANSWER_MAX {
                    return Err(Failure::because(
                        &self.line,
                        "script writes an endless line",
                    ));
                }
                return Err(self.ended());
            }
            self.answer.pop();
            let answer = Bytes::from(std::mem::take(&mut self.answer));
            match self.waiting.pop_front() {
                Some(request) => return Ok((request, answer)),
                None => eprintln!("dunlin: the script answers what nobody asked"),
            }
        }
    }

    /// The next answer that is still due, after the last request; none when all are given.
    pub(crate) async fn rest(&mut self) -> Result<Option<(Message, Bytes)>, Failure> {
        self.requests = None; // The end of its input: it may end too when it has answered.
        match self.waiting.is_empty() {
            true => Ok(None),
            false => self.answer().await.map(Some),
        }
    }

    fn ended(&self) -> Failure {
        Failure::because(&self.line, "script has ended")
    }
}

/// Writes lines to the script until there are no more of them, or it has ended.
async fn write(stdin: Option<ChildStdin>, mut lines: mpsc::Receiver<Vec<u8>>) {
    let Some(mut stdin) = stdin else { return };
    while let Some(line) = lines.recv().await {
        if stdin.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// More wait in the subscription's queue, whose drops are counted.
const WAITING_MAX: usize = 1024;
/// The largest message that nats-server can be set to take.
const ANSWER_MAX: u64 = 64 * 1024 * 1024;
