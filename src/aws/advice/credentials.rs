//! What to do about credentials that AWS refuses: sign in again, choose others, or set the clock.

use jiff::{SignedDuration, Timestamp};

/// AWS refuses a signature that is older or newer than this.
const ALLOWED_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Hints for a refusal with this code and message. `date` is the `Date` header of the answer: AWS's clock.
pub(super) fn on_credentials(code: Option<&str>, message: &str, date: Option<&str>, now: Timestamp) -> Vec<String> {
    let code = code.unwrap_or_default();
    let expired = code.starts_with("ExpiredToken") || message.to_lowercase().contains("expired");
    let mut hints: Vec<String> = date.and_then(|date| on_clock(date, now)).into_iter().collect();
    if hints.is_empty() && is_about_time(code, message) {
        hints.push("AWS finds the time of the request wrong: compare this machine's clock with `date -u`".into());
    }
    if !hints.is_empty() {
        return hints;
    }
    vec![if expired {
        "they have expired: sign in again (`aws sso login`, or what else they come from), then run the command again"
            .into()
    } else {
        "check the credentials with `aws sts get-caller-identity`, then run the command again".into()
    }]
}

/// True if AWS refused the request because of the time in its signature.
fn is_about_time(code: &str, message: &str) -> bool {
    let message = message.to_lowercase();
    matches!(code, "RequestTimeTooSkewed" | "RequestExpired")
        || message.contains("signature expired")
        || message.contains("signature not yet current")
}

fn on_clock(date: &str, now: Timestamp) -> Option<String> {
    let theirs = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    let skew = now.duration_since(theirs);
    let way = if skew.is_negative() { "behind" } else { "ahead of" };
    let minutes = skew.abs().as_mins();
    (skew.abs() > ALLOWED_SKEW).then(|| {
        format!(
            "this machine's clock is {minutes} min {way} AWS's: set it, for example with `timedatectl set-ntp true`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_clock_is_measured_by_the_answer() {
        let date = Some("Sat, 21 Nov 2026 12:00:00 GMT");
        let cases = [
            ("2026-11-21T12:12:30Z", Some("12 min ahead of")),
            ("2026-11-21T11:30:00Z", Some("30 min behind")),
            ("2026-11-21T12:04:00Z", None),
        ];
        for (now, said) in cases {
            let hints = on_credentials(Some("AuthFailure"), "", date, now.parse().unwrap());
            assert_eq!(hints.len(), 1);
            match said {
                Some(said) => assert!(hints[0].contains(said), "{now}: {hints:?}"),
                None => assert!(hints[0].contains("get-caller-identity"), "{now}: {hints:?}"),
            }
        }
    }

    #[test]
    fn expired_mistimed_and_wrong_credentials_need_different_things() {
        let cases = [
            ("ExpiredToken", "", "sign in again"),
            ("ExpiredTokenException", "", "sign in again"),
            ("", "the SSO session has expired", "sign in again"),
            ("RequestExpired", "Request has expired.", "clock"),
            ("RequestTimeTooSkewed", "", "clock"),
            ("SignatureDoesNotMatch", "Signature expired: 20261121T1 is now earlier than 20261121T2", "clock"),
            ("InvalidSignatureException", "Signature not yet current: 20261121T3 is still later", "clock"),
            ("SignatureDoesNotMatch", "Check your AWS Secret Access Key", "get-caller-identity"),
            ("InvalidClientTokenId", "", "get-caller-identity"),
        ];
        for (code, message, said) in cases {
            let hints = on_credentials(Some(code), message, None, Timestamp::UNIX_EPOCH);
            assert!(hints.len() == 1 && hints[0].contains(said), "{code} {message}: {hints:?}");
        }
    }
}
