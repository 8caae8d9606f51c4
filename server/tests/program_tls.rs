//! The program encrypts as its file and its flags say, and `-t` looks into the certificates.
#![allow(clippy::unwrap_used)] // A test fails by panicking, in its helpers too.

#[path = "tls/certificates.rs"]
#[allow(dead_code)] // Not every test asks everything.
mod certificates;
mod program;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use certificates::{Authority, Pair};
use program::{Folder, Running, check, run, text};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A folder with `a.conf`, the authority's certificate and the server's, and its key.
fn folder(authority: &Authority, config: &str) -> Folder {
    let folder = Folder::with("");
    let pair = authority.server(&["localhost"]);
    fs::write(folder.path("ca.pem"), authority.pem()).unwrap();
    fs::write(folder.path("cert.pem"), &pair.cert).unwrap();
    fs::write(folder.path("key.pem"), &pair.key).unwrap();
    let place = folder.path("").display().to_string();
    let config = format!("listen: \"127.0.0.1:-1\"\n{config}").replace("DIR/", &place);
    fs::write(folder.path("a.conf"), config).unwrap();
    folder
}

const TLS: &str = "cert_file: \"DIR/cert.pem\", key_file: \"DIR/key.pem\"";

/// What the server says to CONNECT and PING after the handshake, and INFO before it.
fn greet(address: &str, authority: &Authority, shown: Option<&Pair>) -> (String, String) {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap())
        .unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(pair) => {
            let chain = vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(program::PATIENCE)).unwrap();
    let mut info = String::new();
    let mut reader = BufReader::new(&stream);
    reader.read_line(&mut info).unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(tls, &stream);
    let _ = stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n");
    let mut said = String::new();
    let _ = BufReader::new(stream).read_line(&mut said);
    (info, said)
}

#[test]
fn a_file_with_a_tls_block_demands_encryption() {
    let authority = Authority::new();
    let folder = folder(&authority, &format!("tls {{ {TLS} }}"));
    let server = Running::start(&["-c", &folder.config()]);
    let lines = server.until("TLS required for client connections");
    let address = lines
        .iter()
        .find_map(|line| line.split_once("connections on "));
    let (info, said) = greet(address.unwrap().1, &authority, None);
    assert!(info.contains("\"tls_required\":true"), "{info}");
    assert_eq!(said, "PONG\r\n");
}

#[test]
fn a_file_may_let_the_certificate_say_who_somebody_is() {
    let authority = Authority::new();
    let config = format!(
        "tls {{ {TLS}, ca_file: \"DIR/ca.pem\", verify_and_map: true, timeout: 5 }}\n\
         authorization {{ users: [ {{user: me.example}} ] }}"
    );
    let folder = folder(&authority, &config);
    let server = Running::start(&["-c", &folder.config()]);
    let address = server.address();
    let name = |name: &str| {
        let name = rcgen::SanType::DnsName(name.try_into().unwrap());
        authority.client(vec![name], &[])
    };
    let (info, said) = greet(&address, &authority, Some(&name("me.example")));
    assert!(info.contains("\"tls_verify\":true"), "{info}");
    assert_eq!(said, "PONG\r\n");
    let (_, said) = greet(&address, &authority, Some(&name("you.example")));
    assert_eq!(said, "-ERR 'Authorization Violation'\r\n");
    assert_eq!(greet(&address, &authority, None).1, "");
    server.until("TLS handshake error: ");
}

#[test]
fn the_flags_bring_a_certificate() {
    let authority = Authority::new();
    let folder = folder(&authority, "");
    let file = |name: &str| folder.path(name).display().to_string();
    let (cert, key, ca) = (file("cert.pem"), file("key.pem"), file("ca.pem"));
    let server = Running::start(&[
        "-c",
        &folder.config(),
        "--tlsverify",
        "--tlscert",
        &cert,
        "--tlskey",
        &key,
        "--tlscacert",
        &ca,
    ]);
    let (info, _) = greet(&server.address(), &authority, None);
    assert!(info.contains("\"tls_verify\":true"), "{info}");
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_with_its_place() {
    let authority = Authority::new();
    let folder = folder(&authority, &format!("tls {{\n  {TLS}\n}}"));
    check(&["-c", &folder.config(), "-t"], 0, "is valid");
    fs::write(folder.path("key.pem"), authority.server(&["x"]).key).unwrap();
    let output = run(&["-c", &folder.config(), "-t"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("a.conf:3:"), "{said}");
    assert!(said.contains("is not its key"), "{said}");
    check(&["-c", &folder.config()], 1, "is not its key");
}
