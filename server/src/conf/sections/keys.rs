//! Every key that nats-server knows at the top of a file, and what becomes of each here.
//!
//! One row for each: a key that is obeyed names what reads it; one that cannot be obeyed yet says
//! what is missing and what to do. A row that becomes obeyed changes its last column, nothing else.

use super::field::set;
use super::table::{Known, Standing, known};
use super::top as read;
use super::{authorization, lag, limits, listeners, tls, watching};
use crate::conf::settings::Settings;

const NO_LOGIN_HELP: &str =
    "everybody who reaches the port would be let in; take it out only if that is what you want";
const NO_ACCOUNTS: &str = "this version has no accounts: all clients share one space of subjects";
const NO_ACCOUNTS_HELP: &str = "clients that the file keeps apart would hear each other";
const NO_OCSP: &str = "this version neither staples nor asks whether certificates are revoked";
const NO_OCSP_HELP: &str = "clients that demand a stapled answer will not connect";
const NO_OPERATOR: &str = "this version has no operator mode, accounts or JWTs";
const NO_STORAGE: &str = "this server stores nothing";
const NO_STORAGE_HELP: &str =
    "JetStream's storage lives in a NATS cluster: point those clients there";
const NO_SYSLOG: &str = "there is no syslog";
const NO_SYSLOG_HELP: &str = "the log goes to stderr, or to log_file";
const NO_LINKS: &str = "this server links to no other server";
const NO_LINKS_HELP: &str = "clients of other servers are not reached";
const NOTHING_TO_DO: &str = "nothing needs to be done";

use Standing::{Listener, Missing, Obeyed, Refused};

