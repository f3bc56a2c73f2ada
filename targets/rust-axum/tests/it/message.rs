//! Which bodies are messages, and how they come back.

use serde_json::{Value, json};
use service::message::Message;

fn with(member: &str, value: Value) -> Value {
    let mut body = json!({"id": "i", "type": "t", "priority": 4, "region": "eu",
        "attributes": {"k": "v"}, "payload": {"n": null}});
    body[member] = value;
    body
}

fn accepted(body: &[u8]) -> bool {
    Message::from_json(body).is_ok()
}

#[test]
fn a_message_comes_back_equal() {
    let bodies = [
        r#"{"id":"é\n\u0041","type":"","priority":0,"region":"\"","attributes":{"\\":"\t","b":""},"payload":[1e300,9007199254740991,"\ud83d\ude00",null]}"#,
        r#" { "payload" : false , "attributes":{}, "region":"r","priority":9,"type":"t" ,"id":"x" } "#,
    ];
    for body in bodies {
        let message = Message::from_json(body.as_bytes()).expect(body);
        let back: Value = serde_json::to_value(&message).unwrap();
        assert_eq!(back, serde_json::from_str::<Value>(body).unwrap());
    }
}

#[test]
fn ids_are_counted_in_code_points() {
    for (id, good) in [("", false), ("x", true), (&"é".repeat(64), true), (&"é".repeat(65), false)]
    {
        assert_eq!(accepted(with("id", json!(id)).to_string().as_bytes()), good, "{id}");
    }
}

#[test]
fn members_of_a_wrong_kind_are_refused() {
    let wrong = [
        ("id", json!(1)),
        ("type", json!(["t"])),
        ("priority", json!("4")),
        ("priority", json!(10)),
        ("priority", json!(-1)),
        ("priority", json!(256)),
        ("priority", json!(1.5)),
        ("region", json!({})),
        ("attributes", json!([["k", "v"]])),
        ("attributes", json!({"k": 1})),
        ("attributes", json!({"k": null})),
        ("unknown", json!(1)),
        ("ID", json!("i")),
    ];
    for (member, value) in wrong {
        let body = with(member, value).to_string();
        assert!(!accepted(body.as_bytes()), "{body}");
    }
    for member in ["id", "type", "priority", "region", "attributes", "payload"] {
        assert!(!accepted(with(member, Value::Null).to_string().as_bytes()), "{member} null");
        let mut body = with("id", json!("i"));
        body.as_object_mut().unwrap().remove(member);
        assert!(!accepted(body.to_string().as_bytes()), "{member} missing");
    }
}

#[test]
fn what_is_not_one_json_object_in_utf_8_is_refused() {
    let good = with("id", json!("i")).to_string();
    let in_payload = |bytes: &[u8]| {
        let (before, after) = good.split_once("null").unwrap();
        [before.as_bytes(), b"\"", bytes, b"\"", after.as_bytes()].concat()
    };
    assert!(accepted(good.as_bytes()) && accepted(&in_payload("é".as_bytes())));
    let bad = [
        b"".to_vec(),
        b"null".to_vec(),
        b"{{".to_vec(),
        // The members in order, which a derived struct would take for the object.
        br#"["i","t",4,"eu",{},{}]"#.to_vec(),
        good.as_bytes()[..good.len() - 1].to_vec(),
        format!("{good}{good}").into_bytes(),
        format!("{good}x").into_bytes(),
        format!("\u{feff}{good}").into_bytes(),
        good.replace("null", "01").into_bytes(),
        good.replace("null", "NaN").into_bytes(),
        in_payload(b"\xff"),
        in_payload(b"\xc0\x80"),
        in_payload(b"\xed\xa0\x80"),
        in_payload(b"\n"),
        in_payload(br"\x"),
    ];
    for body in bad {
        assert!(!accepted(&body), "{}", String::from_utf8_lossy(&body));
    }
}

#[test]
fn deep_nesting_does_no_harm() {
    let deep = "[".repeat(30_000) + &"]".repeat(30_000);
    let body = with("payload", json!(0))
        .to_string()
        .replace(r#""payload":0"#, &format!(r#""payload":{deep}"#));
    assert!(accepted(body.as_bytes()));
}
