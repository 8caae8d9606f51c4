//! The addresses of this machine.
//!
//! On Linux all of them, as the kernel lists them; elsewhere the loopback one, and the one that
//! others see.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Addresses that are for documents: nothing is sent to them, they only ask which of our own
/// addresses would be used. Source: RFC 5737, RFC 3849.
const FAR_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const FAR_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

/// The addresses under which a socket on every address is reached, the loopback one first; those of
/// IPv6 with `is_v6` alone.
pub(super) fn own(is_v6: bool) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()];
    let mut add = |address: IpAddr| {
        if !all.contains(&address) {
            all.push(address);
        }
    };
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    v4(&read("/proc/net/fib_trie")).for_each(&mut add);
    seen(Ipv4Addr::UNSPECIFIED.into(), FAR_V4).map(&mut add);
    if is_v6 {
        add(Ipv6Addr::LOCALHOST.into());
        v6(&read("/proc/net/if_inet6")).for_each(&mut add);
        seen(Ipv6Addr::UNSPECIFIED.into(), FAR_V6).map(&mut add);
    }
    all
}

/// Our address on the way to `far`; nothing is sent.
fn seen(any: IpAddr, far: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((far, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

/// What the kernel's routes say is here.
///
/// ```text
///            |-- 192.0.2.2
///               /32 host LOCAL
/// ```
fn v4(table: &str) -> impl Iterator<Item = IpAddr> + '_ {
    let lines = table.lines().map(str::trim);
    lines.clone().zip(lines.skip(1)).filter_map(|(leaf, kind)| {
        let address = leaf.strip_prefix("|-- ")?;
        (kind == "/32 host LOCAL").then_some(())?;
        address.parse().ok()
    })
}

/// ```text
/// fd000000000000000000000000000002 02 40 00 80     eth0
/// ```
fn v6(table: &str) -> impl Iterator<Item = IpAddr> + '_ {
    table.lines().filter_map(|line| {
        let digits = line.split(' ').next()?;
        let bits = u128::from_str_radix(digits, 16).ok()?;
        Some(Ipv6Addr::from_bits(bits).into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: impl Iterator<Item = IpAddr>, expected: &str) {
        let found: Vec<String> = found.map(|address| address.to_string()).collect();
        assert_eq!(found.join(" "), expected);
    }

    #[test]
    fn the_kernel_lists_addresses() {
        let table = "Main:\n  |-- 127.0.0.1\n     /32 host LOCAL\n  |-- 127.0.0.0\n     /8 host LOCAL\n  \
                     |-- 192.0.2.255\n     /32 link BROADCAST\n  |-- 192.0.2.2\n     /32 host LOCAL\n";
        check(v4(table), "127.0.0.1 192.0.2.2");
        let table = "fd000000000000000000000000000002 02 40 00 80     eth0\n\
                     00000000000000000000000000000001 01 80 10 80       lo\n";
        check(v6(table), "fd00::2 ::1");
        check(v6("nothing of the kind"), "");
    }

    #[test]
    fn the_loopback_address_comes_first() {
        for is_v6 in [false, true] {
            let all = own(is_v6);
            assert_eq!(all[0], Ipv4Addr::LOCALHOST);
            assert!(all.iter().all(|address| !address.is_unspecified()));
            assert_eq!(all.contains(&Ipv6Addr::LOCALHOST.into()), is_v6);
        }
    }
}
