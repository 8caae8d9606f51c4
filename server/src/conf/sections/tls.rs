//! `tls { }`: how connections are encrypted.
//!
//! Which files there are, and whether they fit each other, is not looked at here.

use std::path::PathBuf;
use std::time::Duration;

use super::ciphers::{CIPHERS, CURVES, Support};
use super::field::{Done, Field, set};
use super::table::{Known, Standing, known};
use crate::conf::language::Value;
use crate::conf::report::{Diagnostic, Severity};
use crate::conf::settings::{Certificate, HandshakeFirst, Placed, Tls, TlsVersion};

use Standing::{Missing, Obeyed, Refused};

/// How long `handshake_first: auto` waits for the client to begin, as in nats-server.
const AUTO_WAIT: Duration = Duration::from_millis(50);
/// The letters of a SHA-256 in hexadecimal digits.
const PIN_LEN: usize = 64;

const STORE: &str = "certificate stores are a matter of Windows";
const STORE_HELP: &str = "name files: cert_file and key_file";

const KEYS: &[Known<Raw>] = known! {
    "cert_file" => Obeyed(|field, it| set(&mut it.cert_file, path(field)));
    "key_file" => Obeyed(|field, it| set(&mut it.key_file, path(field)));
    "certs" / "certificates" => Obeyed(certificates);
    "ca_file" => Obeyed(|field, it| set(&mut it.tls.ca_file, path(field)));
    "verify" => Obeyed(|field, it| set(&mut it.tls.verify, field.boolean()));
    "verify_and_map" => Obeyed(|field, it| set(&mut it.tls.verify_and_map, field.boolean()));
    "verify_cert_and_check_known_urls" => Obeyed(|field, _| {
        field.boolean()?;
        Err(field.error("verify_cert_and_check_known_urls is for routes and gateways"))
    });
    "insecure" => Obeyed(insecure);
    "timeout" => Obeyed(|field, it| set(&mut it.tls.timeout, field.seconds()));
    "min_version" => Obeyed(|field, it| set(&mut it.tls.min_version, version(field).map(Some)));
    "cipher_suites" => Obeyed(|field, it| set(&mut it.ciphers, names(field, "a cipher suite")));
    "allow_insecure_cipher_suites" =>
        Obeyed(|field, it| set(&mut it.is_insecure_allowed, field.boolean()));
    "curve_preferences" => Obeyed(curves);
    "pinned_certs" => Obeyed(pinned_certs);
    "connection_rate_limit" =>
        Obeyed(|field, it| set(&mut it.tls.connection_rate_limit, field.count()));
    "handshake_first" / "first" / "immediate" =>
        Obeyed(|field, it| set(&mut it.tls.handshake_first, handshake_first(field)));
    "ocsp_peer" => Refused(
        "this version does not ask whether certificates are revoked", "revoked ones would be let in");
    "cert_store" => Refused(STORE, STORE_HELP);
    "cert_match" => Missing(STORE, STORE_HELP);
    "cert_match_by" => Missing(STORE, STORE_HELP);
    "ca_certs_match" => Missing(STORE, STORE_HELP);
    "cert_match_skip_invalid" => Missing(STORE, STORE_HELP);
};

const CERTIFICATE_KEYS: &[Known<Pair>] = known! {
    "cert_file" => Obeyed(|field, it| set(&mut it.cert_file, path(field)));
    "key_file" => Obeyed(|field, it| set(&mut it.key_file, path(field)));
};

/// A path with its place.
type File = Option<Placed<PathBuf>>;

/// A block as far as it is read.
#[derive(Default)]
struct Raw {
    tls: Tls,
    cert_file: File,
    key_file: File,
    ciphers: Vec<Placed<String>>,
    is_insecure_allowed: bool,
}

/// An entry of `certs` as far as it is read.
#[derive(Default)]
struct Pair {
    cert_file: File,
    key_file: File,
}

/// The block; nothing if it is empty.
pub(crate) fn tls(field: &mut Field<'_>) -> Result<Option<Tls>, Diagnostic> {
    let map = field.map()?;
    if map.is_empty() {
        return Err(field
            .error("this asks for TLS and names no certificate")
            .help("name cert_file and key_file, or take the block out"));
    }
    let mut raw = Raw::default();
    field.read_map(&map, "tls", KEYS, &mut raw);
    raw.tls.ciphers = ciphers(field, &raw)?;
    let missing = match (raw.cert_file, raw.key_file) {
        (Some(_), _) if !raw.tls.certificates.is_empty() => {
            return Err(field.error("cert_file and certs cannot be combined"));
        }
        (Some(cert_file), Some(key_file)) => {
            raw.tls.certificates.push(Certificate {
                cert_file,
                key_file,
            });
            None
        }
        (Some(_), None) => Some("key_file"),
        (None, Some(_)) => Some("cert_file"),
        (None, None) if raw.tls.certificates.is_empty() => Some("cert_file and key_file"),
        (None, None) => None,
    };
    match missing {
        Some(missing) => Err(field
            .error(format!("tls needs {missing}"))
            .help("a certificate and its key, both as PEM files")),
        None => Ok(Some(raw.tls)),
    }
}

fn path(field: &mut Field<'_>) -> Result<File, Diagnostic> {
    Ok(field.some_path()?.map(|path| field.placed(path)))
}

fn certificates(field: &mut Field<'_>, it: &mut Raw) -> Done {
    for node in field.array("certificates, {cert_file, key_file}")?.iter() {
        let mut item = field.at("a certificate", node);
        let map = item.map()?;
        let mut pair = Pair::default();
        item.read_map(&map, "a certificate", CERTIFICATE_KEYS, &mut pair);
        let (Some(cert_file), Some(key_file)) = (pair.cert_file, pair.key_file) else {
            return Err(item.error("a certificate needs cert_file and key_file"));
        };
        it.tls.certificates.push(Certificate {
            cert_file,
            key_file,
        });
    }
    Ok(())
}

