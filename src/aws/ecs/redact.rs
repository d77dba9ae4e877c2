//! Takes out of a log line what looks like a secret, and what a terminal would obey.
//!
//! The server's error texts quote database URLs with their passwords, and configuration errors echo the values given
//! (`input_value=…`). Rather one word too many is masked than one too few; ids of tasks are hidden too.

const MASK: &str = "***";

/// Words that announce a secret when a value follows them.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "encryption_key",
    "enrollment_key",
    "authorization",
    "cookie",
];

/// The line without escape sequences, passwords in URLs, values of secret names, echoed input and long tokens.
pub fn redact(line: &str) -> String {
    let plain: String = console::strip_ansi_codes(line).chars().filter(|c| *c == '\t' || !c.is_control()).collect();
    tokens(&named_values(&echoed_input(&urls(&plain))))
}

/// `mysql://user:password@host` becomes `mysql://user:***@host`.
fn urls(line: &str) -> String {
    let (mut done, mut rest) = (String::new(), line);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        done.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || "\"'`".contains(c)).unwrap_or(after.len());
        let url = &after[..end];
        // The last `@`: a password that was not escaped may hold others.
        match url.rfind('@') {
            Some(at) => {
                let user = url[..at].split(':').next().unwrap_or_default();
                done.push_str(if user.len() == at { "" } else { user });
                done.push(':');
                done.push_str(MASK);
                rest = &after[at..];
            }
            None => rest = after,
        }
    }
    done + rest
}

/// Pydantic's echo, `input_value=…, input_type=…`.
fn echoed_input(line: &str) -> String {
    let Some((before, after)) = line.split_once("input_value=") else { return line.to_owned() };
    let end = after.find(", input_type").unwrap_or(after.len());
    format!("{before}input_value={MASK}{}", &after[end..])
}

/// `SOME_PASSWORD=…`, `"secret": "…"`, `Bearer …`. A name followed by a colon and a space is prose unless it is quoted.
fn named_values(line: &str) -> String {
    let (mut done, mut rest) = (String::new(), line);
    while let Some(start) = rest.find(is_name_char) {
        let name_end = start + rest[start..].find(|c| !is_name_char(c)).unwrap_or(rest.len() - start);
        let (before, name, after) = (&rest[..start], &rest[start..name_end], &rest[name_end..]);
        done.push_str(before);
        done.push_str(name);
        rest = after;
        let in_arn = done[..done.len() - name.len()].ends_with(':');
        let Some(value_at) = value_offset(name, after).filter(|_| !in_arn) else { continue };
        let (lead, value) = after.split_at(value_at);
        let end = value_end(value);
        if end == 0 || matches!(&value[..end], "None" | "null" | "YES" | "NO" | "True" | "False" | MASK) {
            continue;
        }
        done.push_str(lead);
        done.push_str(MASK);
        rest = &value[end..];
    }
    done + rest
}

/// Where in `after` the value of a secret name begins, opening quote passed; `None` if the name is none or no value follows.
fn value_offset(name: &str, after: &str) -> Option<usize> {
    let name = name.to_lowercase();
    if name == "bearer" {
        return after.starts_with(' ').then_some(1);
    }
    if name == "secretsmanager" || !NAMES.iter().any(|part| name.contains(part)) {
        return None;
    }
    let quoted = after.starts_with(['"', '\'']);
    let at = usize::from(quoted);
    let gap = after[at..].len() - after[at..].trim_start().len();
    let separator = at + gap;
    let follows = after[separator..].chars().next().filter(|c| matches!(c, '=' | ':'))?;
    let value = &after[separator + 1..];
    if follows == ':' && !quoted && value.starts_with(char::is_whitespace) {
        return None;
    }
    let gap = value.len() - value.trim_start().len();
    let opening = usize::from(value[gap..].starts_with(['"', '\'']));
    Some(separator + 1 + gap + opening)
}

fn value_end(value: &str) -> usize {
    value.find(|c: char| c.is_whitespace() || "\"',;&)}]".contains(c)).unwrap_or(value.len())
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Long runs of letters and digits mixed as no word mixes them.
fn tokens(line: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "_-+=".contains(c);
    let (mut done, mut rest) = (String::new(), line);
    while let Some(start) = rest.find(is_part) {
        let end = start + rest[start..].find(|c| !is_part(c)).unwrap_or(rest.len() - start);
        done.push_str(&rest[..start]);
        done.push_str(if is_token(&rest[start..end]) { MASK } else { &rest[start..end] });
        rest = &rest[end..];
    }
    done + rest
}

fn is_token(run: &str) -> bool {
    const LONG: usize = 20;
    let any = |part: &str, is: fn(&char) -> bool| part.chars().any(|c| is(&c));
    let digits = run.chars().filter(char::is_ascii_digit).count();
    let mixed = digits >= 2 && any(run, char::is_ascii_uppercase) && any(run, char::is_ascii_lowercase);
    let hashlike =
        |part: &str| part.len() >= LONG && any(part, char::is_ascii_digit) && any(part, char::is_ascii_alphabetic);
    (run.len() >= LONG && mixed) || run.split(['-', '_', '=', '+']).any(hashlike)
}

#[cfg(test)]
mod tests {
    use super::redact;

    #[test]
    fn secrets_of_every_shape_are_masked() {
        for (line, masked) in [
            (
                "TypeError: No store implementation found for URL: mysql+pymysql://admin:p@ss:w/rd@db.x:3306/zenml",
                "TypeError: No store implementation found for URL: mysql+pymysql://admin:***@db.x:3306/zenml",
            ),
            ("ZENML_STORE_PASSWORD=hunter2 and on", "ZENML_STORE_PASSWORD=*** and on"),
            ("{'client_secret': 'abc', 'grant_type': 'x'}", "{'client_secret': '***', 'grant_type': 'x'}"),
            (r#"{"access_token": "t0k", "n": 1}"#, r#"{"access_token": "***", "n": 1}"#),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("[type=x, input_value={'key': 'v'}, input_type=dict]", "[type=x, input_value=***, input_type=dict]"),
            ("got 0123456789abcdef0123456789abcdef back", "got *** back"),
            ("got Xk3_9aZqPl-0tRw8sVbN2mYd back", "got *** back"),
            ("\u{1b}[31mred\u{1b}[0m\u{7}", "red"),
        ] {
            assert_eq!(redact(line), masked);
        }
    }

    #[test]
    fn what_explains_a_failure_stays() {
        for line in [
            "(1045, \"Access denied for user 'admin'@'10.0.1.7' (using password: YES)\")",
            "RuntimeError: Error fetching auth token from the Cloud API: 401 Client Error: Unauthorized for url: https://cloudapi.zenml.io/auth/login",
            "JWT token: Signature verification failed.",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:zenml/rds/password-AbCdEf",
            "User: arn:aws:sts::123456789012:assumed-role/zenml-hybrid-execution-eu-central-1/x is not authorized",
            "Can't connect to MySQL server on 'zenml-hybrid.c1abcdefgh2i.eu-central-1.rds.amazonaws.com' (timed out)",
            "workspace 2f1c7e7e-0c5b-4a55-9d5b-6b8f1f0c7a11: ungültig",
        ] {
            assert_eq!(redact(line), line);
        }
    }
}
