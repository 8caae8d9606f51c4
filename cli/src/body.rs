//! What is said: payload and headers, from arguments, a file or stdin.

use std::path::PathBuf;

use clap::Args;
use dunlin::HeaderMap;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::failure::Failure;
use crate::template::Template;

/// The arguments of whoever says something.
#[derive(Debug, Clone, Args)]
pub(crate) struct Body {
    /// What to say; `-` reads stdin to its end, nothing says nothing
    payload: Option<String>,

    /// Say what this file holds
    #[arg(short, long, value_name = "PATH", conflicts_with = "payload")]
    file: Option<PathBuf>,

    /// Add a header; may be given again
    #[arg(short = 'H', long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,

    /// Fill holes in subject and payload: {{count}}, {{timestamp}}, {{time}}, {{unix}},
    /// {{unixnano}}, {{id}}, {{random 10 20}}, {{subject}}, {{token 0}}
    #[arg(short = 'T', long = "template")]
    pub(crate) is_template: bool,
}

/// Bytes from a file or stdin.
pub(crate) type Input = Box<dyn AsyncBufRead + Unpin>;

impl Body {
    /// The headers; nothing where none are given.
    pub(crate) fn headers(&self) -> Result<Option<HeaderMap>, Failure> {
        headers(&self.headers)
    }

    /// Whether the payload comes from outside of the command line.
    pub(crate) fn input(&self) -> Result<Option<Input>, Failure> {
        match (&self.file, self.payload.as_deref()) {
            (Some(path), _) => {
                let file = std::fs::File::open(path);
                let file = file.map_err(|error| Failure::because(path.display(), error))?;
                let file = tokio::fs::File::from_std(file);
                Ok(Some(Box::new(BufReader::with_capacity(INPUT_SIZE, file))))
            }
            (None, Some("-")) => {
                let input = BufReader::with_capacity(INPUT_SIZE, tokio::io::stdin());
                Ok(Some(Box::new(input)))
            }
            (None, _) => Ok(None),
        }
    }

    /// The payload as a template; from outside it is read to its end, `max` bytes at most.
    pub(crate) async fn template(&self, max: usize) -> Result<Content, Failure> {
        let bytes = match self.input()? {
            Some(input) => whole(input, max).await?,
            None => self.payload.clone().unwrap_or_default().into_bytes(),
        };
        self.content(bytes)
    }

    /// Bytes as they are, or as a template where that was asked for.
    pub(crate) fn content(&self, bytes: Vec<u8>) -> Result<Content, Failure> {
        if !self.is_template {
            return Ok(Content::Bytes(bytes));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::usage("a template must be text in utf-8"))?;
        self.text(&text).map(Content::Template)
    }

    /// A text of the command line, with holes where they were asked for.
    pub(crate) fn text(&self, text: &str) -> Result<Template, Failure> {
        match self.is_template {
            true => Template::parse(text).map_err(Failure::usage),
            false => Ok(Template::plain(text)),
        }
    }
}

/// A payload to be said, perhaps with holes.
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Template(Template),
}

impl Content {
    /// Appends what is said this time to `out`.
    pub(crate) fn fill(&self, filling: crate::template::Filling<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Template(template) => template.fill(filling, out),
        }
    }
}

/// `Name: value` for each.
pub(crate) fn headers(lines: &[String]) -> Result<Option<HeaderMap>, Failure> {
    let mut headers = HeaderMap::new();
    for line in lines {
        let malformed = || Failure::usage(format_args!("no header, NAME:VALUE is one: {line:?}"));
        let (name, value) = line.split_once(':').ok_or_else(malformed)?;
        let added = headers.append(name.trim(), value);
        added.map_err(|error| Failure::usage(format_args!("{error}: {line:?}")))?;
    }
    Ok((!headers.is_empty()).then_some(headers))
}

/// Reads to the end. More than `max` bytes are an error: no server would take them.
async fn whole(input: Input, max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut bounded = input.take(max as u64 + 1);
    read_to_end(&mut bounded, &mut bytes).await?;
    match bytes.len() <= max {
        true => Ok(bytes),
        false => Err(too_large(max)),
    }
}

async fn read_to_end(
    input: &mut (impl AsyncRead + Unpin),
    bytes: &mut Vec<u8>,
) -> Result<(), Failure> {
    match input.read_to_end(bytes).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::because("cannot read the payload", error)),
    }
}

/// Reads one line into `line`, without its end; false when there is none. Of a line longer than
/// `max` nothing is returned but an error.
pub(crate) async fn line(
    input: &mut Input,
    max: usize,
    line: &mut Vec<u8>,
) -> Result<bool, Failure> {
    line.clear();
    let mut bounded = input.take(max as u64 + 2); // CR and LF do not count.
    let read = bounded.read_until(b'\n', line).await;
    let count = read.map_err(|error| Failure::because("cannot read the payload", error))?;
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    match line.len() <= max {
        true => Ok(count > 0),
        false => Err(too_large(max)),
    }
}

fn too_large(max: usize) -> Failure {
    Failure::usage(format_args!(
        "the server takes no more than {max} B in a message"
    ))
}

/// One read for many lines. A guess.
const INPUT_SIZE: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_where_they_end_and_are_bounded() {
        let mut input: Input = Box::new(&b"a\r\n\nbcd\nabcde\n"[..]);
        let mut buffer = Vec::new();
        for expected in ["a", "", "bcd"] {
            assert!(line(&mut input, 4, &mut buffer).await.unwrap());
            assert_eq!(buffer, expected.as_bytes());
        }
        assert!(line(&mut input, 4, &mut buffer).await.is_err());
        let mut input: Input = Box::new(&b"last"[..]);
        assert!(line(&mut input, 4, &mut buffer).await.unwrap());
        assert_eq!(buffer, b"last");
        assert!(!line(&mut input, 4, &mut buffer).await.unwrap());
    }

    #[test]
    fn headers_are_read() {
        let lines = ["A: 1", "A:2", "B:x:y"].map(str::to_owned);
        let headers = headers(&lines).unwrap().unwrap();
        let entries: Vec<_> = headers.iter().collect();
        assert_eq!(entries, [("A", "1"), ("A", "2"), ("B", "x:y")]);
        assert!(super::headers(&["no".to_owned()]).is_err());
        assert!(super::headers(&[": x".to_owned()]).is_err());
        assert_eq!(super::headers(&[]).unwrap(), None);
    }
}
