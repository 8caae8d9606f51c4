//! `lag`: what becomes of messages for a reader that does not keep up. Ours: nats-server always
//! disconnects.

use super::field::{Done, Field, set};
use super::permissions::is_subject;
use super::table::{Known, Standing, known};
use crate::conf::language::Value;
use crate::conf::report::Diagnostic;
use crate::conf::settings::{Lag, Settings};

use Standing::Obeyed;

const WORDS: [(&str, Lag); 4] = [
    ("disconnect", Lag::Disconnect),
    ("drop_newest", Lag::DropNewest),
    ("drop_oldest", Lag::DropOldest),
    ("latest", Lag::Latest),
];

const KEYS: &[Known<Settings>] = known! {
    "policy" => Obeyed(|field, it| set(&mut it.lag, policy(field)));
    "subjects" => Obeyed(subjects);
};

/// A policy, or a map of a policy and of subjects with theirs.
pub(crate) fn lag(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    if matches!(field.node.value, Value::Text(_)) {
        return set(&mut settings.lag, policy(field));
    }
    let map = field.map()?;
    field.read_map(&map, "lag", KEYS, settings);
    Ok(())
}

/// The policy of a user or a listener.
pub(crate) fn policy(field: &mut Field<'_>) -> Result<Option<Lag>, Diagnostic> {
    let text = field.text()?;
    let word = WORDS
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(&text));
    let Some((_, lag)) = word else {
        let known = WORDS.map(|(word, _)| word).join(", ");
        let error = field.error(format!("{} cannot be {text:?}", field.key));
        return Err(error.help(format!("there are {known}")));
    };
    Ok(Some(*lag))
}

/// In the order of the file: the first that covers a subject counts.
fn subjects(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let map = field.map()?;
    for entry in map.entries() {
        if !is_subject(&entry.key) {
            let text = format!("{:?} is no subject", entry.key);
            return Err(Diagnostic::error(entry.key_span, text));
        }
        if let Some(lag) = policy(&mut field.at(&entry.key, &entry.node))? {
            let filter = entry.key.as_ref().to_owned();
            settings.lag_subjects.push((filter, lag));
        }
    }
    Ok(())
}
