//! Cipher suites and curves by the names that configuration files use.

use rustls::SupportedCipherSuite;
use rustls::crypto::{SupportedKxGroup, ring};

/// The names of the suites that can be used, as IANA lists them.
const NAMES: [&str; 9] = [
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];
/// In the names of suites that the reference server knows and nobody should use.
const WEAK: [&str; 3] = ["_CBC_", "_RC4_", "TLS_RSA_WITH_"];
/// The names of the curves that can be used, as Go has them.
const CURVES: &str = "X25519, CurveP256, CurveP384";

/// The suite called `name`.
///
/// # Errors
///
/// What is said of a name that cannot be used.
pub(super) fn suite(name: &str) -> Result<SupportedCipherSuite, String> {
    let upper = name.to_uppercase();
    // Go has shorter names for two suites of TLS 1.2, and so had its first configuration files.
    let full = match upper.ends_with("_CHACHA20_POLY1305") {
        true => format!("{upper}_SHA256"),
        false => upper.clone(),
    };
    let mut all = ring::ALL_CIPHER_SUITES.iter();
    if let Some(suite) = all.find(|suite| self::name(**suite) == full) {
        return Ok(*suite);
    }
    let why = match WEAK.iter().any(|weak| upper.contains(weak)) {
        true => "is too weak to be offered",
        false => "is not known",
    };
    let known = NAMES.join(", ");
    Err(format!("cipher suite \"{name}\" {why}; there are {known}"))
}

/// The name of a suite at IANA.
pub(super) fn name(suite: SupportedCipherSuite) -> &'static str {
    let own = suite.suite().as_str().unwrap_or_default();
    let end = own.strip_prefix("TLS13_").unwrap_or(own);
    let is_it = |name: &&str| *name == own || name.strip_prefix("TLS_") == Some(end);
    NAMES.into_iter().find(is_it).unwrap_or_default()
}

/// The curve called `name`, in Go or at IANA.
///
/// # Errors
///
/// What is said of a name that cannot be used.
pub(super) fn curve(name: &str) -> Result<&'static dyn SupportedKxGroup, String> {
    match name.to_lowercase().as_str() {
        "x25519" => Ok(ring::kx_group::X25519),
        "curvep256" | "secp256r1" => Ok(ring::kx_group::SECP256R1),
        "curvep384" | "secp384r1" => Ok(ring::kx_group::SECP384R1),
        _ => Err(format!("curve \"{name}\" is not known; there are {CURVES}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_that_is_there_has_a_name_and_is_found_by_it() {
        assert_eq!(ring::ALL_CIPHER_SUITES.len(), NAMES.len());
        for name in NAMES {
            assert_eq!(self::name(suite(name).unwrap()), name);
        }
        let go = "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305";
        assert_eq!(self::name(suite(go).unwrap()), format!("{go}_SHA256"));
    }

    #[test]
    fn a_suite_that_is_not_there_is_told_with_those_that_are() {
        let error = suite("TLS_RSA_WITH_AES_128_GCM_SHA256").unwrap_err();
        assert!(
            error.contains("too weak") && error.contains(NAMES[0]),
            "{error}"
        );
        assert!(suite("X").unwrap_err().contains("not known"));
        assert!(curve("CurveP521").unwrap_err().contains("CurveP384"));
    }
}