/// Means something for those who connect, not for those who are connected to.
fn insecure(field: &mut Field<'_>, _: &mut Raw) -> Done {
    if field.boolean()? {
        let text = "insecure is for links to other servers; clients are not affected";
        let notice = field.error(text).as_severity(Severity::Notice);
        field.diagnostics.push(notice);
    }
    Ok(())
}

fn version(field: &mut Field<'_>) -> Result<TlsVersion, Diagnostic> {
    let known = "write min_version: \"1.2\" or min_version: \"1.3\"";
    let text = match &field.node.value {
        Value::Float(_) => return Err(field.wrong("a text").help(known)),
        _ => field.text()?,
    };
    match text.as_str() {
        "1.2" => Ok(TlsVersion::V1_2),
        "1.3" => Ok(TlsVersion::V1_3),
        _ => {
            let text = format!("TLS version {text:?} is not spoken");
            Err(field.error(text).help(known))
        }
    }
}

/// An array of texts with something in it.
fn names(field: &mut Field<'_>, what: &str) -> Result<Vec<Placed<String>>, Diagnostic> {
    field.array("texts")?;
    let names = field.texts(what)?;
    if names.is_empty() {
        return Err(field.error(format!("{} cannot be empty", field.key)));
    }
    Ok(names)
}

/// The suites that are there; those that are not are said.
fn ciphers(field: &mut Field<'_>, raw: &Raw) -> Result<Option<Vec<&'static str>>, Diagnostic> {
    let mut known = Vec::new();
    for name in &raw.ciphers {
        let say = |text: String| Diagnostic::error(name.span, text);
        match CIPHERS.iter().find(|(cipher, _)| *cipher == name.value) {
            None => return Err(say(format!("there is no cipher suite {:?}", name.value))),
            Some((_, Support::Insecure)) if !raw.is_insecure_allowed => {
                return Err(say(format!("cipher suite {} is insecure", name.value)).help(
                    "nats-server takes it with allow_insecure_cipher_suites; this server never has it",
                ));
            }
            Some((cipher, Support::Full)) => known.push(*cipher),
            Some(_) => field.diagnostics.push(
                say(format!(
                    "cipher suite {} is left out: not supported",
                    name.value
                ))
                .as_severity(Severity::Notice)
                .help("the suites with GCM or CHACHA20_POLY1305 and ECDHE are there"),
            ),
        }
    }
    match (raw.ciphers.first(), known.is_empty()) {
        (Some(first), true) => Err(Diagnostic::error(first.span, "no cipher suite is left")),
        (Some(_), false) => {
            // As in Go, whose list is about TLS 1.2 alone: those of 1.3 are there in any case.
            let is_newest = |name: &&str| !name.contains("_ECDHE_");
            if !known.iter().any(is_newest) {
                let all = CIPHERS
                    .iter()
                    .filter(|(_, support)| matches!(support, Support::Full));
                known.extend(all.map(|(name, _)| *name).filter(is_newest));
            }
            Ok(Some(known))
        }
        (None, _) => Ok(None),
    }
}

fn curves(field: &mut Field<'_>, it: &mut Raw) -> Done {
    let mut known = Vec::new();
    let names = names(field, "a curve")?;
    for name in &names {
        let say = |text: String| Diagnostic::error(name.span, text);
        match CURVES.iter().find(|(curve, _)| *curve == name.value) {
            None => {
                let all = CURVES.map(|(curve, _)| curve).join(", ");
                let text = format!("there is no curve {:?}", name.value);
                return Err(say(text).help(format!("there are {all}")));
            }
            Some((curve, Support::Full)) => known.push(*curve),
            Some(_) => field.diagnostics.push(
                say(format!("curve {} is left out: not supported", name.value))
                    .as_severity(Severity::Notice),
            ),
        }
    }
    if known.is_empty() {
        return Err(field.error("no curve is left"));
    }
    it.tls.curves = Some(known);
    Ok(())
}

fn pinned_certs(field: &mut Field<'_>, it: &mut Raw) -> Done {
    field.array("SHA-256 digests in hexadecimal digits")?;
    let mut pins = Vec::new();
    for pin in field.texts("a digest")? {
        let is_digest = pin.len() == PIN_LEN && pin.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest {
            let text = format!("{:?} is no SHA-256 in hexadecimal digits", pin.value);
            return Err(Diagnostic::error(pin.span, text).help(
                "it is taken of the key: openssl x509 -noout -pubkey -in FILE | openssl pkey -pubin -outform DER | sha256sum",
            ));
        }
        pins.push(pin.to_lowercase());
    }
    it.tls.pinned_certs = (!pins.is_empty()).then_some(pins);
    Ok(())
}

fn handshake_first(field: &mut Field<'_>) -> Result<HandshakeFirst, Diagnostic> {
    let text = match &field.node.value {
        Value::Bool(true) => return Ok(HandshakeFirst::Yes),
        Value::Bool(false) => return Ok(HandshakeFirst::No),
        Value::Text(text) => text.to_lowercase(),
        _ => return Err(field.wrong("true, false, \"auto\" or a duration")),
    };
    Ok(match text.as_str() {
        "true" | "on" => HandshakeFirst::Yes,
        "false" | "off" => HandshakeFirst::No,
        "auto" | "auto_fallback" => HandshakeFirst::Wait(AUTO_WAIT),
        _ => match field.text_duration()? {
            Duration::ZERO => HandshakeFirst::Yes,
            wait => HandshakeFirst::Wait(wait),
        },
    })
}
