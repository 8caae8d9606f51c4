//! The pages of what links servers to each other, and of storage: they exist, and say that there is
//! nothing, since tools ask for them.

use std::time::Instant;

use serde::Serialize;

use super::Monitor;
use super::process::resident_bytes;
use super::varz::Nothing;

/// `/routez`
#[derive(Debug, Serialize)]
pub(crate) struct Routez {
    server_id: String,
    server_name: String,
    now: String,
    num_routes: u64,
    routes: [Nothing; 0],
}

/// `/gatewayz`
#[derive(Debug, Serialize)]
pub(crate) struct Gatewayz {
    server_id: String,
    now: String,
    outbound_gateways: Nothing,
    inbound_gateways: Nothing,
}

/// `/leafz`
#[derive(Debug, Serialize)]
pub(crate) struct Leafz {
    server_id: String,
    now: String,
    leafnodes: u64,
    leafs: [Nothing; 0],
}

/// `/jsz`
#[derive(Debug, Serialize)]
pub(crate) struct Jsz {
    memory: u64,
    storage: u64,
    reserved_memory: u64,
    reserved_storage: u64,
    accounts: u64,
    ha_assets: u64,
    api: JszApi,
    server_id: String,
    now: String,
    disabled: bool,
    config: JszConfig,
    streams: u64,
    consumers: u64,
    messages: u64,
    bytes: u64,
    total: u64,
}

#[derive(Debug, Default, Serialize)]
struct JszApi {
    level: u64,
    total: u64,
    errors: u64,
}

#[derive(Debug, Default, Serialize)]
struct JszConfig {
    max_memory: u64,
    max_storage: u64,
}

/// `/debug/vars`: what a Go program would export.
#[derive(Debug, Serialize)]
pub(crate) struct Variables {
    /// Only the program: its arguments may hold secrets.
    cmdline: Vec<String>,
    memstats: Memory,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Memory {
    sys: u64,
    alloc: u64,
}

impl Monitor {
    pub(crate) fn variables(&self) -> Variables {
        let bytes = resident_bytes();
        Variables {
            cmdline: std::env::args().take(1).collect(),
            memstats: Memory {
                sys: bytes,
                alloc: bytes,
            },
        }
    }

    pub(crate) fn routez(&self, now: Instant) -> Routez {
        let facts = self.facts();
        Routez {
            server_id: facts.server_id.clone(),
            server_name: facts.server_name.clone(),
            now: self.clock.text(now),
            num_routes: 0,
            routes: [],
        }
    }

    pub(crate) fn gatewayz(&self, now: Instant) -> Gatewayz {
        Gatewayz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            outbound_gateways: Nothing {},
            inbound_gateways: Nothing {},
        }
    }

    pub(crate) fn leafz(&self, now: Instant) -> Leafz {
        Leafz {
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            leafnodes: 0,
            leafs: [],
        }
    }

    pub(crate) fn jsz(&self, now: Instant) -> Jsz {
        Jsz {
            memory: 0,
            storage: 0,
            reserved_memory: 0,
            reserved_storage: 0,
            accounts: 0,
            ha_assets: 0,
            api: JszApi::default(),
            server_id: self.facts().server_id.clone(),
            now: self.clock.text(now),
            disabled: true,
            config: JszConfig::default(),
            streams: 0,
            consumers: 0,
            messages: 0,
            bytes: 0,
            total: 0,
        }
    }
}
