//! What holds for everybody at a time: settings, who may connect, and INFO.

use dunlin_protocol::Info;

use super::{Encryption, Settings, Way};
use crate::link::Origin;
use crate::peer::{Access, ConnectionType};

/// One state of what can change while the server runs.
pub(crate) struct Terms {
    pub(crate) settings: Settings,
    pub(crate) access: Access,
    /// Where WebSockets have rules of their own.
    pub(crate) websocket_access: Option<Access>,
    /// Connections with a higher number have no room any more; none: all have.
    pub(crate) room_up_to: Option<u64>,
    /// INFO as everybody gets it, but for what concerns one way in or one connection.
    pub(crate) info: Info,
}

impl Terms {
    /// What holds where nobody asked for anything.
    #[cfg(any(feature = "bench", feature = "sim", test))]
    pub(crate) fn plain() -> Self {
        Self {
            settings: Settings {
                limits: dunlin_protocol::Limits::default(),
                ping_interval: std::time::Duration::ZERO,
                ping_max: 2,
                http_port: None,
                lag: crate::link::Lag::default(),
                lag_rules: std::sync::Arc::default(),
            },
            access: Access::default(),
            websocket_access: None,
            room_up_to: None,
            info: Info::default(),
        }
    }

    /// Who may connect by this way.
    pub(super) fn access(&self, way: &Way) -> &Access {
        match (&self.websocket_access, way.kind) {
            (Some(own), ConnectionType::Websocket) => own,
            _ => &self.access,
        }
    }

    /// INFO for one connection.
    pub(super) fn info_for(&self, way: &Way, id: u64, origin: &Origin) -> Box<Info> {
        let access = self.access(way);
        let client_ip = origin.address.map(|address| address.ip().to_string());
        Box::new(Info {
            client_id: id,
            client_ip: client_ip.unwrap_or_default(),
            host: way.host.clone(),
            port: way.port,
            auth_required: access.is_required() && !access.has_guest(),
            tls_required: way.encryption == Encryption::Required,
            tls_available: way.encryption == Encryption::Available,
            tls_verify: way.is_verified,
            ..self.info.clone()
        })
    }
}
