//! Topics, patterns, conditions, partitions, and tables that are refused.

use serde_json::{Value, json};
use service::{
    message::Message,
    routing::{Pattern, Table, Topic, fnv1a_64},
};

fn topic(text: &str) -> Topic<'_> {
    Topic::parse(text).expect("a topic of the allowed shape")
}

#[test]
fn a_topic_has_1_to_128_plain_characters() {
    let longest = "a".repeat(128);
    for good in ["a", "A.b_c-9", "..", &longest] {
        assert!(Topic::parse(good).is_some(), "{good}");
    }
    let too_long = "a".repeat(129);
    for bad in ["", "a/b", "a b", "a%20b", "é", "a*", "#", &too_long] {
        assert!(Topic::parse(bad).is_none(), "{bad}");
    }
}

#[test]
fn a_pattern_covers_the_whole_topic() {
    let cases = [
        ("orders.created", "orders.created", true),
        ("orders.created", "orders.created.eu", false),
        ("orders.created", "orders", false),
        ("orders.created", "Orders.created", false),
        ("orders.*", "orders.created", true),
        ("orders.*", "orders", false),
        ("orders.*", "orders.eu.created", false),
        ("*.*", "a.b", true),
        ("*", "a.b", false),
        ("#", "a", true),
        ("#", "a.b.c", true),
        ("orders.#", "orders", true),
        ("orders.#", "orders.a.b", true),
        ("orders.#", "order", false),
        ("#.created", "created", true),
        ("#.created", "orders.eu.created", true),
        ("#.created", "orders.created.eu", false),
        ("a.#.z", "a.z", true),
        ("a.#.z", "a.b.c.z", true),
        ("a.#.z", "a.b.c", false),
        ("a.#.m.#.z", "a.m.z", true),
        ("a.#.m.#.z", "a.b.m.c.m.d.z", true),
        ("a.#.m.#.z", "a.b.c.z", false),
        ("#.a.*.#", "x.a.b", true),
        ("#.a.*.#", "x.a", false),
        ("#.#", "a", true),
        ("#.*", "a", true),
        ("#.a.b", "a.a.b", true),
        ("#.a.#.a.b", "a.b.a.a.b", true),
    ];
    for (pattern, text, expected) in cases {
        let found = Pattern::compile(pattern).matches(&topic(text));
        assert_eq!(found, expected, "{pattern} on {text}");
    }
}

#[test]
fn many_wildcards_do_not_blow_up() {
    let pattern = Pattern::compile(&"#.a.".repeat(30));
    assert!(!pattern.matches(&topic(&format!("{}b", "a.".repeat(60)))));
}

#[test]
fn hashes_are_those_of_the_published_vectors() {
    // Landon Curt Noll's test vectors of FNV-1a, 64 bits.
    let vectors: [(&str, u64); 5] = [
        ("", 0xcbf2_9ce4_8422_2325),
        ("a", 0xaf63_dc4c_8601_ec8c),
        ("foo", 0xdcb2_7518_fed9_d577),
        ("foobar", 0x8594_4171_f739_67e8),
        ("chongo was here!\n", 0x4681_0940_eff5_f915),
    ];
    for (text, hash) in vectors {
        assert_eq!(fnv1a_64(text.as_bytes()), hash, "{text:?}");
    }
}

fn table(rules: &Value) -> Result<Table, String> {
    Table::from_json(json!({"version": 3, "rules": rules}).to_string().as_bytes())
}

fn rule(changes: &Value) -> Value {
    let mut rule = json!({"name": "r", "topic": "#", "destination": "d", "partitions": 1});
    rule.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    rule
}

fn matches(when: &Value, priority: u8, region: &str, attributes: &Value) -> bool {
    let table = table(&json!([rule(&json!({"when": when}))])).unwrap();
    let body = json!({"id": "i", "type": "t", "priority": priority, "region": region,
        "attributes": attributes, "payload": 0});
    let body = body.to_string();
    let message = Message::from_json(body.as_bytes()).unwrap();
    table.first_match(&topic("a.b"), &message).is_some()
}

#[test]
fn all_conditions_must_hold() {
    let all = json!({"regions": ["eu", "us"], "min_priority": 5, "attributes": {"x": "1"}});
    assert!(matches(&all, 5, "us", &json!({"x": "1", "y": "2"})));
    assert!(!matches(&all, 4, "us", &json!({"x": "1"})));
    assert!(!matches(&all, 5, "asia", &json!({"x": "1"})));
    assert!(!matches(&all, 5, "us", &json!({"x": "2"})));
    assert!(!matches(&all, 5, "us", &json!({})));
    assert!(matches(&json!({}), 0, "", &json!({})));
    assert!(!matches(&json!({"regions": []}), 9, "eu", &json!({})));
}

#[test]
fn the_first_rule_wins() {
    let first = rule(&json!({"name": "first", "topic": "a.*", "when": {"min_priority": 9}}));
    let second = rule(&json!({"name": "second", "topic": "a.b"}));
    let third = rule(&json!({"name": "third", "topic": "#"}));
    let table = table(&json!([first, second, third])).unwrap();
    let body = r#"{"id":"i","type":"t","priority":1,"region":"","attributes":{},"payload":0}"#;
    let message = Message::from_json(body.as_bytes()).unwrap();
    let rule_for = |text| table.first_match(&topic(text), &message).map(|rule| rule.name.clone());
    assert_eq!(rule_for("a.b").as_deref(), Some("second"));
    assert_eq!(rule_for("a.c").as_deref(), Some("third"));
    assert_eq!(table.version, 3);
}

#[test]
fn the_partition_is_the_hash_modulo_the_partitions() {
    let table = table(&json!([rule(&json!({"partitions": 48}))])).unwrap();
    let body = r#"{"id":"é","type":"t","priority":1,"region":"","attributes":{},"payload":0}"#;
    let message = Message::from_json(body.as_bytes()).unwrap();
    let rule = table.first_match(&topic("a"), &message).unwrap();
    assert_eq!(rule.partition("foobar"), 0x8594_4171_f739_67e8 % 48);
}

#[test]
fn bad_tables_are_refused() {
    let bad = [
        (json!([]), "no rules"),
        (json!([rule(&json!({"name": ""}))]), "empty name"),
        (json!([rule(&json!({})), rule(&json!({}))]), "two rules"),
        (json!([rule(&json!({"topic": ""}))]), "empty topic"),
        (json!([rule(&json!({"partitions": 0}))]), "partitions"),
        (json!([rule(&json!({"partitions": 65_537}))]), "partitions"),
        (json!([rule(&json!({"partitions": 1.5}))]), "1.5"),
        (json!([rule(&json!({"priority": 1}))]), "unknown field `priority`"),
        (json!([rule(&json!({"when": {"region": "eu"}}))]), "unknown field `region`"),
        (json!([rule(&json!({"when": {"attributes": {"x": 1}}}))]), "expected a string"),
        (json!([["r", "#", null, "d", 1]]), "expected an object"),
        (json!([{"name": "r", "topic": "#", "partitions": 1}]), "destination"),
    ];
    for (rules, fault) in bad {
        let error = table(&rules).expect_err(fault);
        assert!(error.contains(fault) && error.lines().count() == 1, "{error}: not {fault}");
    }
    for text in
        ["", "{}", r#"{"version":-1,"rules":[]}"#, r#"{"version":1.5,"rules":[]}"#, "[1,[]]"]
    {
        assert!(Table::from_json(text.as_bytes()).is_err(), "{text}");
    }
}
