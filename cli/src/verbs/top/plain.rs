//! A frame for pipes: a few lines of text, or a JSON object.

use std::fmt::Write as _;

use super::frame::{Frame, Rates, Row, SubjectRow};
use crate::json::Object;
use crate::text::{counted, now, show_amount, show_bytes};

/// A line for the server, one for each connection.
pub(super) fn text(frame: &Frame) -> String {
    let (server, rates) = (&frame.server, &frame.rates);
    let mut text = format!(
        "{} {}, up {}, {:.1} % CPU, {}, {}, {}, {}\n",
        server.name,
        server.version,
        server.uptime,
        server.cpu,
        show_bytes(server.memory_bytes as f64),
        counted(server.connections, "connection"),
        counted(server.subscriptions, "subscription"),
        counted(server.slow_consumers, "slow consumer")
    );
    let _ = writeln!(text, "{}", flow(rates)); // A string takes everything.
    for row in &frame.connections {
        let connection = &row.connection;
        let _ = writeln!(
            text,
            "{:>6} {:<20} {:>10} pending  {:>16}  {}",
            connection.cid,
            connection.name,
            show_bytes(connection.pending_bytes as f64),
            counted(connection.subscriptions, "subscription"),
            flow(&row.rates)
        );
    }
    text
}

/// `in 1.2k msg/s 3 KiB/s, out …`
fn flow(rates: &Rates) -> String {
    format!(
        "in {} msg/s {}/s, out {} msg/s {}/s",
        show_amount(rates.in_messages.round()),
        show_bytes(rates.in_bytes.round()),
        show_amount(rates.out_messages.round()),
        show_bytes(rates.out_bytes.round())
    )
}

/// Everything there is, on one line.
pub(super) fn json(frame: &Frame) -> String {
    let server = &frame.server;
    let object = Object::new()
        .text("time", &now())
        .text("server", &server.name)
        .text("version", &server.version)
        .text("uptime", &server.uptime)
        .fraction("cpu", server.cpu, 1)
        .number("memory_bytes", server.memory_bytes)
        .number("connections", server.connections)
        .number("connections_ever", server.connections_ever)
        .number("subscriptions", server.subscriptions)
        .number("slow_consumers", server.slow_consumers);
    let object = with_rates(object, &frame.rates);
    let object = object.list("rows", frame.connections.iter().map(row));
    object
        .list("subjects", frame.subjects.iter().map(subject))
        .end()
}

fn row(row: &Row) -> String {
    let connection = &row.connection;
    let object = Object::new()
        .number("cid", connection.cid)
        .text("name", &connection.name)
        .text("user", &connection.user)
        .text("address", &connection.address)
        .text("client", &connection.client)
        .text("rtt", &connection.rtt)
        .text("uptime", &connection.uptime)
        .text("idle", &connection.idle)
        .number("pending_bytes", connection.pending_bytes)
        .number("subscriptions", connection.subscriptions);
    with_rates(object, &row.rates).end()
}

fn subject(row: &SubjectRow) -> String {
    let queue = (!row.queue.is_empty()).then_some(&*row.queue);
    Object::new()
        .text("subject", &row.subject)
        .text_if("queue", queue)
        .number("subscriptions", row.subscriptions)
        .number("messages", row.messages)
        .fraction("messages_per_second", row.rate, 1)
        .end()
}

fn with_rates(object: Object, rates: &Rates) -> Object {
    object
        .fraction("in_messages_per_second", rates.in_messages, 1)
        .fraction("in_bytes_per_second", rates.in_bytes, 1)
        .fraction("out_messages_per_second", rates.out_messages, 1)
        .fraction("out_bytes_per_second", rates.out_bytes, 1)
}
