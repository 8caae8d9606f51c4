//! The flags, laid above what the file says: at the start, and again at every reload.

use crate::conf::{Address, Authorization, Certificate, Placed, Secret, Settings};

use crate::program::flags::Flags;

/// Flags win over the file.
pub(super) fn lay_above(settings: &mut Settings, flags: &Flags, errors: &mut Vec<String>) {
    let over = |slot: &mut Option<bool>, name, is_given| {
        *slot = flags.switch(name, is_given).or(*slot);
    };
    over(&mut settings.debug, "debug", flags.debug);
    over(&mut settings.trace, "trace", flags.trace);
    over(&mut settings.logtime, "logtime", flags.logtime);
    over(&mut settings.logtime_utc, "logtime_utc", flags.logtime_utc);
    let watching = &mut settings.monitoring;
    over(
        &mut watching.demand_user,
        "monitor_user",
        flags.monitor_user,
    );
    over(&mut watching.traffic, "traffic", flags.traffic);
    set(&mut settings.host, &flags.addr);
    set(&mut settings.server_name, &flags.name);
    let advertised = flags.client_advertise.clone().map(Placed::nowhere);
    set(&mut settings.client_advertise, &advertised);
    set(&mut settings.log_file, &flags.log);
    set(&mut settings.pid_file, &flags.pid);
    set(&mut settings.ports_file_dir, &flags.ports_file_dir);
    if let Some(port) = flags.port.filter(|port| *port != 0) {
        settings.port = Some(u16::try_from(port).unwrap_or(0));
    }
    if let Some(limit) = flags.log_size_limit {
        settings.log_size_limit = u64::try_from(limit).ok().filter(|limit| *limit > 0);
    }
    for (place, flag) in [
        (&mut settings.http, flags.http_port),
        (&mut settings.https, flags.https_port),
    ] {
        if let Some(port) = flag {
            let port = (port != 0).then(|| u16::try_from(port).unwrap_or(0));
            *place = port.map(|port| Address { host: None, port });
        }
    }
    if let Some(len) = flags.max_traced_msg_len {
        settings.max_traced_msg_len = usize::try_from(len).ok().filter(|len| *len > 0);
    }
    if flags.name.as_deref().is_some_and(|name| name.contains(' ')) {
        errors.push("server name cannot contain spaces".to_owned());
    }
    errors.extend(login(settings, flags));
    errors.extend(encryption(settings, flags));
    errors.extend(monitoring(settings, flags));
}

fn set<T: Clone>(place: &mut Option<T>, flag: &Option<T>) {
    if flag.is_some() {
        place.clone_from(flag);
    }
}

/// `--user`, `--pass` and `--auth`: each takes the place of what the file says of the same; they
/// stand beside nothing that would leave it open who is let in.
fn login(settings: &mut Settings, flags: &Flags) -> Option<String> {
    let given = |flag: &Option<String>| flag.clone().filter(|text| !text.is_empty());
    let (user, password, token) = (given(&flags.user), given(&flags.pass), given(&flags.auth));
    let (is_user, is_token) = (user.is_some() || password.is_some(), token.is_some());
    if !is_user && !is_token {
        return None;
    }
    if is_user && is_token {
        return Some("--auth cannot be combined with --user and --pass".to_owned());
    }
    let block = settings
        .authorization
        .get_or_insert_with(Authorization::default);
    if !block.users.is_empty() {
        let text = "--user, --pass and --auth cannot be combined with the users of the file";
        return Some(text.to_owned());
    }
    set(&mut block.user, &user);
    set(&mut block.password, &password.map(Secret));
    set(&mut block.token, &token.map(Secret));
    let single = block.user.as_ref().filter(|_| block.token.is_some());
    single.map(|user| {
        format!("a token cannot be combined with the user {user:?}: one is in the file")
    })
}

/// `--tls…`: any of them has the certificate come from the flags, with its key; `--tls=false` takes
/// back what the file says. What flags have no name for stays as the file has it.
fn encryption(settings: &mut Settings, flags: &Flags) -> Option<String> {
    let verify = flags.switch("tlsverify", flags.tlsverify);
    let is_named = verify.is_some()
        || [&flags.tlscert, &flags.tlskey, &flags.tlscacert]
            .iter()
            .any(|it| it.is_some());
    match flags.switch("tls", flags.tls) {
        Some(false) => {
            settings.tls = None;
            return None;
        }
        None if !is_named => return None,
        _ => {}
    }
    let Some(cert_file) = flags.tlscert.clone().map(Placed::nowhere) else {
        return Some("--tls needs --tlscert, a file with the server's certificate".to_owned());
    };
    let Some(key_file) = flags.tlskey.clone().map(Placed::nowhere) else {
        return Some("--tls needs --tlskey, a file with the key of the certificate".to_owned());
    };
    let tls = settings.tls.get_or_insert_default();
    tls.certificates = vec![Certificate {
        cert_file,
        key_file,
    }];
    tls.ca_file = flags.tlscacert.clone().map(Placed::nowhere);
    tls.verify = verify.unwrap_or(false);
    None
}

