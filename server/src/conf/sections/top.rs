//! The keys at the top that are one value each.
//!
//! In: one value. Out: a field of [`Settings`], or what was expected instead.

use std::time::Duration;

use super::field::{Done, Field, set};
use crate::conf::language::Value;
use crate::conf::settings::{LogFormat, Settings};

/// The shortest time that a lame duck takes, as in nats-server.
const LAME_DUCK_MIN: Duration = Duration::from_secs(30);
/// The largest size that counts in nats-server's 32 bits.
const SIZE_MAX: i64 = i32::MAX as i64;

pub(crate) fn listen(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    if matches!(field.node.value, Value::Integer(_)) {
        return port(field, settings);
    }
    (settings.host, settings.port) = field.address()?;
    Ok(())
}

pub(crate) fn host(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.host, field.some_text())
}

pub(crate) fn port(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.port, field.port())
}

pub(crate) fn server_name(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let name = field.text()?;
    if name.contains(' ') {
        return Err(field.error("server name cannot contain spaces"));
    }
    settings.server_name = (!name.is_empty()).then_some(name);
    Ok(())
}

pub(crate) fn max_connections(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    // An explicit zero admits nobody, and so does anything below.
    let connections = field.integer()?.max(0);
    settings.max_connections = Some(connections as usize);
    Ok(())
}

pub(crate) fn max_subscriptions(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let subscriptions = field.integer()?;
    settings.max_subscriptions = (subscriptions > 0).then_some(subscriptions as usize);
    Ok(())
}

pub(crate) fn max_control_line(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.max_control_line, field.size(SIZE_MAX))
}

pub(crate) fn max_payload(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.max_payload, field.size(SIZE_MAX))
}

pub(crate) fn max_pending(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.max_pending, field.size(i64::MAX))
}

pub(crate) fn max_pending_total(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.max_pending_total, field.size(i64::MAX))
}

pub(crate) fn ping_interval(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.ping_interval, field.duration())
}

pub(crate) fn write_deadline(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.write_deadline, field.duration())
}

pub(crate) fn ping_max(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let pings = field.integer()?;
    let Ok(pings) = u32::try_from(pings) else {
        return Err(field.error(format!(
            "ping_max must be 0 (the default, 2) to {}",
            u32::MAX
        )));
    };
    settings.ping_max = (pings > 0).then_some(pings);
    Ok(())
}

pub(crate) fn no_header_support(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.no_header_support, field.boolean().map(Some))
}

pub(crate) fn debug(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.debug, field.boolean().map(Some))
}

/// `trace_verbose` and `trace_headers` set it too, and never unset it.
pub(crate) fn trace(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let is_on = field.boolean()?;
    if is_on || field.key.eq_ignore_ascii_case("trace") {
        settings.trace = Some(is_on || settings.trace == Some(true));
    }
    Ok(())
}

pub(crate) fn logtime(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.logtime, field.boolean().map(Some))
}

pub(crate) fn logtime_utc(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.logtime_utc, field.boolean().map(Some))
}

pub(crate) fn log_file(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.log_file, field.some_path())
}

pub(crate) fn pid_file(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.pid_file, field.some_path())
}

/// There is none: both answers are obeyed.
pub(crate) fn no_system_account(field: &mut Field<'_>, _: &mut Settings) -> Done {
    field.boolean().map(|_| ())
}

/// What becomes of a client over its write_deadline; `default` is `close` for clients.
pub(crate) fn write_timeout(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let text = field.text()?;
    match text.to_lowercase().as_str() {
        "default" | "close" => settings.keeps_stalled = false,
        "retry" => settings.keeps_stalled = true,
        _ => return Err(field.error("write_timeout must be default, close or retry")),
    }
    Ok(())
}

/// 1 to 255; there is no default but "no limit", so zero is a mistake, as in nats-server.
pub(crate) fn max_subscription_tokens(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let tokens = field.integer()?;
    let tokens = u8::try_from(tokens).ok().filter(|tokens| *tokens > 0);
    settings.max_subscription_tokens = Some(tokens.ok_or_else(|| {
        let text = format!("{} must be 1 to 255", field.key);
        field.error(text).help("take it out for no limit")
    })?);
    Ok(())
}

pub(crate) fn max_closed_clients(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let clients = field.count()?;
    settings.max_closed_clients = clients.map(|clients| clients as usize);
    Ok(())
}

pub(crate) fn lame_duck_duration(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let duration = field.text_duration()?;
    if duration < LAME_DUCK_MIN {
        let text = format!("a lame_duck_duration of {duration:?} is too short");
        return Err(field.error(text).help("30s is the least"));
    }
    settings.lame_duck_duration = Some(duration);
    Ok(())
}

pub(crate) fn lame_duck_grace_period(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(
        &mut settings.lame_duck_grace_period,
        field.text_duration().map(Some),
    )
}

pub(crate) fn client_advertise(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.client_advertise, field.advertised())
}

/// An array of texts, or one text; each is one tag, whatever is in it.
pub(crate) fn server_tags(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let texts = field.texts("a text")?;
    let tags = texts.iter().map(|text| text.trim().to_lowercase());
    settings.server_tags = tags.filter(|tag| !tag.is_empty()).collect();
    Ok(())
}

pub(crate) fn server_metadata(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    for entry in field.map()?.entries() {
        let value = field.at(&entry.key, &entry.node).text()?;
        settings
            .server_metadata
            .insert(entry.key.as_ref().to_owned(), value);
    }
    Ok(())
}

pub(crate) fn log_format(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    let text = field.text()?;
    settings.log_format = Some(match text.to_lowercase().as_str() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        _ => {
            let text = format!("there is no log format {text:?}");
            return Err(field.error(text).help("there are text and json"));
        }
    });
    Ok(())
}

/// Below zero is taken as zero, as in nats-server: no limit.
pub(crate) fn log_size_limit(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    settings.log_size_limit = u64::try_from(field.integer()?)
        .ok()
        .filter(|limit| *limit > 0);
    Ok(())
}

pub(crate) fn log_max_num(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    settings.log_max_num = usize::try_from(field.integer()?)
        .ok()
        .filter(|files| *files > 0);
    Ok(())
}

pub(crate) fn max_traced_msg_len(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    settings.max_traced_msg_len = usize::try_from(field.integer()?)
        .ok()
        .filter(|len| *len > 0);
    Ok(())
}

pub(crate) fn ports_file_dir(field: &mut Field<'_>, settings: &mut Settings) -> Done {
    set(&mut settings.ports_file_dir, field.some_path())
}
