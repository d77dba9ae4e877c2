//! Differences of values, as lines.

use super::*;
use serde_json::json;

fn told(lines: Vec<Line>) -> Vec<String> {
    let text = |line: &Line| format!("{} {}", line.text().0, line.text().1);
    lines.iter().map(text).collect()
}

fn difference(from: Value, to: Value) -> Vec<String> {
    told(Values { exists: &|address| address.name == "old" }.difference("field", &from, &to))
}

#[test]
fn a_changed_image_is_shown_without_the_registry() {
    let image = |tag: &str| json!(format!("715803424590.dkr.ecr.eu-central-1.amazonaws.com/zenml-pro-server:{tag}"));
    assert_eq!(
        difference(json!({"image": image("0.92.0"), "port": 1}), json!({"image": image("0.93.1"), "port": 1})),
        ["~ field.image: \"…/zenml-pro-server:0.92.0\" → \"…/zenml-pro-server:0.93.1\""]
    );
    assert_eq!(difference(json!("grün"), json!("größer")), ["~ field: \"grün\" → \"größer\""]);
}

#[test]
fn maps_and_lists_are_compared_item_by_item() {
    assert_eq!(
        difference(json!({"B": "1", "C": "x", "D": null}), json!({"A": "1", "B": "2", "D": null})),
        ["+ field.A: \"1\"", "~ field.B: \"1\" → \"2\"", "- field.C: \"x\""]
    );
    assert_eq!(difference(json!(["a", "b"]), json!(["b", "c"])), ["- field: \"a\"", "+ field: \"c\""]);
    assert_eq!(difference(json!(["a", "b"]), json!(["b", "a"])), ["~ field: [\"a\", \"b\"] → [\"b\", \"a\"]"]);
    assert_eq!(difference(json!([{"p": 1}, {"p": 2}]), json!([{"p": 1}, {"p": 3}])), ["~ field[1].p: 2 → 3"]);
    assert_eq!(difference(json!({}), json!({"a.b/c": 1})), ["+ field[\"a.b/c\"]: 1"]);
}

#[test]
fn policies_are_compared_as_documents_and_long_texts_are_cut() {
    let policy = |action: &str| json!(json!({"Statement": [{"Action": action, "Effect": "Allow"}]}).to_string());
    assert_eq!(
        difference(policy("s3:Get"), policy("s3:Put")),
        ["~ field.Statement[0].Action: \"s3:Get\" → \"s3:Put\""]
    );
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", "A".repeat(64));
    assert_eq!(
        difference(json!(null), json!(pem)),
        ["~ field: (none) → \"-----BEGIN CERTIFICATE-----\"… (3 lines, 119 characters)"]
    );
}

#[test]
fn references_say_what_they_stand_for() {
    let reference = |name: &str| json!({"$output": format!("ec2.vpc/{name}#vpc_id")});
    assert_eq!(
        difference(json!("vpc-1"), reference("main")),
        ["~ field: \"vpc-1\" → (known after apply: ec2.vpc/main#vpc_id)"]
    );
    let values = Values { exists: &|address| address.name == "old" };
    let inputs = json!({"id": reference("old"), "ids": [reference("old"), reference("main")], "none": null, "e": []});
    assert_eq!(
        told(values.leaves("", &inputs)),
        ["  id: (ec2.vpc/old#vpc_id)", "  ids: [ec2.vpc/old, ec2.vpc/main] (known after apply)", "  e: []"]
    );
}
