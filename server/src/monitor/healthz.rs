//! `/healthz`: whether the server takes connections.

use serde::Serialize;

use super::Monitor;

#[derive(Debug, Serialize)]
pub(crate) struct Healthz {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
}

impl Healthz {
    pub(crate) fn is_ok(&self) -> bool {
        self.error.is_none()
    }
}

impl Monitor {
    /// A server that answers takes connections: the port of this page opens after the others and
    /// closes with them.
    pub(crate) fn healthz(&self) -> Healthz {
        Healthz {
            status: "ok",
            error: None,
        }
    }
}
