//! What may be asked of `/connz`.

use crate::monitor::query::Query;

/// How many connections a page has where nobody asks for a number.
const LIMIT_DEFAULT: i64 = 1024;

/// The options of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(super) sort: Sort,
    pub(super) auth: bool,
    pub(super) subs: Subs,
    pub(super) offset: i64, // Not below 0.
    pub(super) limit: i64,  // Above 0.
    pub(super) cid: u64,    // 0: any.
    pub(super) state: State,
    pub(super) user: String,
    pub(super) account: String,
    pub(super) mqtt_client: String,
}

/// How much of a connection's subscriptions is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Subs {
    #[default]
    Count,
    Names,
    Detail,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Open,
    Closed,
    All,
}

/// By what connections are sorted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Cid,
    Start,
    Subs,
    Pending,
    MessagesTo,
    MessagesFrom,
    BytesTo,
    BytesFrom,
    Last,
    Idle,
    Uptime,
    Stop,
    Reason,
    RoundTrip,
}

impl Options {
    /// # Errors
    ///
    /// An option makes no sense, or two do not fit together.
    pub(crate) fn new(query: &Query<'_>) -> Result<Self, String> {
        let sort_name = query.text("sort");
        let auth = query.switch("auth")?;
        let subs = match query.text("subs") {
            "detail" => Subs::Detail,
            _ if query.switch("subs")? => Subs::Names,
            _ => Subs::Count,
        };
        let offset = query.int("offset")?.max(0);
        let limit = query.int("limit")?;
        let cid = query.uint64("cid")?;
        let state = state(query.text("state"))?;
        let sort = sort(sort_name)?;
        if matches!(sort, Sort::Stop | Sort::Reason) && state != State::Closed {
            return Err(format!(
                "sort by {sort_name} only valid on closed connections"
            ));
        }
        Ok(Self {
            sort,
            auth,
            subs,
            offset,
            limit: match (cid, limit) {
                (1.., _) => 1,
                (0, ..=0) => LIMIT_DEFAULT,
                (0, limit) => limit,
            },
            cid,
            state,
            user: query.text("user").to_owned(),
            account: query.text("acc").to_owned(),
            mqtt_client: query.text("mqtt_client").to_owned(),
        })
    }
}

fn state(name: &str) -> Result<State, String> {
    match name.to_ascii_lowercase().as_str() {
        "" | "open" => Ok(State::Open),
        "closed" => Ok(State::Closed),
        "any" | "all" => Ok(State::All),
        _ => Err(format!("Error decoding state for {name}")),
    }
}

fn sort(name: &str) -> Result<Sort, String> {
    Ok(match name {
        "" | "cid" => Sort::Cid,
        "start" => Sort::Start,
        "subs" => Sort::Subs,
        "pending" => Sort::Pending,
        "msgs_to" => Sort::MessagesTo,
        "msgs_from" => Sort::MessagesFrom,
        "bytes_to" => Sort::BytesTo,
        "bytes_from" => Sort::BytesFrom,
        "last" => Sort::Last,
        "idle" => Sort::Idle,
        "uptime" => Sort::Uptime,
        "stop" => Sort::Stop,
        "reason" => Sort::Reason,
        "rtt" => Sort::RoundTrip,
        _ => return Err(format!("invalid sorting option: {name}")),
    })
}
