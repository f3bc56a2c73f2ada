//! The table follows its file; a bad file changes nothing.

use std::fs;

use service::reload::LiveTable;

use crate::support::{folder, table, write_json};

#[test]
fn a_good_table_is_swapped_and_a_bad_one_refused() {
    let path = folder().join("routes.json");
    write_json(&path, &table(1));
    let live = LiveTable::load(&path).unwrap();
    let before = live.current();
    write_json(&path, &table(2));
    assert_eq!(live.current().version, 1);
    live.refresh().unwrap();
    assert_eq!(live.current().version, 2);
    // Whoever held the old table still does.
    assert_eq!(before.version, 1);

    fs::write(&path, r#"{"version": 3, "rules": []}"#).unwrap();
    assert!(live.refresh().is_err());
    fs::remove_file(&path).unwrap();
    assert!(live.refresh().is_err());
    assert_eq!(live.current().version, 2);
}

#[test]
fn a_first_table_must_be_good() {
    let path = folder().join("routes.json");
    assert!(LiveTable::load(&path).is_err());
    fs::write(&path, "{").unwrap();
    assert!(LiveTable::load(&path).is_err());
}