/// Every key of the top.
pub(crate) const KNOWN: &[Known<Settings>] = known! {
    // Listen, identity.
    "listen" => Obeyed(read::listen);
    "host" / "net" => Obeyed(read::host);
    "port" => Obeyed(read::port);
    "server_name" => Obeyed(read::server_name);
    "client_advertise" => Obeyed(read::client_advertise);
    "server_tags" => Obeyed(read::server_tags);
    "server_metadata" => Obeyed(read::server_metadata);
    "feature_flags" => Missing("there are no feature flags", NOTHING_TO_DO);
    "proxy_protocol" => Refused(
        "the PROXY protocol is not understood", "every client behind the proxy would be cut off");
    "proxies" => Refused(authorization::NO_PROXY, authorization::NO_PROXY_HELP);
    // Limits and timers.
    "max_connections" / "max_conn" => Obeyed(read::max_connections);
    "max_subscriptions" / "max_subs" => Obeyed(read::max_subscriptions);
    "max_subscription_tokens" / "max_sub_tokens" => Obeyed(read::max_subscription_tokens);
    "limits" => Obeyed(limits::limits);
    "max_control_line" => Obeyed(read::max_control_line);
    "max_payload" => Obeyed(read::max_payload);
    "max_pending" => Obeyed(read::max_pending);
    "lag" => Obeyed(lag::lag);
    "max_pending_total" => Obeyed(read::max_pending_total);
    "max_closed_clients" => Obeyed(read::max_closed_clients);
    "ping_interval" => Obeyed(read::ping_interval);
    "ping_max" => Obeyed(read::ping_max);
    "write_deadline" => Obeyed(read::write_deadline);
    "write_timeout" => Obeyed(read::write_timeout);
    "lame_duck_duration" =>
        Obeyed(read::lame_duck_duration);
    "lame_duck_grace_period" =>
        Obeyed(read::lame_duck_grace_period);
    "no_fast_producer_stall" => Missing(
        "a publisher may wait milliseconds for a busy reader", "never for one that is stuck");
    "disable_sublist_cache" / "no_sublist_cache" => Missing(
        "there is no such cache: each publisher remembers a few subjects", NOTHING_TO_DO);
    "no_header_support" => Obeyed(read::no_header_support);
    // Logging, files.
    "debug" => Obeyed(read::debug);
    "trace" => Obeyed(read::trace);
    "trace_verbose" => Obeyed(read::trace);
    "trace_headers" => Obeyed(read::trace);
    "logtime" => Obeyed(read::logtime);
    "logtime_utc" => Obeyed(read::logtime_utc);
    "log_file" / "logfile" => Obeyed(read::log_file);
    "log_size_limit" / "logfile_size_limit" =>
        Obeyed(read::log_size_limit);
    "log_max_num" / "logfile_max_num" =>
        Obeyed(read::log_max_num);
    "log_format" => Obeyed(read::log_format);
    "syslog" => Missing(NO_SYSLOG, NO_SYSLOG_HELP);
    "remote_syslog" => Missing(NO_SYSLOG, NO_SYSLOG_HELP);
    "max_traced_msg_len" => Obeyed(read::max_traced_msg_len);
    "connect_error_reports" => Missing(NO_LINKS, NOTHING_TO_DO);
    "reconnect_error_reports" => Missing(NO_LINKS, NOTHING_TO_DO);
    "pid_file" / "pidfile" => Obeyed(read::pid_file);
    "ports_file_dir" => Obeyed(read::ports_file_dir);
    // Monitoring.
    "http" => Obeyed(listeners::http);
    "http_port" / "monitor_port" => Obeyed(listeners::http_port);
    "https" => Obeyed(listeners::https);
    "https_port" => Obeyed(listeners::https_port);
    "http_base_path" => Obeyed(listeners::http_base_path);
    "monitoring" => Obeyed(watching::monitoring);
    "events" => Obeyed(watching::events);
    "prof_port" => Missing("there is no profiling port", "use perf");
    "prof_block_rate" => Missing("there is no profiling port", "use perf");
    // Who may do what.
    "authorization" =>
        Obeyed(authorization::authorization);
    "no_auth_user" =>
        Obeyed(authorization::no_auth_user);
    "default_sentinel" => Refused(NO_OPERATOR, NO_LOGIN_HELP);
    "accounts" => Refused(NO_ACCOUNTS, NO_ACCOUNTS_HELP);
    "system_account" / "system" => Refused(NO_ACCOUNTS, NO_ACCOUNTS_HELP);
    "no_system_account" / "no_system" / "no_sys_acc" => Obeyed(read::no_system_account);
    "mappings" / "maps" => Refused(
        "this version maps no subjects", "messages would go where nobody expects them");
    "operator" / "operators" / "roots" / "root" / "root_operators" / "root_operator" =>
        Refused(NO_OPERATOR, NO_LOGIN_HELP);
    "trusted_keys" / "trusted" => Refused(NO_OPERATOR, NO_LOGIN_HELP);
    "resolver" / "account_resolver" / "accounts_resolver" => Refused(NO_OPERATOR, NO_LOGIN_HELP);
    "resolver_tls" => Refused(NO_OPERATOR, NO_LOGIN_HELP);
    "resolver_preload" => Refused(NO_OPERATOR, NO_LOGIN_HELP);
    "resolver_pinned_accounts" => Refused(NO_OPERATOR, NO_LOGIN_HELP);
    // TLS.
    "tls" => Obeyed(|field, it| set(&mut it.tls, tls::tls(field)));
    "allow_non_tls" =>
        Obeyed(|field, it| set(&mut it.allow_non_tls, field.boolean().map(Some)));
    "ocsp" => Missing(NO_OCSP, NO_OCSP_HELP);
    "ocsp_cache" => Missing(NO_OCSP, NO_OCSP_HELP);
    // Other listeners and links.
    "websocket" / "ws" => Obeyed(listeners::websocket);
    "unix" => Obeyed(listeners::unix);
    "mqtt" => Listener("there is no MQTT port yet", "MQTT clients cannot connect");
    "leafnodes" / "leaf" => Listener(NO_LINKS, NO_LINKS_HELP);
    "cluster" => Listener(NO_LINKS, NO_LINKS_HELP);
    "gateway" => Listener(NO_LINKS, NO_LINKS_HELP);
    // Storage.
    "jetstream" => Missing(NO_STORAGE, NO_STORAGE_HELP);
    "store_dir" / "storedir" => Missing(NO_STORAGE, NO_STORAGE_HELP);
    "default_js_domain" => Missing(NO_STORAGE, NO_STORAGE_HELP);
};
