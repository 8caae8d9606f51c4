//! Which process listens on a port, where the system tells (Linux, and only of processes that we
//! may look into).

use std::fs;
use std::path::Path;

/// The state of a listening socket in `/proc/net/tcp`.
const LISTENING: &str = "0A";

/// The process that listens on TCP `port`: its number and name.
pub(crate) fn of_port(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|path| {
            let table = fs::read_to_string(path).ok()?;
            listening_inode(&table, port).map(str::to_owned)
        })?;
    let link = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?;
    processes
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok())
        .find_map(|process| holds(&process.path(), &link).then(|| describe(&process.path())))
}

/// The inode of the socket that listens on `port`, from a table like
/// `sl local_address rem_address st … inode`: addresses are `HEXADDRESS:HEXPORT`.
fn listening_inode(table: &str, port: u16) -> Option<&str> {
    let port = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1)?.ends_with(&port) && *fields.get(3)? == LISTENING;
        is_it.then_some(*fields.get(9)?)
    })
}

fn holds(process: &Path, link: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(process.join("fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .any(|descriptor| fs::read_link(descriptor.path()).is_ok_and(|to| to.as_os_str() == link))
}

fn describe(process: &Path) -> String {
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    let number = process.file_name().unwrap_or_default().to_string_lossy();
    format!("process {number} ({})", name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_listening_socket_is_found_by_its_port() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   \
            uid  timeout inode\n   0: 0100007F:107E 00000000:0000 01 0:0 00:0 0 0 0 11 1\n   \
            1: 00000000:107E 00000000:0000 0A 0:0 00:0 0 0 0 4711 1\n";
        assert_eq!(listening_inode(table, 4222), Some("4711"));
        assert_eq!(listening_inode(table, 4223), None);
    }

    #[test]
    fn a_port_of_our_own_is_held_by_us() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let holder = of_port(listener.local_addr().unwrap().port());
        if cfg!(target_os = "linux") {
            let expected = format!("process {} ", std::process::id());
            let holder = holder.expect("the table names it");
            assert!(holder.starts_with(&expected), "{holder} is not {expected}");
        }
    }
}
