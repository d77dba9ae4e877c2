//! What denies a call: a missing permission, or something above all permissions of the account.
//!
//! Since about 2021 most services name the action and the sort of policy in the message; EC2 puts both into an encoded
//! text. <https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html>, read 2026-11-26.

use super::Answer;

const CODES: &[&str] = &["AccessDenied", "UnauthorizedOperation", "NotAuthorized"];

/// Words of the message, and who alone can help. `{action}` is the permission. First match wins.
const ABOVE: &[(&str, &str)] = &[
    (
        "service control policy",
        "a service control policy of the organization does not allow {action}: no policy of this account helps, ask \
         those who look after the organization",
    ),
    (
        "resource control policy",
        "a resource control policy of the organization does not allow {action}: no policy of this account helps, ask \
         those who look after the organization",
    ),
    (
        "permissions boundary",
        "the permissions boundary of the caller does not allow {action}: another policy does not help, the boundary \
         has to be widened",
    ),
    (
        "session policy",
        "this session was given a policy that does not allow {action}: sign in without it, then run the command again",
    ),
    (
        "VPC endpoint policy",
        "the policy of a VPC endpoint does not allow {action}: widen it, or run the command from another network",
    ),
    (
        "explicit deny",
        "a policy denies {action} explicitly, and no other can allow it: take the statement out of the policies of the \
         caller, who is told by `aws sts get-caller-identity`",
    ),
];

/// Service, and the permission to tag in a create.
const TAGGING: &[(&str, &str)] = &[
    ("acm", "acm:AddTagsToCertificate"),
    ("ec2", "ec2:CreateTags"),
    ("ecs", "ecs:TagResource"),
    ("elasticloadbalancing", "elasticloadbalancing:AddTags"),
    ("iam", "iam:TagRole"),
    ("logs", "logs:TagResource"),
    ("rds", "rds:AddTagsToResource"),
    ("secretsmanager", "secretsmanager:TagResource"),
];

/// Verbs of the operations that set tags.
const CREATES: &[&str] = &["Allocate", "Create", "Register", "Request", "Restore", "Run"];

/// Operations with such a verb that set none.
const UNTAGGED: &[&str] = &["CreateRoute", "CreateServiceLinkedRole", "CreateTags"];

pub(super) fn hints(answer: &Answer<'_>) -> Vec<String> {
    if !answer.code.is_some_and(|code| CODES.iter().any(|known| code.contains(known))) {
        return vec![];
    }
    let action = named_action(answer.message).unwrap_or(answer.operation);
    let above = ABOVE.iter().find(|(words, _)| answer.says(words));
    let mut hints = vec![match above {
        Some((_, hint)) => hint.replace("{action}", action),
        None => missing(answer, action),
    }];
    if answer.service() == "s3" {
        hints.push("docs/state.md lists the rights; without s3:ListBucket a missing object reads as denied".into());
        if named_action(answer.message).is_none() {
            // What somebody of another account is told, and nothing more.
            hints.push("all accounts share the names of buckets: if this one is not yours, choose another".into());
        }
    }
    // The statement that denied it may be anywhere: only the encoded text knows.
    if let Some(encoded) = encoded(answer.message) {
        hints.push(format!(
            "which statement it was is in the encoded message (reading it needs sts:DecodeAuthorizationMessage): \
             `aws sts decode-authorization-message --query DecodedMessage --output text --encoded-message {encoded}`"
        ));
    }
    hints
}

fn missing(answer: &Answer<'_>, action: &str) -> String {
    let who = "then run the command again; the caller is told by `aws sts get-caller-identity`";
    match tag_permission(answer.operation) {
        Some(tagging) if action == answer.operation => {
            format!("allow the caller {action} and, because the create also sets tags, {tagging}; {who}")
        }
        _ => format!("allow the caller {action}, {who}"),
    }
}

fn tag_permission(operation: &str) -> Option<&'static str> {
    let (service, verb) = operation.split_once(':')?;
    let tags = CREATES.iter().any(|create| verb.starts_with(create)) && !UNTAGGED.contains(&verb);
    let (_, permission) = TAGGING.iter().find(|(tagging, _)| *tagging == service)?;
    tags.then_some(permission)
}

/// `iam:PassRole` in "… is not authorized to perform: iam:PassRole on resource: …".
fn named_action(message: &str) -> Option<&str> {
    message.split("not authorized to perform").skip(1).find_map(|rest| {
        let action = rest.trim_start_matches([':', ' ']).split_whitespace().next()?;
        Some(action.trim_end_matches(['.', ','])).filter(|action| action.contains(':'))
    })
}

/// The text after "Encoded authorization failure message:".
fn encoded(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("Encoded authorization failure message:")?;
    let text = rest.split_whitespace().next()?;
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_action_is_the_one_that_aws_names() {
        let cases = [
            (
                "User: arn:aws:iam::1:user/a is not authorized to perform: iam:PassRole on resource: x",
                Some("iam:PassRole"),
            ),
            ("not authorized to perform rds:CreateDBInstance because", Some("rds:CreateDBInstance")),
            ("not authorized to perform: ecs:CreateCluster.", Some("ecs:CreateCluster")),
            (
                "You are not authorized to perform this operation. User: u is not authorized to perform: ec2:CreateTags on x",
                Some("ec2:CreateTags"),
            ),
            ("You are not authorized to perform this operation.", None),
            ("Access Denied", None),
        ];
        for (message, action) in cases {
            assert_eq!(named_action(message), action, "{message}");
        }
    }

    #[test]
    fn what_is_put_into_a_command_cannot_be_another_command() {
        let says = |text: &str| format!("denied. Encoded authorization failure message: {text}");
        assert_eq!(encoded(&says("aB3-_x rest")), Some("aB3-_x"));
        assert_eq!(encoded(&says("a;reboot")), None);
        assert_eq!(encoded("denied"), None);
    }
}
