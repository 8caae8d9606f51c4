//! Header blocks: what was read can be written and read again, and a map does what a list would.

use dunlin_protocol::HeaderMap;

/// A header block, as it stands behind an `HPUB` line.
pub fn headers(data: &[u8]) {
    let Ok(block) = HeaderMap::decode(data) else {
        return;
    };
    assert!(
        block
            .status
            .is_none_or(|status| (100..1000).contains(&status))
    );
    let mut written = Vec::new();
    block.headers.encode(&mut written);
    assert_eq!(written.len(), block.headers.encoded_len());
    let again = HeaderMap::decode(&written).expect("what was written is a block");
    assert_eq!(again.headers, block.headers, "written and read again");
    agree_with_a_list(block.headers);
}

fn agree_with_a_list(mut map: HeaderMap) {
    let owned = |map: &HeaderMap| -> Vec<(String, String)> {
        let entries = map.iter();
        entries
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    };
    let mut list = owned(&map);
    let names: Vec<String> = list.iter().map(|(name, _)| name.clone()).collect();
    for (turn, name) in names.iter().enumerate() {
        let values = || {
            list.iter()
                .filter(|(known, _)| known == name)
                .map(|(_, value)| &**value)
        };
        assert_eq!(map.get(name), values().next());
        assert_eq!(map.get_last(name), values().next_back());
        assert!(map.get_all(name).eq(values()));
        let count = values().count();
        if turn % 2 == 0 {
            assert_eq!(map.remove(name), count);
            list.retain(|(known, _)| known != name);
        } else {
            map.insert(name, "new").expect("the name was good before");
            let place = list.iter().position(|(known, _)| known == name);
            list.retain(|(known, _)| known != name);
            list.insert(
                place.unwrap_or(list.len()),
                (name.clone(), "new".to_owned()),
            );
        }
        assert_eq!(owned(&map), list, "after turn {turn} with {name}");
        assert_eq!((map.len(), map.is_empty()), (list.len(), list.is_empty()));
    }
}
