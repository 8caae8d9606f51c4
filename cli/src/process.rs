//! Other programs, run for messages: by `sh -c`, the payload on their stdin.
//!
//! A program learns of its message by its environment: DUNLIN_SUBJECT, DUNLIN_REPLY if an answer is
//! wanted, DUNLIN_HEADERS (a JSON object of lists) if there are any.

use std::process::{ExitStatus, Stdio};

use dunlin::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use crate::failure::{Code, Failure};
use crate::view::headers_json;

/// Runs `line` for `message`; what it writes goes where ours goes.
///
/// # Cancel safety
///
/// A dropped future kills the program.
pub(crate) async fn run(line: &str, message: &Message) -> Result<ExitStatus, Failure> {
    let mut child = start(line, message, Stdio::inherit())?;
    feed(&mut child, message).await;
    let status = child.wait().await;
    status.map_err(|error| Failure::because(line, error))
}

/// Runs `line` for `message`; what it writes to stdout is returned, `max` bytes at most.
///
/// # Cancel safety
///
/// A dropped future kills the program.
pub(crate) async fn output(
    line: &str,
    message: &Message,
    max: usize,
) -> Result<(ExitStatus, Vec<u8>), Failure> {
    let mut child = start(line, message, Stdio::piped())?;
    let (input, stdout) = (child.stdin.take(), child.stdout.take());
    let feed = async {
        if let Some(mut input) = input {
            // A program may end, or close its stdin, without having read all of it.
            let _ = input.write_all(&message.payload).await;
        }
    };
    let read = async {
        let mut bytes = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(max as u64 + 1).read_to_end(&mut bytes).await?;
        }
        Ok::<_, std::io::Error>(bytes)
    };
    let ((), read) = tokio::join!(feed, read);
    let failed = |error| Failure::because(line, error);
    let bytes = read.map_err(failed)?;
    if bytes.len() > max {
        let text = format!("{line}: wrote more than the {max} B that the server takes");
        return Err(Failure::new(Code::Failed, text));
    }
    Ok((child.wait().await.map_err(failed)?, bytes))
}

fn start(line: &str, message: &Message, stdout: Stdio) -> Result<Child, Failure> {
    let mut command = Command::new("sh");
    command.args(["-c", line]).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(stdout);
    // Ctrl-C is ours to answer: what runs may finish.
    command.process_group(0);
    command.env("DUNLIN_SUBJECT", &*message.subject);
    if let Some(reply) = &message.reply {
        command.env("DUNLIN_REPLY", &**reply);
    }
    if let Some(headers) = &message.headers {
        command.env("DUNLIN_HEADERS", headers_json(headers));
    }
    command
        .spawn()
        .map_err(|error| Failure::because(line, error))
}

async fn feed(child: &mut Child, message: &Message) {
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(&message.payload).await; // It may have ended without reading.
    }
}
