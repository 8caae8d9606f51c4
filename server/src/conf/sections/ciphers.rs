//! The names of cipher suites and curves that a file may hold, as nats-server knows them.

/// What becomes of a name.
pub(crate) enum Support {
    /// It is used.
    Full,
    /// nats-server has it, this server does not.
    None,
    /// The same, and nats-server takes it only when told twice.
    Insecure,
}

use Support::{Full, Insecure};

/// Every suite that nats-server has a name for.
pub(crate) const CIPHERS: [(&str, Support); 25] = [
    ("TLS_AES_128_GCM_SHA256", Full),
    ("TLS_AES_256_GCM_SHA384", Full),
    ("TLS_CHACHA20_POLY1305_SHA256", Full),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Full),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Full),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Full),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Full),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Full),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Full),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Support::None),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Support::None),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Support::None),
    ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Support::None),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", Insecure),
    ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", Insecure),
    ("TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", Insecure),
    ("TLS_ECDHE_RSA_WITH_RC4_128_SHA", Insecure),
    ("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", Insecure),
    ("TLS_RSA_WITH_3DES_EDE_CBC_SHA", Insecure),
    ("TLS_RSA_WITH_AES_128_CBC_SHA", Insecure),
    ("TLS_RSA_WITH_AES_128_CBC_SHA256", Insecure),
    ("TLS_RSA_WITH_AES_128_GCM_SHA256", Insecure),
    ("TLS_RSA_WITH_AES_256_CBC_SHA", Insecure),
    ("TLS_RSA_WITH_AES_256_GCM_SHA384", Insecure),
    ("TLS_RSA_WITH_RC4_128_SHA", Insecure),
];

/// Every curve that nats-server has a name for.
pub(crate) const CURVES: [(&str, Support); 5] = [
    ("X25519", Full),
    ("X25519MLKEM768", Support::None),
    ("CurveP256", Full),
    ("CurveP384", Full),
    ("CurveP521", Support::None),
];