/// Pages are served in one way, and over HTTPS with the certificate of the server.
fn monitoring(settings: &Settings, flags: &Flags) -> Option<String> {
    settings.https.as_ref()?;
    let is_asked = flags.http_port.is_some() || flags.https_port.is_some();
    if settings.http.is_some() && is_asked {
        return Some("monitoring is served over HTTP or over HTTPS, not both".to_owned());
    }
    let text =
        "https_port needs a certificate: tls { cert_file, key_file }, or --tlscert and --tlskey";
    settings.tls.is_none().then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conf::TlsVersion;
    use crate::program::flags::parsed;

    /// User, password and token; or what speaks against them.
    #[track_caller]
    fn check(file: &[(&str, &str)], line: &str, expected: &str) {
        let block = file
            .iter()
            .fold(Authorization::default(), |mut block, (key, value)| {
                let value = (*value).to_owned();
                match *key {
                    "user" => block.user = Some(value),
                    "pass" => block.password = Some(Secret(value)),
                    _ => block.token = Some(Secret(value)),
                }
                block
            });
        let mut settings = Settings {
            authorization: (!file.is_empty()).then_some(block),
            ..Settings::default()
        };
        let mut errors = Vec::new();
        lay_above(&mut settings, &parsed(line).0, &mut errors);
        let block = settings.authorization.unwrap_or_default();
        let secret = |secret: Option<Secret>| secret.unwrap_or_default().0;
        let found = match errors.pop() {
            Some(error) => error,
            None => [
                block.user.unwrap_or_default(),
                secret(block.password),
                secret(block.token),
            ]
            .join("/"),
        };
        assert_eq!(found, expected, "{file:?} {line}");
    }

    #[test]
    fn a_login_of_the_flags_wins() {
        check(&[], "--user a --pass b", "a/b/");
        check(&[], "--auth t", "//t");
        check(&[], "-p 1", "//");
        check(&[("user", "a"), ("pass", "b")], "--pass c", "a/c/");
        check(&[("token", "a")], "--auth b", "//b");
    }

    #[test]
    fn a_login_of_the_flags_stands_alone() {
        let both = "--auth cannot be combined with --user and --pass";
        check(&[], "--user a --auth b", both);
        let mixed = "a token cannot be combined with the user \"a\": one is in the file";
        check(&[("user", "a")], "--auth b", mixed);
        check(&[("token", "t")], "--user a", mixed);
    }

    /// The certificate's file, whether clients need one, or what speaks against the line.
    #[track_caller]
    fn check_encryption(line: &str, expected: &str) {
        let mut settings = Settings::default();
        let mut errors = Vec::new();
        lay_above(&mut settings, &parsed(line).0, &mut errors);
        let found = match (errors.pop(), settings.tls) {
            (Some(error), _) => error,
            (None, None) => "none".to_owned(),
            (None, Some(tls)) => {
                let cert = tls.certificates[0].cert_file.display().to_string();
                format!("{cert} {}", tls.verify)
            }
        };
        assert_eq!(found, expected, "{line}");
    }

    #[test]
    fn the_file_says_which_encryption_is_good_enough() {
        let mut settings = Settings::default();
        let tls = settings.tls.get_or_insert_default();
        tls.min_version = Some(TlsVersion::V1_3);
        lay_above(
            &mut settings,
            &parsed("--tlscert c --tlskey k").0,
            &mut Vec::new(),
        );
        let tls = settings.tls.expect("it stays on");
        assert_eq!(tls.min_version, Some(TlsVersion::V1_3));
        assert_eq!(tls.certificates[0].cert_file.display().to_string(), "c");
    }

    #[test]
    fn the_flags_bring_a_certificate_with_its_key() {
        check_encryption("--tls --tlscert c --tlskey k", "c false");
        check_encryption("--tlsverify --tlscert=c --tlskey=k --tlscacert a", "c true");
        check_encryption("--tls=false --tlscert c", "none");
        check_encryption("-p 1", "none");
        let text = "--tls needs --tlscert, a file with the server's certificate";
        check_encryption("--tls", text);
        check_encryption("--tlsverify", text);
        let text = "--tls needs --tlskey, a file with the key of the certificate";
        check_encryption("--tlscert c", text);
    }
}
