//! `/accountz` and `/accstatz`: the accounts and what they did.
//!
//! Everybody is in one account here; the account of the server's own events exists by name, since
//! tools look for it.

use std::time::Instant;

use serde::Serialize;

use super::query::Query;
use super::subsz::SublistStats;
use super::time::stamp;
use super::{GLOBAL_ACCOUNT, Monitor, SYSTEM_ACCOUNT};

/// `/accountz`
#[derive(Debug, Serialize)]
pub(crate) struct Accountz {
    server_id: String,
    now: String,
    system_account: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_detail: Option<Account>,
}

#[derive(Debug, Serialize)]
struct Account {
    account_name: &'static str,
    update_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_system: Option<bool>,
    expired: bool,
    complete: bool,
    jetstream_enabled: bool,
    leafnode_connections: u64,
    client_connections: u64,
    subscriptions: u64,
    name_tag: &'static str,
    sublist_stats: SublistStats,
}

/// `/accstatz`
#[derive(Debug, Serialize)]
pub(crate) struct Accstatz {
    server_id: String,
    now: String,
    account_statz: Vec<AccountStat>,
}

#[derive(Debug, Serialize)]
struct AccountStat {
    acc: &'static str,
    name: &'static str,
    conns: u64,
    leafnodes: u64,
    total_conns: u64,
    num_subscriptions: u64,
    sent: Traffic,
    received: Traffic,
    slow_consumers: u64,
}

#[derive(Debug, Default, Serialize)]
struct Traffic {
    msgs: u64,
    bytes: u64,
    gateways: Amount,
    routes: Amount,
    leafs: Amount,
}

#[derive(Debug, Default, Serialize)]
struct Amount {
    msgs: u64,
    bytes: u64,
}

impl Monitor {
    /// # Errors
    ///
    /// There is no such account.
    pub(crate) fn accountz(&self, query: &Query<'_>, now: Instant) -> Result<Accountz, String> {
        let detail = match query.text("acc") {
            "" => None,
            GLOBAL_ACCOUNT => Some(self.account(GLOBAL_ACCOUNT)),
            SYSTEM_ACCOUNT => Some(self.account(SYSTEM_ACCOUNT)),
            other => return Err(format!("Account {other} does not exist")),
        };
        let accounts = match &detail {
            None => vec![GLOBAL_ACCOUNT, SYSTEM_ACCOUNT],
            Some(_) => Vec::new(),
        };
        Ok(Accountz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            system_account: SYSTEM_ACCOUNT,
            accounts,
            account_detail: detail,
        })
    }

    fn account(&self, name: &'static str) -> Account {
        let is_system = name == SYSTEM_ACCOUNT;
        let statistics = match is_system {
            true => crate::peer::Statistics::default(),
            false => self.host.statistics(),
        };
        Account {
            account_name: name,
            update_time: stamp(self.facts().configured_at),
            is_system: is_system.then_some(true),
            expired: false,
            complete: true,
            jetstream_enabled: false,
            leafnode_connections: 0,
            client_connections: statistics.connections,
            subscriptions: statistics.subscriptions,
            name_tag: name,
            sublist_stats: match is_system {
                true => SublistStats::default(),
                false => self.sublist_stats(),
            },
        }
    }

    /// # Errors
    ///
    /// An option makes no sense.
    pub(crate) fn accstatz(&self, query: &Query<'_>, now: Instant) -> Result<Accstatz, String> {
        let is_unused_wanted = query.switch("unused")?;
        let statistics = self.host.statistics();
        let mut account_statz = Vec::new();
        if is_unused_wanted || statistics.connections > 0 {
            account_statz.push(AccountStat {
                conns: statistics.connections,
                total_conns: statistics.connections,
                num_subscriptions: statistics.subscriptions,
                sent: Traffic {
                    msgs: statistics.out_messages,
                    bytes: statistics.out_bytes,
                    ..Traffic::default()
                },
                received: Traffic {
                    msgs: statistics.in_messages,
                    bytes: statistics.in_bytes,
                    ..Traffic::default()
                },
                slow_consumers: statistics.slow_consumers,
                ..AccountStat::empty(GLOBAL_ACCOUNT)
            });
        }
        if is_unused_wanted {
            account_statz.push(AccountStat::empty(SYSTEM_ACCOUNT));
        }
        Ok(Accstatz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            account_statz,
        })
    }
}

impl AccountStat {
    fn empty(name: &'static str) -> Self {
        Self {
            acc: name,
            name,
            conns: 0,
            leafnodes: 0,
            total_conns: 0,
            num_subscriptions: 0,
            sent: Traffic::default(),
            received: Traffic::default(),
            slow_consumers: 0,
        }
    }
}
