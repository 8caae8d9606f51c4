//! The JSON of INFO and CONNECT: what was read can be written and read again.

use dunlin_protocol::{Connect, Info};

/// What stands behind `INFO` or `CONNECT`.
pub fn info_connect(data: &[u8]) {
    if let Some(info) = Info::from_json(data) {
        let mut text = Vec::new();
        info.write_json(&mut text);
        assert_eq!(Info::from_json(&text), Some(info), "written and read again");
    }
    let mut connect = Connect::default();
    if connect.merge_json(data).is_ok() {
        let mut text = Vec::new();
        connect.write_json(&mut text);
        let mut again = Connect::default();
        again
            .merge_json(&text)
            .expect("what was written is an object");
        assert!(
            again == connect,
            "written and read again: {again:?} of {connect:?}"
        );
    }
}
