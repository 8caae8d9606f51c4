//! Every seed, every target: what a fuzzer starts from holds without one.

use std::fs;
use std::path::Path;

#[test]
fn every_target_holds_for_every_seed() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut count = 0;
    for folder in fs::read_dir(seeds).unwrap().flatten() {
        for seed in fs::read_dir(folder.path()).unwrap().flatten() {
            let data = fs::read(seed.path()).unwrap();
            println!("{}", seed.path().display()); // Shown where it fails.
            dunlin_fuzz::client_parser(&data);
            dunlin_fuzz::server_parser(&data);
            dunlin_fuzz::headers(&data);
            dunlin_fuzz::subjects(&data);
            dunlin_fuzz::info_connect(&data);
            dunlin_fuzz::conf(&data);
            dunlin_fuzz::door(&data);
            dunlin_fuzz::routing(&data);
            dunlin_fuzz::hand_parser(&data);
            dunlin_fuzz::upgrade(&data);
            dunlin_fuzz::websocket(&data);
            count += 1;
        }
    }
    assert!(count > 0, "there are seeds");
}
