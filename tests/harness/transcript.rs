//! Transcript: the text of a conversation, read into steps.
//!
//! In: a file of `transcripts/` (or a block of `protocol.md`). Out: scenes, each with the server it
//! wants and what is sent and expected, line by line. `transcripts/README.md` describes the format.

use crate::info::InfoPattern;
use crate::options::Options;
use crate::text;

/// One conversation with a server of its own.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) title: String,
    pub(crate) options: Options,
    /// Why nats-server is not asked; `None` when it is.
    pub(crate) only_ours: Option<String>,
    pub(crate) steps: Vec<Step>,
}

/// One line of a scene.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) text: String,
    /// The connections it is about: exactly one, unless any of several may receive.
    pub(crate) names: Vec<String>,
    pub(crate) action: Action,
}

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Send this line, in one write with the lines around it.
    Send(Vec<u8>),
    /// Send these bytes, in a write of their own.
    SendExactly(Vec<u8>),
    /// Send this CONNECT and a PING, and wait for the PONG.
    Hello(Vec<u8>),
    /// Close the sending side; answers still arrive.
    HalfClose,
    /// Close the socket.
    Close,
    /// One of these readings arrives next.
    Expect(Vec<Vec<u8>>),
    /// An INFO arrives next.
    ExpectInfo(InfoPattern),
    /// A line arrives next that is like this one: each `~` stands for a word.
    ExpectLike(String),
    /// The server closes now, with nothing more before it.
    ExpectClosed,
    /// Nobody has anything left to read.
    Silence,
}

/// Reads `text`; an error starts with the number of its line.
pub(crate) fn read(text: &str) -> Result<Vec<Scene>, String> {
    let mut scenes: Vec<Scene> = Vec::new();
    let mut common = Scene::new("");
    for (index, text) in text.lines().enumerate() {
        let scene = scenes.last_mut().unwrap_or(&mut common);
        let at = |error| format!("{}: {error}: {text}", index + 1);
        if let Some(title) = text.strip_prefix("== ") {
            scenes.push(Scene {
                title: title.to_owned(),
                ..common.clone()
            });
        } else if let Some(comment) = text.strip_prefix('#') {
            scene.directive(comment.trim()).map_err(at)?;
        } else if !text.is_empty() {
            let step = Step::read(index + 1, text).map_err(at)?;
            scene.steps.push(step);
        }
    }
    if scenes.is_empty() {
        scenes.push(common); // A short file needs no heading.
    } else if let Some(step) = common.steps.first() {
        return Err(format!("{}: a line before the first == heading", step.line));
    }
    match scenes.iter().find(|scene| scene.steps.is_empty()) {
        Some(scene) => Err(format!("0: nothing happens in scene {:?}", scene.title)),
        None => Ok(scenes),
    }
}

impl Scene {
    fn new(title: &str) -> Self {
        let title = title.to_owned();
        Self {
            title,
            options: Options::default(),
            only_ours: None,
            steps: Vec::new(),
        }
    }

    fn directive(&mut self, comment: &str) -> Result<(), String> {
        if let Some(words) = comment.strip_prefix("server:") {
            self.options.read(words)?;
        } else if let Some(words) = comment.strip_prefix("only:") {
            let reason = words
                .trim()
                .strip_prefix("dunlin,")
                .ok_or("say: # only: dunlin, why")?;
            self.only_ours = Some(reason.trim().to_owned());
        }
        Ok(())
    }
}

impl Step {
    /// Whether `next` sends a further line on the same connection.
    pub(crate) fn is_continued_by(&self, next: &Step) -> bool {
        let is_line = |step: &Step| matches!(step.action, Action::Send(_));
        is_line(self) && is_line(next) && self.names == next.names
    }

