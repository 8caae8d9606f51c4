//! The servers a client may go to: those it was told of and those that servers told it of.
//!
//! In: addresses, what became of an attempt. Out: whom to try next.

use std::collections::VecDeque;

use crate::address::ServerAddr;
use crate::ids::Random;

#[derive(Debug)]
pub(crate) struct Pool {
    /// The next to try in front.
    servers: VecDeque<Server>,
    /// Whose credentials a discovered server gets.
    first: Option<ServerAddr>,
    /// Whether discovered servers are mixed in.
    is_random: bool,
}

#[derive(Debug)]
struct Server {
    addr: ServerAddr,
    is_discovered: bool,
    /// Attempts in a row that ended with refused credentials.
    refusals: u32,
}

impl Pool {
    pub(crate) fn new(mut addrs: Vec<ServerAddr>, is_random: bool, random: &Random) -> Self {
        let first = addrs.first().cloned();
        if is_random {
            random.shuffle(&mut addrs);
        }
        let servers = addrs.into_iter().map(|addr| Server {
            addr,
            is_discovered: false,
            refusals: 0,
        });
        Self {
            servers: servers.collect(),
            first,
            is_random,
        }
    }

    /// Whom to try next; goes round for ever. None if nobody is left.
    pub(crate) fn next(&mut self) -> Option<ServerAddr> {
        let server = self.servers.pop_front()?;
        let addr = server.addr.clone();
        self.servers.push_back(server);
        Some(addr)
    }

    /// The attempt with `addr` succeeded.
    pub(crate) fn succeeded(&mut self, addr: &ServerAddr) {
        if let Some(server) = self.find(addr) {
            server.refusals = 0;
        }
    }

    /// `addr` refused the credentials; after the second time in a row it is not tried again.
    pub(crate) fn refused(&mut self, addr: &ServerAddr) {
        if let Some(server) = self.find(addr) {
            server.refusals += 1;
        }
        self.servers.retain(|server| server.refusals < REFUSALS_MAX);
    }

    /// Takes over what a server says of its peers: `urls` replaces what was said before.
    ///
    /// No more than `DISCOVERED_MAX` are kept, and what is no address is passed over.
    pub(crate) fn discovered(&mut self, urls: &[String], random: &Random) {
        let Some(first) = &self.first else {
            return; // The client was given a stream: there is nowhere else to go.
        };
        let mut addrs: Vec<ServerAddr> = Vec::new();
        for addr in urls
            .iter()
            .take(DISCOVERED_MAX)
            .filter_map(|url| url.parse::<ServerAddr>().ok())
        {
            addrs.push(addr.told_by(first));
        }
        let is_named = |server: &Server| addrs.iter().any(|addr| addr.is_same_place(&server.addr));
        self.servers
            .retain(|server| !server.is_discovered || is_named(server));
        for addr in addrs {
            if self.find(&addr).is_none() {
                let place = match self.is_random {
                    true => random.below(self.servers.len() + 1),
                    false => self.servers.len(),
                };
                let server = Server {
                    addr,
                    is_discovered: true,
                    refusals: 0,
                };
                self.servers.insert(place, server);
            }
        }
    }

    /// All but `addr`, in the order in which they would be tried.
    pub(crate) fn others(&self, addr: &ServerAddr) -> Vec<ServerAddr> {
        let others = self.servers.iter().map(|server| &server.addr);
        let others = others.filter(|other| !other.is_same_place(addr));
        others.cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    fn find(&mut self, addr: &ServerAddr) -> Option<&mut Server> {
        self.servers
            .iter_mut()
            .find(|server| server.addr.is_same_place(addr))
    }
}

/// As the Go client does: the same answer twice will not become another.
const REFUSALS_MAX: u32 = 2;
/// How many servers a server may name. A guess: no cluster comes near it.
const DISCOVERED_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(addrs: &[&str]) -> Pool {
        let addrs = addrs.iter().map(|addr| addr.parse().unwrap()).collect();
        Pool::new(addrs, false, &Random::default())
    }

    fn hosts(pool: &Pool) -> Vec<&str> {
        pool.servers
            .iter()
            .map(|server| server.addr.host())
            .collect()
    }

    #[test]
    fn servers_take_turns() {
        let mut pool = pool(&["a", "b"]);
        let hosts: Vec<_> = (0..3)
            .map(|_| pool.next().unwrap().host().to_owned())
            .collect();
        assert_eq!(hosts, ["a", "b", "a"]);
    }

    #[test]
    fn the_latest_list_of_peers_holds_and_costs_no_explicit_server() {
        let (mut pool, random) = (pool(&["nats://u:p@a", "b"]), Random::default());
        let urls = |names: &[&str]| {
            names
                .iter()
                .map(|&name| name.to_owned())
                .collect::<Vec<_>>()
        };
        pool.discovered(&urls(&["a:4222", "c:1", "rub bish", "d:1"]), &random);
        assert_eq!(hosts(&pool), ["a", "b", "c", "d"]);
        assert_eq!(pool.servers[2].addr.user(), Some("u"));
        pool.discovered(&urls(&["d:1"]), &random);
        assert_eq!(hosts(&pool), ["a", "b", "d"]);
        let many: Vec<_> = (0..10_000).map(|n| format!("h{n}:1")).collect();
        pool.discovered(&many, &random);
        assert_eq!(pool.len(), 2 + DISCOVERED_MAX);
    }

    #[test]
    fn a_server_that_refuses_twice_is_not_tried_again() {
        let mut pool = pool(&["a"]);
        let addr = pool.next().unwrap();
        pool.refused(&addr);
        pool.succeeded(&addr);
        pool.refused(&addr);
        assert_eq!(pool.len(), 1);
        pool.refused(&addr);
        assert_eq!((pool.len(), pool.next()), (0, None));
    }
}
