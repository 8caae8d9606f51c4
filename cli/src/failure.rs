//! How the program ends when it cannot do what was asked.
//!
//! In: the errors of the client, of files and of arguments. Out: an exit code, which scripts may rely
//! on, and one line of text on stderr (an object with `--json`).

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use dunlin::{
    ConnectError, ConnectErrorKind, Error, FlushError, PublishError, RequestError,
    RequestErrorKind, ServerError, ServerErrorKind, SubscribeError, SubscribeErrorKind,
};

use crate::json::Object;

/// The exit codes, as the help and the README list them. 0 is success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// What was asked could not be done, for the reason printed.
    Failed = 1,
    /// The arguments make no sense; clap uses the same number.
    Usage = 2,
    /// No server could be reached, or the connection was lost for good.
    NotConnected = 3,
    /// The server refused the credentials, or does not allow the subject.
    Denied = 4,
    /// Nobody takes requests on this subject.
    NoResponders = 5,
    /// No answer in time.
    TimedOut = 6,
    /// Messages were lost on the way to this program, or the service answered with an error.
    Lost = 7,
    /// Stopped by a signal before the work was done; what was done is finished in order.
    Interrupted = 130,
}

impl Code {
    /// The word that stands for it in JSON.
    fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::NotConnected => "not_connected",
            Self::Denied => "denied",
            Self::NoResponders => "no_responders",
            Self::TimedOut => "timed_out",
            Self::Lost => "lost",
            Self::Interrupted => "interrupted",
        }
    }
}

/// The end of a verb that did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    /// What to say; nothing where the reader of stdout has gone, as behind `head`.
    text: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: Code, text: impl Display) -> Self {
        let text = Some(text.to_string());
        Self { code, text }
    }

    /// Something failed, with what was being done and the cause.
    pub(crate) fn because(doing: impl Display, cause: impl Display) -> Self {
        Self::new(Code::Failed, format_args!("{doing}: {cause}"))
    }

    pub(crate) fn usage(text: impl Display) -> Self {
        Self::new(Code::Usage, text)
    }

    /// What there is to say.
    pub(crate) fn text(&self) -> String {
        self.text.clone().unwrap_or_default()
    }

    /// Ends with another code.
    pub(crate) fn with_code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Says with what it happened.
    pub(crate) fn about(mut self, what: impl Display) -> Self {
        self.text = self.text.map(|text| format!("{text}: {what}"));
        self
    }

    /// Says where it happened.
    pub(crate) fn at(mut self, place: impl Display) -> Self {
        self.text = self.text.map(|text| format!("{place}: {text}"));
        self
    }

    /// Ends with `code`; everything is said.
    pub(crate) fn silent(code: Code) -> Self {
        Self { code, text: None }
    }

    /// Writes to stdout failed. A reader that has gone wants to hear no more.
    pub(crate) fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::silent(Code::Failed),
            _ => Self::because("cannot write to stdout", error),
        }
    }

    /// Says on stderr what there is to say; the code of the program.
    pub(crate) fn report(&self, is_json: bool) -> ExitCode {
        match &self.text {
            Some(text) if is_json => {
                let object = Object::new().text("error", text);
                let object = object.text("kind", self.code.word());
                eprintln!("{}", object.number("code", self.code as u8).end());
            }
            Some(text) => eprintln!("dunlin: {text}"),
            None => {}
        }
        ExitCode::from(self.code as u8)
    }
}

/// The error's own text and that of its causes.
fn whole_text<K>(error: &Error<K>) -> String
where
    Error<K>: std::error::Error,
{
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(below) = cause {
        let below_text = below.to_string();
        if !text.contains(&below_text) {
            text.push_str(": ");
            text.push_str(&below_text);
        }
        cause = below.source();
    }
    // What programs call and what is typed here are two words for one thing.
    text.replace("add_root_certificates()", "--tlsca")
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let code = match error.kind() {
            ConnectErrorKind::InvalidAddress | ConnectErrorKind::InvalidOptions => Code::Usage,
            ConnectErrorKind::Authentication => Code::Denied,
            ConnectErrorKind::Credentials => Code::Failed,
            _ => Code::NotConnected,
        };
        Self::new(code, whole_text(&error))
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        RequestError::from(error).into()
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let code = match error.kind() {
            RequestErrorKind::TimedOut => Code::TimedOut,
            RequestErrorKind::NoResponders => Code::NoResponders,
            RequestErrorKind::PermissionDenied => Code::Denied,
            RequestErrorKind::InvalidSubject => Code::Usage,
            RequestErrorKind::Disconnected | RequestErrorKind::Closed => Code::NotConnected,
            _ => Code::Failed,
        };
        Self::new(code, whole_text(&error))
    }
}

impl From<SubscribeError> for Failure {
    fn from(error: SubscribeError) -> Self {
        let code = match error.kind() {
            SubscribeErrorKind::PermissionDenied => Code::Denied,
            SubscribeErrorKind::InvalidSubject | SubscribeErrorKind::InvalidQueue => Code::Usage,
            SubscribeErrorKind::Closed => Code::NotConnected,
            _ => Code::Failed,
        };
        Self::new(code, whole_text(&error))
    }
}

impl From<FlushError> for Failure {
    fn from(error: FlushError) -> Self {
        Self::new(Code::NotConnected, whole_text(&error))
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        let code = match error.kind {
            ServerErrorKind::PublishDenied(_)
            | ServerErrorKind::ReplyDenied(_)
            | ServerErrorKind::SubscribeDenied { .. }
            | ServerErrorKind::OtherDenied
            | ServerErrorKind::Authentication => Code::Denied,
            _ => Code::Failed,
        };
        Self::new(code, format_args!("server refused: {error}"))
    }
}
