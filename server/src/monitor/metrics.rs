//! `/metrics`: what has been counted, in the text of OpenMetrics.
//!
//! Everything is read where it stands when somebody asks; nothing is counted for this page alone.
//! Labels are bounded: reasons for leaving are as many as there are words for them. The names are
//! listed in docs/monitoring.md, and stay.

use std::fmt::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::latency::Histogram;
use super::{Monitor, process};
use crate::peer::{Denied, Reason, Standstills};

/// What begins the name of each metric that is ours.
const PREFIX: &str = "dunlin";

/// One label, of which there are few values.
type Label = [(&'static str, String); 1];

/// Why somebody is cut who reads too slowly.
const SLOW: [Reason; 3] = [
    Reason::SlowConsumerPendingBytes,
    Reason::SlowConsumerPendingTotal,
    Reason::SlowConsumerWriteDeadline,
];
/// Why messages are lost without a cut.
const BY_POLICY: &str = "Lag Policy";

/// What all outboxes hold together.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) bytes: u64,
    pub(super) messages: u64,
    pub(super) bytes_max: u64,
    pub(super) stalled: u64,
    pub(super) oldest_seconds: f64,
    /// Of those who are here.
    stood: Standstills,
}

impl Monitor {
    /// The page.
    ///
    /// # Errors
    ///
    /// None that can happen: it is written into memory.
    pub(crate) fn metrics(&self, now: Instant) -> Result<String, Error> {
        let mut registry = Registry::default();
        let ours = registry.sub_registry_with_prefix(PREFIX);
        self.tell_server(ours);
        self.tell_traffic(ours);
        self.tell_routing(ours);
        self.tell_losses(ours);
        self.tell_waiting(ours, now);
        let help = "From the socket of the publisher to that of the reader, by samples";
        let latency = Histogram(self.latency.samples());
        ours.register_with_unit("delivery_latency", help, Unit::Seconds, latency);
        self.tell_process(&mut registry);
        let mut page = String::new();
        text::encode(&mut page, &registry)?;
        Ok(page)
    }

    fn tell_server(&self, registry: &mut Registry) {
        let facts = self.facts();
        let info = vec![
            ("server_id", facts.server_id.clone()),
            ("server_name", facts.server_name.clone()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        registry.register("build", "Who the server is", Info::new(info));
        self.tell_certificates(registry);
        let limits = [
            (
                "connections_max",
                "Connections allowed at a time",
                facts.max_connections,
            ),
            (
                "pending_bytes_limit",
                "Bytes that may wait for one reader",
                facts.max_pending,
            ),
            (
                "pending_total_bytes_limit",
                "Bytes of memory that may wait for all readers together",
                facts.max_pending_total,
            ),
        ];
        for (name, help, value) in limits {
            registry.register(name, help, ConstGauge::new(value as i64));
        }
    }

    fn tell_certificates(&self, registry: &mut Registry) {
        let family = Family::<Label, Gauge<f64, AtomicU64>>::default();
        for certificate in &self.certificates {
            if let Some(ends) = (certificate.ends)() {
                let label = [("listener", certificate.listener.to_owned())];
                family.get_or_create(&label).set(since_epoch(ends));
            }
        }
        let help = "When the first certificate that a listener shows expires, since 1970";
        registry.register_with_unit("certificate_expiry", help, Unit::Seconds, family);
    }

    fn tell_traffic(&self, registry: &mut Registry) {
        let counts = self.host.statistics();
        for (name, help, value) in [
            (
                "messages_in",
                "Messages that clients sent",
                counts.in_messages,
            ),
            (
                "bytes_in",
                "Their bytes, headers and payload",
                counts.in_bytes,
            ),
            (
                "messages_out",
                "Deliveries queued for readers",
                counts.out_messages,
            ),
            (
                "bytes_out",
                "Their bytes, headers and payload",
                counts.out_bytes,
            ),
            (
                "connections_accepted",
                "Connections accepted, refused ones included",
                counts.total_connections,
            ),
            (
                "connections_refused",
                "Connections refused because the server was full",
                counts.refused_connections,
            ),
            (
                "publisher_pauses",
                "Times a publisher held back for a slower reader",
                counts.stalled_clients,
            ),
            (
                "publisher_throttles",
                "Times a publisher was not read from for a while, being over its rate",
                counts.throttled_clients,
            ),
        ] {
            registry.register(name, help, ConstCounter::new(value));
        }
        for (name, help, value) in [
            (
                "connections",
                "Connections that are open",
                counts.connections,
            ),
            (
                "subscriptions",
                "Subscriptions in force",
                counts.subscriptions,
            ),
            (
                "fanout_max",
                "The most readers that took one message",
                counts.fanout_max,
            ),
        ] {
            registry.register(name, help, ConstGauge::new(value as i64));
        }
    }

    fn tell_routing(&self, registry: &mut Registry) {
        let counts = self.host.statistics();
        let (events, missed_events) = self.host.events.counts();
        let refused = self.host.traffic.denials(Denied::Publish);
        let routed = counts.in_messages.saturating_sub(refused);
        for (name, help, value) in [
            (
                "index_lookups",
                "Messages whose readers had to be looked up",
                counts.index_lookups,
            ),
            (
                "match_cache_hits",
                "Messages whose readers the publisher's connection remembered",
                routed.saturating_sub(counts.index_lookups),
            ),
            (
                "messages_unheard",
                "Messages published that no reader took",
                counts.unheard_messages,
            ),
            (
                "events",
                "Events about connections that were published",
                events,
            ),
            (
                "events_missed",
                "Events for which there was no room",
                missed_events,
            ),
            (
                "stream_events_missed",
                "Events and messages that dashboards and taps did not take in time",
                self.missed.load(Ordering::Relaxed),
            ),
        ] {
            registry.register(name, help, ConstCounter::new(value));
        }
    }

    fn tell_losses(&self, registry: &mut Registry) {
        let counts = self.host.statistics();
        for (name, help, value) in [
            (
                "slow_consumers",
                "Readers cut because they read too slowly",
                counts.slow_consumers,
            ),
            (
                "evicted_consumers",
                "Those of them cut because too much waited for all readers together",
                counts.evicted_consumers,
            ),
            (
                "stale_connections",
                "Connections closed because they left questions unanswered",
                counts.stale_connections,
            ),
            (
                "authentication_failures",
                "Connections that did not say who they are, or wrongly",
                counts.authentication_failures,
            ),
            (
                "tls_handshake_failures",
                "Connections that did not agree on encryption",
                counts.failed_handshakes,
            ),
            (
                "dropped_messages",
                "Deliveries that slow readers lost, cut or not",
                counts.dropped_messages,
            ),
            (
                "dropped_bytes",
                "Their bytes on the wire",
                counts.dropped_bytes,
            ),
        ] {
            registry.register(name, help, ConstCounter::new(value));
        }
        let reasons = self.host.table.reasons().into_iter();
        let (mut closed, mut dropped) = (Vec::new(), Vec::new());
        let mut by_policy = counts.dropped_messages;
        for (reason, losses) in reasons {
            closed.push((reason.to_string(), losses.connections));
            if losses.dropped_messages > 0 {
                dropped.push((reason.to_string(), losses.dropped_messages));
                by_policy = by_policy.saturating_sub(losses.dropped_messages);
            }
        }
        let help = "Connections that have left, and why";
        registry.register("connections_closed", help, family("reason", closed));
        dropped.push((BY_POLICY.to_owned(), by_policy));
        // Those of which there are none, too, so that a first loss is seen to be one.
        dropped.extend(SLOW.map(|reason| (reason.to_string(), 0)));
        let help = "Deliveries that slow readers lost, by why they were cut";
        registry.register("dropped_by_reason", help, family("reason", dropped));
        let traffic = &self.host.traffic;
        let denials = [
            ("publish".to_owned(), traffic.denials(Denied::Publish)),
            ("subscribe".to_owned(), traffic.denials(Denied::Subscribe)),
        ];
        let help = "Requests refused for want of permission";
        registry.register("permission_denials", help, family("what", denials));
    }

    fn tell_waiting(&self, registry: &mut Registry, now: Instant) {
        let waiting = self.waiting(now);
        for (name, help, value) in [
            (
                "pending_bytes",
                "Bytes that wait for readers",
                waiting.bytes,
            ),
            (
                "pending_messages",
                "Deliveries that wait for readers",
                waiting.messages,
            ),
            (
                "pending_bytes_max",
                "Bytes that wait for the reader with the most",
                waiting.bytes_max,
            ),
            (
                "stalled_connections",
                "Readers whose socket takes nothing at the moment",
                waiting.stalled,
            ),
        ] {
            registry.register(name, help, ConstGauge::new(value as i64));
        }
        let help = "How long the delivery that has waited longest has waited";
        let oldest = ConstGauge::new(waiting.oldest_seconds);
        registry.register_with_unit("oldest_pending", help, Unit::Seconds, oldest);
        self.tell_standstills(registry, waiting.stood);
    }

    /// How everybody has read so far, those who left included.
    fn tell_standstills(&self, registry: &mut Registry, here: Standstills) {
        let gone = self.host.table.standstills();
        let sum = self.stood.lock().grown_to(Standstills {
            stalls: gone.stalls + here.stalls,
            stalled: gone.stalled + here.stalled,
            high_water_bytes: gone.high_water_bytes.max(here.high_water_bytes),
        });
        let help = "Times that the socket of a reader took nothing";
        registry.register("reader_stalls", help, ConstCounter::new(sum.stalls));
        let help = "For how long, all readers together";
        let stalled = ConstCounter::new(sum.stalled.as_secs_f64());
        registry.register_with_unit("reader_stalled", help, Unit::Seconds, stalled);
        let help = "The most bytes that ever waited for one reader";
        let most = ConstGauge::new(sum.high_water_bytes as i64);
        registry.register("pending_high_water_bytes", help, most);
    }

    fn tell_process(&self, registry: &mut Registry) {
        let seconds = ConstCounter::new(process::processor_seconds());
        registry.register_with_unit("process_cpu", "Processor time", Unit::Seconds, seconds);
        for (name, help, value) in [
            (
                "process_resident_memory_bytes",
                "Memory in use",
                process::resident_bytes(),
            ),
            (
                "process_open_fds",
                "Files and sockets open",
                process::open_descriptors(),
            ),
        ] {
            registry.register(name, help, ConstGauge::new(value as i64));
        }
        let started = since_epoch(self.clock.time(self.clock.started()));
        let help = "When the server started, since 1970";
        registry.register_with_unit(
            "process_start_time",
            help,
            Unit::Seconds,
            ConstGauge::new(started),
        );
    }

    /// Asks every outbox, each under its own lock for a moment.
    pub(super) fn waiting(&self, now: Instant) -> Waiting {
        let mut waiting = Waiting::default();
        let present = self.host.table.present();
        for backlog in present.iter().filter_map(|party| party.backlog(now)) {
            let bytes = backlog.pending_bytes as u64;
            waiting.bytes += bytes;
            waiting.messages += backlog.pending_messages;
            waiting.bytes_max = waiting.bytes_max.max(bytes);
            waiting.stalled += u64::from(backlog.is_stalled);
            waiting.oldest_seconds = waiting.oldest_seconds.max(backlog.oldest.as_secs_f64());
            waiting.stood.add(&backlog);
        }
        waiting
    }
}

/// A counter for each value of `label`.
fn family(
    label: &'static str,
    counts: impl IntoIterator<Item = (String, u64)>,
) -> Family<Label, Counter<u64, AtomicU64>> {
    let family = Family::<Label, Counter<u64, AtomicU64>>::default();
    for (value, count) in counts {
        family.get_or_create(&[(label, value)]).inc_by(count);
    }
    family
}

fn since_epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