    fn read(line: usize, text: &str) -> Result<Self, String> {
        let step = |names, action| Self {
            line,
            text: text.to_owned(),
            names,
            action,
        };
        if text == "[silence]" {
            return Ok(step(Vec::new(), Action::Silence));
        }
        let arrow = text
            .find(['<', '>'])
            .ok_or("neither > nor < nor [silence]")?;
        let names: Vec<String> = text[..arrow].split('|').map(str::to_owned).collect();
        if names
            .iter()
            .any(|name| name.bytes().any(|byte| !byte.is_ascii_alphanumeric()))
        {
            return Err("a connection's name is letters and digits".to_owned());
        }
        let (is_sent, text) = (text[arrow..].starts_with('>'), &text[arrow + 1..]);
        if is_sent && names.len() > 1 {
            return Err("only one connection can send at a time".to_owned());
        }
        let (is_exact, text) = match text.strip_prefix(['<', '>']) {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (is_like, text) = match text.strip_prefix('~') {
            Some(text) if !is_sent => (true, text),
            _ => (false, text),
        };
        // One blank belongs to the arrow, further ones are text.
        let text = text.strip_prefix(' ').unwrap_or(text);
        let action = match is_sent {
            true => read_sent(text, is_exact)?,
            false => read_expected(text, is_exact, is_like)?,
        };
        Ok(step(names, action))
    }
}

fn read_sent(text: &str, is_exact: bool) -> Result<Action, String> {
    let command = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    match command {
        Some("half-close") => Ok(Action::HalfClose),
        Some("close") => Ok(Action::Close),
        Some(command) => hello(command),
        None if is_exact => Ok(Action::SendExactly(text::bytes(text)?)),
        None => Ok(Action::Send(text::bytes(&with_line_end(text))?)),
    }
}

fn read_expected(text: &str, is_exact: bool, is_like: bool) -> Result<Action, String> {
    if text == "[closed]" {
        return Ok(Action::ExpectClosed);
    }
    if is_like {
        return Ok(Action::ExpectLike(text.to_owned()));
    }
    match text.strip_prefix("INFO ") {
        Some(pattern) => Ok(Action::ExpectInfo(InfoPattern::read(pattern)?)),
        None if is_exact => Ok(Action::Expect(text::readings(text)?)),
        None => Ok(Action::Expect(text::readings(&with_line_end(text))?)),
    }
}

fn with_line_end(text: &str) -> String {
    format!("{text}\\r\\n")
}

/// `hello headers !echo` is `CONNECT {"verbose":false,"pedantic":false,"headers":true,"echo":false}`.
fn hello(command: &str) -> Result<Action, String> {
    let words = command
        .strip_prefix("hello")
        .ok_or(format!("unknown command [{command}]"))?;
    let mut connect = r#"CONNECT {"verbose":false,"pedantic":false"#.to_owned();
    for word in words.split_whitespace() {
        match word.strip_prefix('!') {
            Some(key) => connect.push_str(&format!(",\"{key}\":false")),
            None => match word.split_once('=') {
                Some((key, value)) => connect.push_str(&format!(",\"{key}\":\"{value}\"")),
                None => connect.push_str(&format!(",\"{word}\":true")),
            },
        }
    }
    connect.push_str("}\r\nPING\r\n");
    Ok(Action::Hello(connect.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(text: &str) -> Action {
        Step::read(1, text).unwrap().action
    }

    #[test]
    fn an_arrow_says_who_and_which_way() {
        assert_eq!(action("> PING"), Action::Send(b"PING\r\n".to_vec()));
        assert_eq!(action("A>"), Action::Send(b"\r\n".to_vec()));
        assert_eq!(action(">  PING "), Action::Send(b" PING \r\n".to_vec()));
        assert_eq!(
            action(r"A>> PING\n"),
            Action::SendExactly(b"PING\n".to_vec())
        );
        assert_eq!(action("< PONG"), Action::Expect(vec![b"PONG\r\n".to_vec()]));
        assert_eq!(action("<< PO"), Action::Expect(vec![b"PO".to_vec()]));
        assert_eq!(action("A< [closed]"), Action::ExpectClosed);
        assert_eq!(action("<~ a ~"), Action::ExpectLike("a ~".to_owned()));
        assert_eq!(Step::read(1, "A|B< x").unwrap().names, ["A", "B"]);
    }

    #[test]
    fn hello_is_a_quiet_connect() {
        let expected = r#"CONNECT {"verbose":false,"pedantic":false,"headers":true,"echo":false}"#;
        let expected = format!("{expected}\r\nPING\r\n").into_bytes();
        assert_eq!(action("A> [hello headers !echo]"), Action::Hello(expected));
    }

    #[test]
    fn what_stands_above_the_first_heading_holds_for_all() {
        let file = "# server: max_payload=9\n== a\n# only: dunlin, why not\n> a\n\n== b\n> b\n";
        let scenes = read(file).unwrap();
        assert_eq!(scenes.len(), 2);
        assert_eq!(scenes[0].only_ours.as_deref(), Some("why not"));
        assert_eq!(scenes[1].only_ours, None);
        assert_eq!(scenes[1].options.max_payload, Some(9));
    }

    #[test]
    fn a_line_without_meaning_is_refused() {
        for text in [
            "PING",
            "A B> x",
            "A|B> x",
            "> [sleep]",
            "< INFO {}",
            "# only: dunlin",
            "# server: x",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("> PING\n== late\n> PING\n").is_err());
        assert!(read("== empty\n").is_err());
    }
}
